//! The workflows, each a Job as Kratix makes it, with exactly the rights that Kratix gives.

use bookend::contract::{kinds, labels};
use bookend::core::promise::{WorkflowAction, WorkflowType};
use serde_json::{Value, json};

use super::kit::{Finished, Flow, Recipe, stage, together};

/// Two stages: the first takes the object, the second adds to what the first left.
fn two_stages() -> Vec<Value> {
    vec![
        stage(
            "first",
            "grep -q '^kind: ' /kratix/input/object.yaml; echo 'a: 1' >/kratix/output/a.yaml",
        ),
        stage(
            "second",
            "mkdir /kratix/output/sub; cp /kratix/output/a.yaml /kratix/output/sub/b.yaml; \
             echo 'message: by the second' >/kratix/metadata/status.yaml",
        ),
    ]
}

const CONFIGURE: [&str; 5] = ["reader", "first", "second", "work-writer", "status-writer"];
const DELETE: [&str; 4] = ["reader", "first", "second", "status-writer"];

fn recipe(name: &'static str) -> Recipe {
    Recipe { name, pipelines: vec![two_stages()], ..Recipe::default() }
}

fn names(run: &Finished) -> Vec<String> {
    run.containers().iter().map(|status| status["name"].as_str().unwrap().to_owned()).collect()
}

fn completed(flow: &Flow) -> bool {
    let object = flow.object();
    let conditions = object.at(&["status", "conditions"]).and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|c| c["type"] == "ConfigureWorkflowCompleted" && c["status"] == "True")
}

/// Checks what a configure workflow leaves: one Work with both files, a status, a condition.
fn check_configured(flow: &Flow, run: &Finished, work_namespace: &str) -> Value {
    assert_eq!(names(run), CONFIGURE);
    let works = flow.works();
    let [work] = works.as_slice() else { panic!("{works:?}") };
    assert_eq!(work["metadata"]["namespace"], work_namespace);
    let files = work["spec"]["workloadGroups"][0]["workloads"].as_array().unwrap();
    let files: Vec<_> = files.iter().map(|file| file["filepath"].as_str().unwrap()).collect();
    assert_eq!(files, ["a.yaml", "sub/b.yaml"]);
    assert_eq!(flow.object().at(&["status", "message"]).unwrap(), "by the second");
    assert!(completed(flow));
    work.clone()
}

