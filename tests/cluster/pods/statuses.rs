//! What the status step leaves in the three layouts of a status, and under a schema that prunes.

use bookend::contract::labels;
use bookend::core::promise::WorkflowType;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::kit::{Flow, Recipe, flat, once, stage, together};

fn keyed() -> Value {
    json!({
        "message": "Pending",
        "kratix": { "workflows": { "configure": {
            "pipelines": [{ "name": "pipe-0", "phase": "Running", "hash": "abc" }],
        } } },
    })
}

/// A pipeline whose last stage leaves these two files.
fn reporting(status: &str, control: &str) -> Vec<Vec<Value>> {
    let file = |name: &str, text: &str| match text {
        "" => String::new(),
        text => format!("echo '{text}' >/kratix/metadata/{name}; "),
    };
    let script = file("status.yaml", status) + &file("workflow-control.yaml", control) + "true";
    vec![vec![stage("one", "true"), stage("two", &script)]]
}

/// The entry of the pipeline, wherever the layout has it.
fn entry(flow: &Flow) -> Value {
    let object = flow.object();
    let workflows = object.at(&["status", "kratix", "workflows"]).unwrap();
    let holder = workflows.get("configure").unwrap_or(workflows);
    holder["pipelines"][0].clone()
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_status_is_merged_and_completed_in_every_layout() {
    let _others = together();
    for (name, kind, status) in [
        ("merge-flat", "Widget", flat()),
        ("merge-keyed", "Ledger", keyed()),
        ("merge-unprepared", "Widget", json!({ "message": "Pending", "old": 1 })),
    ] {
        let pipelines = reporting("url: http://example.com", "");
        let flow = Recipe { name, kind, pipelines, status: status.clone(), ..Recipe::default() };
        let flow = flow.set_up();
        let run = flow.run(1).succeeded();
        let left = flow.object().0["status"].clone();
        assert_eq!(left["url"], "http://example.com", "{name}");
        assert_eq!(left["message"], "Resource requested", "{name}");
        assert_eq!(left["conditions"][0]["type"], "ConfigureWorkflowCompleted", "{name}");
        assert_eq!(left["kratix"], status["kratix"], "{name}: the list stays as it was");
        assert_eq!(left["old"], status["old"], "{name}");
        let unprepared = run.log("status-writer").contains("no list of pipelines");
        assert_eq!(unprepared, name == "merge-unprepared", "{}", run.log("status-writer"));
    }
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_workflow_waits_for_its_retry_in_both_layouts() {
    let _others = together();
    for (name, kind, status) in
        [("retry-flat", "Widget", flat()), ("retry-keyed", "Ledger", keyed())]
    {
        let pipelines = reporting("", "retryAfter: 90s\nmessage: not yet");
        let flow = Recipe { name, kind, pipelines, status, ..Recipe::default() }.set_up();
        let before = Timestamp::now();
        let run = flow.run(1).succeeded();
        let (object, entry) = (flow.object(), entry(&flow));
        assert_eq!(object.label(labels::WORKFLOW_SUSPENDED), Some("true"), "{name}");
        assert_eq!(entry["phase"], "Suspended", "{name}");
        assert_eq!(entry["message"], "not yet", "{name}");
        assert_eq!(entry["attempts"], 1, "{name}");
        let retry: Timestamp = entry["nextRetryAt"].as_str().unwrap().parse().unwrap();
        // Whole seconds: up to one is cut off.
        let earliest = before.checked_add(89.seconds()).unwrap();
        let latest = Timestamp::now().checked_add(90.seconds()).unwrap();
        assert!(earliest < retry && retry < latest, "{name}: {earliest} {retry} {latest}");
        let workflows = object.at(&["status", "kratix", "workflows"]).unwrap();
        let holder = workflows.get("configure").unwrap_or(workflows);
        assert_eq!(holder["suspendedGeneration"], 1, "{name}");
        assert_eq!(flow.works(), Vec::<Value>::new(), "{name}");
        assert!(run.log("work-writer").contains("no work is written"), "{name}");
    }
}

/// Nothing could ever wake such a workflow, so it is refused, and the object is left as it was.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_workflow_cannot_wait_where_the_schema_drops_the_list() {
    let _others = together();
    let flow = Recipe {
        name: "retry-pruned",
        // The schema knows the flat layout only: the keyed list is dropped as soon as a controller writes it.
        kind: "Widget",
        status: keyed(),
        pipelines: reporting("", "suspend: true"),
        pipeline_spec: once(),
        ..Recipe::default()
    };
    let flow = flow.set_up();
    let before = flow.object();
    let run = flow.run(1).failed();
    let end = run.end_of("status-writer");
    assert_eq!(end["exitCode"], 4);
    let message = end["message"].as_str().unwrap();
    assert!(
        message.contains("is not prepared for this pipeline; nothing was written"),
        "{message}"
    );
    assert_eq!(flow.object(), before);
}

/// The CRD of Promises keeps what it knows and drops the rest without a word.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_promise_whose_schema_prunes_keeps_what_it_knows() {
    let _others = together();
    let flow = Recipe {
        name: "prune-promise",
        workflow: WorkflowType::Promise,
        pipelines: reporting("message: ready\nendpoint: http://example.com", ""),
        ..Recipe::default()
    };
    let flow = flow.set_up();
    let run = flow.run(1).succeeded();
    let status = flow.object().0["status"].clone();
    assert_eq!(status["message"], "ready");
    assert_eq!(status.get("endpoint"), None);
    assert_eq!(status["kratix"], flat()["kratix"]);
    let log = run.log("status-writer");
    assert!(log.contains("WARN") && log.contains("endpoint"), "{log}");
}
