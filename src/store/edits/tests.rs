//! Tables of what changes mean, and a machine that stops anywhere.

use super::*;

fn path(text: &str) -> StorePath {
    StorePath::exact(text).unwrap()
}

fn text(content: &str) -> Content {
    Content::Bytes(content.as_bytes().into())
}

fn file(at: &str, content: &str) -> File {
    File { at: path(at), content: text(content) }
}

fn change(edits: impl IntoIterator<Item = Edit>) -> Change {
    Change { name: "test".into(), edits: edits.into_iter().collect(), ..Change::default() }
}

fn folder(at: &str, files: &[(&str, &str)]) -> Edit {
    let files = files.iter().map(|(at, content)| file(at, content)).collect();
    Edit::Folder { at: path(at), files }
}

fn listed(files: &[(&str, &str)]) -> Edit {
    let files = files.iter().map(|(at, content)| file(at, content)).collect();
    Edit::Listed { base: path("d"), state: path("d/.kratix/ns-w.yaml"), files }
}

fn whole(at: &str, content: Option<&str>) -> Edit {
    Edit::Whole { at: path(at), content: content.map(text) }
}

fn part(of: &str, content: Option<&str>) -> Edit {
    let content = content.map(|content| vec![text(content)]);
    Edit::Part { at: path("d/all.yaml"), of: of.into(), content }
}

/// A store of the simplest kind.
type Files = BTreeMap<StorePath, Vec<u8>>;

fn files(content: &[(&str, &str)]) -> Files {
    content.iter().map(|(at, text)| (path(at), text.as_bytes().to_vec())).collect()
}

fn known(store: &Files, change: &Change) -> Known {
    let needs = needs(change);
    let is_in = |at: &&StorePath| needs.folders.iter().any(|folder| at.is_in(folder));
    let asked = |(at, bytes): (&StorePath, &Vec<u8>)| {
        needs.files.contains(at).then(|| (at.clone(), bytes.clone()))
    };
    Known {
        listed: store.keys().filter(is_in).cloned().collect(),
        contents: store.iter().filter_map(asked).collect(),
    }
}

/// Makes a change, no further than `steps_max` single steps; `false` when that was not enough.
fn make(store: &mut Files, change: &Change, steps_max: usize) -> bool {
    let steps = resolve(change, &known(store, change)).unwrap();
    let mut left = steps_max;
    let mut may = || {
        left = left.saturating_sub(1);
        left > 0
    };
    for phase in steps.phases {
        for put in phase.puts {
            if !may() {
                return false;
            }
            store.insert(put.at.clone(), contents::load(&put.at, &put.content).unwrap().to_vec());
        }
        for delete in phase.deletes {
            if !may() {
                return false;
            }
            store.remove(&delete);
        }
    }
    true
}

fn shown(store: &Files) -> Vec<(String, String)> {
    store
        .iter()
        .map(|(at, bytes)| (at.to_string(), String::from_utf8_lossy(bytes).into()))
        .collect()
}

/// Makes a change of a store, all at once and stopped after every step, and compares the ends.
fn check(before: &[(&str, &str)], edits: &[Edit], after: &[(&str, &str)]) {
    let change = change(edits.to_vec());
    let start = files(before);
    let end = files(after);
    let once = resolve(&change, &known(&start, &change)).unwrap().at_once();
    let mut store = start.clone();
    for put in &once.puts {
        assert!(!once.deletes.contains(&put.at));
        store.insert(put.at.clone(), contents::load(&put.at, &put.content).unwrap().to_vec());
    }
    for delete in &once.deletes {
        store.remove(delete);
    }
    assert_eq!(shown(&store), shown(&end), "all at once");
    for steps in 1.. {
        let mut store = start.clone();
        let done = make(&mut store, &change, steps);
        assert!(make(&mut store, &change, usize::MAX));
        assert_eq!(shown(&store), shown(&end), "stopped before step {steps}");
        if done {
            break;
        }
    }
}

fn trouble(before: &[(&str, &str)], edits: &[Edit]) -> String {
    let change = change(edits.to_vec());
    resolve(&change, &known(&files(before), &change)).unwrap_err().to_string()
}

#[test]
fn a_folder_holds_exactly_what_is_given() {
    check(&[], &[folder("a", &[("a/x", "1")])], &[("a/x", "1")]);
    check(
        &[("a/x", "0"), ("a/b/y", "0"), ("ab/z", "0"), ("a.yaml", "0")],
        &[folder("a", &[("a/x", "1")])],
        &[("a/x", "1"), ("ab/z", "0"), ("a.yaml", "0")],
    );
    check(&[("a/x", "0"), ("ab/x", "0")], &[folder("a", &[])], &[("ab/x", "0")]);
    // A file becomes a folder, and the other way round; a name changes its case.
    check(&[("a/x", "0")], &[folder("a", &[("a/x/y", "1")])], &[("a/x/y", "1")]);
    check(&[("a/x/y", "0")], &[folder("a", &[("a/x", "1")])], &[("a/x", "1")]);
    check(&[("a/X", "0")], &[folder("a", &[("a/x", "1")])], &[("a/x", "1")]);
}

