//! A bucket in memory, and one that records, fails and interferes.

mod fake;

use std::sync::atomic::Ordering;

use object_store::ObjectStoreExt as _;

use self::fake::Fake;
use super::*;
use crate::core::placement::{Content, File};

const ON: &(dyn Fn() -> bool + Send + Sync) = &|| true;

fn at(text: &str) -> StorePath {
    StorePath::exact(text).unwrap()
}

fn bytes(text: &str) -> Content {
    Content::Bytes(text.as_bytes().into())
}

fn files(files: &[(&str, &str)]) -> Vec<File> {
    files.iter().map(|(path, text)| File { at: at(path), content: bytes(text) }).collect()
}

fn change(edits: Vec<Edit>) -> Change {
    Change { name: "w".to_owned(), edits, ..Change::default() }
}

fn folder(path: &str, given: &[(&str, &str)]) -> Change {
    change(vec![Edit::Folder { at: at(path), files: files(given) }])
}

fn listed(given: &[(&str, &str)]) -> Change {
    let (base, state) = (at("d"), at("d/.kratix/ns-w.yaml"));
    change(vec![Edit::Listed { base, state, files: files(given) }])
}

fn part(of: &str, text: Option<&str>) -> Change {
    let content = text.map(|text| vec![bytes(text)]);
    change(vec![Edit::Part { at: at("all.yaml"), of: of.to_owned(), content }])
}

fn store(fake: &Fake, root: &str) -> BucketStore {
    BucketStore::over(Arc::new(fake.clone()), "mem://b".to_owned(), at(root))
}

async fn made(store: &BucketStore, change: &Change) -> Applied {
    store.apply(std::slice::from_ref(change), ON).await.remove(0).unwrap()
}

async fn refused(store: &BucketStore, change: &Change) -> Trouble {
    store.apply(std::slice::from_ref(change), ON).await.remove(0).unwrap_err().trouble
}

#[tokio::test]
async fn what_is_there_already_is_not_written_again() {
    let fake = Fake::default();
    let store = store(&fake, "root");
    let files = [("g/a.yaml", "a"), ("g/b/c.yaml", "c")];
    let first = made(&store, &folder("g", &files)).await;
    assert_eq!((first.written, first.deleted, first.unchanged, first.bytes), (2, 0, 0, 2));
    assert_eq!(fake.keys(), ["root/g/a.yaml", "root/g/b/c.yaml"]);

    let wrote = fake.writes();
    let again = made(&store, &folder("g", &files)).await;
    assert_eq!((again.written, again.deleted, again.unchanged), (0, 0, 2));
    assert_eq!(fake.writes(), wrote, "no put and no delete");
    assert_eq!(again.version, first.version);

    let other = made(&store, &folder("g", &[("g/a.yaml", "A"), ("g/d.yaml", "d")])).await;
    assert_eq!((other.written, other.deleted, other.unchanged), (2, 1, 0));
    assert_ne!(other.version, first.version);
    assert_eq!(fake.keys(), ["root/g/a.yaml", "root/g/d.yaml"]);
}

#[tokio::test]
async fn the_same_is_known_with_and_without_our_hash_and_an_etag_that_is_md5() {
    // An ETag that is an MD5 costs nothing; our hash costs a look; what others wrote is compared.
    for (md5, hashes, reads) in [(true, true, 0), (false, true, 1), (false, false, 2)] {
        let fake = Fake::default();
        fake.md5_tags.store(md5, Ordering::Relaxed);
        fake.no_metadata.store(!hashes, Ordering::Relaxed);
        let store = store(&fake, "");
        made(&store, &folder("g", &[("g/a", "same")])).await;
        let (wrote, read) = (fake.writes(), fake.reads());
        let again = made(&store, &folder("g", &[("g/a", "same")])).await;
        assert_eq!((again.written, again.unchanged), (0, 1));
        assert_eq!((fake.writes(), fake.reads() - read), (wrote, reads), "{md5} {hashes}");
        let other = made(&store, &folder("g", &[("g/a", "else")])).await;
        assert_eq!((other.written, other.unchanged), (1, 0));
        assert_eq!(fake.text("g/a"), "else");
    }
}

