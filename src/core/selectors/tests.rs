//! Tables of the rules of contract.md 7.1 and 2.2.

use super::*;

fn text(value: &str) -> Node {
    Node::Text(value.into())
}

fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    Node::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> MatchLabels {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn entry(directory: Node) -> Node {
    map([("matchLabels", map([("a", text("b"))])), ("directory", directory)])
}

fn check_error(document: Node, expect: &str) {
    let error = parse(&document).unwrap_err();
    assert!(error.to_string().contains(expect), "{error}");
    assert!(!error.hint().is_empty());
}

#[test]
fn paths_are_cleaned_as_go_does() {
    for (path, expect) in [
        ("", "."),
        (".", "."),
        ("./", "."),
        ("foo", "foo"),
        ("foo/", "foo"),
        ("./foo//", "foo"),
        ("foo/..", "."),
        ("foo/../bar", "bar"),
        ("foo/bar/../..", "."),
        ("..", ".."),
        ("../", ".."),
        ("../..", "../.."),
        ("foo/../..", ".."),
        ("../foo", "../foo"),
        ("/", "/"),
        ("//", "/"),
        ("/..", "/"),
        ("/../foo", "/foo"),
        ("/foo/..", "/"),
        ("foo//bar", "foo/bar"),
        ("...", "..."),
        ("..foo", "..foo"),
    ] {
        assert_eq!(clean(path), expect, "{path}");
    }
}

#[test]
fn entries_keep_their_order_and_their_labels_as_text() {
    let document = Node::List(vec![
        map([
            (
                "matchLabels",
                map([("pci", Node::Bool(true)), ("n", Node::Int(8)), ("e", Node::Null)]),
            ),
            ("directory", text("foo/")),
        ]),
        map([("matchlabels", map([("x", text("y"))])), ("unknown", Node::List(vec![]))]),
    ]);
    assert_eq!(
        parse(&document).unwrap(),
        [
            Entry {
                directory: "foo".into(),
                match_labels: labels([("pci", "true"), ("n", "8"), ("e", "")]),
            },
            Entry { directory: ".".into(), match_labels: labels([("x", "y")]) },
        ]
    );
}

#[test]
fn an_empty_document_has_no_entries() {
    assert_eq!(parse(&Node::Null), Ok(vec![]));
    assert_eq!(parse(&Node::List(vec![])), Ok(vec![]));
}

#[test]
fn wrong_types_are_refused() {
    const TYPE: &str = "invalid destination-selectors.yaml: error unmarshaling JSON";
    let list = Node::List(vec![]);
    for document in [
        text("hello"),
        Node::Int(1),
        map([("environment", text("dev"))]),
        Node::List(vec![text("foo")]),
        Node::List(vec![map([("matchLabels", text("foo"))])]),
        Node::List(vec![map([("matchLabels", list.clone())])]),
        Node::List(vec![map([("matchLabels", map([("a", list.clone())]))])]),
        Node::List(vec![map([("matchLabels", map([("a", map([]))]))])]),
        Node::List(vec![entry(list)]),
        // A wrong type anywhere comes before every other check.
        Node::List(vec![map([]), text("foo")]),
    ] {
        check_error(document, TYPE);
    }
}

#[test]
fn checks_come_in_the_order_of_the_original() {
    let foo = || entry(text("foo"));
    let bare = |directory: &str| map([("directory", text(directory))]);
    check_error(Node::List(vec![Node::Null]), "entry with index 0 has no selectors");
    check_error(Node::List(vec![foo(), map([("matchLabels", map([]))])]), "entry with index 1");
    check_error(Node::List(vec![foo(), bare("foo")]), "entry with index 1 has no selectors");
    check_error(Node::List(vec![foo(), entry(text("foo/"))]), "duplicate entries in");
    check_error(Node::List(vec![entry(Node::Null), entry(text("."))]), "duplicate entries in");
    let nested = || entry(text("foo/deep"));
    check_error(Node::List(vec![nested(), nested()]), "duplicate entries in");
    check_error(Node::List(vec![nested()]), "foo/deep, sub-directories are not allowed");
    check_error(Node::List(vec![entry(text("/etc"))]), "/etc, sub-directories are not allowed");
    check_error(Node::List(vec![entry(text("../x"))]), "../x, sub-directories are not allowed");
}

#[test]
fn directories_outside_the_output_are_refused() {
    for directory in ["/", "..", "../", "/..", "foo/../.."] {
        check_error(Node::List(vec![entry(text(directory))]), "is not inside the output folder");
    }
}

#[test]
fn spellings_of_a_key_are_merged_in_bytewise_order() {
    let spelled = |upper: Node, lower: Node| {
        let document = Node::List(vec![map([("matchlabels", lower), ("matchLabels", upper)])]);
        parse(&document).map(|entries| entries[0].match_labels.clone())
    };
    let a = |value: &str| map([("a", text(value))]);
    assert_eq!(spelled(a("1"), a("2")), Ok(labels([("a", "2")])));
    assert_eq!(spelled(a("1"), map([("c", text("d"))])), Ok(labels([("a", "1"), ("c", "d")])));
    assert_eq!(spelled(a("1"), Node::Null), Err(SelectorsError::NoLabels { index: 0 }));
    let directories = map([
        ("matchLabels", a("1")),
        ("directory", text("foo")),
        ("Directory", text("bar")),
        ("DIRECTORY", Node::Null),
    ]);
    assert_eq!(parse(&Node::List(vec![directories])).unwrap()[0].directory, "foo");
}

#[test]
fn the_promise_s_entries_are_squashed_per_source_and_the_first_wins() {
    let of = |source: Node, key: &str, value: &str| {
        map([("matchlabels", map([(key, text(value))])), ("source", source)])
    };
    let document = Node::List(vec![
        of(text("promise"), "a", "1"),
        of(text("promise"), "a", "2"),
        of(text("resource-workflow"), "dropped", "x"),
        of(text("Promise"), "dropped", "x"),
        of(Node::Null, "dropped", "x"),
        of(text("promise"), "b", "3"),
        of(text("promise-workflow"), "w", "4"),
        Node::Null,
    ]);
    assert_eq!(
        parse_promise(&document).unwrap(),
        [
            Selector { match_labels: labels([("w", "4")]), source: "promise-workflow".into() },
            Selector { match_labels: labels([("a", "1"), ("b", "3")]), source: "promise".into() },
        ]
    );
}

#[test]
fn a_promise_entry_without_labels_counts() {
    for value in [Node::Null, map([])] {
        let document = Node::List(vec![map([("matchlabels", value), ("source", text("promise"))])]);
        let [selector] = &parse_promise(&document).unwrap()[..] else { panic!("one selector") };
        assert!(selector.match_labels.is_empty());
    }
    assert_eq!(parse_promise(&Node::Null), Ok(vec![]));
}

#[test]
fn a_promise_file_of_the_wrong_type_is_refused() {
    for document in [map([]), text("x"), Node::List(vec![Node::Int(1)])] {
        let error = parse_promise(&document).unwrap_err();
        assert!(error.to_string().starts_with("invalid promise-scheduling: "), "{error}");
    }
}

#[test]
fn a_directory_that_contradicts_the_promise_is_found() {
    let entries = [
        Entry { directory: "foo".into(), match_labels: labels([("env", "dev"), ("x", "1")]) },
        Entry { directory: "bar".into(), match_labels: labels([("env", "prod")]) },
        Entry { directory: ROOT.into(), match_labels: labels([("env", "dev")]) },
    ];
    let promise = [Selector { match_labels: labels([("env", "prod")]), source: "promise".into() }];
    assert_eq!(contradictions(&entries, &promise), [("foo", "env")]);
    assert_eq!(contradictions(&entries, &[]), []);
}
