//! What is said of an object: a table of statuses and sentences.

use serde_json::json;

use super::*;

const NOW: &str = "2026-01-02T03:04:05Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A request with this status, these labels set to `true`, generation 2.
fn view(status: Value, on: &[&str]) -> StatusView {
    let kind = crate::contract::Kind {
        group: "gold.example.com".into(),
        version: "v1".into(),
        kind: "Redis".into(),
        plural: "redises".into(),
        namespaced: true,
    };
    let mut object = Object::new(&kind, Some("team-a"), "one");
    object.set_label(labels::PROMISE_NAME, "redis");
    object.set_metadata("generation", 2);
    for label in on {
        object.set_label(label, labels::TRUE);
    }
    object.0.insert("status".into(), status);
    StatusView::of(&object.key(&kind), &object)
}

fn flat(entries: Value) -> Value {
    json!({"kratix": {"workflows": {"pipelines": entries}}})
}

fn said(status: Value, on: &[&str]) -> (State, String) {
    let outlook = outlook(&view(status, on), now());
    (outlook.state, outlook.says)
}

const SUSPENDED: &str = labels::WORKFLOW_SUSPENDED;

#[test]
fn what_comes_next_follows_from_phases_labels_and_times() {
    let one = |fields: Value| {
        let mut entry = json!({"name": "one"});
        for (key, value) in fields.as_object().unwrap() {
            entry[key] = value.clone();
        }
        flat(json!([entry]))
    };
    let at = |time: &str| one(json!({"phase": "Suspended", "nextRetryAt": time, "attempts": 3}));
    let works = |status: &str| {
        let mut object = one(json!({"phase": "Succeeded"}));
        let message = "Some works associated with this resource are not ready: [w-1]";
        object["conditions"] =
            json!([{"type": "WorksSucceeded", "status": status, "message": message}]);
        object
    };
    let cases: [(Value, &[&str], State, &str); 16] = [
        (
            json!(null),
            &[],
            State::Untouched,
            "no controller has prepared it: its status has no list of pipelines",
        ),
        (json!({"workflows": 0}), &[], State::Done, "nothing is left to do"),
        (
            one(json!({"phase": "Pending"})),
            &[],
            State::Pending,
            "waits for the controller to start pipeline `one`",
        ),
        (
            one(json!({"phase": "Running", "lastTransitionTime": "2026-01-02T03:01:05Z"})),
            &[],
            State::Running,
            "pipeline `one` runs, for 3m",
        ),
        (
            one(json!({"phase": "Failed", "lastTransitionTime": "2026-01-02T03:01:05Z"})),
            &[],
            State::Failed,
            "pipeline `one` failed at 2026-01-02T03:01:05Z",
        ),
        (
            one(json!({"phase": "Suspended", "message": "waiting for approval"})),
            &[SUSPENDED],
            State::Suspended,
            "suspended by pipeline `one` until somebody takes the label away: waiting for approval",
        ),
        (
            at("2026-01-02T03:08:05Z"),
            &[SUSPENDED],
            State::Suspended,
            "suspended by pipeline `one` until 2026-01-02T03:08:05Z (in 4m), attempt 3",
        ),
        (
            at("2026-01-02T03:00:05Z"),
            &[SUSPENDED],
            State::Suspended,
            "suspended by pipeline `one`; it was to go on at 2026-01-02T03:00:05Z (4m ago), attempt 3",
        ),
        (
            at("2026-01-02T03:00:05Z"),
            &[],
            State::Pending,
            "pipeline `one` was suspended and may go on: waits for the controller to start it",
        ),
        (
            one(json!({"phase": "Running"})),
            &[SUSPENDED],
            State::Suspended,
            "suspended by its label, but no pipeline says so: nothing will ever take it away",
        ),
        (
            one(json!({"phase": "Failed"})),
            &[labels::PAUSED],
            State::Paused,
            "paused by a label: the controller starts nothing and deletes nothing",
        ),
        (works("True"), &[], State::Done, "nothing is left to do"),
        (
            works("Unknown"),
            &[],
            State::Placing,
            "its pipelines are done; Some works associated with this resource are not ready: [w-1]",
        ),
        (
            json!({"conditions": [{"type": "PromiseAvailable", "status": "False", "message": "Promise Requirements are not installed"}]}),
            &[],
            State::Pending,
            "waits for its Promise `redis`: Promise Requirements are not installed",
        ),
        (
            json!({"kratix": {"workflows": {"suspendedGeneration": 1, "pipelines": [{"name": "one", "phase": "Suspended"}]}}}),
            &[SUSPENDED],
            State::Suspended,
            "suspended by pipeline `one` until somebody takes the label away; its spec has changed since, so the controller starts again by itself",
        ),
        (
            json!({"kratix": {"workflows": {
                "configure": {"pipelines": [{"name": "one", "phase": "Succeeded"}]},
                "delete": {"pipelines": [{"name": "gone", "phase": "Pending"}]},
            }}}),
            &[],
            State::Done,
            "nothing is left to do",
        ),
    ];
    for (status, labels, state, says) in cases {
        assert_eq!(said(status.clone(), labels), (state, says.to_owned()), "{status} {labels:?}");
    }
}

