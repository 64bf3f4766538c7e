//! What every state store does: one body for folders, repositories and buckets, here and on real servers.
//!
//! `tests/stores/main.rs` may take this file in with `#[path]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "only tests call this")]

use std::fmt::Debug;

use bookend::core::placement::{Change, Content, Edit, File, StorePath};
use bookend::store::failing::{FailingStore, Failure, When};
use bookend::store::{Applied, Store, StoreError, Trouble};

/// What a store has that others have not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    /// It has folders: a file cannot stand where a folder of others is, nor differ from one of others by case only.
    pub(crate) folders: bool,
    /// Every state has a name, and a change of nothing has that of before.
    pub(crate) versions: bool,
    /// A change is made whole or not at all.
    pub(crate) atomic: bool,
}

/// Runs all of it. `open` returns a new writer to the store of that name; what has a new name is empty.
pub(crate) async fn behaves_like_a_store<S: Store>(traits: Traits, open: impl Fn(&str) -> S) {
    is_empty_at_first(&open("empty")).await;
    folders_hold_what_is_given(&open("folders")).await;
    what_is_there_is_not_written(traits, &open("unchanged"), || open("unchanged")).await;
    listed_files_come_and_go(&open("listed")).await;
    parts_and_whole_files(&open("parts")).await;
    what_cannot_be_is_refused(traits, &open("refused")).await;
    one_bad_change_keeps_no_other_back(traits, &open("mixed")).await;
    sizes_and_names(&open("sizes")).await;
    many_files(&open("many")).await;
    writers_at_once_lose_nothing(|| open("crowd")).await;
    stops_when_told(traits, &open("stop")).await;
    a_stop_anywhere_heals(&open).await;
}

pub(crate) fn path(text: &str) -> StorePath {
    StorePath::exact(text).unwrap()
}

fn content(bytes: impl AsRef<[u8]>) -> Content {
    Content::Bytes(bytes.as_ref().into())
}

fn files(files: &[(&str, &str)]) -> Vec<File> {
    files.iter().map(|(at, text)| File { at: path(at), content: content(text) }).collect()
}

pub(crate) fn folder(at: &str, content: &[(&str, &str)]) -> Edit {
    Edit::Folder { at: path(at), files: files(content) }
}

fn listed(state: &str, content: &[(&str, &str)]) -> Edit {
    let state = path("d/.kratix").join(state).unwrap();
    Edit::Listed { base: path("d"), state, files: files(content) }
}

fn whole(at: &str, text: Option<&str>) -> Edit {
    Edit::Whole { at: path(at), content: text.map(content) }
}

fn part(of: &str, text: Option<&str>) -> Edit {
    let content = text.map(|text| vec![content(text)]);
    Edit::Part { at: path("d/all.yaml"), of: of.into(), content }
}

pub(crate) fn change(name: &str, edits: impl IntoIterator<Item = Edit>) -> Change {
    Change { name: name.into(), edits: edits.into_iter().collect(), ..Change::default() }
}

async fn try_apply(store: &impl Store, change: &Change) -> Result<Applied, StoreError> {
    let mut results = store.apply(std::slice::from_ref(change), &|| true).await;
    assert_eq!(results.len(), 1, "one change, one answer");
    results.remove(0)
}

pub(crate) async fn apply(store: &impl Store, edits: impl IntoIterator<Item = Edit>) -> Applied {
    try_apply(store, &change("test", edits)).await.unwrap()
}

