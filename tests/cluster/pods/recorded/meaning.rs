//! What a pod has left, by meaning: without times and made-up names, and without what the controller did afterwards.
//!
//! The recordings were made when the controller had gone on: it had turned `Running` into `Succeeded`, and perhaps
//! started the next pipeline. What it owns is compared only as far as our containers write it.

use bookend::contract::pod::container;
use bookend::contract::status::{
    self as names, condition, counter, entry, message, phase, workflow_action,
};
use bookend::contract::{Object, env, kinds, labels};
use bookend::core::work_view::unpack;
use serde_json::{Value, json};

use super::super::kit::path;
use super::case::{Case, Pod};
use crate::api::Api;

/// Everything that is not as recorded.
pub(super) fn differences(api: &Api, case: &Case, pod: &Pod, job: &Object) -> Vec<String> {
    let mut differences = Vec::new();
    compare(
        "works",
        &works_expected(case, pod, job),
        &works(case.works(api), job),
        &mut differences,
    );
    let annotation = |key| job.annotation(key).unwrap_or_default();
    let (kind, name) =
        (annotation(labels::JOB_RESOURCE_KIND), annotation(labels::JOB_RESOURCE_NAME));
    let namespace = annotation(labels::JOB_RESOURCE_NAMESPACE);
    let recorded = pod.after.iter().map(|index| case.object(*index)).find(|object| {
        object.kind() == kind
            && object.name() == name
            && object.namespace().unwrap_or_default() == namespace
    });
    // After a delete workflow the object itself is gone.
    let Some(recorded) = recorded else { return differences };
    let kind = case.kind_of(pod, &recorded);
    let left = api.must("GET", &path(&kind, &recorded, true), &Value::Null);
    let left = Object::from_value(left).unwrap();
    let went_on = went_on(&recorded, job);
    if let Some(text) = recorded.text_at(&["status", names::MESSAGE]).filter(|_| went_on) {
        // `Pending` is the controller's word, when it starts a pipeline; any other is the pipeline's own.
        let found = left.text_at(&["status", names::MESSAGE]);
        if text != message::PENDING && found != Some(text) {
            differences.push(format!("message: expected {text}, found {found:?}"));
        }
    }
    let expected = object(&recorded, job, went_on);
    let mut found = object(&left, job, went_on);
    if expected["entry"].is_null() {
        // The object goes: the controller has put the delete pipelines in the place of the list.
        found["entry"].take();
    }
    compare("object", &expected, &found, &mut differences);
    differences
}

fn compare(what: &str, expected: &Value, left: &Value, found: &mut Vec<String>) {
    if expected != left {
        found.push(format!("{what}: expected {expected}"));
        found.push(format!("{what}:    found {left}"));
    }
}

fn is_delete(job: &Object) -> bool {
    job.label(labels::WORKFLOW_ACTION) == Some(workflow_action::DELETE)
}

/// A delete pipeline leaves Works alone; the controller removes them later.
fn works_expected(case: &Case, pod: &Pod, job: &Object) -> Value {
    let recorded = if is_delete(job) { &pod.before } else { &pod.after };
    let objects = recorded.iter().map(|index| case.object(*index));
    works(objects.filter(|it| it.kind() == kinds::WORK.kind).map(Object::into_value).collect(), job)
}

/// The Works of this Job's pipeline: namespace, labels, files in the clear, and a name without its random end.
fn works(all: Vec<Value>, job: &Object) -> Value {
    let of_job = [
        labels::PROMISE_NAME,
        labels::PIPELINE_NAME,
        labels::RESOURCE_NAME,
        labels::RESOURCE_NAMESPACE,
    ];
    let is_ours = |work: &Value| {
        of_job.iter().all(|label| work["metadata"]["labels"][label].as_str() == job.label(label))
    };
    let mut all: Vec<Value> = all.into_iter().filter(is_ours).map(work).collect();
    all.sort_by_key(Value::to_string);
    json!(all)
}

