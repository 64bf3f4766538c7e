//! Files of each mode (contract.md 10.4), as changes of a store.

use serde_json::json;

use super::*;
use crate::core::workloads::Packer;

fn setup(path: &str, mode: &str) -> Setup {
    let spec = json!({"path": path, "filepath": {"mode": mode}});
    destination("d", &[], spec).setup.unwrap()
}

fn bytes(text: &str) -> Content {
    Content::Bytes(text.as_bytes().into())
}

fn piece<'a>(name: &'a str, files: &[(&str, &str)]) -> Piece<'a> {
    let placed = Placed {
        name,
        namespace: "default",
        request_namespace: "default",
        promise: "redis",
        resource: "r1",
        pipeline: "main",
        group: "5058f1af8388633f609cadb75a75dc9d",
        folder: None,
    };
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), bytes(text))).collect();
    Piece { placed, files }
}

fn edits(setup: &Setup, pieces: &[Piece<'_>]) -> Vec<String> {
    let change = change(setup, "wp", Default::default(), pieces).unwrap();
    let list =
        |files: &[File]| files.iter().map(|one| one.at.to_string()).collect::<Vec<_>>().join(",");
    let text = |edit: &Edit| match edit {
        Edit::Folder { at, files } => format!("folder {at}: {}", list(files)),
        Edit::Listed { base, state, files } => format!("listed {base} {state}: {}", list(files)),
        Edit::Part { at, of, content } => {
            format!("part {at} {of}: {}", content.as_ref().map_or(0, Vec::len))
        }
        Edit::Whole { at, content } => format!("whole {at}: {}", content.is_some()),
    };
    change.edits.iter().map(text).collect()
}

#[test]
fn vectors_of_the_contract_hold() {
    let one = piece("wp1", &[("a.yaml", "a: 1\n"), ("d/b.yaml", "")]);
    assert_eq!(
        edits(&setup("w1", "nestedByMetadata"), std::slice::from_ref(&one)),
        ["folder w1/resources/default/redis/r1/main/5058f: \
          w1/resources/default/redis/r1/main/5058f/a.yaml,w1/resources/default/redis/r1/main/5058f/d/b.yaml"]
    );
    assert_eq!(
        edits(&setup("w1", "none"), std::slice::from_ref(&one)),
        ["listed w1 w1/.kratix/default-wp1.yaml: w1/a.yaml,w1/d/b.yaml"]
    );
    assert_eq!(
        edits(&setup("w1", "aggregatedYAML"), std::slice::from_ref(&one)),
        ["part w1/aggregated.yaml default/wp1: 2"]
    );
    assert_eq!(
        edits(&setup(".", "none"), &[one]),
        ["listed  .kratix/default-wp1.yaml: a.yaml,d/b.yaml"]
    );
}

#[test]
fn what_goes_goes_first() {
    let all = [piece("new", &[("a.yaml", "a: 1\n")]), piece("old", &[])];
    for (mode, first) in [
        ("none", "listed w w/.kratix/default-old.yaml: "),
        ("aggregatedYAML", "part w/aggregated.yaml default/old: 0"),
    ] {
        assert_eq!(edits(&setup("w", mode), &all)[0], first);
    }
}

#[test]
fn files_never_leave_their_folder() {
    for mode in ["nestedByMetadata", "none"] {
        let setup = setup("w", mode);
        for bad in ["../a", "/a", "a/../../b", ".git/config", "a//b", "", ".", "a\\b"] {
            let error = change(&setup, "wp", Default::default(), &[piece("wp", &[(bad, "")])]);
            let error = error.unwrap_err();
            assert!(matches!(error, LayoutError::File { .. }), "{bad}: {error}");
            assert!(!error.hint().is_empty());
        }
    }
    // State files are ours.
    for bad in [".kratix/x", ".Kratix/default-other.yaml", ".kratix"] {
        let error =
            change(&setup("w", "none"), "wp", Default::default(), &[piece("wp", &[(bad, "")])]);
        assert!(matches!(error, Err(LayoutError::Reserved { .. })), "{bad}");
    }
    let nested = setup("w", "nestedByMetadata");
    assert!(
        change(&nested, "wp", Default::default(), &[piece("wp", &[(".kratix/x", "")])]).is_ok()
    );
}

#[test]
fn canaries_come_and_go() {
    let text = |setup: &Setup, on| {
        let change = canaries(setup, "d", on).unwrap();
        assert_eq!(change.name, "kratix-canary");
        let text = |edit: &Edit| match edit {
            Edit::Whole { at, content: Some(Content::Bytes(bytes)) } => {
                format!("{at}\n{}", String::from_utf8(bytes.to_vec()).unwrap())
            }
            Edit::Whole { at, content: None } => format!("{at} goes"),
            other => panic!("{other:?}"),
        };
        change.edits.iter().map(text).collect::<Vec<_>>()
    };
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: kratix-worker-system\n";
    let info = "apiVersion: v1\ndata:\n  canary: this confirms your infrastructure is reading from Kratix state stores\n\
                kind: ConfigMap\nmetadata:\n  name: kratix-info\n  namespace: kratix-worker-system\n";
    assert_eq!(
        text(&setup("w", "nestedByMetadata"), true),
        [
            format!("w/dependencies/kratix-canary-namespace.yaml\n{namespace}"),
            format!("w/resources/kratix-canary-configmap.yaml\n{info}"),
        ]
    );
    for mode in ["none", "aggregatedYAML"] {
        assert_eq!(
            text(&setup("w", mode), false),
            ["w/kratix-canary-namespace.yaml goes", "w/kratix-canary-configmap.yaml goes"]
        );
    }
}

#[test]
fn one_file_for_all_is_in_the_order_of_names() {
    let plain = setup("w", "none");
    let setup = setup("w", "aggregatedYAML");
    let whole = |pieces: &[Piece<'_>]| {
        let (change, left_out) = aggregated(&setup, "d", pieces).unwrap().unwrap();
        let [Edit::Whole { at, content }] = change.edits.as_slice() else { panic!("{change:?}") };
        assert_eq!(at.as_str(), "w/aggregated.yaml");
        let text = content.as_ref().map(|content| match content {
            Content::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        });
        (text, left_out)
    };
    let (text, left_out) = whole(&[
        piece("b", &[("1", "b: 1\n")]),
        piece("a", &[("1", "a: 1\n"), ("2", "---\na: 2\n")]),
    ]);
    assert_eq!(text.unwrap(), "a: 1\n\n---\na: 2\n\n---\nb: 1\n");
    assert_eq!(left_out, []);
    assert_eq!(whole(&[]), (None, vec![]), "without any there is no file");
    // What is packed is unpacked; what is no text is left out and told.
    let mut odd = piece("c", &[]);
    odd.files = vec![
        ("good".into(), Content::Packed(Packer::default().pack(b"c: 1\n").unwrap().into())),
        ("broken".into(), Content::Packed("%".into())),
        ("binary".into(), Content::Bytes([0xff, 0xfe].as_slice().into())),
    ];
    let (text, left_out) = whole(&[odd]);
    assert_eq!(text.unwrap(), "c: 1\n");
    let told: Vec<_> = left_out.iter().map(|one| (one.path.as_str(), one.why.as_str())).collect();
    assert_eq!(told, [("broken", "it is no base64"), ("binary", "it is no text")]);
    assert_eq!(aggregated(&plain, "d", &[]).unwrap(), None);
}

#[test]
fn templates_know_what_the_change_is_of() {
    let request = object(json!({"metadata": {
        "labels": {"team": "a"}, "annotations": {"ticket": "OPS-1", "empty": ""},
    }}));
    let one = piece("wp", &[]);
    let about = about(&one.placed, "the-work", "d", Some(&request));
    let text: Vec<_> = about.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        text,
        [
            "annotation:ticket=OPS-1",
            "destination=d",
            "label:team=a",
            "namespace=default",
            "pipeline=main",
            "promise=redis",
            "resource=r1",
            "work=the-work",
        ]
    );
}
