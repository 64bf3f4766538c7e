//! Conditions: by type, in a stable order, around those of the controller.

use super::*;

fn condition(kind: &str, reason: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": reason})
}

fn merged(existing: Value, incoming: Value) -> Value {
    request(json!({"conditions": existing})).reports(json!({"conditions": incoming})).status()
        ["conditions"]
        .clone()
}

#[test]
fn conditions_merge_by_type_and_keep_their_order() {
    let c = condition;
    let owned = || condition("Reconciled", "controller");
    for (existing, incoming, expected) in [
        (
            json!([owned(), c("A", "old")]),
            json!([c("B", "new")]),
            json!([owned(), c("A", "old"), c("B", "new")]),
        ),
        (json!([c("A", "old"), owned()]), json!([c("A", "new")]), json!([c("A", "new"), owned()])),
        (
            json!([c("Z", "1"), c("A", "1")]),
            json!([c("A", "2"), c("M", "2"), c("B", "2")]),
            json!([c("Z", "1"), c("A", "2"), c("M", "2"), c("B", "2")]),
        ),
        (json!([c("A", "old")]), json!([]), json!([c("A", "old")])),
        (
            json!([c("A", "1"), c("B", "1"), c("A", "2")]),
            json!([c("C", "1")]),
            json!([c("A", "2"), c("B", "1"), c("C", "1")]),
        ),
        (
            json!([]),
            json!([c("A", "1"), c("B", "1"), c("A", "2")]),
            json!([c("A", "2"), c("B", "1")]),
        ),
        (
            json!([c("A", "old")]),
            json!([{"type": "A", "custom": {"a": 1}}]),
            json!([{"type": "A", "custom": {"a": 1}}]),
        ),
    ] {
        assert_eq!(merged(existing, incoming), expected);
    }
}

#[test]
fn existing_conditions_of_an_odd_form_are_kept() {
    let odd = json!([{"status": "True"}, "text", null, {"type": 5}, condition("A", "old")]);
    let mut expected = odd.clone();
    expected[4] = condition("A", "new");
    assert_eq!(merged(odd, json!([condition("A", "new")])), expected);
}

#[test]
fn incoming_conditions_without_a_type_are_left_out_and_it_is_said() {
    let incoming = json!([{"status": "True"}, {"type": 5}, "text", null, condition("A", "new")]);
    let case = request(json!({"conditions": []})).reports(json!({"conditions": incoming}));
    assert_eq!(case.status()["conditions"], json!([condition("A", "new")]));
    assert_eq!(case.notices()[0], "4 entries of `conditions` without a `type` are left out");
}

#[test]
fn a_list_is_taken_as_it_is_where_there_was_none() {
    let incoming = json!([condition("B", "1"), condition("A", "1"), {"status": "x"}]);
    for existing in [json!(null), json!({"x": "y"}), json!("text")] {
        assert_eq!(merged(existing, incoming.clone()), incoming);
    }
}

#[test]
fn what_is_no_list_replaces_the_list_and_it_is_said() {
    for (incoming, found) in
        [(json!({"a": "b"}), "a map"), (json!("x"), "text"), (json!(1), "a number")]
    {
        let case = request(json!({"conditions": [condition("A", "old")]}))
            .reports(json!({"conditions": incoming}));
        assert_eq!(case.status()["conditions"], incoming);
        assert_eq!(
            case.notices()[0],
            format!("`conditions` is replaced by {found}, expected a list")
        );
        assert_eq!(case.last().status()["conditions"], json!([completed()]));
    }
}

#[test]
fn null_takes_the_pipelines_conditions_away_but_not_the_controllers() {
    let owned = condition("Reconciled", "controller");
    assert_eq!(merged(json!([condition("A", "1"), owned]), json!(null)), json!([owned]));
    assert_eq!(merged(json!([condition("A", "1")]), json!(null)), json!(null));
    assert_eq!(merged(json!({"a": 1}), json!(null)), json!(null));
}

#[test]
fn conditions_that_the_controller_owns_on_this_kind_are_not_overwritten() {
    for (kind, is_on_requests, is_on_promises) in [
        ("ConfigureWorkflowCompleted", true, true),
        ("DeleteWorkflowCompleted", true, true),
        ("Reconciled", true, true),
        ("WorksSucceeded", true, true),
        ("PromiseAvailable", true, false),
        ("Available", false, true),
        ("RequirementsFulfilled", false, true),
    ] {
        let status = json!({"conditions": [condition(kind, "controller"), condition("A", "old")]});
        let report = json!({"conditions": [condition(kind, "mine"), condition("A", "new")]});
        for (case, is_owned) in
            [(request(status.clone()), is_on_requests), (promise(status), is_on_promises)]
        {
            let case = case.reports(report.clone());
            let first = condition(kind, if is_owned { "controller" } else { "mine" });
            assert_eq!(
                case.status()["conditions"],
                json!([first, condition("A", "new")]),
                "{kind}"
            );
            let said = format!("condition `{kind}` is ignored: only the controller writes it");
            assert_eq!(case.notices().contains(&said), is_owned);
        }
    }
}

#[test]
fn conditions_of_the_controller_are_not_made_either() {
    let report = json!({"conditions": [condition("Reconciled", "mine")]});
    for status in [json!({}), json!({"conditions": []}), json!({"conditions": {"a": "b"}})] {
        assert_eq!(
            request(status.clone()).reports(report.clone()).decide().status,
            None,
            "{status}"
        );
    }
}

#[test]
fn repeating_the_controllers_condition_is_no_news() {
    let conditions = json!({"conditions": [condition("Reconciled", "controller")]});
    let case = request(with(running(), "conditions", conditions["conditions"].clone()));
    let case = case.reports(conditions);
    assert_eq!((case.decide().status, case.notices()), (None, vec![]));
}

#[test]
fn a_controllers_condition_of_the_wrong_type_is_refused_by_place() {
    let report =
        json!({"conditions": [condition("A", "x"), {"type": "Reconciled", "status": true}]});
    assert_eq!(
        request(json!({})).reports(report).refusal().to_string(),
        "expected text for `conditions[1].status`, found a boolean"
    );
    // Of its own conditions the pipeline decides; the server judges them.
    let mine = json!([{"type": "Healthy", "status": true}]);
    assert_eq!(merged(json!([]), mine.clone()), mine);
}

#[test]
fn completion_stands_at_the_place_of_the_first_old_one() {
    let old = || json!({"type": "ConfigureWorkflowCompleted", "status": "False", "custom": 1});
    let other = || condition("A", "x");
    for (before, after) in [
        (json!([other(), old()]), json!([other(), completed()])),
        (json!([old(), other(), old()]), json!([completed(), other(), old()])),
        (json!([other()]), json!([other(), completed()])),
        (json!(["text", null]), json!(["text", null, completed()])),
        (json!({"a": 1}), json!([completed()])),
    ] {
        assert_eq!(request(json!({"conditions": before})).last().status()["conditions"], after);
    }
}

#[test]
fn a_pipeline_cannot_say_itself_that_the_workflow_is_incomplete() {
    let mine = json!({"type": "ConfigureWorkflowCompleted", "status": "False", "reason": "Mine"});
    let case = request(json!({})).reports(json!({"conditions": [mine]})).last();
    assert_eq!(case.status()["conditions"], json!([completed()]));
}