#[tokio::test]
async fn neighbours_with_the_same_beginning_and_keys_of_others_stay() {
    let fake = Fake::default();
    for key in ["r/a/old", "r/ab/x", "r/a", "ra/x", "r/a/.git/config", "r/a/b\\c"] {
        fake.inner.put(&Path::parse(key).unwrap(), "other".into()).await.unwrap();
    }
    let store = store(&fake, "r");
    let applied = made(&store, &folder("a", &[])).await;
    assert_eq!((applied.written, applied.deleted), (0, 1));
    assert_eq!(fake.keys(), ["r/a", "r/a/.git/config", "r/a/b\\c", "r/ab/x", "ra/x"]);
    let listing = store.list(&StorePath::root()).await.unwrap();
    let found: Vec<&str> = listing.files.iter().map(|file| file.at.as_str()).collect();
    assert_eq!(found, ["a", "ab/x"]);
    assert_eq!(store.list(&at("b")).await.unwrap().files, []);
}

#[tokio::test]
async fn files_between_those_of_others_come_and_go_by_the_state_file() {
    let fake = Fake::default();
    let store = store(&fake, "");
    fake.inner.put(&Path::from("d/theirs"), "x".into()).await.unwrap();
    made(&store, &listed(&[("d/a", "a"), ("d/b", "b")])).await;
    assert_eq!(fake.keys(), ["d/.kratix/ns-w.yaml", "d/a", "d/b", "d/theirs"]);
    let applied = made(&store, &listed(&[("d/b", "b"), ("d/c", "c")])).await;
    assert_eq!((applied.written, applied.deleted, applied.unchanged), (2, 1, 1));
    assert_eq!(fake.keys(), ["d/.kratix/ns-w.yaml", "d/b", "d/c", "d/theirs"]);
    let wrote = fake.writes();
    let again = made(&store, &listed(&[("d/b", "b"), ("d/c", "c")])).await;
    assert_eq!((again.written, again.version), (0, applied.version));
    assert_eq!(fake.writes(), wrote);
    made(&store, &listed(&[])).await;
    assert_eq!(fake.keys(), ["d/theirs"]);
}

#[tokio::test]
async fn what_is_gone_is_not_deleted_again() {
    let fake = Fake::default();
    let store = store(&fake, "");
    let gone = change(vec![Edit::Whole { at: at("canary"), content: None }]);
    made(&store, &change(vec![Edit::Whole { at: at("canary"), content: Some(bytes("x")) }])).await;
    assert_eq!(made(&store, &gone).await.deleted, 1);
    // In a bucket with versions a delete of nothing leaves a mark.
    let wrote = fake.writes();
    assert_eq!(made(&store, &gone).await.deleted, 0);
    assert_eq!(fake.writes(), wrote);
}

