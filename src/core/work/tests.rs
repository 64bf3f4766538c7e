//! Tables of names, labels and shapes of a Work.

use super::*;
use crate::core::selectors::MatchLabels;

fn identity() -> Identity {
    Identity {
        promise: "widget".into(),
        pipeline: "pipe-0".into(),
        namespace: "team-a".into(),
        resource_name: "sample".into(),
        resource_namespace: String::new(),
        workflow_type: "resource".into(),
        dry_run: false,
    }
}

fn named(workflow_type: &str, resource_name: &str, resource_namespace: &str) -> Identity {
    Identity {
        workflow_type: workflow_type.into(),
        resource_name: resource_name.into(),
        resource_namespace: resource_namespace.into(),
        ..identity()
    }
}

fn labels_of(identity: &Identity) -> String {
    let pairs = identity.selector().map(|(label, value)| {
        let short = label.rsplit('/').next().unwrap();
        value.map_or_else(|| format!("!{short}"), |value| format!("{short}={value}"))
    });
    pairs.join(" ")
}

#[test]
fn the_prefix_of_the_type_decides_the_identifier() {
    for (kind, name, namespace, expect) in [
        ("resource", "sample", "", "widget-sample-pipe-0"),
        ("resource", "sample", "team-b", "widget-sample-team-b-pipe-0"),
        ("resource", "", "", "widget--pipe-0"),
        ("resource-x", "sample", "", "widget-sample-pipe-0"),
        ("promise", "", "", "widget-pipe-0"),
        ("promise", "sample", "team-b", "widget-pipe-0"),
        ("", "sample", "", "widget-pipe-0"),
    ] {
        assert_eq!(named(kind, name, namespace).identifier(), expect, "{kind}");
    }
}

#[test]
fn labels_that_are_not_ours_must_be_absent() {
    let dry = Identity { dry_run: true, ..named("promise", "", "x") };
    for (identity, expect) in [
        (
            identity(),
            "pipeline-name=pipe-0 promise-name=widget work-type=resource resource-name=sample \
             !resource-namespace !dry-run",
        ),
        (
            dry,
            "pipeline-name=pipe-0 promise-name=widget work-type=promise !resource-name \
             resource-namespace=x dry-run=true",
        ),
    ] {
        assert_eq!(labels_of(&identity), expect);
    }
}

#[test]
fn a_name_is_the_same_for_the_same_work_and_no_other() {
    let name = identity().name(0).unwrap();
    assert!(name.starts_with("widget-sample-pipe-0-"), "{name}");
    assert_eq!(name.len(), "widget-sample-pipe-0-".len() + 5);
    assert_eq!(identity().name(0).unwrap(), name);
    for other in [
        Identity { namespace: "team-b".into(), ..identity() },
        Identity { dry_run: true, ..identity() },
        // The same identifier, cut differently.
        Identity {
            promise: "widget-sample".into(),
            resource_name: "pipe".into(),
            pipeline: "0".into(),
            ..identity()
        },
    ] {
        assert_ne!(other.name(0).unwrap(), name, "{other:?}");
    }
    assert_ne!(identity().name(1).unwrap(), name);
}

#[test]
fn a_long_identifier_is_cut() {
    for (identifier, name) in [(3, 9), (56, 62), (57, 63), (58, 62), (63, 62), (64, 62), (126, 62)]
    {
        let pipeline = "n".repeat((identifier - 1) / 2);
        let promise = "p".repeat(identifier - 1 - pipeline.len());
        let workflow_type = "promise".into();
        let identity = Identity { promise, pipeline, workflow_type, ..identity() };
        assert_eq!(identity.identifier().len(), identifier);
        assert_eq!(identity.name(0).unwrap().len(), name, "{identifier}");
        assert_eq!(identity.check(), Ok(()));
    }
}

