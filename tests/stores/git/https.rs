//! https: what works, and whom one talks to.

use bookend::store::Trouble;
use bookend::store::credentials::Credentials;
use bookend::store::git::transport::{Line, Settings};

use super::{BASIC, Https, Scratch, basic, blocking, cause_of_fetch, noise};
use crate::remotes::certificates::Authority;
use crate::remotes::https::Server;
use crate::remotes::repository::Repository;

#[test]
fn what_is_pushed_is_there_and_a_stranger_is_seen() {
    blocking(|| {
        let https = Https::start();
        https.server.let_in(BASIC);
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let scratch = https.scratch(basic("me", "secret\n"));
        assert_eq!(scratch.fetch().unwrap(), remote.tip("main"));
        let ours = scratch.commit("a", b"1");
        scratch.push().unwrap();
        assert_eq!(remote.tip("main"), ours);
        let theirs = remote.commit("b", "2");
        assert_eq!(scratch.fetch().unwrap(), theirs);
        assert_eq!(remote.git(&["ls-tree", "--name-only", "main"]), "README\na\nb");
        remote.is_sound();
        assert_eq!(https.server.connections(), 1, "the connection is kept");
        let traffic = scratch.line.traffic();
        assert!(traffic.sent > 0 && traffic.received > 0, "{traffic:?}");
    });
}

#[test]
fn an_empty_repository_gets_its_first_commit() {
    blocking(|| {
        let https = Https::start();
        let remote = Repository::empty(https.root.path().join("one.git"));
        let scratch = https.scratch(Credentials::Ambient);
        let ours = scratch.commit("a", b"1");
        scratch.push().unwrap();
        assert_eq!(remote.tip("main"), ours);
    });
}

#[test]
fn a_long_push_goes_in_pieces_and_arrives_whole() {
    blocking(|| {
        let https = Https::start();
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let scratch = https.scratch(Credentials::Ambient);
        scratch.fetch().unwrap();
        scratch.commit("small", b"1");
        scratch.push().unwrap();
        let content = noise(9 << 20);
        let ours = scratch.commit("large", &content);
        scratch.push().unwrap();
        assert_eq!(remote.tip("main"), ours);
        assert_eq!(remote.git(&["cat-file", "-s", "main:large"]), content.len().to_string());
        remote.is_sound();
        let with = |name: &str| {
            let seen = https.server.seen();
            let posts = seen.iter().filter(|seen| seen.request.ends_with("/git-receive-pack"));
            posts.map(|seen| seen.headers.contains_key(name)).collect::<Vec<_>>()
        };
        assert_eq!(with("content-length"), [true, false]);
        assert_eq!(with("transfer-encoding"), [false, true]);
    });
}

#[test]
fn a_hook_that_rejects_is_heard() {
    blocking(|| {
        let https = Https::start();
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        remote.pre_receive("echo 'no ticket' >&2; exit 1");
        let before = remote.tip("main");
        let scratch = https.scratch(Credentials::Ambient);
        scratch.fetch().unwrap();
        scratch.commit("a", b"1");
        let failed = scratch.push().unwrap_err();
        assert!(failed.said.contains("pre-receive hook declined"), "{}", failed.said);
        assert!(failed.cause.is_none());
        assert_eq!(remote.tip("main"), before);
    });
}

#[test]
fn who_is_not_to_be_trusted_hears_nothing() {
    blocking(|| {
        let authority = Authority::new();
        for (name, is_old, is_known) in [
            ("elsewhere.example.com", false, true),
            ("localhost", true, true),
            ("localhost", false, false),
        ] {
            let root = tempfile::tempdir().unwrap();
            Repository::with_commit(root.path().join("one.git"));
            let server = Server::start(root.path(), &authority.certify(name, is_old));
            let known = if is_known { authority.pem() } else { Authority::new().pem() };
            let settings =
                Settings { authorities: Some(known.into_bytes()), ..Settings::default() };
            let url = server.url("one.git");
            let scratch = Scratch::new(&url, basic("me", "secret"), settings);
            let cause = cause_of_fetch(&scratch);
            assert!(matches!(cause, Trouble::Untrusted(_)), "{name} {is_old}: {cause:?}");
            assert!(server.seen().is_empty(), "not even a request came");
        }
    });
}

#[test]
fn a_repository_that_moved_is_followed_on_its_server_only() {
    blocking(|| {
        let https = Https::start();
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let there = https.server.url("one.git/info/refs?service=git-upload-pack");
        https.server.answer("GET /old/", 1, 301, &[("location", &there)], "");
        let there = "/one.git/info/refs?service=git-receive-pack";
        https.server.answer("GET /old/", 1, 302, &[("location", there)], "");
        let url = https.server.url("old");
        let settings = https.settings.clone();
        let scratch = Scratch::new(&url, basic("me", "secret"), settings.clone());
        scratch.fetch().unwrap();
        let ours = scratch.commit("a", b"1");
        // It knows by now where the repository is.
        scratch.push().unwrap();
        assert_eq!(remote.tip("main"), ours);

        let other = Https::start();
        for there in [other.server.url("x"), "http://localhost/x".to_owned()] {
            https.server.answer("GET /gone/", 1, 301, &[("location", &there)], "");
            let url = https.server.url("gone");
            let scratch = Scratch::new(&url, basic("me", "secret"), settings.clone());
            let cause = cause_of_fetch(&scratch);
            assert!(
                matches!(&cause, Trouble::Missing(said) if said.contains("another server")),
                "{cause:?}"
            );
        }
        assert!(other.server.seen().is_empty());
        https.server.answer("GET /round/", 9, 301, &[("location", "/round/")], "");
        let url = https.server.url("round");
        let scratch = Scratch::new(&url, Credentials::Ambient, settings);
        let cause = cause_of_fetch(&scratch);
        assert!(matches!(&cause, Trouble::Other(said) if said.contains("circle")), "{cause:?}");
    });
}

#[test]
fn lines_that_are_closed_lead_nowhere() {
    blocking(|| {
        let https = Https::start();
        Repository::with_commit(https.root.path().join("one.git"));
        let scratch = https.scratch(Credentials::Ambient);
        let url = https.server.url("one.git");
        let line = Line::open(&url, &Credentials::Ambient, https.settings).unwrap();
        let closed = line.url().to_owned();
        drop(line);
        let mut remote = scratch.repository.remote_anonymous(&closed).unwrap();
        remote.fetch(&["main"], None, None).unwrap_err();
        scratch.fetch().unwrap();
    });
}

#[tokio::test]
async fn a_line_outlives_no_runtime_and_may_be_dropped_anywhere() {
    let https = Https::start();
    Repository::with_commit(https.root.path().join("one.git"));
    let scratch = https.scratch(Credentials::Ambient);
    let scratch = tokio::task::spawn_blocking(move || {
        scratch.fetch().unwrap();
        scratch
    });
    drop(scratch.await.unwrap());
}