#[tokio::test]
async fn many_files_are_looked_for_in_one_listing() {
    let fake = Fake::default();
    fake.md5_tags.store(true, Ordering::Relaxed);
    let store = store(&fake, "");
    let names: Vec<String> = (0..100).map(|n| format!("d/f{n:03}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    made(&store, &listed(&many)).await;
    let read = fake.reads();
    let again = made(&store, &listed(&many)).await;
    assert_eq!((again.written, again.unchanged), (0, 101));
    assert_eq!(fake.reads() - read, 1, "the state file; the others are in the listing");
}

#[tokio::test]
async fn parts_of_two_writers_are_both_there_whoever_is_first() {
    let fake = Fake::default();
    let store = store(&fake, "");
    made(&store, &part("a", Some("kind: A"))).await;
    // Between the look and the write of `b` somebody writes `c`.
    let intruder = "# bookend part: c\n---\nkind: C\n";
    fake.interfere("all.yaml", intruder);
    let applied = made(&store, &part("b", Some("kind: B"))).await;
    assert_eq!(applied.attempts, 2);
    assert_eq!(fake.text("all.yaml"), format!("# bookend part: b\n---\nkind: B\n{intruder}"));
    let fake = Fake::default();
    let store = self::store(&fake, "");
    fake.interfere("all.yaml", intruder);
    made(&store, &part("b", Some("kind: B"))).await;
    assert_eq!(fake.text("all.yaml"), format!("# bookend part: b\n---\nkind: B\n{intruder}"));
}

#[tokio::test]
async fn what_somebody_writes_into_a_file_that_is_about_to_go_or_to_be_replaced_stays() {
    let intruder = "# bookend part: c\n---\nkind: C\n";
    let fake = Fake::default();
    let store = store(&fake, "");
    made(&store, &part("a", Some("kind: A"))).await;
    fake.interfere_with_a_look("all.yaml", intruder);
    let applied = made(&store, &part("a", None)).await;
    assert_eq!((applied.attempts, applied.deleted), (2, 0));
    assert_eq!(fake.text("all.yaml"), intruder);
    // One that is too long for one request has no condition.
    let long = format!("kind: A\ntext: {}", "x".repeat(9 << 20));
    fake.interfere_with_a_look("all.yaml", &intruder.replace("part: c", "part: d"));
    let applied = made(&store, &part("a", Some(&long))).await;
    assert_eq!(applied.attempts, 2);
    let text = fake.text("all.yaml");
    assert!(text.contains("part: a\n") && text.contains("part: d\n"), "{}", text.len());
    made(&store, &part("a", None)).await;
    made(&store, &part("d", None)).await;
    assert_eq!(fake.keys(), [""; 0]);
}

#[tokio::test]
async fn what_a_writer_that_died_had_sent_and_comes_in_late_does_not_stay() {
    for (late, deleted) in [("g/stray", 1), ("g/a", 0)] {
        let fake = Fake::default();
        let store = store(&fake, "");
        let given = [("g/a", "1"), ("g/b", "1")];
        made(&store, &folder("g", &given[..1])).await;
        fake.interfere(late, "from the dead");
        let applied = made(&store, &folder("g", &given)).await;
        assert_eq!(applied.deleted, deleted, "{late}");
        // Files are looked at side by side: what comes in before `g/a` is looked at is seen the first time.
        assert!(applied.attempts == 2 || late == "g/a" && applied.written == 2, "{applied:?}");
        assert_eq!(fake.keys(), ["g/a", "g/b"]);
        assert_eq!(fake.text("g/a"), "1");
    }
}

#[tokio::test]
async fn a_server_without_conditions_or_metadata_is_written_without() {
    let fake = Fake::default();
    fake.no_metadata.store(true, Ordering::Relaxed);
    fake.no_conditions.store(true, Ordering::Relaxed);
    let store = store(&fake, "");
    made(&store, &part("a", Some("kind: A"))).await;
    let applied = made(&store, &part("b", Some("kind: B"))).await;
    assert_eq!((applied.written, applied.attempts), (1, 1));
}

/// Makes a change again and again, each time with a crash one operation later, and looks whether the next run ends well.
#[tokio::test]
async fn a_crash_at_every_operation_is_mended_by_the_next_run() {
    let before = [("d/a", "1"), ("d/b", "1"), ("d/c", "1")];
    let after = [("d/b", "2"), ("d/c", "1"), ("d/e", "2"), ("d/f", "2")];
    for (old, new) in [
        (listed(&before), listed(&after)),
        (listed(&before), listed(&[])),
        (folder("d", &before), folder("d", &after)),
        (listed(&before), listed(&[("d/a/x", "2"), ("d/b", "1")])),
    ] {
        let whole = Fake::default();
        made(&store(&whole, ""), &old).await;
        made(&store(&whole, ""), &new).await;
        let mut crashes = 0;
        for operations in 0.. {
            let fake = Fake::default();
            fake.inner.put(&Path::from("d/theirs"), "x".into()).await.unwrap();
            let listed = matches!(old.edits[0], Edit::Listed { .. });
            made(&store(&fake, ""), &old).await;
            fake.crash_after(operations);
            let done = store(&fake, "").apply(std::slice::from_ref(&new), ON).await.remove(0);
            fake.works_again();
            made(&store(&fake, ""), &new).await;
            let theirs = if listed { vec!["d/theirs".to_owned()] } else { Vec::new() };
            let mut expect = [whole.keys(), theirs].concat();
            expect.sort();
            assert_eq!(fake.keys(), expect, "after {operations} operations");
            if done.is_ok() {
                break;
            }
            crashes += 1;
        }
        assert!(crashes > 3, "{crashes}");
    }
}

#[tokio::test]
async fn a_file_of_many_parts_is_sent_in_parts_and_compared_by_our_hash() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..13_u32 << 18).flat_map(u32::to_le_bytes).collect();
    std::fs::write(folder.path().join("big"), &content).unwrap();
    let disk = Content::Disk {
        root: Arc::new(folder.path().to_owned()),
        path: "big".into(),
        bytes: content.len() as u64,
    };
    let change = change(vec![Edit::Folder {
        at: at("g"),
        files: vec![File { at: at("g/big"), content: disk }],
    }]);
    let fake = Fake::default();
    let store = store(&fake, "");
    assert_eq!(made(&store, &change).await.bytes, content.len() as u64);
    assert_eq!(fake.parts.load(Ordering::Relaxed), 3);
    assert!(store.read(&at("g/big"), u64::MAX).await.unwrap().unwrap() == content);
    let error = store.read(&at("g/big"), 10).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::TooLarge { bytes_max: 10, .. }));
    let again = made(&store, &change).await;
    assert_eq!((again.written, again.unchanged), (0, 1));
    assert_eq!(fake.parts.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn files_that_cannot_be_beside_each_other_are_refused_before_anything_is_written() {
    let fake = Fake::default();
    let store = store(&fake, "");
    for clash in [[("g/A", "1"), ("g/a", "2")], [("g/a", "1"), ("g/a/b", "2")]] {
        let trouble = refused(&store, &folder("g", &clash)).await;
        assert!(matches!(trouble, Trouble::Clash { .. }), "{trouble}");
    }
    assert_eq!(fake.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn who_may_not_go_on_writes_nothing_more() {
    let fake = Fake::default();
    let store = store(&fake, "");
    let changes = [folder("g", &[("g/a", "1")]), folder("h", &[("h/a", "1")])];
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let may_go_on = move || asked.fetch_add(1, Ordering::Relaxed) < 1;
    let results = store.apply(&changes, &may_go_on).await;
    for result in results {
        assert!(matches!(result.unwrap_err().trouble, Trouble::Stopped));
    }
    assert_eq!(fake.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn changes_that_meet_are_made_in_their_order_and_answered_in_it() {
    let fake = Fake::default();
    let store = store(&fake, "");
    let changes: Vec<Change> = (0..40)
        .map(|number| {
            let place = format!("g{}", number % 10);
            folder(&place, &[(&format!("{place}/a"), &number.to_string())])
        })
        .collect();
    let results = store.apply(&changes, ON).await;
    assert_eq!(results.iter().filter(|result| result.as_ref().unwrap().written == 1).count(), 40);
    for place in 0..10 {
        assert_eq!(fake.text(&format!("g{place}/a")), format!("{}", 30 + place));
    }
    assert_eq!(apart(&changes), 10);
    for (one, other, count) in [
        (folder("a", &[]), folder("ab", &[]), 2),
        (folder("a", &[]), folder("a/b", &[]), 1),
        (folder("d/x", &[]), listed(&[]), 1),
        (part("a", None), part("b", None), 1),
    ] {
        assert_eq!(apart(&[one, other]), count);
    }
}

#[tokio::test]
async fn one_change_that_fails_does_not_keep_others_from_being_made() {
    let fake = Fake::default();
    let store = store(&fake, "");
    let bad = folder("g", &[("g/a", "1"), ("g/A", "1")]);
    let results = store.apply(&[bad, folder("h", &[("h/a", "1")])], ON).await;
    assert!(results[0].is_err() && results[1].is_ok());
    assert_eq!(fake.keys(), ["h/a"]);
}

#[tokio::test]
async fn a_check_leaves_nothing() {
    let fake = Fake::default();
    store(&fake, "r").check().await.unwrap();
    assert_eq!(fake.keys(), Vec::<String>::new());
    fake.crash_after(0);
    store(&fake, "r").check().await.unwrap_err();
}
