//! What is read from Secrets and variables, and what is said when something is missing.

use serde_json::json;

use super::*;
use crate::store::address::Address;

fn data(entries: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

#[test]
fn secrets_are_read_by_method_and_trimmed() {
    let basic = Credentials::from_secret(AuthMethod::Basic, &data(&[("password", " pw\r\n")]));
    let expect = Credentials::Basic { username: String::new(), password: Secret::new("pw") };
    assert_eq!(basic.unwrap(), expect);

    let ssh = data(&[("sshPrivateKey", "KEY\n"), ("knownHosts", "\nhost ssh-ed25519 AA\n")]);
    let expect = Credentials::Ssh {
        private_key: Secret::new("KEY"),
        known_hosts: "host ssh-ed25519 AA".into(),
    };
    assert_eq!(Credentials::from_secret(AuthMethod::Ssh, &ssh).unwrap(), expect);

    let app = data(&[("appID", "1\n"), ("installationID", "2"), ("privateKey", "PEM")]);
    let expect = Credentials::GithubApp {
        app_id: "1".into(),
        installation_id: "2".into(),
        private_key: Secret::new("PEM"),
        api_url: None,
    };
    assert_eq!(Credentials::from_secret(AuthMethod::GithubApp, &app).unwrap(), expect);

    let keys = data(&[("accessKeyID", "id"), ("secretAccessKey", "key")]);
    let expect = Credentials::Keys {
        access_key_id: "id".into(),
        secret_access_key: Secret::new("key"),
        session_token: None,
    };
    assert_eq!(Credentials::from_secret(AuthMethod::AccessKey, &keys).unwrap(), expect);
    assert_eq!(
        Credentials::from_secret(AuthMethod::Iam, &data(&[])).unwrap(),
        Credentials::Ambient
    );
}

#[test]
fn every_missing_key_is_named_at_once() {
    for (method, expect) in [
        (AuthMethod::Basic, "the Secret has no `password` for `authMethod: basicAuth`"),
        (
            AuthMethod::Ssh,
            "the Secret has no `sshPrivateKey` and `knownHosts` for `authMethod: ssh`",
        ),
        (
            AuthMethod::GithubApp,
            "the Secret has no `appID` and `installationID` and `privateKey` for `authMethod: githubApp`",
        ),
        (
            AuthMethod::AccessKey,
            "the Secret has no `accessKeyID` and `secretAccessKey` for `authMethod: accessKey`",
        ),
    ] {
        let blank = data(&[("password", " \n"), ("username", "u"), ("knownHosts", "")]);
        let error = Credentials::from_secret(method, &blank).unwrap_err();
        assert_eq!(error.to_string(), expect);
        assert!(error.hint().unwrap().starts_with("add `"));
    }
    let bytes = BTreeMap::from([("password".to_owned(), vec![0xff])]);
    let error = Credentials::from_secret(AuthMethod::Basic, &bytes).unwrap_err();
    assert_eq!(error.to_string(), "`password` is no UTF-8 text");
}

#[test]
fn a_secret_object_is_decoded() {
    let object =
        |value| Object::from_value(json!({"kind": "Secret", "data": {"password": value}})).unwrap();
    assert_eq!(secret_data(&object("cHc=")).unwrap(), data(&[("password", "pw")]));
    assert_eq!(secret_data(&object("%")).unwrap_err().to_string(), "`password` is no base64");
    assert!(secret_data(&Object::default()).unwrap().is_empty());
    let mut both = object("cHc=");
    both.0.insert("stringData".into(), json!({"username": "me"}));
    assert_eq!(secret_data(&both).unwrap(), data(&[("password", "pw"), ("username", "me")]));
}

#[test]
fn methods_have_defaults_and_no_others() {
    assert_eq!(AuthMethod::of_git(None).unwrap(), AuthMethod::Basic);
    assert_eq!(AuthMethod::of_bucket(Some("")).unwrap(), AuthMethod::AccessKey);
    let error = AuthMethod::of_git(Some("IAM")).unwrap_err();
    assert_eq!(error.to_string(), "`authMethod` is `IAM`, which is no such method");
    assert_eq!(error.hint().unwrap(), "use basicAuth, ssh or githubApp");
}

#[test]
fn nothing_is_shown() {
    let secret = Secret::new("hunter2");
    let all = [
        Credentials::Token(secret.clone()),
        Credentials::Basic { username: "hunter2".into(), password: secret.clone() },
    ];
    assert!(!format!("{secret:?} {all:?}").contains("hunter2"));
}

fn variables(address: &str, set: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    let address: Address = address.parse().unwrap();
    let lookup =
        |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    from_variables(&address, &lookup)
}

const HTTPS: &str = "git+https://host/repo";
const SSH: &str = "git+ssh://host/repo";
const S3: &str = "s3://bucket";

#[test]
fn variables_give_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "KEY\n").unwrap();
    let key = key.to_str().unwrap();
    let pw = Secret::new("pw");
    for (address, set, expect) in [
        (HTTPS, vec![], Credentials::Ambient),
        ("git+file:///r", vec![("BOOKEND_GIT_TOKEN", "pw")], Credentials::Ambient),
        (HTTPS, vec![("BOOKEND_GIT_TOKEN", "pw\n")], Credentials::Token(pw.clone())),
        (
            HTTPS,
            vec![("BOOKEND_GIT_PASSWORD", "pw"), ("BOOKEND_GIT_USERNAME", "me ")],
            Credentials::Basic { username: "me".into(), password: pw.clone() },
        ),
        (
            SSH,
            vec![("BOOKEND_GIT_SSH_KEY_FILE", key), ("BOOKEND_GIT_KNOWN_HOSTS", "host x y")],
            Credentials::Ssh { private_key: Secret::new("KEY"), known_hosts: "host x y".into() },
        ),
        (S3, vec![], Credentials::Ambient),
        (
            S3,
            vec![
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "pw"),
                ("AWS_SESSION_TOKEN", ""),
            ],
            Credentials::Keys {
                access_key_id: "id".into(),
                secret_access_key: pw,
                session_token: None,
            },
        ),
    ] {
        assert_eq!(variables(address, &set).unwrap(), expect, "{address} {set:?}");
    }
}

