//! Top-level keys, protection, completion and the message.

use super::*;
use crate::contract::Node;

#[test]
fn a_reported_key_replaces_the_whole_old_value() {
    for (before, report, after) in [
        (json!({}), json!({"a": 1}), json!({"a": 1})),
        (json!({"a": 1, "b": 2}), json!({"a": "x"}), json!({"a": "x", "b": 2})),
        (json!({"a": {"x": 1}}), json!({"a": {"y": 2}}), json!({"a": {"y": 2}})),
        (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
        (json!({"a": 1}), json!({"a": null}), json!({"a": null})),
        (json!({}), json!({"Kratix": {"a": 1}}), json!({"Kratix": {"a": 1}})),
        (
            json!({"n": 9007199254740993_u64}),
            json!({"a": 1}),
            json!({"a": 1, "n": 9007199254740993_u64}),
        ),
        (json!({}), json!({"n": u64::MAX, "m": i64::MIN}), json!({"n": u64::MAX, "m": i64::MIN})),
    ] {
        assert_eq!(request(before).reports(report).status(), after);
    }
}

#[test]
fn nothing_is_written_when_nothing_changes() {
    for status in [json!(null), json!({}), json!({"a": 1}), running()] {
        let case = request(status.clone());
        assert_eq!(case.decide().status, None, "{status}");
        assert_eq!(case.decide().ending, Ending::GoesOn);
    }
    let repeated = json!({"a": 1, "conditions": [{"type": "Up", "status": "True"}]});
    assert_eq!(request(repeated.clone()).reports(repeated).decide().status, None);
}

#[test]
fn status_key_kratix_is_refused_whatever_its_value() {
    for value in [json!(null), json!({}), json!({"workflows": {}}), json!("x")] {
        let refusal = request(running()).reports(json!({"kratix": value, "a": 1})).refusal();
        assert_eq!(refusal, Refusal::Reserved { key: "kratix" });
        assert!(refusal.hint().unwrap().starts_with("remove `kratix`"));
    }
}

#[test]
fn keys_of_the_controller_stay_as_they_are_and_it_is_said() {
    for (case, key, value) in [
        (request(json!({})), "observedGeneration", json!(99)),
        (request(json!({})), "workflows", json!(9)),
        (request(json!({})), "workflowsSucceeded", json!(9.0)),
        (request(json!({})), "workflowsFailed", json!(null)),
        (request(json!({})), "promiseVersion", json!("v9")),
        (request(json!({})), "promiseVersion", json!(9)),
        (request(json!({})), "resourceBindingVersion", json!("v9")),
        (request(json!({})), "lastSuccessfulConfigureWorkflowTime", json!(NOW)),
        (request(json!({})), "healthStatus", json!({"state": "ready"})),
        (promise(json!({})), "status", json!("Broken")),
        (promise(json!({})), "version", json!("v9")),
        (promise(json!({})), "kind", json!("X")),
        (promise(json!({})), "apiVersion", json!("x/v1")),
        (promise(json!({})), "lastAvailableTime", json!(NOW)),
        (promise(json!({})), "requiredBy", json!([])),
        (promise(json!({})), "requiredPromises", json!([])),
    ] {
        let case = case.reports(json!({key: value, "message": "m"}));
        assert_eq!(case.status(), json!({"message": "m"}), "{key}");
        let expected =
            format!("`{key}` of the status file is ignored: only the controller writes it");
        assert_eq!(case.notices()[0], expected);
    }
}

#[test]
fn a_protected_key_of_the_wrong_type_is_refused_by_name() {
    for (case, key, value, expected) in [
        (
            request(json!({})),
            "workflows",
            json!("many"),
            "expected an integer for `workflows`, found text",
        ),
        (
            request(json!({})),
            "workflowsFailed",
            json!(1.5),
            "expected an integer for `workflowsFailed`, found a number",
        ),
        (
            request(json!({})),
            "observedGeneration",
            json!([]),
            "expected an integer for `observedGeneration`, found a list",
        ),
        (
            request(json!({})),
            "workflows",
            json!(u64::MAX),
            "expected an integer for `workflows`, found a number",
        ),
        (
            promise(json!({})),
            "workflows",
            json!(true),
            "expected an integer for `workflows`, found a boolean",
        ),
        (promise(json!({})), "version", json!(1.5), "expected text for `version`, found a number"),
        (
            promise(json!({})),
            "requiredBy",
            json!({}),
            "expected a list for `requiredBy`, found a map",
        ),
    ] {
        assert_eq!(case.reports(json!({key: value})).refusal().to_string(), expected);
    }
}

#[test]
fn what_a_promise_owns_is_free_on_a_request() {
    let report = json!({"status": "fine", "version": 5, "requiredBy": "me"});
    let case = request(json!({})).reports(report.clone());
    assert_eq!(case.status(), report);
    // Also when the workflow's type does not fit the object: the object decides.
    assert_eq!(case.workflow_type("promise").status(), report);
}

#[test]
fn repeating_what_the_controller_wrote_is_no_news() {
    let status = with(running(), "workflows", json!(2));
    let case = request(status).reports(json!({"workflows": 2}));
    assert_eq!((case.decide().status, case.notices()), (None, vec![]));
}

#[test]
fn a_promise_is_warned_about_other_keys_than_message_in_order() {
    let case = promise(running()).reports(json!({"zeta": 1, "message": "x", "alpha": 2}));
    assert_eq!(
        case.notices(),
        ["promise workflow status has unsupported keys: alpha, zeta in status.yaml; \
             only 'message' can be updated in Promise status"]
    );
    assert_eq!(case.status()["zeta"], 1);
    assert_eq!(promise(running()).reports(json!({"message": "x"})).notices(), [""; 0]);
}

#[test]
fn the_last_configure_pipeline_completes_the_workflow() {
    for (case, message) in [
        (request(json!({"message": "Pending"})), json!("Resource requested")),
        (promise(json!({"message": "Pending"})), json!("Promise configured")),
        (request(json!({"message": "mine"})), json!("mine")),
        (request(json!({"message": "pending"})), json!("pending")),
        (request(json!({"message": null})), json!(null)),
        (request(json!({})).reports(json!({"message": "Pending"})), json!("Resource requested")),
        (request(json!({"message": "Pending"})).workflow_type("banana"), json!("Pending")),
        (request(json!({"message": "Pending"})).workflow_type(""), json!("Pending")),
        (request(json!({"message": "Pending"})).action(""), json!("Resource requested")),
    ] {
        let case = case.last();
        assert_eq!(case.decide().ending, Ending::Completed);
        assert_eq!(case.status(), json!({"message": message, "conditions": [completed()]}));
    }
    let absent = request(json!(null)).last();
    assert_eq!(absent.status(), json!({"conditions": [completed()]}));
}

#[test]
fn completion_renews_its_time_although_it_is_true_already() {
    let mut old = completed();
    old["lastTransitionTime"] = json!("2020-01-01T00:00:00Z");
    let case = request(with(running(), "conditions", json!([old]))).last();
    assert_eq!(case.decide().status.unwrap()["conditions"], json!([completed()]));
}

#[test]
fn a_delete_workflow_completes_nothing() {
    let status = with(running(), "message", json!("Pending"));
    let case = request(status).action("delete").last();
    assert_eq!((case.decide().status, case.decide().ending), (None, Ending::GoesOn));
}

#[test]
fn a_dry_run_says_so_in_the_message_last() {
    for case in [
        request(json!(null)),
        request(json!({"message": "Pending"})).last(),
        request(running()).reports(json!({"message": "mine"})),
        request(running()).suspends("wait"),
        request(running()).workflow_type("banana"),
    ] {
        assert_eq!(case.dry().status()["message"], "Dry run executed");
    }
}

#[test]
fn a_status_that_is_no_map_counts_as_empty_and_it_is_said() {
    for status in [json!("text"), json!([1]), json!(5), json!(false)] {
        let case = request(status).reports(json!({"a": 1}));
        assert_eq!(case.decide().status.map(Value::Object), Some(json!({"a": 1})));
        assert_eq!(case.notices()[0], "the object's status is no map and counts as empty");
    }
    assert_eq!(request(json!("text")).decide().status, None);
}

#[test]
fn a_report_is_read_from_yaml_with_exact_numbers() {
    let document = Node::Map(vec![
        ("big".into(), Node::Int(9_007_199_254_740_993)),
        ("huge".into(), Node::Uint(u64::MAX)),
        ("whole".into(), Node::Float(1.0)),
        ("zero".into(), Node::Float(-0.0)),
        ("part".into(), Node::Float(1.5)),
        ("far".into(), Node::Float(1e23)),
        ("list".into(), Node::List(vec![Node::Null, Node::Bool(true), Node::Text("x".into())])),
    ]);
    assert_eq!(
        Value::Object(parse_report(&document).unwrap()),
        json!({
            "big": 9_007_199_254_740_993_i64, "huge": u64::MAX, "whole": 1, "zero": 0, "part": 1.5,
            "far": 1e23, "list": [null, true, "x"],
        })
    );
    assert_eq!(parse_report(&Node::Null).unwrap().len(), 0);
}

#[test]
fn what_is_no_map_or_no_json_is_refused_with_its_place() {
    let nan = Node::Map(vec![(
        "a".into(),
        Node::List(vec![Node::Map(vec![("b".into(), Node::Float(f64::NAN))])]),
    )]);
    for (document, expected) in [
        (Node::List(vec![]), "expected a map, found a list"),
        (Node::Text("x".into()), "expected a map, found text"),
        (nan, "`a[0].b` holds a number that JSON cannot hold"),
        (
            Node::Map(vec![("x".into(), Node::Float(f64::INFINITY))]),
            "`x` holds a number that JSON cannot hold",
        ),
    ] {
        assert_eq!(parse_report(&document).unwrap_err().to_string(), expected);
    }
}
