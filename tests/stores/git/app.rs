//! A GitHub App: tokens are asked for, kept, and renewed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bookend::core::placement::{Change, Content, Edit, StorePath};
use bookend::store::Trouble;
use bookend::store::credentials::{Credentials, Secret};
use bookend::store::git::{CommitSettings, Commits};
use bookend::store::group::{Group, Limits};
use bookend::store::open::{Options, open};
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::{Https, blocking, cause_of_fetch};
use crate::remotes::repository::Repository;
use crate::remotes::ssh::generate;

const TOKENS: &str = "POST /api/v3/app/installations/42/access_tokens";

/// Answers as GitHub does, with a token that lives for a while.
fn grant(https: &Https, times: usize, token: &str, lives: Duration) {
    let ends = Timestamp::try_from(SystemTime::now() + lives).unwrap();
    let body = format!(r#"{{"token":"{token}","expires_at":"{ends}","permissions":{{}}}}"#);
    https.server.answer(TOKENS, times, 201, &[("content-type", "application/json")], &body);
}

fn app(key: &str, api_url: Option<String>) -> Credentials {
    Credentials::GithubApp {
        app_id: "7\n".to_owned(),
        installation_id: "42\n".to_owned(),
        private_key: Secret::new(key),
        api_url,
    }
}

/// What the header must be for a token.
fn with(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("x-access-token:{token}")))
}

fn requests(https: &Https, of: &str) -> usize {
    https.server.seen().iter().filter(|seen| seen.request.starts_with(of)).count()
}

/// An RSA key in PEM, and its public half as `ring` wants it.
fn key(form: &str) -> (String, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    generate("rsa", form, &path);
    let public = Command::new("ssh-keygen")
        .args(["-e", "-m", "PEM", "-f"])
        .arg(&path)
        .stderr(Stdio::null())
        .output()
        .unwrap()
        .stdout;
    let body: String = String::from_utf8(public)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    (std::fs::read_to_string(path).unwrap(), STANDARD.decode(body).unwrap())
}

#[test]
#[ignore = "needs ssh-keygen: tests/stores/run"]
fn a_token_is_asked_for_with_the_apps_signature_and_kept() {
    blocking(|| {
        for form in ["PEM", "PKCS8"] {
            let https = Https::start();
            https.server.let_in(&with("one"));
            grant(&https, 9, "one", Duration::from_secs(3600));
            let remote = Repository::with_commit(https.root.path().join("one.git"));
            let (private, public) = key(form);
            let scratch = https.scratch(app(&private, None));
            scratch.fetch().unwrap();
            let ours = scratch.commit("a", b"1");
            scratch.push().unwrap();
            scratch.fetch().unwrap();
            assert_eq!(remote.tip("main"), ours);
            assert_eq!(requests(&https, TOKENS), 1, "{form}");

            let seen = https.server.seen();
            let seen = seen.iter().find(|seen| seen.request.starts_with(TOKENS)).unwrap();
            let signed = seen.headers["authorization"].strip_prefix("Bearer ").unwrap();
            let (text, signature) = signed.rsplit_once('.').unwrap();
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
                .verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
                .unwrap();
            let claims = URL_SAFE_NO_PAD.decode(text.split_once('.').unwrap().1).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            let at = |name: &str| claims[name].as_i64().unwrap();
            let now = Timestamp::now().as_second();
            assert!(
                at("iat") <= now && now < at("exp") && at("exp") - at("iat") <= 600,
                "{claims}"
            );
            assert_eq!(claims["iss"], "7");
        }
    });
}

