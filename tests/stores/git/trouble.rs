//! https: servers that refuse, stall, hang up, or say too much.

use std::thread;
use std::time::{Duration, Instant};

use bookend::core::placement::{Change, Content, Edit, StorePath};
use bookend::exit::chain;
use bookend::store::credentials::{Credentials, Secret};
use bookend::store::git::transport::{Busy, Limits, Settings};
use bookend::store::git::{CommitSettings, Commits};
use bookend::store::open::{Options, open};
use bookend::store::{Store as _, Trouble};

use super::{BASIC, Https, basic, blocking, cause_of_fetch, noise, short};
use crate::remotes::https::Then;
use crate::remotes::repository::Repository;
use crate::remotes::wait_for;

#[test]
fn wrong_credentials_are_told_and_the_next_try_may_pass() {
    blocking(|| {
        let https = Https::start();
        https.server.let_in(BASIC);
        Repository::with_commit(https.root.path().join("one.git"));
        for login in
            [Credentials::Ambient, basic("me", "wrong"), Credentials::Token(Secret::new("wrong"))]
        {
            let cause = cause_of_fetch(&https.scratch(login));
            assert_eq!(
                cause.to_string(),
                "the credentials are refused: HTTP status 401, who are you?"
            );
        }
        https.server.answer("GET", 1, 401, &[("content-type", "text/plain")], "who?\n");
        let scratch = https.scratch(basic("me", "secret"));
        let cause = cause_of_fetch(&scratch);
        assert_eq!(cause.to_string(), "the credentials are refused: HTTP status 401, who?");
        scratch.fetch().unwrap();
    });
}

