//! What a workflow does next, and the statuses that the original's controller wrote on the way.

use serde_json::{Map, Value, json};

use super::*;
use crate::core::promise::WorkflowType;

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn pipelines_run_one_after_the_other() {
    use Outcome::{Failed, None, Running, Succeeded};
    let waits = Outcome::Suspended { until: Some(time(9)) };
    for (outcomes, expected) in [
        (&[][..], Next::Done),
        (&[None, None], Next::Start(0)),
        (&[Running, None], Next::Wait),
        (&[Succeeded, None], Next::Start(1)),
        (&[Succeeded, Succeeded], Next::Done),
        (&[Failed, None], Next::Failed(0)),
        (&[Succeeded, Failed], Next::Failed(1)),
        (&[waits, None], Next::Suspended { index: 0, until: Some(time(9)) }),
        (
            &[Outcome::Suspended { until: Option::None }],
            Next::Suspended { index: 0, until: Option::None },
        ),
        (&[None, Running], Next::Wait),
        (&[Failed, Running], Next::Wait),
    ] {
        let seen = Outcomes { action: WorkflowAction::Configure, outcomes };
        assert_eq!(next(&seen), expected, "{outcomes:?}");
    }
}

#[test]
fn of_a_delete_workflow_only_the_first_pipeline_runs() {
    use Outcome::{Failed, None, Succeeded};
    for (outcomes, expected) in [
        (&[][..], Next::Done),
        (&[None, None], Next::Start(0)),
        (&[Succeeded, None], Next::Done),
        (&[Succeeded, Failed], Next::Done),
        (&[Failed, None], Next::Failed(0)),
    ] {
        assert_eq!(next(&Outcomes { action: WorkflowAction::Delete, outcomes }), expected);
    }
    assert_eq!(pipelines_run(WorkflowAction::Delete, 3), 1);
    assert_eq!(pipelines_run(WorkflowAction::Delete, 0), 0);
    assert_eq!(pipelines_run(WorkflowAction::Configure, 3), 3);
}

fn progress(action: WorkflowAction, layout: Layout) -> Progress<'static> {
    let pipelines: &[&str] = match action {
        WorkflowAction::Configure => &["one", "two"],
        WorkflowAction::Delete => &["gone", "never"],
    };
    Progress { workflow: WorkflowType::Resource, action, layout, pipelines, hash: "h1" }
}

fn entry(name: &str, phase: &str, second: i64) -> Value {
    json!({"name": name, "phase": phase, "lastTransitionTime": time(second).to_string()})
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, second: i64) -> Value {
    let time = time(second).to_string();
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time})
}

fn started(second: i64) -> [Value; 2] {
    [
        condition(
            "ConfigureWorkflowCompleted",
            "False",
            "PipelinesInProgress",
            "Pipelines are still in progress",
            second,
        ),
        condition("Reconciled", "Unknown", "WorkflowPending", "Pending", second),
    ]
}

#[test]
fn a_configure_workflow_leaves_the_statuses_of_the_original() {
    let flat = progress(WorkflowAction::Configure, Layout::Flat);
    let mut status = Map::new();
    let check = |status: &Map<String, Value>, pipelines: [Value; 2], done: u8| {
        let expected = json!({
            "conditions": started(4),
            "kratix": {"workflows": {"pipelines": pipelines}},
            "message": "Pending",
            "workflows": 2, "workflowsFailed": 0, "workflowsSucceeded": done,
        });
        assert_eq!(Value::Object(status.clone()), expected);
    };
    flat.prepare(&mut status, time(3));
    flat.started(&mut status, 0, time(4));
    check(&status, [entry("one", "Running", 4), entry("two", "Pending", 3)], 0);
    flat.succeeded(&mut status, 0, time(9));
    flat.started(&mut status, 1, time(11));
    check(&status, [entry("one", "Succeeded", 9), entry("two", "Running", 11)], 1);
    flat.succeeded(&mut status, 1, time(16));
    check(&status, [entry("one", "Succeeded", 9), entry("two", "Succeeded", 16)], 2);
}

#[test]
fn a_failed_pipeline_is_named() {
    let flat = progress(WorkflowAction::Configure, Layout::Flat);
    let mut status = Map::new();
    flat.prepare(&mut status, time(1));
    flat.started(&mut status, 0, time(1));
    flat.failed(&mut status, 0, time(2));
    assert_eq!(
        Value::Object(status),
        json!({
            "conditions": [
                condition("ConfigureWorkflowCompleted", "False", "ConfigureWorkflowFailed", "A Configure Pipeline has failed: one", 2),
                condition("Reconciled", "False", "ConfigureWorkflowFailed", "Failing", 2),
            ],
            "kratix": {"workflows": {"pipelines": [entry("one", "Failed", 2), entry("two", "Pending", 1)]}},
            "message": "Pending",
            "workflows": 2, "workflowsFailed": 1, "workflowsSucceeded": 0,
        })
    );
}

#[test]
fn on_a_promise_the_time_of_a_condition_moves_with_its_status_only() {
    for (workflow, second) in [(WorkflowType::Promise, 1), (WorkflowType::Resource, 2)] {
        let progress = Progress { workflow, ..progress(WorkflowAction::Configure, Layout::Flat) };
        let mut status = Map::new();
        progress.prepare(&mut status, time(1));
        progress.started(&mut status, 0, time(1));
        progress.failed(&mut status, 0, time(2));
        let conditions = &status["conditions"];
        assert_eq!(conditions[0]["lastTransitionTime"], time(second).to_string());
        assert_eq!(conditions[0]["reason"], "ConfigureWorkflowFailed");
        assert_eq!(conditions[1]["lastTransitionTime"], time(2).to_string());
    }
}

