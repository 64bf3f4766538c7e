//! The flat and the keyed layout of contract.md 16.

use super::*;

/// A list with the pipeline `main` in this phase.
fn list(phase: &str) -> Value {
    json!([{"name": "main", "phase": phase}])
}

fn workflows(value: Value) -> Value {
    json!({"kratix": {"workflows": value}})
}

fn foreign() -> Value {
    json!([{"name": "other", "phase": "Suspended"}])
}

#[test]
fn the_list_that_this_run_belongs_to_is_written() {
    let none: Option<&str> = None;
    for (what, action, layout, expected) in [
        ("flat", "configure", json!({"pipelines": list("P")}), Some("/pipelines")),
        (
            "keyed",
            "configure",
            json!({"configure": {"pipelines": list("P")}}),
            Some("/configure/pipelines"),
        ),
        (
            "keyed delete",
            "delete",
            json!({"configure": {"pipelines": list("P")}, "delete": {"pipelines": list("P")}}),
            Some("/delete/pipelines"),
        ),
        (
            "another key",
            "configure",
            json!({"scan": {"pipelines": list("P")}}),
            Some("/scan/pipelines"),
        ),
        (
            "another key beside a foreign list",
            "configure",
            json!({"configure": {"pipelines": foreign()}, "scan": {"pipelines": list("P")}}),
            Some("/scan/pipelines"),
        ),
        (
            "the running one of two other keys",
            "configure",
            json!({"a": {"pipelines": list("P")}, "b": {"pipelines": list("Running")}}),
            Some("/b/pipelines"),
        ),
        (
            "the first of two other keys",
            "configure",
            json!({"b": {"pipelines": list("P")}, "a": {"pipelines": list("P")}}),
            Some("/a/pipelines"),
        ),
        (
            "keyed before flat",
            "configure",
            json!({"pipelines": list("P"), "configure": {"pipelines": list("P")}}),
            Some("/configure/pipelines"),
        ),
        (
            "another key before flat",
            "configure",
            json!({"pipelines": list("P"), "scan": {"pipelines": list("P")}}),
            Some("/scan/pipelines"),
        ),
        (
            "flat when only it lists the pipeline",
            "configure",
            json!({"pipelines": list("P"), "configure": {"pipelines": foreign()}}),
            Some("/pipelines"),
        ),
        (
            "never that of the other action",
            "delete",
            json!({"configure": {"pipelines": list("P")}}),
            none,
        ),
        (
            "a key called pipelines is no workflow",
            "configure",
            json!({"pipelines": {"pipelines": list("P")}}),
            none,
        ),
        (
            "keys without a list",
            "configure",
            json!({"suspendedGeneration": 1, "configure": {"pipelines": {}}, "scan": 5}),
            none,
        ),
    ] {
        let status = workflows(layout);
        let mut wanted = status.clone();
        if let Some(place) = expected {
            let pointer = format!("/kratix/workflows{place}/0/phase");
            *wanted.pointer_mut(&pointer).unwrap() = json!("Running");
        }
        let case = request(status).action(action);
        assert_eq!(case.status(), wanted, "{what}");
        assert_eq!(case.notices().is_empty(), expected.is_some(), "{what}");
    }
}

#[test]
fn an_object_that_no_controller_prepared_gets_no_list_and_it_is_said_once() {
    for status in
        [json!(null), json!({}), workflows(json!({})), workflows(json!([])), json!({"kratix": 5})]
    {
        let case = request(status.clone()).reports(json!({"a": 1}));
        let before = if status.is_null() { json!({}) } else { status };
        assert_eq!(case.status(), with(before, "a", json!(1)));
        assert_eq!(
            case.notices(),
            ["the object's status has no list of pipelines for this workflow, and none is written"]
        );
    }
}

#[test]
fn suspension_stays_in_its_own_workflow() {
    let layout = json!({
        "configure": {"pipelines": list("Succeeded")},
        "delete": {"pipelines": list("Running")},
    });
    let case = request(workflows(layout)).action("delete").suspends("hold");
    assert_eq!(
        case.status(),
        workflows(json!({
            "configure": {"pipelines": list("Succeeded")},
            "delete": {
                "pipelines": [{"name": "main", "phase": "Suspended", "message": "hold"}],
                "suspendedGeneration": 7,
            },
        }))
    );
    let resumed = Case { control: Control::default(), ..case.again() }.last();
    assert_eq!(
        resumed.status()["kratix"]["workflows"]["delete"],
        json!({"pipelines": list("Running")})
    );
}

#[test]
fn completion_clears_the_generation_of_its_own_key_only() {
    let both = || {
        json!({
            "configure": {"pipelines": list("Running"), "suspendedGeneration": 3},
            "delete": {"pipelines": list("Running"), "suspendedGeneration": 4},
        })
    };
    for (action, other) in [("configure", "delete"), ("delete", "configure")] {
        let status = request(workflows(both())).action(action).last().status();
        let after = &status["kratix"]["workflows"];
        assert_eq!(after[action], json!({"pipelines": list("Running")}));
        assert_eq!(after[other], both()[other]);
    }
}

#[test]
fn a_missing_entry_names_the_list_it_is_missing_from() {
    let case = request(workflows(json!({"delete": {"pipelines": foreign()}}))).action("delete");
    assert_eq!(
        case.notices(),
        [
            "pipeline \"main\" not found in `status.kratix.workflows.delete.pipelines`, which stays as it is"
        ]
    );
}

#[test]
fn what_the_server_dropped_is_noticed() {
    let case =
        request(workflows(json!({"configure": {"pipelines": list("Running")}}))).suspends("m");
    let sent = case.decide().status.unwrap();
    let answer =
        |status: Value| Object::from_value(json!({"metadata": {}, "status": status})).unwrap();
    let kept = answer(Value::Object(sent.clone()));
    assert!(workflows_were_kept(&sent, &kept) && suspension_was_kept(&kept, &case.run()));
    for dropped in [
        json!({}),
        json!({"kratix": {}}),
        workflows(json!({})),
        workflows(json!({"configure": {}})),
    ] {
        let dropped = answer(dropped);
        assert!(!workflows_were_kept(&sent, &dropped));
        assert!(!suspension_was_kept(&dropped, &case.run()));
    }
    let nothing = Map::new();
    assert!(workflows_were_kept(&nothing, &answer(json!({"a": 1}))));
}