#[test]
fn what_moves_between_edits_of_a_change_stays() {
    let edits = [folder("a", &[]), folder("a/b", &[("a/b/x", "1")]), whole("a/y", Some("1"))];
    check(&[("a/y", "0"), ("a/z", "0")], &edits, &[("a/b/x", "1"), ("a/y", "1")]);
}

const STATE: &str = "d/.kratix/ns-w.yaml";

#[test]
fn listed_files_come_and_go_with_their_state_file() {
    let one = (STATE, "files:\n- d/x\n");
    let two = (STATE, "files:\n- d/x\n- d/y\n");
    check(&[], &[listed(&[("d/y", "1"), ("d/x", "1")])], &[("d/x", "1"), ("d/y", "1"), two]);
    check(
        &[("d/x", "0"), ("d/y", "0"), ("d/other", "0"), two],
        &[listed(&[("d/x", "1")])],
        &[("d/x", "1"), ("d/other", "0"), one],
    );
    check(
        &[("d/x", "0"), ("d/z", "0"), (STATE, "files: [d/x, d/z]")],
        &[listed(&[("d/x", "1"), ("d/y", "1")])],
        &[("d/x", "1"), ("d/y", "1"), two],
    );
    check(&[("d/x", "0"), ("d/z", "0"), one], &[listed(&[])], &[("d/z", "0")]);
    check(&[("d/z", "0")], &[listed(&[])], &[("d/z", "0")]);
}

#[test]
fn a_state_file_reaches_nothing_outside_of_its_destination() {
    let mine = [("d/x", "0"), ("d/d/old", "0"), ("d/old", "0")];
    let others = [("e/x", "0"), ("de/x", "0"), ("x", "0"), ("d/.kratix/ns-other.yaml", "0")];
    let state = "files:\n- d/x\n- old\n- /d/d//old\n- ../e/x\n- d/../e/x\n- e/x\n- de/x\n- /e/x\n\
                 - d\n- ''\n- d/.kratix/ns-other.yaml\n- .KRATIX/ns-other.yaml\n- .git/config\n";
    let before: Vec<_> = mine.into_iter().chain(others).chain([(STATE, state)]).collect();
    check(&before, &[listed(&[])], &others);
}

#[test]
fn older_state_files_list_paths_without_the_destination() {
    let state = (STATE, "files:\n- x\n- sub/y\n");
    check(&[("d/x", "0"), ("d/sub/y", "0"), ("x", "0"), state], &[listed(&[])], &[("x", "0")]);
}