/// All that is in a store, with the texts of the files.
pub(crate) async fn contents(store: &impl Store) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in store.list(&StorePath::root()).await.unwrap().files {
        let bytes = store.read(&file.at, 64 << 20).await.unwrap().unwrap();
        assert_eq!(bytes.len() as u64, file.bytes, "{}", file.at);
        found.push((file.at.to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(found.is_sorted(), "a list is in the order of its paths: {found:?}");
    found
}

async fn has(store: &impl Store, expect: &[(&str, &str)]) {
    let mut expect: Vec<_> =
        expect.iter().map(|(at, text)| ((*at).to_owned(), (*text).to_owned())).collect();
    expect.sort();
    assert_eq!(contents(store).await, expect);
}

fn counts(applied: &Applied) -> (usize, usize, usize) {
    (applied.written, applied.deleted, applied.unchanged)
}

async fn is_empty_at_first(store: &impl Store) {
    store.check().await.unwrap();
    assert_eq!(store.list(&path("a")).await.unwrap().files, []);
    assert_eq!(store.read(&path("a/b"), 10).await.unwrap(), None);
    assert!(store.apply(&[], &|| true).await.is_empty());
    let applied = apply(store, [folder("a", &[]), listed("x", &[]), part("x", None)]).await;
    assert_eq!(counts(&applied), (0, 0, 0), "to take away what is not there is nothing");
    has(store, &[]).await;
    store.check().await.unwrap();
}

async fn folders_hold_what_is_given(store: &impl Store) {
    let applied = apply(store, [folder("a", &[("a/x", "1"), ("a/b/y", "1")])]).await;
    assert_eq!((counts(&applied), applied.bytes), ((2, 0, 0), 2));
    apply(store, [folder("ab", &[("ab/z", "1")]), folder("a.d", &[("a.d/z", "1")])]).await;
    let applied = apply(store, [folder("a", &[("a/x", "1"), ("a/c", "2")])]).await;
    assert_eq!(counts(&applied), (1, 1, 1));
    has(store, &[("a/x", "1"), ("a/c", "2"), ("ab/z", "1"), ("a.d/z", "1")]).await;
    let names = store.list(&path("a")).await.unwrap().files;
    assert_eq!(names.len(), 2, "a folder is not what begins like it: {names:?}");
    assert_eq!(store.list(&path("a/x")).await.unwrap().files, [], "a file is no folder");

    // A file becomes a folder, a folder a file; both in the place of the other.
    apply(store, [folder("a", &[("a/x/y", "3"), ("a/c", "2")])]).await;
    apply(store, [folder("a", &[("a/x", "4"), ("a/c/d", "5")])]).await;
    has(store, &[("a/x", "4"), ("a/c/d", "5"), ("ab/z", "1"), ("a.d/z", "1")]).await;
    apply(store, [folder("a", &[])]).await;
    has(store, &[("ab/z", "1"), ("a.d/z", "1")]).await;
    assert_eq!(store.list(&path("a")).await.unwrap().files, []);
}

async fn what_is_there_is_not_written<S: Store>(traits: Traits, store: &S, open: impl Fn() -> S) {
    let edits = || {
        [
            folder("a", &[("a/x", "1"), ("a/y", "")]),
            listed("w", &[("d/x", "1")]),
            part("p", Some("kind: A")),
            whole("d/canary", Some("1")),
        ]
    };
    let first = apply(store, edits()).await;
    assert_eq!(counts(&first), (6, 0, 0));
    // The same writer, and one that knows nothing yet.
    for again in [apply(store, edits()).await, apply(&open(), edits()).await] {
        assert_eq!((counts(&again), again.bytes), ((0, 0, 6), 0), "{again:?}");
        if traits.versions {
            assert_eq!(again.version, first.version, "nothing was done");
        }
    }
    // Of the same size, and not the same.
    let other = apply(store, [folder("a", &[("a/x", "2"), ("a/y", "")])]).await;
    assert_eq!(counts(&other), (1, 0, 1));
    assert!(other.version.is_none() || other.version != first.version);
    if traits.versions {
        let listing = store.list(&StorePath::root()).await.unwrap();
        assert_eq!(listing.version, other.version);
    }
}

async fn listed_files_come_and_go(store: &impl Store) {
    apply(store, [whole("d/others", Some("0")), whole("e/x", Some("0"))]).await;
    apply(store, [listed("a", &[("d/x", "1"), ("d/s/y", "1")])]).await;
    apply(store, [listed("b", &[("d/z", "1")])]).await;
    apply(store, [listed("a", &[("d/x", "2")])]).await;
    let b = ("d/.kratix/b", "files:\n- d/z\n");
    let others = [("d/others", "0"), ("e/x", "0")];
    let mine = [("d/x", "2"), ("d/.kratix/a", "files:\n- d/x\n"), ("d/z", "1"), b];
    has(store, &[mine.as_slice(), &others].concat()).await;

    let state = "files:\n- d/x\n- ../e/x\n- e/x\n- d/.kratix/b\n";
    apply(store, [whole("d/.kratix/a", Some(state))]).await;
    apply(store, [listed("a", &[])]).await;
    has(store, &[[("d/z", "1"), b].as_slice(), &others].concat()).await;

    apply(store, [whole("d/.kratix/b", Some("files: ["))]).await;
    let error = try_apply(store, &change("test", [listed("b", &[])])).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::DamagedFile(_)), "{error:?}");
}

