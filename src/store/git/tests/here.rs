//! A repository on this machine, edited where it is.

use std::fs;

use super::support::*;
use crate::core::placement::StorePath;
use crate::store::git::GitStore;
use crate::store::{Store as _, Trouble};

#[tokio::test]
async fn a_change_is_one_commit_and_nothing_else_is_touched() {
    let bare = Bare::new();
    let store = bare.here();
    let before = bare.git(&["ls-tree", "-r", "main"]);
    let change = folder("work.dev", "apps/mine", &[("a.yaml", "a: 1\n"), ("b/c.yaml", "c: 1\n")]);
    let applied = one(&store, change.clone()).await.unwrap();
    let counts = (applied.written, applied.deleted, applied.unchanged, applied.bytes);
    assert_eq!((counts, applied.attempts), ((2, 0, 0, 10), 1));
    assert_eq!(applied.version.unwrap().0, bare.git(&["rev-parse", "main"]));
    assert_eq!(bare.log()[..2], ["Update from: work.dev", "by a stranger"]);
    assert_eq!(bare.git(&["show", "main:apps/mine/b/c.yaml"]), "c: 1");
    let after = bare.git(&["ls-tree", "-r", "main"]);
    let others = |line: &&str| !line.contains("apps/mine");
    assert_eq!(
        after.lines().filter(others).collect::<Vec<_>>(),
        before.lines().collect::<Vec<_>>()
    );
    assert!(before.contains("100755") && before.contains("120000"), "{before}");

    let again = one(&store, change).await.unwrap();
    assert_eq!((again.written, again.unchanged, bare.log().len()), (0, 2, 4));
    assert_eq!(again.version.unwrap().0, bare.git(&["rev-parse", "main"]));

    let gone = one(&store, folder("work.dev", "apps/mine", &[])).await.unwrap();
    assert_eq!((gone.deleted, &*bare.log()[0]), (2, "Delete from: work.dev"));
    assert_eq!(bare.git(&["ls-tree", "-r", "main"]), before);
    bare.files();
}

#[tokio::test]
async fn what_is_in_a_repository_changes_no_byte_of_a_file() {
    let bare = Bare::new();
    bare.stranger(|clone| {
        let filters = "* text eol=lf filter=lfs diff=lfs merge=lfs\n*.crlf text eol=crlf\n";
        fs::write(clone.join(".gitattributes"), filters).unwrap();
        fs::write(clone.join(".gitignore"), "*\n").unwrap();
        run(clone, &["add", "--force", ".gitattributes", ".gitignore"]);
    });
    for (at, text) in [("g/a.txt", "a\r\nb\n"), ("g/b.crlf", "a\nb\r\n")] {
        one(&bare.here(), whole("w", at, Some(text))).await.unwrap();
        let blob = git2::Oid::hash_object(git2::ObjectType::Blob, text.as_bytes()).unwrap();
        assert_eq!(bare.git(&["rev-parse", &format!("main:{at}")]), blob.to_string());
    }
}

#[tokio::test]
async fn changes_of_a_batch_are_commits_in_order_and_see_each_other() {
    let bare = Bare::new();
    let changes = [
        folder("one", "a", &[("x", "1"), ("y", "1")]),
        whole("bad", "a/x/below", Some("")),
        folder("two", "a", &[("y", "2")]),
        folder("three", "a", &[("y", "2")]),
    ];
    let results = all(&bare.here(), &changes).await;
    assert!(matches!(&results[1], Err(Trouble::Clash { .. })), "{results:?}");
    let counts = |index: usize| {
        let applied = results[index].as_ref().unwrap();
        (applied.written, applied.deleted, applied.unchanged)
    };
    assert_eq!((counts(0), counts(2), counts(3)), ((2, 0, 0), (1, 1, 0), (0, 0, 1)));
    let version = |index: usize| results[index].as_ref().unwrap().version.clone().unwrap().0;
    assert_eq!(version(2), bare.git(&["rev-parse", "main"]));
    assert_eq!(version(0), bare.git(&["rev-parse", "main~1"]));
    assert_eq!(version(3), version(2), "nothing to do: the state that holds it");
    assert_eq!(bare.log()[..2], ["Update from: two", "Update from: one"]);
    assert_eq!(bare.git(&["show", "main:a/y"]), "2");
}

#[tokio::test]
async fn links_and_submodules_are_never_followed() {
    let bare = Bare::new();
    bare.stranger(|clone| {
        let link = format!("160000,{},sub", "1".repeat(40));
        run(clone, &["update-index", "--add", "--cacheinfo", &link]);
        std::os::unix::fs::symlink("/etc", clone.join("etc")).unwrap();
        // `git add -A` of the helper would take an absent submodule away.
        fs::create_dir(clone.join("sub")).unwrap();
    });
    let store = bare.here();
    for at in ["apps/link/x", "etc/passwd", "README.md/x"] {
        let result = one(&store, whole("w", at, Some("x"))).await;
        assert!(matches!(result, Err(Trouble::Clash { .. })), "{at}: {result:?}");
    }
    assert_eq!(store.read(&path("etc"), 10).await.unwrap(), None);
    assert_eq!(store.read(&path("apps/link/run.sh"), 100).await.unwrap(), None);
    let there = |at: &str| bare.git(&["ls-tree", "main", at]);
    assert!(there("etc").starts_with("120000"));

    one(&store, whole("w", "etc", Some("mine"))).await.unwrap();
    assert!(there("etc").starts_with("100644"), "what is named is replaced");
    one(&store, folder("w", "apps/link", &[("x", "1")])).await.unwrap();
    assert_eq!(bare.git(&["show", "main:apps/link/x"]), "1");
    one(&store, whole("w", "apps/other/run.sh", Some("#!/bin/bash\n"))).await.unwrap();
    assert!(there("apps/other/run.sh").starts_with("100755"), "its rights stay");
    bare.files();
}