#[test]
fn an_empty_state_file_lists_nothing_and_a_damaged_one_needs_somebody() {
    for state in ["", "---\n", "{}", "files:\n", "files: []", "other: 1\n"] {
        check(&[("d/x", "0"), (STATE, state)], &[listed(&[])], &[("d/x", "0")]);
    }
    for (state, why) in [
        ("files: [", "line 1"),
        ("<<<<<<< HEAD\nfiles:\n- d/x\n", "line 2"),
        ("- d/x\n", "a list where a map was expected"),
        ("files: d/x\n", "`files` is text, no list"),
        ("files:\n- [d/x]\n", "`files` lists a list, no path"),
        ("\0", "control character"),
    ] {
        let text = trouble(&[(STATE, state)], &[listed(&[("d/x", "1")])]);
        assert!(
            text.starts_with(
                "what is there cannot be used: the state file `d/.kratix/ns-w.yaml`: "
            ),
            "{text}"
        );
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn whole_files_and_parts() {
    check(
        &[("a", "0")],
        &[whole("a", Some("1")), whole("b", Some("1"))],
        &[("a", "1"), ("b", "1")],
    );
    check(&[("a", "0")], &[whole("a", None), whole("b", None)], &[]);
    let one = ("d/all.yaml", "# bookend part: a\n---\nkind: A\n");
    let both = ("d/all.yaml", "# bookend part: a\n---\nkind: A\n# bookend part: b\n---\nkind: B\n");
    check(&[], &[part("b", Some("kind: B")), part("a", Some("kind: A"))], &[both]);
    check(&[both], &[part("b", None)], &[one]);
    check(&[both], &[part("a", None), part("b", None)], &[]);
    check(&[], &[part("a", None)], &[]);
    check(&[("d/all.yaml", "kind: Mine\n")], &[part("a", None)], &[("d/all.yaml", "kind: Mine\n")]);
}

#[test]
fn a_file_that_moves_between_two_that_stay_is_not_lost_whichever_is_written_first() {
    let of = |name: &str, files: &[(&str, &str)]| Edit::Listed {
        base: path("d"),
        state: path(&format!("d/.kratix/{name}.yaml")),
        files: files.iter().map(|(at, content)| file(at, content)).collect(),
    };
    // `x` is moved from `g` to `h`; each change holds the other as well.
    let g = of("g", &[("d/y", "1")]);
    let h = of("h", &[("d/x", "2"), ("d/z", "1")]);
    for order in [[&g, &h], [&h, &g]] {
        let mut store = files(&[]);
        let both = [of("g", &[("d/x", "1"), ("d/y", "1")]), of("h", &[("d/z", "1")])];
        assert!(make(&mut store, &change(both), usize::MAX));
        for first in order {
            let other = if *first == g { &h } else { &g };
            assert!(make(&mut store, &change([first.clone(), other.clone()]), usize::MAX));
            assert_eq!(store.get(&path("d/x")).map(Vec::as_slice), Some(b"2".as_slice()));
        }
    }
}

#[test]
fn what_cannot_be_beside_each_other_is_refused() {
    for (edits, expect) in [
        (
            vec![folder("a", &[("a/x", "1"), ("a/X", "1")])],
            "`a/X` and `a/x` cannot both be there: on a disk",
        ),
        (
            vec![folder("a", &[("a/\u{e4}", "1"), ("a/a\u{308}", "1")])],
            "on a disk that ignores case",
        ),
        (vec![folder("a", &[("a/x", "1"), ("a/x/y", "1")])], "one is the folder of the other"),
        (vec![folder("a", &[("a/X", "1"), ("a/x/y/z", "1")])], "one is the folder of the other"),
        (vec![folder("a", &[("a/x", "1"), ("a/x", "1")])], "only once what is in a file"),
        (vec![whole("a", Some("1")), whole("a", None)], "only once what is in a file"),
        (
            vec![whole("a", Some("1")), folder("b", &[("b/x", "1")]), whole("A/b", Some("1"))],
            "one is the folder",
        ),
        (vec![listed(&[("d/x", "1")]), listed(&[("d/y", "1")])], "only once what is in a file"),
        (vec![whole("d/all.yaml", Some("1")), part("a", None)], "only once what is in a part"),
        (vec![part("a", None), whole("d/all.yaml", Some("1"))], "only once what is in a file"),
        (vec![part("a", None), part("a", Some("1"))], "only once what is in a part"),
        (vec![listed(&[("d/.kratix/x", "1")])], "the state files of the platform"),
        (vec![listed(&[("d/.Kratix", "1")])], "the state files of the platform"),
        (vec![listed(&[("e/x", "1")])], "the path `e/x` stands outside of `d`"),
        (vec![listed(&[("d", "1")])], "the path `d` stands outside of `d`"),
        (vec![folder("a", &[("ab/x", "1")])], "the path `ab/x` stands outside of `a`"),
        (vec![folder("", &[])], "is the root of the store"),
        (vec![whole("", None)], "is the root of the store"),
    ] {
        let text = trouble(&[], &edits);
        assert!(text.contains(expect), "{text} / {expect}");
    }
}

#[test]
fn neighbours_that_stay_are_met_and_those_that_go_are_not() {
    let store = files(&[("a/x", ""), ("a/B/y", ""), ("a/f/z", ""), ("c/\u{e4}", "")]);
    let entries = |folder: &StorePath| {
        let mut found: BTreeMap<String, bool> = BTreeMap::new();
        for at in store.keys().filter(|at| at.is_in(folder)) {
            let mut names = at.names().skip(folder.names().count());
            if let Some(name) = names.next() {
                found.insert(name.to_owned(), names.next().is_some());
            }
        }
        Ok(found.into_iter().map(|(name, is_folder)| Entry { name, is_folder }).collect())
    };
    for (put, deletes, met) in [
        ("a/x", &[][..], None),
        ("a/X", &[], Some("`a/x` and `a/X` cannot both be there: on a disk")),
        ("A/x", &[], Some("`a/x` and `A/x` cannot")),
        ("A/y", &[], None),
        ("A/b/Y", &[], Some("`a/B/y` and `A/b/Y` cannot")),
        ("a/X", &["a/x"], None),
        ("a/x/y", &[], Some("`a/x` and `a/x/y` cannot both be there: one is the folder")),
        ("a/x/y", &["a/x"], None),
        ("a/f", &[], Some("`a/f` and `a/f` cannot both be there: one is the folder")),
        ("a/f", &["a/f/z"], None),
        ("c/a\u{308}", &[], Some("on a disk that ignores")),
        ("new/x", &[], None),
    ] {
        let deletes: Vec<_> = deletes.iter().map(|at| path(at)).collect();
        let answer =
            with_neighbours(&[file(put, "")], &deletes, entries).map_err(|error| error.to_string());
        match (answer, met) {
            (Ok(()), None) => {}
            (Err(text), Some(expect)) => assert!(text.contains(expect), "{put}: {text}"),
            (answer, _) => panic!("{put}: {answer:?}"),
        }
    }
}