/// Checks what a delete workflow leaves: a status, no Work, nothing completed.
fn check_deleted(flow: &Flow, run: &Finished) {
    assert_eq!(names(run), DELETE);
    assert_eq!(flow.works(), Vec::<Value>::new());
    assert_eq!(flow.object().at(&["status", "message"]).unwrap(), "by the second");
    assert!(!completed(flow), "a delete workflow completes no configure workflow");
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_resource_is_configured() {
    let _others = together();
    let selectors = json!({ "destinationSelectors": [{ "matchLabels": { "env": "dev" } }] });
    let flow = Recipe { promise_spec: selectors, ..recipe("configure-resource") }.set_up();
    let work = check_configured(&flow, &flow.run(1).succeeded(), "configure-resource");
    assert_eq!(work["metadata"]["labels"][labels::RESOURCE_NAME], "sample");
    let selectors = &work["spec"]["workloadGroups"][0]["destinationSelectors"];
    assert_eq!(*selectors, json!([{ "matchLabels": { "env": "dev" }, "source": "promise" }]));
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_resource_is_deleted() {
    let _others = together();
    let recipe = Recipe { action: WorkflowAction::Delete, ..recipe("delete-resource") };
    let flow = recipe.set_up();
    flow.delete();
    check_deleted(&flow, &flow.run(1).succeeded());
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_promise_is_configured() {
    let _others = together();
    let flow = Recipe { workflow: WorkflowType::Promise, ..recipe("configure-promise") }.set_up();
    let work = check_configured(&flow, &flow.run(1).succeeded(), kinds::SYSTEM_NAMESPACE);
    assert_eq!(work["metadata"]["labels"][labels::WORK_TYPE], "promise");
    assert_eq!(work["metadata"]["labels"].get(labels::RESOURCE_NAME), None);
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_promise_is_deleted() {
    let _others = together();
    let (workflow, action) = (WorkflowType::Promise, WorkflowAction::Delete);
    let flow = Recipe { workflow, action, ..recipe("delete-promise") }.set_up();
    flow.delete();
    check_deleted(&flow, &flow.run(1).succeeded());
}

/// The Job runs elsewhere than its object is, with a right of its own to reach it.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_resource_is_configured_from_a_namespace_of_pipelines() {
    let _others = together();
    let spec = json!({ "workflows": { "config": { "pipelineNamespace": "the-pipelines" } } });
    let flow = Recipe { promise_spec: spec, ..recipe("configure-from-elsewhere") }.set_up();
    let work = check_configured(&flow, &flow.run(1).succeeded(), "the-pipelines");
    assert_eq!(work["metadata"]["labels"][labels::RESOURCE_NAMESPACE], "configure-from-elsewhere");
}

/// The same Work, new; and not touched at all by a run that asks the workflow to wait.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_second_run_renews_the_work_and_a_suspended_one_leaves_it() {
    let _others = together();
    let script = "grep size: /kratix/input/object.yaml >/kratix/output/size.yaml; \
                  if grep -q 'size: 5' /kratix/input/object.yaml; then \
                    echo 'suspend: true' >/kratix/metadata/workflow-control.yaml; fi";
    let pipelines = vec![vec![stage("one", script), stage("two", "true")]];
    let mut flow = Recipe { pipelines, ..recipe("runs-again") }.set_up();
    let mut seen = Vec::new();
    for (number, size) in [(1, 3), (2, 4), (3, 5)] {
        flow.change(&json!({ "size": size }));
        flow.run(number).succeeded();
        let mut works = flow.works();
        assert_eq!(works.len(), 1);
        seen.push(works.remove(0));
    }
    let [first, second, third] = seen.as_slice() else { unreachable!() };
    for field in ["name", "uid"] {
        assert_eq!(first["metadata"][field], second["metadata"][field]);
    }
    let executed_at =
        |work: &Value| work["spec"]["lastExecutionTimestamp"].as_str().unwrap().to_owned();
    assert!(executed_at(first) < executed_at(second));
    let content =
        |work: &Value| work["spec"]["workloadGroups"][0]["workloads"][0]["content"].clone();
    assert_ne!(content(first), content(second), "the new size is in it");
    assert_eq!(second, third, "the run that asks to wait does not touch it");
    assert_eq!(flow.object().label(labels::WORKFLOW_SUSPENDED), Some("true"));
}

/// What the other tests rely on: that Pod Security would have refused them.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn the_namespaces_of_these_tests_refuse_pods_that_are_not_restricted() {
    let _others = together();
    let flow = recipe("restricted").set_up();
    let mut job = flow.job(0, 1).into_value();
    let spec = job.pointer_mut("/spec/template/spec").unwrap().take();
    let pods = "/api/v1/namespaces/restricted/pods?dryRun=All";
    let pod = |spec: &Value| {
        let metadata = json!({ "name": "probe" });
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
    };
    assert_eq!(flow.api.ask("POST", pods, &pod(&spec)).0, 201);
    for (path, value) in [
        ("/initContainers/0/securityContext/runAsNonRoot", json!(false)),
        ("/initContainers/3/securityContext/capabilities", json!({})),
        ("/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/containers/0/securityContext/seccompProfile", Value::Null),
    ] {
        let mut loose = spec.clone();
        *loose.pointer_mut(path).unwrap() = value;
        let (status, answer) = flow.api.ask("POST", pods, &pod(&loose));
        assert_eq!(status, 403, "{path}: {answer}");
        assert!(
            answer["message"].as_str().unwrap().contains("PodSecurity \"restricted"),
            "{answer}"
        );
    }
}
