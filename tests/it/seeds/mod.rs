//! Statements of the seeds that no other test shows by itself, and the check of `docs/seeds.md`, which lists them all.

mod pods;
mod rights;
mod runs;
mod table;
mod workflow;

use bookend::contract::Object;
use bookend::core::config::Config;
use bookend::core::pipeline::{Adapter, JobInput, job};
use bookend::core::promise::{Promise, WorkflowAction, WorkflowType};
use serde_json::{Value, json};

/// The four workflows.
pub(super) const WORKFLOWS: [(WorkflowType, WorkflowAction); 4] = [
    (WorkflowType::Promise, WorkflowAction::Configure),
    (WorkflowType::Promise, WorkflowAction::Delete),
    (WorkflowType::Resource, WorkflowAction::Configure),
    (WorkflowType::Resource, WorkflowAction::Delete),
];

/// A pipeline with one container, changed by `change`.
pub(super) fn pipeline(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut pipeline = json!({
        "apiVersion": "platform.kratix.io/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "stage", "image": "busybox"}]},
    });
    change(&mut pipeline);
    pipeline
}

/// A Promise `env` whose four workflows all are this one pipeline.
pub(super) fn promise(pipeline: &Value) -> Promise {
    let both = json!({"configure": [pipeline], "delete": [pipeline]});
    promise_with(&json!({"promise": both, "resource": both}))
}

/// A Promise `env` with these workflows.
pub(super) fn promise_with(workflows: &Value) -> Promise {
    let value = json!({
        "apiVersion": "platform.kratix.io/v1alpha1",
        "kind": "Promise",
        "metadata": {"name": "env", "uid": "p"},
        "spec": {
            "api": {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "spec": {
                    "group": "example.com",
                    "scope": "Namespaced",
                    "names": {"kind": "Env", "plural": "envs"},
                    "versions": [{"name": "v1", "storage": true}],
                },
            },
            "workflows": workflows,
        },
    });
    Promise::from_object(&Object::from_value(value).unwrap()).unwrap()
}

/// A request `mine` in this namespace.
pub(super) fn request(namespace: &str) -> Object {
    Object::from_value(json!({
        "apiVersion": "example.com/v1",
        "kind": "Env",
        "metadata": {"name": "mine", "namespace": namespace, "uid": "r"},
    }))
    .unwrap()
}

/// The Job of the one pipeline in one of the workflows, for a request in `team`.
pub(super) fn job_of(
    promise: &Promise,
    (workflow, action): (WorkflowType, WorkflowAction),
    config: &Config,
) -> Value {
    let request = request("team");
    let job = job(&JobInput {
        promise,
        request: (workflow == WorkflowType::Resource).then_some(&request),
        workflow,
        action,
        index: 0,
        config,
        adapter: &Adapter { image: "adapter:1".into(), pull_secret: None },
        run: 1,
    });
    job.unwrap().into_value()
}

/// The user's container of a Job.
pub(super) fn stage(job: &Value) -> &Value {
    &job["spec"]["template"]["spec"]["initContainers"][1]
}