#[tokio::test]
async fn an_empty_repository_gets_its_first_commit() {
    for branch in ["main", "other"] {
        let bare = Bare::empty();
        let mut options = bare.options();
        options.branch = branch.to_owned();
        let store = GitStore::here("here", bare.path(), options);
        let listing = store.list(&StorePath::root()).await.unwrap();
        assert_eq!((listing.version, listing.files.len()), (None, 0));
        let nothing = one(&store, folder("w", "a", &[])).await.unwrap();
        assert_eq!(nothing.version, None);
        one(&store, whole("w", "a/b", Some("1"))).await.unwrap();
        assert_eq!(bare.git(&["ls-tree", "-r", "--name-only", "HEAD"]), "a/b");
        assert_eq!(bare.git(&["symbolic-ref", "HEAD"]), format!("refs/heads/{branch}"));
        assert_eq!(bare.git(&["rev-list", "--count", "HEAD"]), "1");
    }
}

#[tokio::test]
async fn a_branch_that_is_missing_is_created_when_that_is_set() {
    let bare = Bare::new();
    let mut options = bare.options();
    options.branch = "new".to_owned();
    let error =
        one(&GitStore::here("here", bare.path(), options.clone()), whole("w", "a", Some("1")))
            .await;
    assert!(matches!(&error, Err(Trouble::Missing(what)) if what.contains("`new`")), "{error:?}");
    options.create = true;
    one(&GitStore::here("here", bare.path(), options), whole("w", "a", Some("1"))).await.unwrap();
    assert_eq!(bare.git(&["ls-tree", "-r", "--name-only", "new"]), "a");
    assert_eq!(bare.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
}

#[tokio::test]
async fn what_is_no_bare_repository_is_told() {
    let bare = Bare::new();
    let absent = GitStore::here("here", bare.folder.path().join("absent"), bare.options());
    let error = one(&absent, whole("w", "a", Some("1"))).await;
    assert!(matches!(error, Err(Trouble::Missing(_))), "{error:?}");
    let clone = bare.folder.path().join("clone");
    run(bare.folder.path(), &["clone", "-q", "repo.git", "clone"]);
    let error =
        one(&GitStore::here("here", &clone, bare.options()), whole("w", "a", Some("1"))).await;
    assert!(matches!(&error, Err(Trouble::Refused(says)) if says.contains("checked out")));
    assert_eq!(run(&clone, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn the_root_of_a_store_may_be_a_folder() {
    let bare = Bare::new();
    let mut options = bare.options();
    options.root = path("apps/other");
    let store = GitStore::here("here", bare.path(), options);
    one(&store, folder("w", "new", &[("x", "1")])).await.unwrap();
    let listing = store.list(&StorePath::root()).await.unwrap();
    let files: Vec<_> = listing.files.iter().map(|file| (file.at.as_str(), file.bytes)).collect();
    assert_eq!(files, [("new/x", 1), ("run.sh", 10)]);
    assert_eq!(store.read(&path("new/x"), 1).await.unwrap().unwrap(), b"1");
    let error = store.read(&path("run.sh"), 9).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::TooLarge { bytes_max: 9, .. }));
    assert!(bare.files().contains(&"apps/other/new/x".to_owned()));
}

#[tokio::test]
async fn a_neighbour_that_differs_by_case_is_a_clash() {
    let bare = Bare::new();
    let error = one(&bare.here(), whole("w", "apps/Other/RUN.sh", Some("1"))).await;
    assert!(matches!(error, Err(Trouble::Clash { .. })), "{error:?}");
    assert_eq!(bare.log().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_many_stores_lose_nothing() {
    let bare = Bare::new();
    let writers = (0..8).map(|writer| {
        let store = bare.here();
        async move {
            for round in 0..5 {
                let at = format!("w{writer}/f{round}");
                one(&store, whole("w", &at, Some("1"))).await.unwrap();
            }
        }
    });
    let writers: Vec<_> = writers.map(tokio::spawn).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(bare.files().iter().filter(|file| file.starts_with('w')).count(), 40);
    assert_eq!(bare.log().len(), 43);
}

#[tokio::test]
async fn what_may_not_go_on_stops_before_the_branch_moves() {
    let bare = Bare::new();
    let results = bare.here().apply(&[whole("w", "a", Some("1"))], &|| false).await;
    assert!(matches!(results[0].as_ref().unwrap_err().trouble, Trouble::Stopped));
    assert_eq!(bare.log().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_stays_is_told_by_name() {
    let bare = Bare::new();
    fs::write(bare.path().join("refs/heads/main.lock"), "").unwrap();
    let error = one(&bare.here(), whole("w", "a", Some("1"))).await;
    assert!(
        matches!(&error, Err(Trouble::Refused(says)) if says.contains("main.lock")),
        "{error:?}"
    );
}
