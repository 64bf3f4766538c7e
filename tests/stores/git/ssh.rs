//! ssh: OpenSSH's server, keys of all kinds, and hosts that are not to be trusted.

use std::path::Path;

use bookend::store::Trouble;
use bookend::store::credentials::{Credentials, Secret};
use bookend::store::git::transport::{Limits, Line, Settings};

use super::{Scratch, blocking, cause_of_fetch, noise, short};
use crate::remotes::repository::Repository;
use crate::remotes::ssh::{Sshd, generate};

const KINDS: [&str; 3] = ["ed25519", "ecdsa", "rsa"];

fn login(private_key: &str, known_hosts: &str) -> Credentials {
    Credentials::Ssh { private_key: Secret::new(private_key), known_hosts: known_hosts.to_owned() }
}

fn scratch(sshd: &Sshd, path: &Path, login: Credentials) -> Scratch {
    Scratch::new(&sshd.url(path), login, Settings::default())
}

#[test]
#[ignore = "needs sshd: tests/stores/run"]
fn what_is_pushed_is_there_over_one_connection() {
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let remote = Repository::with_commit(folder.path().join("it's one!.git"));
        let sshd = Sshd::start(&folder.path().join("sshd"), &KINDS);
        let login = login(&sshd.user_key("ed25519", ""), &sshd.known_hosts("ed25519"));
        let url = sshd.url(&remote.path).replace(' ', "%20");
        let scratch = Scratch::new(&url, login, Settings::default());
        assert_eq!(scratch.fetch().unwrap(), remote.tip("main"));
        let ours = scratch.commit("a", b"1");
        scratch.push().unwrap();
        assert_eq!(remote.tip("main"), ours);
        let theirs = remote.commit("b", "2");
        assert_eq!(scratch.fetch().unwrap(), theirs);
        let content = noise(9 << 20);
        let ours = scratch.commit("large", &content);
        scratch.push().unwrap();
        assert_eq!(remote.tip("main"), ours);
        assert_eq!(remote.git(&["cat-file", "-s", "main:large"]), content.len().to_string());
        remote.is_sound();
        assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
    });
}

#[test]
#[ignore = "needs sshd: tests/stores/run"]
fn keys_of_all_kinds_and_forms_let_in() {
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let remote = Repository::with_commit(folder.path().join("one.git"));
        let sshd = Sshd::start(&folder.path().join("sshd"), &["ed25519"]);
        for (kind, form) in [
            ("ed25519", ""),
            ("ecdsa", ""),
            ("ecdsa", "PKCS8"),
            ("rsa", ""),
            ("rsa", "PEM"),
            ("rsa", "PKCS8"),
        ] {
            let key = sshd.user_key(kind, form);
            let login = login(&key, &sshd.known_hosts("ed25519"));
            let scratch = scratch(&sshd, &remote.path, login);
            assert!(scratch.fetch().is_ok(), "{kind} {form}: {}", sshd.log());
        }
    });
}

#[test]
#[ignore = "needs sshd: tests/stores/run"]
fn a_host_is_known_by_any_of_its_keys() {
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let remote = Repository::with_commit(folder.path().join("one.git"));
        let sshd = Sshd::start(&folder.path().join("sshd"), &KINDS);
        let user = sshd.user_key("ed25519", "");
        for kind in KINDS {
            let known = sshd.known_hosts(kind);
            let scratch = scratch(&sshd, &remote.path, login(&user, &known));
            assert!(scratch.fetch().is_ok(), "{kind}: {}", sshd.log());
        }
    });
}