fn work(mut work: Value) -> Value {
    let name = work["metadata"]["name"].as_str().unwrap().to_owned();
    let spec = work["spec"].as_object_mut().unwrap();
    spec.remove("lastExecutionTimestamp");
    for group in spec.get_mut("workloadGroups").and_then(Value::as_array_mut).into_iter().flatten()
    {
        for file in group["workloads"].as_array_mut().into_iter().flatten() {
            let content = unpack(file["content"].as_str().unwrap(), 1 << 20).unwrap();
            file["content"] = json!(String::from_utf8_lossy(&content));
        }
    }
    json!({
        "name": name.rsplit_once('-').unwrap().0, "namespace": work["metadata"]["namespace"],
        "labels": work["metadata"]["labels"], "spec": work["spec"],
    })
}

/// Whether the controller has started something else since: then it has said so in message and condition.
fn went_on(recorded: &Object, job: &Object) -> bool {
    let completed = list(recorded, names::CONDITIONS);
    let mut completed =
        completed.filter(|it| it[condition::TYPE] == condition::CONFIGURE_WORKFLOW_COMPLETED);
    !is_last(job) || completed.next().is_some_and(|condition| condition["status"] != "True")
}

/// Whether the status container is told that no pipeline comes after it.
fn is_last(job: &Object) -> bool {
    let all = job.at(&["spec", "template", "spec", "containers"]).and_then(Value::as_array);
    let status =
        all.into_iter().flatten().find(|it| it["name"] == container::STATUS_WRITER).unwrap();
    let variables = status["env"].as_array().into_iter().flatten();
    variables
        .into_iter()
        .any(|it| it["name"] == env::IS_LAST_PIPELINE && it["value"] == labels::TRUE)
}

/// What our containers write of an object.
fn object(object: &Object, job: &Object, went_on: bool) -> Value {
    let owned: Vec<&str> = names::OWNED_ON_RESOURCES
        .iter()
        .chain(&names::OWNED_ON_PROMISES)
        .map(|(key, _)| *key)
        .chain(counter::ALL)
        .chain([names::KRATIX, names::CONDITIONS, names::MESSAGE])
        .collect();
    let status = object.status().and_then(Value::as_object).cloned().unwrap_or_default();
    let mut reported = status.clone();
    reported.retain(|key, _| !owned.contains(&key.as_str()));
    let conditions: Vec<Value> = list(object, names::CONDITIONS)
        .filter(|it| is_written_by_us(it, job, went_on))
        .map(|mut condition| {
            condition["lastTransitionTime"].take();
            condition
        })
        .collect();
    let text = status.get(names::MESSAGE).cloned().unwrap_or_default();
    let text = if went_on { Value::Null } else { text };
    let pipeline = job.label(labels::PIPELINE_NAME).unwrap();
    let workflows = object.at(&["status", names::KRATIX, names::WORKFLOWS]).cloned();
    let workflows = workflows.unwrap_or_default();
    json!({
        "suspended": object.label(labels::WORKFLOW_SUSPENDED),
        "suspendedGeneration": workflows[names::SUSPENDED_GENERATION].is_number(),
        "reported": reported, "conditions": conditions, "message": text,
        "entry": workflows[names::PIPELINES].as_array().into_iter().flatten()
            .find(|it| it[entry::NAME] == pipeline).map(settled),
    })
}

/// A pipeline's entry. What our status step leaves as `Running`, the controller turns into `Succeeded` or `Failed`.
fn settled(found: &Value) -> Value {
    let is_done = [phase::SUCCEEDED, phase::FAILED].iter().any(|it| found[entry::PHASE] == *it);
    json!({
        "phase": if is_done { json!(phase::RUNNING) } else { found[entry::PHASE].clone() },
        "message": found[entry::MESSAGE], "attempts": found[entry::ATTEMPTS],
        "retries": found[entry::NEXT_RETRY_AT].is_string(),
    })
}

fn is_written_by_us(found: &Value, job: &Object, went_on: bool) -> bool {
    let kind = found[condition::TYPE].as_str().unwrap_or_default();
    if kind == condition::CONFIGURE_WORKFLOW_COMPLETED {
        return !went_on && !is_delete(job);
    }
    !condition::OWNED_ON_RESOURCES.contains(&kind) && !condition::OWNED_ON_PROMISES.contains(&kind)
}

fn list(object: &Object, field: &str) -> impl Iterator<Item = Value> {
    let found = object.at(&["status", field]).and_then(Value::as_array);
    found.cloned().unwrap_or_default().into_iter()
}
