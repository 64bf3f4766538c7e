//! A remote repository, behind a scratch repository.

use std::fs;
use std::time::Duration;

use super::support::*;
use crate::core::placement::StorePath;
use crate::store::{Store as _, Trouble};

fn served() -> (Bare, Server) {
    let bare = Bare::new();
    let server = Server::new(bare.folder.path());
    (bare, server)
}

#[tokio::test]
async fn one_fetch_is_enough_for_many_changes() {
    let (bare, server) = served();
    let store = server.store(bare.options());
    for round in 0..5 {
        let text = round.to_string();
        let applied = one(&store, folder("w", "a/b", &[("x", &text)])).await.unwrap();
        assert_eq!(applied.attempts, 1);
        assert_eq!(applied.version.unwrap().0, bare.git(&["rev-parse", "main"]));
    }
    assert_eq!(
        server.asked.load(std::sync::atomic::Ordering::SeqCst),
        6,
        "a fetch and five pushes"
    );
    assert_eq!(bare.log().len(), 8);
    assert_eq!(bare.git(&["show", "main:a/b/x"]), "4");
    assert!(bare.files().contains(&"apps/other/run.sh".to_owned()));
    let listing = store.list(&path("a")).await.unwrap();
    assert_eq!(listing.files.len(), 1);
    drop(store);
    assert_eq!(fs::read_dir(bare.scratch()).unwrap().count(), 0, "the scratch folder is gone");
}