#[test]
fn half_of_it_and_two_at_once_are_refused() {
    for (address, set, fault, hint) in [
        (
            HTTPS,
            vec![("BOOKEND_GIT_USERNAME", "me")],
            "`BOOKEND_GIT_USERNAME` is set, and `BOOKEND_GIT_PASSWORD` is not",
            "set `BOOKEND_GIT_PASSWORD`",
        ),
        (
            HTTPS,
            vec![("BOOKEND_GIT_TOKEN", "hunter2"), ("BOOKEND_GIT_PASSWORD", "hunter2")],
            "`BOOKEND_GIT_PASSWORD` is set, and so is `BOOKEND_GIT_TOKEN`",
            "one of them",
        ),
        (
            HTTPS,
            vec![("BOOKEND_GITHUB_APP_ID", "1")],
            "`BOOKEND_GITHUB_APP_INSTALLATION_ID` is not set",
            "_FILE",
        ),
        (
            SSH,
            vec![],
            "`BOOKEND_GIT_SSH_KEY` is not set, and a repository on ssh needs it",
            "_FILE",
        ),
        (
            SSH,
            vec![("BOOKEND_GIT_SSH_KEY", "hunter2")],
            "`BOOKEND_GIT_KNOWN_HOSTS` is not set",
            "_FILE",
        ),
        (
            SSH,
            vec![("BOOKEND_GIT_SSH_KEY", "hunter2"), ("BOOKEND_GIT_SSH_KEY_FILE", "x")],
            "is set, and so is `BOOKEND_GIT_SSH_KEY_FILE`",
            "one of them",
        ),
        (
            SSH,
            vec![("BOOKEND_GIT_SSH_KEY_FILE", "/nowhere/at/all")],
            "names a file that is not there",
            "check",
        ),
        (
            SSH,
            vec![("BOOKEND_GIT_SSH_KEY_FILE", "/")],
            "failed to read what `BOOKEND_GIT_SSH_KEY_FILE` names",
            "plain file",
        ),
        (S3, vec![("AWS_ACCESS_KEY_ID", "hunter2")], "`AWS_SECRET_ACCESS_KEY` is not", "set both"),
    ] {
        let error = variables(address, &set).unwrap_err();
        assert!(error.to_string().contains(fault), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