#[test]
#[ignore = "needs ssh-keygen: tests/stores/run"]
fn a_token_is_renewed_before_its_end_and_when_it_is_refused() {
    blocking(|| {
        let https = Https::start();
        Repository::with_commit(https.root.path().join("one.git"));
        let (private, _) = key("PEM");
        https.server.let_in(&with("short"));
        grant(&https, 3, "short", Duration::from_secs(60));
        let scratch = https.scratch(app(&private, Some(https.server.url("api/v3"))));
        scratch.fetch().unwrap();
        // One each for the references and two questions: its end is too near to be kept.
        assert_eq!(requests(&https, TOKENS), 3);
        grant(&https, 1, "long", Duration::from_secs(3600));
        https.server.let_in(&with("long"));
        scratch.fetch().unwrap();
        scratch.fetch().unwrap();
        assert_eq!(requests(&https, TOKENS), 4);
        https.server.let_in(&with("after a change of keys"));
        grant(&https, 1, "after a change of keys", Duration::from_secs(3600));
        scratch.fetch().unwrap();
        assert_eq!(requests(&https, TOKENS), 5);
        https.server.let_in("nobody");
        grant(&https, 9, "useless", Duration::from_secs(3600));
        let cause = cause_of_fetch(&scratch);
        assert!(matches!(cause, Trouble::Credentials(_)), "{cause:?}");
        assert_eq!(requests(&https, TOKENS), 6, "tried again once");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ssh-keygen: tests/stores/run"]
async fn many_writers_at_once_ask_for_one_token_and_for_the_next_before_its_end() {
    const WRITERS: usize = 32;
    /// Renewed so long before its end.
    const SPARE: Duration = Duration::from_secs(5 * 60);
    let https = Https::start();
    let remote = Repository::with_commit(https.root.path().join("one.git"));
    remote.git(&["config", "http.receivepack", "true"]);
    grant(&https, 1, "first", SPARE + Duration::from_secs(15));
    grant(&https, 1, "second", Duration::from_secs(3600));
    let scratch = tempfile::tempdir().unwrap();
    let commits = Commits::new(CommitSettings::default()).unwrap();
    let mut options = Options::new(scratch.path(), commits);
    options.authorities = https.settings.authorities.clone();
    let address = format!("git+{}#main", https.server.url("one.git")).parse().unwrap();
    let store = open(&address, &app(&key("PEM").0, None), &options).unwrap();
    // As in a reconciler: what comes while the store is busy goes with the next batch; one change each, so that there are many.
    let limits = Limits { changes_max: 8, ..Limits::default() };
    let group = Group::over(store, limits, || true, |_| {});
    let write = |name: String| {
        let at = StorePath::exact(&format!("{name}/f")).unwrap();
        let content = Some(Content::Bytes(name.as_bytes().into()));
        let edits = vec![Edit::Whole { at, content }];
        group.submit(Change { name, edits, ..Change::default() })
    };
    let all = futures::future::join_all((0..WRITERS).map(|number| write(format!("w{number}"))));
    assert!(all.await.iter().all(Result::is_ok));
    assert_eq!(requests(&https, TOKENS), 1);
    let mut more = 0;
    let begun = Instant::now();
    while requests(&https, TOKENS) == 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is kept to its end");
        write(format!("more{more}")).await.unwrap();
        more += 1;
    }
    let all = futures::future::join_all((0..WRITERS).map(|number| write(format!("x{number}"))));
    assert!(all.await.iter().all(Result::is_ok));
    assert_eq!(requests(&https, TOKENS), 2);
    // Nobody was refused meanwhile: each has asked with the one, then with the other.
    let mut shown: Vec<String> = https
        .server
        .seen()
        .iter()
        .filter(|seen| !seen.request.starts_with(TOKENS))
        .map(|seen| seen.headers["authorization"].clone())
        .collect();
    shown.dedup();
    assert_eq!(shown, [with("first"), with("second")]);
    let files = remote.git(&["ls-tree", "-r", "--name-only", "main"]);
    assert_eq!(files.lines().count(), 1 + 2 * WRITERS + more);
}

#[test]
#[ignore = "needs ssh-keygen: tests/stores/run"]
fn what_github_refuses_is_told() {
    blocking(|| {
        let https = Https::start();
        let (private, _) = key("PEM");
        let scratch = https.scratch(app(&private, None));
        let body = r#"{"message":"A JSON web token could not be decoded"}"#;
        for (status, body, expect) in [
            (
                401,
                body,
                "the credentials are refused: no token for the GitHub App: HTTP status 401, {\"message\":\"A JSON web token could not be decoded\"}",
            ),
            (404, "", "there is no installation of the GitHub App there: "),
            (500, "", "it cannot be reached"),
            (201, "{}", "it says: its answer holds no token"),
            (
                201,
                r#"{"token":"hunter2","expires_at":"never"}"#,
                "it says: its answer holds no token",
            ),
        ] {
            https.server.answer(TOKENS, 1, status, &[("content-type", "application/json")], body);
            let text = cause_of_fetch(&scratch).to_string();
            assert!(text.starts_with(expect), "{text}");
        }
    });
}