#[test]
fn an_object_that_goes_is_judged_by_its_delete_workflow() {
    let workflows = json!({"kratix": {"workflows": {
        "configure": {"pipelines": [{"name": "one", "phase": "Failed"}]},
        "delete": {"pipelines": [{"name": "gone", "phase": "Running"}]},
    }}});
    let mut view = view(workflows, &[]);
    view.deleted_at = Some(now());
    assert_eq!(outlook(&view, now()).says, "pipeline `gone` runs");
    view.workflows[1].pipelines[0].phase = "Succeeded".into();
    assert_eq!(outlook(&view, now()).says, "its pipelines are done; the controller is removing it");
}

#[test]
fn commands_name_the_object_as_kubectl_takes_it() {
    let commands = |view: &StatusView| -> Vec<String> {
        outlook(view, now()).todo.into_iter().map(|todo| todo.command).collect()
    };
    let request = view(flat(json!([{"name": "one", "phase": "Suspended"}])), &[SUSPENDED]);
    assert_eq!(
        commands(&request),
        [
            "kubectl label redises.gold.example.com one -n team-a kratix.io/workflow-suspended-",
            "kubectl label redises.gold.example.com one -n team-a kratix.io/manual-reconciliation=true",
        ]
    );
    let mut unlabelled = Object::new(&kinds::WORK, Some("team-a"), "one");
    unlabelled.0.insert("status".into(), flat(json!([{"name": "up", "phase": "Failed"}])));
    assert_eq!(
        commands(&StatusView::of(&unlabelled.key(&kinds::WORK), &unlabelled))[0],
        "kubectl describe pods -A -l kratix.io/resource-name=one,kratix.io/workflow-type=resource,kratix.io/pipeline-name=up",
    );
    let mut object = Object::new(&kinds::PROMISE, None, "redis");
    object.0.insert("status".into(), flat(json!([{"name": "up", "phase": "Failed"}])));
    let promise = StatusView::of(&object.key(&kinds::PROMISE), &object);
    assert_eq!(
        commands(&promise),
        [
            "kubectl describe pods -A -l kratix.io/promise-name=redis,kratix.io/workflow-type=promise,kratix.io/pipeline-name=up",
            "kubectl label promises.platform.kratix.io redis kratix.io/manual-reconciliation=true",
        ]
    );
}

#[test]
fn an_odd_status_is_shown_as_far_as_it_goes() {
    for status in [
        json!("text"),
        json!([1]),
        json!({"kratix": 1, "conditions": {"a": 1}, "workflows": "x"}),
        flat(json!({"a": 1})),
        flat(json!([1, null, {"name": 7, "phase": ["x"], "attempts": "1", "nextRetryAt": "soon"}])),
        json!({"kratix": {"workflows": {"configure": {"pipelines": [{}]}, "x": 1}}, "conditions": [1, {}]}),
    ] {
        let view = view(status, &[SUSPENDED]);
        let outlook = outlook(&view, now());
        assert!(text(&view, &outlook, now()).starts_with("Redis team-a/one\n"));
        assert_eq!(json(&view, &outlook)["name"], "one");
    }
}

#[test]
fn the_layout_is_told() {
    let list = json!([]);
    for (workflows, layout) in [
        (json!({}), Layout::None),
        (json!({"pipelines": list}), Layout::Flat),
        (json!({"delete": {"pipelines": list}}), Layout::Keyed),
        (json!({"pipelines": list, "configure": {"pipelines": list}}), Layout::Both),
    ] {
        assert_eq!(
            view(json!({"kratix": {"workflows": workflows}}), &[]).layout,
            layout,
            "{workflows}"
        );
    }
}