#[test]
fn each_answer_has_its_meaning() {
    blocking(|| {
        let https = Https::start();
        Repository::with_commit(https.root.path().join("one.git"));
        let scratch = https.scratch(Credentials::Ambient);
        for (status, headers, expect) in [
            (403, vec![], "that is not allowed: HTTP status 403"),
            (
                404,
                vec![],
                "there is no repository at this URL, or the credentials may not see it (HTTP status 404)",
            ),
            (502, vec![], "it cannot be reached: it answers with HTTP status 502"),
            (
                429,
                vec![("retry-after", "7")],
                "it cannot be reached: it answers with HTTP status 429 and asks to wait 7 s",
            ),
            (
                200,
                vec![("content-type", "text/html")],
                "there is no repository at this URL: the answer is `text/html`, not Git's",
            ),
        ] {
            https.server.answer("GET", 1, status, &headers, "");
            let cause = cause_of_fetch(&scratch);
            assert_eq!(chain(&cause), expect);
        }
        https.server.answer("GET", 1, 503, &[("retry-after", "7")], "");
        let Trouble::Unreachable(cause) = cause_of_fetch(&scratch) else { panic!() };
        let busy = cause.downcast_ref::<Busy>().unwrap();
        assert_eq!((busy.status, busy.retry_after.unwrap().as_secs()), (503, 7));
        scratch.fetch().unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_to_be_left_alone_in_a_push_is_pushed_to_after_that() {
    let https = Https::start();
    let remote = Repository::with_commit(https.root.path().join("one.git"));
    remote.git(&["config", "http.receivepack", "true"]);
    let scratch = tempfile::tempdir().unwrap();
    let mut options =
        Options::new(scratch.path(), Commits::new(CommitSettings::default()).unwrap());
    options.authorities = https.settings.authorities.clone();
    let address = format!("git+{}#main", https.server.url("one.git")).parse().unwrap();
    let store = open(&address, &Credentials::Ambient, &options).unwrap();
    https.server.answer("POST /one.git/git-receive-pack", 1, 503, &[("retry-after", "1")], "");
    let edits = vec![Edit::Whole {
        at: StorePath::exact("a").unwrap(),
        content: Some(Content::Bytes(b"1".as_slice().into())),
    }];
    let begun = Instant::now();
    let change = Change { name: "x".into(), edits, ..Change::default() };
    let applied = store.apply(&[change], &|| true).await.remove(0).unwrap();
    assert_eq!((applied.attempts, applied.written), (2, 1));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn nobody_is_waited_for_without_an_end() {
    blocking(|| {
        let https = Https::start();
        let patient = https.settings.clone();
        let impatient = Settings { timeouts: short(), ..patient.clone() };
        let url = https.server.url("one.git");
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let mut scratch = https.scratch(Credentials::Ambient);
        scratch.by(&url, &Credentials::Ambient, &impatient);
        let is_late = |cause: Trouble, of: &str| {
            assert!(matches!(cause, Trouble::Late(_)), "{of}: {cause:?}");
        };
        for then in [Then::Stall, Then::StallAfter(60)] {
            https.server.rule("GET", 1, then);
            is_late(cause_of_fetch(&scratch), "GET");
        }
        scratch.by(&url, &Credentials::Ambient, &patient);
        scratch.fetch().unwrap();
        let before = remote.tip("main");
        // What is short and what is long go different ways.
        for bytes in [1, 2 << 20] {
            scratch.commit("a", &noise(bytes));
            scratch.by(&url, &Credentials::Ambient, &impatient);
            https.server.rule("POST", 1, Then::Stall);
            is_late(scratch.push().unwrap_err().cause.unwrap(), "POST");
            assert_eq!(remote.tip("main"), before);
        }
    });
}

#[test]
fn a_stranger_who_never_speaks_tls_is_not_waited_for() {
    blocking(|| {
        let mut https = Https::start();
        https.settings.timeouts.connect = short().first_byte;
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/one.git", silent.local_addr().unwrap().port());
        let scratch = super::Scratch::new(&url, Credentials::Ambient, https.settings);
        let cause = cause_of_fetch(&scratch);
        assert!(matches!(cause, Trouble::Late(_) | Trouble::Unreachable(_)), "{cause:?}");
    });
}

#[test]
fn a_connection_that_breaks_is_told() {
    blocking(|| {
        let https = Https::start();
        Repository::with_commit(https.root.path().join("one.git"));
        let scratch = https.scratch(Credentials::Ambient);
        // The list of references is asked for once more: the connection may have been an old one.
        for (of, times) in [("GET", 2), ("POST", 1)] {
            https.server.rule(of, times, Then::CutAfter(30));
            let cause = cause_of_fetch(&scratch);
            assert!(matches!(cause, Trouble::Unreachable(_)), "{of}: {cause:?}");
        }
        scratch.fetch().unwrap();
    });
}

#[test]
fn a_push_whose_answer_is_lost_may_have_happened() {
    blocking(|| {
        let https = Https::start();
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let scratch = https.scratch(Credentials::Ambient);
        scratch.fetch().unwrap();
        let ours = scratch.commit("a", b"1");
        https.server.rule("POST", 1, Then::CutAfter(10));
        let cause = scratch.push().unwrap_err().cause.unwrap();
        assert!(matches!(cause, Trouble::Unreachable(_)), "{cause:?}");
        assert_eq!(remote.tip("main"), ours);
        assert_eq!(scratch.fetch().unwrap(), ours);
    });
}

#[test]
fn more_than_the_limits_is_not_read() {
    blocking(|| {
        let mut https = Https::start();
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let tip = remote.tip("main");
        for number in 0..50 {
            remote.git(&["update-ref", &format!("refs/heads/branch-{number}"), &tip]);
        }
        https.settings.limits = Limits { references: 2000, ..Limits::default() };
        let scratch = https.scratch(Credentials::Ambient);
        let cause = cause_of_fetch(&scratch);
        assert_eq!(cause.to_string(), "`list of references` has more than 2000 bytes");
        remote.commit("large", &String::from_utf8_lossy(&noise(5000)));
        https.settings.limits = Limits { answer: 3000, ..Limits::default() };
        let scratch = https.scratch(Credentials::Ambient);
        let cause = cause_of_fetch(&scratch);
        assert_eq!(cause.to_string(), "`answer of the server` has more than 3000 bytes");
    });
}

#[test]
fn a_line_that_is_stopped_ends_at_once() {
    blocking(|| {
        let https = Https::start();
        Repository::with_commit(https.root.path().join("one.git"));
        https.server.rule("GET", 1, Then::Stall);
        let scratch = https.scratch(Credentials::Ambient);
        let stopper = scratch.line.stopper();
        thread::scope(|scope| {
            scope.spawn(|| {
                wait_for("the request", || !https.server.seen().is_empty());
                stopper.stop();
            });
            // libgit2 blocks this thread.
            let cause = cause_of_fetch(&scratch);
            assert!(matches!(cause, Trouble::Stopped), "{cause:?}");
        });
    });
}

#[test]
fn a_refusal_in_the_middle_of_a_push_is_heard() {
    blocking(|| {
        let https = Https::start();
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let before = remote.tip("main");
        let scratch = https.scratch(Credentials::Ambient);
        scratch.fetch().unwrap();
        scratch.commit("a", &noise(8 << 20));
        https.server.answer("POST", 1, 413, &[], "");
        let cause = scratch.push().unwrap_err().cause.unwrap();
        assert!(matches!(cause, Trouble::Refused(_)), "{cause:?}");
        assert_eq!(remote.tip("main"), before);
    });
}

#[test]
fn an_answer_that_ends_too_early_is_no_answer() {
    blocking(|| {
        let https = Https::start();
        let remote = Repository::with_commit(https.root.path().join("one.git"));
        let before = remote.tip("main");
        let scratch = https.scratch(Credentials::Ambient);
        scratch.fetch().unwrap();
        scratch.commit("a", b"1");
        let kind = [("content-type", "application/x-git-receive-pack-result")];
        https.server.answer("POST", 1, 200, &kind, "");
        let cause = scratch.push().unwrap_err().cause.unwrap();
        assert!(matches!(cause, Trouble::Unreachable(_)), "{cause:?}");
        assert_eq!(remote.tip("main"), before);
    });
}