#[test]
#[ignore = "needs sshd: tests/stores/run"]
fn another_host_is_not_talked_to() {
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let remote = Repository::with_commit(folder.path().join("one.git"));
        let sshd = Sshd::start(&folder.path().join("sshd"), &KINDS);
        let user = sshd.user_key("ed25519", "");
        generate("ed25519", "", &folder.path().join("other"));
        let other = std::fs::read_to_string(folder.path().join("other.pub")).unwrap();
        let wrong = format!("[127.0.0.1]:{} {other}", sshd.port);
        let revoked =
            format!("{}@revoked * {}\n", sshd.known_hosts("ed25519"), sshd.host_key("ed25519"));
        for (known, expect) in [(wrong, "another host key"), (revoked, "is revoked in known_hosts")]
        {
            let scratch = scratch(&sshd, &remote.path, login(&user, &known));
            let Trouble::Untrusted(cause) = cause_of_fetch(&scratch) else { panic!("{known}") };
            assert!(cause.to_string().contains(expect), "{cause}");
        }
        let elsewhere = format!("example.com {other}");
        let url = sshd.url(&remote.path);
        let line = Line::open(&url, &login(&user, &elsewhere), Settings::default());
        assert!(matches!(line, Err(Trouble::Untrusted(_))));
        assert!(!sshd.log().contains("Accepted"), "nobody logged in");
    });
}

#[test]
#[ignore = "needs sshd: tests/stores/run"]
fn what_is_refused_is_told() {
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let remote = Repository::with_commit(folder.path().join("one.git"));
        let sshd = Sshd::start(&folder.path().join("sshd"), &["ed25519"]);
        let known = sshd.known_hosts("ed25519");
        generate("ed25519", "", &folder.path().join("nobody"));
        let nobody = std::fs::read_to_string(folder.path().join("nobody")).unwrap();
        let cause = cause_of_fetch(&scratch(&sshd, &remote.path, login(&nobody, &known)));
        assert!(matches!(cause, Trouble::Credentials(_)), "{cause:?}");

        let user = sshd.user_key("ed25519", "");
        let nowhere = folder.path().join("nowhere.git");
        let cause = cause_of_fetch(&scratch(&sshd, &nowhere, login(&user, &known)));
        assert!(matches!(cause, Trouble::Missing(_)), "{cause:?}");

        remote.pre_receive("echo 'no ticket' >&2; exit 1");
        let scratch = scratch(&sshd, &remote.path, login(&user, &known));
        scratch.fetch().unwrap();
        scratch.commit("a", b"1");
        let failed = scratch.push().unwrap_err();
        assert!(failed.said.contains("pre-receive hook declined"), "{failed:?}");
    });
}

#[test]
#[ignore = "needs sshd: tests/stores/run"]
fn a_server_that_is_silent_or_gone_is_told() {
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let remote = Repository::with_commit(folder.path().join("one.git"));
        let sshd = Sshd::start(&folder.path().join("sshd"), &["ed25519"]);
        let login = login(&sshd.user_key("ed25519", ""), &sshd.known_hosts("ed25519"));
        let url = sshd.url(&remote.path);
        let mut scratch = Scratch::new(&url, login.clone(), Settings::default());
        scratch.fetch().unwrap();
        remote.pre_receive("exec sleep 60");
        let before = remote.tip("main");
        scratch.commit("a", b"1");
        let settings = Settings { timeouts: short(), ..Settings::default() };
        scratch.by(&url, &login, &settings);
        let cause = scratch.push().unwrap_err().cause.unwrap();
        assert!(matches!(cause, Trouble::Late(_)), "{cause:?}");
        assert_eq!(remote.tip("main"), before);

        let limits = Limits { references: 10, ..Limits::default() };
        let settings = Settings { limits, ..Settings::default() };
        let limited = Scratch::new(&url, login.clone(), settings);
        let cause = cause_of_fetch(&limited);
        assert!(matches!(cause, Trouble::TooLarge { .. }), "{cause:?}");

        let scratch = Scratch::new(&url, login, Settings::default());
        drop(sshd);
        let cause = cause_of_fetch(&scratch);
        assert!(matches!(cause, Trouble::Unreachable(_)), "{cause:?}");
    });
}

#[test]
#[ignore = "needs sshd: tests/stores/run"]
fn a_connection_that_was_closed_meanwhile_is_made_again() {
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let remote = Repository::with_commit(folder.path().join("one.git"));
        let sshd = Sshd::start(&folder.path().join("sshd"), &["ed25519"]);
        let login = login(&sshd.user_key("ed25519", ""), &sshd.known_hosts("ed25519"));
        let scratch = scratch(&sshd, &remote.path, login);
        scratch.fetch().unwrap();
        sshd.hang_up();
        scratch.fetch().unwrap();
        assert_eq!(sshd.log().matches("Accepted publickey").count(), 2);
    });
}