#[test]
fn names_that_are_no_label_values_are_refused() {
    for (value, fault) in [
        ("", None),
        ("a", None),
        ("A_b.c-9", None),
        (&*"r".repeat(63), None),
        (&*"r".repeat(64), Some("more than 63 bytes")),
        ("a b", Some("only letters")),
        ("prömise", Some("only letters")),
        ("-a", Some("begin and end")),
        ("a.", Some("begin and end")),
        ("---", Some("begin and end")),
        ("a\n", Some("only letters")),
    ] {
        let identity = Identity { workflow_type: value.into(), ..identity() };
        match (identity.check(), fault) {
            (Ok(()), None) => {}
            (Err(error), Some(fault)) => {
                assert!(error.to_string().contains(fault), "{error}");
                assert!(error.hint().contains("--workflow-type"), "{error}");
            }
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
}

#[test]
fn names_that_no_object_can_have_are_refused() {
    for promise in ["Widget", "wid_get", ".widget"] {
        let error = Identity { promise: promise.into(), ..identity() }.name(0).unwrap_err();
        assert!(matches!(error, WorkError::NotAName { .. }), "{error}");
    }
    let nothing =
        Identity { promise: "-".into(), pipeline: "-".into(), ..named("resource", "--", "") };
    assert!(matches!(nothing.name(0).unwrap_err(), WorkError::Unnameable(_)));
}

#[test]
fn empty_lists_and_names_are_left_out() {
    let work = build(&named("promise", "", ""), vec![], "2026-01-01T00:00:00Z");
    assert_eq!(
        work.spec().unwrap(),
        &json!({ "lastExecutionTimestamp": "2026-01-01T00:00:00Z", "promiseName": "widget" })
    );
    let hollow = Group { directory: "d".into(), selectors: vec![], files: vec![] };
    let work = build(&identity(), vec![hollow], "t");
    assert_eq!(
        work.at(&["spec", "workloadGroups"]).unwrap(),
        &json!([{ "directory": "d", "id": "8277e0910d750195b448797616e091ad" }])
    );
    assert_eq!(work.text_at(&["spec", "resourceName"]), Some("sample"));
}

#[test]
fn a_selector_without_labels_keeps_its_source() {
    let selectors = vec![
        Selector { match_labels: MatchLabels::new(), source: "promise".into() },
        Selector {
            match_labels: MatchLabels::from([("a".into(), "b".into())]),
            source: "resource-workflow".into(),
        },
    ];
    let workload = Workload { filepath: "d/f".into(), content: "c".into() };
    let group = Group { directory: "d".into(), selectors, files: vec![workload] };
    let work = build(&identity(), vec![group], "t");
    let Some(Value::Array(groups)) = work.at(&["spec", "workloadGroups"]) else { panic!() };
    assert_eq!(
        groups[0]["destinationSelectors"],
        json!([{ "source": "promise" }, { "matchLabels": { "a": "b" }, "source": "resource-workflow" }])
    );
    assert_eq!(groups[0]["workloads"], json!([{ "filepath": "d/f", "content": "c" }]));
}

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

#[test]
fn metadata_of_an_existing_work_stays_and_its_labels_are_repaired() {
    let existing = object(json!({ "metadata": {
        "name": "old", "namespace": "team-a", "resourceVersion": "7", "uid": "u",
        "labels": { "team": "red", labels::PROMISE_NAME: "odd" },
        "annotations": { "note": "kept", labels::TRACE_PARENT: "p0", labels::TRACE_STATE: "s0" },
    }}));
    let placed = |parent, state| {
        let mut work = build(&identity(), vec![], "t");
        place(&mut work, &identity(), Trace { parent, state }, Place::Existing(&existing));
        work
    };
    let work = placed("", "s1");
    assert_eq!((work.name(), work.resource_version()), ("old", Some("7")));
    assert_eq!(
        (work.label("team"), work.label(labels::PROMISE_NAME)),
        (Some("red"), Some("widget"))
    );
    assert_eq!(work.annotation(labels::TRACE_PARENT), Some("p0"));
    assert_eq!(work.annotation(labels::TRACE_STATE), Some("s0"));
    let work = placed("p1", "s1");
    assert_eq!(work.annotation(labels::TRACE_STATE), Some("s1"));
    let work = placed("garbage", "");
    assert_eq!(work.annotation(labels::TRACE_PARENT), Some("garbage"));
    assert_eq!(
        (work.annotation(labels::TRACE_STATE), work.annotation("note")),
        (None, Some("kept"))
    );
}

#[test]
fn a_new_work_has_exactly_our_labels() {
    let mut work = build(&identity(), vec![], "t");
    place(&mut work, &identity(), Trace::default(), Place::New("n"));
    assert_eq!(
        work.0["metadata"],
        json!({ "name": "n", "namespace": "team-a", "labels": {
            labels::PIPELINE_NAME: "pipe-0", labels::PROMISE_NAME: "widget",
            labels::RESOURCE_NAME: "sample", labels::WORK_TYPE: "resource",
        }})
    );
}

#[test]
fn the_newest_work_that_stays_is_chosen() {
    let work = |name: &str, created: &str, deleted: bool| {
        let mut work =
            object(json!({ "metadata": { "name": name, "creationTimestamp": created } }));
        if deleted {
            work.set_metadata("deletionTimestamp", "2026-01-09T00:00:00Z");
        }
        work
    };
    let (old, new) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    for (works, expect) in [
        (vec![work("a", new, false), work("b", old, false)], "a"),
        (vec![work("a", old, false), work("b", old, false)], "b"),
        (vec![work("a", old, false), work("b", new, true)], "a"),
        (vec![work("a", new, true)], "a"),
    ] {
        assert_eq!(newest(works).unwrap().0.name(), expect);
    }
    assert_eq!(newest(vec![]), None);
}

#[test]
fn the_biggest_files_are_named_with_their_shares() {
    let file = |name: usize, bytes: usize| Workload {
        filepath: format!("f{name}"),
        content: "x".repeat(bytes),
    };
    let files = (1..8).map(|name| file(name, name * 100)).collect();
    let group = Group { directory: ".".into(), selectors: vec![], files };
    let work = build(&identity(), vec![group], "t");
    let bytes = work.json_bytes();
    assert_eq!(bytes, serde_json::to_string(&work).unwrap().len() as u64);
    let shares = biggest(&work, bytes);
    assert_eq!(shares.len(), 5);
    let expect = Share { filepath: "f7".into(), bytes: 700, percent: 700 * 100 / bytes };
    assert_eq!(shares[0], expect);
}