#[tokio::test]
async fn what_was_fetched_ahead_is_not_the_last_word() {
    let (bare, server) = served();
    let store = server.store(bare.options());
    store.prefetch().await;
    assert_eq!(server.asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    bare.stranger(|clone| fs::write(clone.join("s"), "1").unwrap());
    let applied = one(&store, folder("w", "mine", &[("x", "1")])).await.unwrap();
    assert_eq!(applied.attempts, 1, "it was looked again before the push");
    assert_eq!(bare.log()[..2], ["Update from: w", "by a stranger"]);
    bare.files();
}

#[tokio::test]
async fn strangers_in_between_lose_nothing() {
    let (bare, server) = served();
    let store = server.store(bare.options());
    for round in 0..6 {
        let text = round.to_string();
        let applied = one(&store, folder("w", "mine", &[("x", &text)])).await.unwrap();
        // Once it has been seen that others write it is looked before.
        assert_eq!(applied.attempts, if round == 1 { 2 } else { 1 }, "{round}");
        bare.stranger(|clone| fs::write(clone.join(format!("s{round}")), "1").unwrap());
    }
    assert_eq!(bare.files().iter().filter(|file| file.starts_with('s')).count(), 7);
    assert_eq!(bare.log().len(), 15);
}

#[tokio::test]
async fn a_branch_that_was_rewritten_is_gone_on_from() {
    let (bare, server) = served();
    let mut options = bare.options();
    options.fetch_interval = Duration::ZERO;
    let store = server.store(options);
    one(&store, folder("w", "mine", &[("x", "1")])).await.unwrap();
    // Back by three commits, and from there on otherwise.
    let first = bare.git(&["rev-parse", "main~3"]);
    bare.git(&["update-ref", "refs/heads/main", &first]);
    bare.stranger(|clone| fs::write(clone.join("other"), "1").unwrap());
    one(&store, folder("w", "mine", &[("x", "1")])).await.unwrap();
    assert_eq!(bare.log(), ["Update from: w", "by a stranger", "by a stranger"]);
    assert!(bare.files().contains(&"mine/x".to_owned()));
    // Forced back to what was there before.
    bare.git(&["update-ref", "refs/heads/main", &first]);
    one(&store, folder("w", "mine", &[("x", "2")])).await.unwrap();
    assert_eq!(bare.log(), ["Update from: w", "by a stranger"]);
    bare.files();
}

#[tokio::test]
async fn an_empty_repository_and_one_that_was_emptied() {
    let bare = Bare::empty();
    let server = Server::new(bare.folder.path());
    let store = server.store(bare.options());
    assert_eq!(store.list(&StorePath::root()).await.unwrap().version, None);
    one(&store, whole("w", "a", Some("1"))).await.unwrap();
    one(&store, whole("w", "b", Some("1"))).await.unwrap();
    assert_eq!(bare.files(), ["a", "b"]);
    bare.git(&["update-ref", "-d", "refs/heads/main"]);
    one(&store, whole("w", "c", Some("1"))).await.unwrap();
    assert_eq!(bare.files(), ["c"]);
}

#[tokio::test]
async fn a_branch_that_is_missing_is_created_when_that_is_set() {
    let (bare, server) = served();
    let mut options = bare.options();
    options.branch = "new".to_owned();
    let error = one(&server.store(options.clone()), whole("w", "a", Some("1"))).await;
    assert!(matches!(error, Err(Trouble::Missing(_))), "{error:?}");
    options.create = true;
    one(&server.store(options), whole("w", "a", Some("1"))).await.unwrap();
    assert_eq!(bare.git(&["ls-tree", "-r", "--name-only", "new"]), "a");
}

#[tokio::test]
async fn a_hook_that_refuses_is_told_in_its_words_and_does_not_stop_others() {
    let (bare, server) = served();
    bare.hook(
        "pre-receive",
        "#!/bin/sh\nwhile read old new ref; do\n  git log --format=%s $old..$new | grep -q bad && { printf 'no \\033[31mticket\\n' >&2; exit 1; }\ndone\nexit 0\n",
    );
    let store = server.store(bare.options());
    let changes = [
        whole("good-1", "a", Some("1")),
        whole("bad-2", "b", Some("1")),
        whole("good-3", "c", Some("1")),
        whole("good-4", "c", Some("1")),
    ];
    let results = all(&store, &changes).await;
    let refused = results[1].as_ref().unwrap_err();
    assert_eq!(refused.to_string(), "it was refused: pre-receive hook declined: no [31mticket");
    assert!(results[0].is_ok() && results[2].is_ok() && results[3].is_ok(), "{results:?}");
    assert_eq!(bare.log()[..2], ["Update from: good-3", "Update from: good-1"]);
    assert!(!bare.files().contains(&"b".to_owned()));
}

#[tokio::test]
async fn a_hook_that_refuses_everything_is_asked_about_each_once() {
    let (bare, server) = served();
    bare.hook("pre-receive", "#!/bin/sh\nexit 1\n");
    let store = server.store(bare.options());
    let changes: Vec<_> =
        (0..32).map(|number| whole("bad", &format!("f{number}"), Some("1"))).collect();
    let before = server.asked.load(std::sync::atomic::Ordering::Relaxed);
    let results = all(&store, &changes).await;
    assert!(results.iter().all(|one| matches!(one, Err(Trouble::Refused(_)))), "{results:?}");
    // A look and a push for each, and for the five steps in which the first among 32 is found.
    let asked = server.asked.load(std::sync::atomic::Ordering::Relaxed) - before;
    assert!(asked <= 2 * (32 + 5) + 1, "{asked}");
}

#[tokio::test]
async fn one_commit_for_all_when_that_is_set() {
    let (bare, server) = served();
    let mut options = bare.options();
    let settings = crate::store::git::CommitSettings { together: true, ..Default::default() };
    options.commits = crate::store::git::Commits::new(settings).unwrap();
    let store = server.store(options);
    let changes = [whole("one", "a", Some("1")), whole("two", "b", Some("1"))];
    let results = all(&store, &changes).await;
    let versions: Vec<_> = results.into_iter().map(|result| result.unwrap().version).collect();
    assert_eq!(versions[0], versions[1]);
    assert_eq!((bare.log().len(), &*bare.log()[0]), (4, "Update from: one and 1 more"));
}

#[tokio::test]
async fn a_scratch_repository_that_is_damaged_is_fetched_again() {
    let (bare, server) = served();
    let mut options = bare.options();
    options.fetch_interval = Duration::ZERO;
    let store = server.store(options);
    one(&store, folder("w", "mine", &[("x", "1")])).await.unwrap();
    let scratch = || fs::read_dir(bare.scratch()).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(scratch().join("repository.git/objects")).unwrap();
    fs::create_dir(scratch().join("repository.git/objects")).unwrap();
    let applied = one(&store, folder("w", "mine", &[("x", "2")])).await.unwrap();
    assert_eq!(applied.written, 1);
    fs::remove_dir_all(scratch()).unwrap();
    one(&store, folder("w", "mine", &[("x", "3")])).await.unwrap();
    assert_eq!(bare.git(&["show", "main:mine/x"]), "3");
    bare.files();
}

#[tokio::test]
async fn a_look_asks_again_only_after_a_while() {
    let (bare, server) = served();
    let store = server.store(bare.options());
    for _ in 0..3 {
        store.list(&StorePath::root()).await.unwrap();
    }
    assert_eq!(server.asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    let mut options = bare.options();
    options.fetch_interval = Duration::ZERO;
    let store = server.store(options);
    store.list(&StorePath::root()).await.unwrap();
    bare.stranger(|clone| fs::write(clone.join("fourth"), "4").unwrap());
    assert_eq!(store.read(&path("fourth"), 9).await.unwrap().unwrap(), b"4");
    store.check().await.unwrap();
}

#[tokio::test]
async fn nobody_there_and_no_repository_are_told() {
    let (bare, server) = served();
    let store = server.store(bare.options());
    fs::remove_dir_all(bare.path()).unwrap();
    let error = store.check().await.unwrap_err();
    assert_eq!(error.doing, "check");
    drop(server);
    assert!(store.check().await.is_err());
}