#[test]
fn a_delete_workflow_touches_neither_counters_nor_the_configure_conditions() {
    let delete = progress(WorkflowAction::Delete, Layout::Flat);
    let before = json!({
        "conditions": started(1),
        "kratix": {"workflows": {"lastSuccessfulConfigureWorkflowTime": "t", "pipelines": [entry("one", "Succeeded", 1)]}},
        "message": "Resource requested",
        "workflows": 1, "workflowsFailed": 0, "workflowsSucceeded": 1,
    });
    let mut status = before.as_object().unwrap().clone();
    delete.prepare(&mut status, time(5));
    delete.started(&mut status, 0, time(5));
    let mut expected = before;
    expected["kratix"]["workflows"]["pipelines"] =
        json!([entry("gone", "Running", 5), entry("never", "Pending", 5)]);
    assert_eq!(Value::Object(status.clone()), expected);

    delete.failed(&mut status, 0, time(6));
    let failed = condition(
        "DeleteWorkflowCompleted",
        "False",
        "DeleteWorkflowFailed",
        "The Delete Pipeline has failed",
        6,
    );
    expected["conditions"].as_array_mut().unwrap().push(failed);
    expected["kratix"]["workflows"]["pipelines"][0] = entry("gone", "Failed", 6);
    assert_eq!(Value::Object(status), expected);
}

#[test]
fn a_suspended_workflow_says_so_and_keeps_its_entry() {
    let mut two = entry("two", "Suspended", 1);
    two["message"] = "waiting for approval".into();
    two["attempts"] = 2.into();
    two["nextRetryAt"] = time(60).to_string().into();
    let kratix = json!({"workflows": {"pipelines": [entry("one", "Succeeded", 1), two]}});
    let mut status =
        json!({"conditions": started(1), "kratix": kratix}).as_object().unwrap().clone();
    let flat = progress(WorkflowAction::Configure, Layout::Flat);
    flat.suspended(&mut status, time(2));
    assert_eq!(status["kratix"], kratix);
    assert_eq!(
        status["conditions"],
        json!([
            started(1)[0],
            condition("Reconciled", "Unknown", "WorkflowSuspended", "Suspended", 2)
        ])
    );
    let found = flat.entry(&status, 1).unwrap();
    assert!(found.is_suspended());
    assert_eq!((found.message.as_str(), found.attempts), ("waiting for approval", 2));
    assert_eq!(found.next_retry_at, Some(time(60)));
    assert!(!flat.entry(&status, 0).unwrap().is_suspended());
    assert_eq!(flat.entry(&status, 7), None);

    // Resumed: what it said goes, the count stays.
    flat.started(&mut status, 1, time(61));
    let mut expected = entry("two", "Running", 61);
    expected["attempts"] = 2.into();
    expected["nextRetryAt"] = time(60).to_string().into();
    assert_eq!(status["kratix"]["workflows"]["pipelines"][1], expected);
}

#[test]
fn the_keyed_layout_has_hashes_and_no_counters() {
    let keyed = progress(WorkflowAction::Configure, Layout::Keyed);
    let before = json!({
        "kratix": {"workflows": {
            "pipelines": [entry("one", "Succeeded", 1)],
            "suspendedGeneration": 3,
            "delete": {"pipelines": []},
        }},
        "workflows": 1, "workflowsFailed": 0, "workflowsSucceeded": 1,
    });
    let mut status = before.as_object().unwrap().clone();
    keyed.prepare(&mut status, time(1));
    keyed.started(&mut status, 0, time(2));
    keyed.succeeded(&mut status, 0, time(3));
    let mut one = entry("one", "Succeeded", 3);
    one["hash"] = "h1".into();
    let expected = json!({
        "conditions": started(2),
        "kratix": {"workflows": {
            "configure": {"pipelines": [one, entry("two", "Pending", 1)]},
            "delete": {"pipelines": []},
        }},
        "message": "Pending",
    });
    assert_eq!(Value::Object(status.clone()), expected);
    assert_eq!(keyed.entry(&status, 0).unwrap().phase, "Succeeded");
    assert_eq!(progress(WorkflowAction::Delete, Layout::Keyed).entry(&status, 0), None);
}

#[test]
fn an_odd_status_is_mended_and_never_stops_the_workflow() {
    for status in [
        json!({"kratix": 1, "conditions": "none"}),
        json!({"kratix": {"workflows": []}, "conditions": [1, {"type": 2}]}),
        json!({"kratix": {"workflows": {"pipelines": "x", "configure": null}}}),
    ] {
        for layout in [Layout::Flat, Layout::Keyed] {
            let progress = progress(WorkflowAction::Configure, layout);
            let mut prepared = status.as_object().unwrap().clone();
            progress.started(&mut prepared, 0, time(1));
            progress.prepare(&mut prepared, time(1));
            progress.started(&mut prepared, 0, time(1));
            progress.failed(&mut prepared, 9, time(1));
            assert_eq!(progress.entry(&prepared, 0).unwrap().phase, "Running");
        }
    }
}