async fn parts_and_whole_files(store: &impl Store) {
    apply(store, [part("b", Some("kind: B"))]).await;
    apply(store, [part("a", Some("kind: A")), whole("d/canary", Some("1"))]).await;
    let (a, b) = ("# bookend part: a\n---\nkind: A\n", "# bookend part: b\n---\nkind: B\n");
    let both = format!("{a}{b}");
    has(store, &[("d/all.yaml", &both), ("d/canary", "1")]).await;
    apply(store, [part("b", None), whole("d/canary", None)]).await;
    has(store, &[("d/all.yaml", a)]).await;
    apply(store, [part("a", None)]).await;
    has(store, &[]).await;
}

fn is_clash<T: Debug>(result: Result<T, StoreError>) -> bool {
    matches!(result.unwrap_err().trouble, Trouble::Clash { .. })
}

async fn what_cannot_be_is_refused(traits: Traits, store: &impl Store) {
    apply(store, [whole("a/File", Some("1")), whole("a/folder/x", Some("1"))]).await;
    for edits in [
        vec![folder("b", &[("b/x", "1"), ("b/X", "1")])],
        vec![folder("b", &[("b/\u{e4}", "1"), ("b/a\u{308}", "1")])],
        vec![folder("b", &[("b/x", "1"), ("b/x/y", "1")])],
        vec![whole("b/x", Some("1")), folder("b", &[("b/x", "1")])],
    ] {
        assert!(is_clash(try_apply(store, &change("test", edits)).await));
    }
    let outside = change("test", [folder("b", &[("c/x", "1")])]);
    let error = try_apply(store, &outside).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::Path(_)), "{error:?}");
    if traits.folders {
        for at in ["a/file", "A/FILE", "a/folder", "a/File/x"] {
            let change = change("test", [whole(at, Some("1"))]);
            assert!(is_clash(try_apply(store, &change).await), "{at}");
        }
    }
    has(store, &[("a/File", "1"), ("a/folder/x", "1")]).await;
}

async fn one_bad_change_keeps_no_other_back(traits: Traits, store: &impl Store) {
    let changes = [
        change("first", [folder("a", &[("a/x", "1")])]),
        change("bad", [folder("b", &[("b/x", "1")]), folder("c", &[("c/x", "1"), ("c/X", "1")])]),
        // Of what the first has just written.
        change("last", [folder("a", &[("a/y", "1")])]),
    ];
    let results = store.apply(&changes, &|| true).await;
    assert_eq!(results.len(), 3);
    assert_eq!(counts(results[0].as_ref().unwrap()), (1, 0, 0));
    assert!(results[1].is_err());
    assert_eq!(counts(results[2].as_ref().unwrap()), (1, 1, 0));
    if traits.versions {
        let listing = store.list(&StorePath::root()).await.unwrap();
        assert_eq!(results[2].as_ref().unwrap().version, listing.version);
    }
    has(store, &[("a/y", "1")]).await;
}

async fn sizes_and_names(store: &impl Store) {
    let names = [
        "s/a b",
        "s/%41",
        "s/\u{e4}\u{1f600}",
        "s/a+b&c=d?e",
        "s/#x",
        "s/-",
        "s/...",
        "s/a:b",
        "s/~",
    ];
    let of = |name: &&str| File { at: path(name), content: content(name) };
    let big: Vec<u8> = (0..9_u32 << 20).map(|index| (index % 251) as u8).collect();
    let mut all: Vec<File> = names.iter().map(of).collect();
    all.push(File { at: path("s/empty"), content: content("") });
    all.push(File { at: path("s/big"), content: content(&big) });
    let edits = [Edit::Folder { at: path("s"), files: all }];
    assert_eq!(apply(store, edits.clone()).await.written, 11);
    assert_eq!(counts(&apply(store, edits).await), (0, 0, 11));
    for name in names {
        let found = store.read(&path(name), 100).await.unwrap();
        assert_eq!(found.as_deref(), Some(name.as_bytes()), "{name}");
    }
    assert_eq!(store.read(&path("s/empty"), 0).await.unwrap(), Some(Vec::new()));
    assert_eq!(store.read(&path("s/big"), 9 << 20).await.unwrap(), Some(big));
    let error = store.read(&path("s/big"), (9 << 20) - 1).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::TooLarge { .. }), "{error:?}");
    assert_eq!(store.list(&path("s")).await.unwrap().files.len(), 11);
}

async fn many_files(store: &impl Store) {
    let file = |index: usize| File {
        at: path(&format!("m/{}/{index}.yaml", index % 7)),
        content: content(index.to_string()),
    };
    let of = |range: std::ops::Range<usize>| Edit::Folder {
        at: path("m"),
        files: range.map(file).collect(),
    };
    assert_eq!(counts(&apply(store, [of(0..1100)]).await), (1100, 0, 0));
    assert_eq!(store.list(&path("m")).await.unwrap().files.len(), 1100);
    assert_eq!(counts(&apply(store, [of(1090..1101)]).await), (1, 1090, 10));
    assert_eq!(store.list(&StorePath::root()).await.unwrap().files.len(), 11);
}

async fn writers_at_once_lose_nothing<S: Store>(open: impl Fn() -> S) {
    let write = async |writer: usize| {
        let store = open();
        for round in 0..3 {
            let at = format!("w/{writer}");
            let (file, text) = (format!("{at}/{round}"), round.to_string());
            let parts = part(&format!("{writer}"), Some(&format!("kind: W{round}")));
            apply(&store, [folder(&at, &[(&file, &text)]), parts]).await;
        }
    };
    tokio::join!(write(0), write(1), write(2), write(3));
    let part = |writer: usize| format!("# bookend part: {writer}\n---\nkind: W2\n");
    let all: String = (0..4).map(part).collect();
    has(
        &open(),
        &[("w/0/2", "2"), ("w/1/2", "2"), ("w/2/2", "2"), ("w/3/2", "2"), ("d/all.yaml", &all)],
    )
    .await;
}

async fn stops_when_told(traits: Traits, store: &impl Store) {
    let changes =
        [change("a", [folder("a", &[("a/x", "1")])]), change("b", [folder("b", &[("b/x", "1")])])];
    for result in store.apply(&changes, &|| false).await {
        let trouble = result.unwrap_err().trouble;
        assert!(matches!(trouble, Trouble::Stopped), "{trouble:?}");
    }
    has(store, &[]).await;
    if traits.atomic {
        // However often it is asked before the end, either all of a change is there or nothing.
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let once = || asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 1;
        let change = change("a", [folder("a", &[("a/x", "1"), ("a/y", "1")])]);
        store.apply(&[change], &once).await;
        assert_ne!(contents(store).await.len(), 1);
    }
}

/// Stops a change at every step that others can see, and makes it again.
async fn a_stop_anywhere_heals<S: Store>(open: &impl Fn(&str) -> S) {
    let before = || {
        [
            folder("a", &[("a/x", "0"), ("a/old", "0"), ("a/b/old", "0")]),
            listed("w", &[("d/x", "0"), ("d/old", "0")]),
            listed("gone", &[("d/y", "0")]),
            part("p", Some("kind: P")),
        ]
    };
    let after = || {
        change(
            "after",
            [
                folder("a", &[("a/x", "1"), ("a/b", "1"), ("a/new", "1")]),
                listed("w", &[("d/x", "1"), ("d/new", "1")]),
                listed("gone", &[]),
                part("p", Some("kind: Q")),
                whole("d/canary", Some("1")),
            ],
        )
    };
    let expect = [
        ("a/x", "1"),
        ("a/b", "1"),
        ("a/new", "1"),
        ("d/x", "1"),
        ("d/new", "1"),
        ("d/.kratix/w", "files:\n- d/new\n- d/x\n"),
        ("d/all.yaml", "# bookend part: p\n---\nkind: Q\n"),
        ("d/canary", "1"),
    ];
    for failure in [Failure::Unreachable, Failure::AnswerLost] {
        for step in 1.. {
            let name = format!("heal-{failure:?}-{step}").to_lowercase();
            apply(&open(&name), before()).await;
            let failing = FailingStore::new(open(&name), When::Nth(step), failure);
            let result = try_apply(&failing, &after()).await;
            assert_eq!(result.is_err(), failing.failures() > 0, "{result:?}");
            // The same writer goes on, and one that knows nothing.
            try_apply(failing.inner(), &after()).await.unwrap();
            has(&open(&name), &expect).await;
            if failing.failures() == 0 {
                assert!(step > 1, "there are steps that fail");
                break;
            }
        }
    }
}
