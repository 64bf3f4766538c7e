//! Objects and events by meaning: without what chance, time and the API server put into them.
//!
//! Recorded and live objects go through the same functions, so that what is left out is left out on both sides. Marks
//! of our own (annotation `bookend/run`, `hash` and `run` of a pipeline's entry, …) have nothing to be compared with
//! and are left out too; tests of `core::workflow` say what they must be.

use bookend::contract::labels;
use bookend::contract::status::{CONDITIONS, KRATIX, PIPELINES, SUSPENDED_GENERATION, WORKFLOWS};
use bookend::core::work_view::unpack;
use serde_json::{Map, Value, json};

use super::defaults;

/// Kinds that a reconciler of this size does not have (issue 5, "What it must show" 2).
const KINDS_OUT: [&str; 3] = ["PromiseRevision", "ResourceBinding", "WorkPlacement"];

/// Events about these kinds, about placement, and the one that tells of every pass (contract.md 15.1).
const REASONS_OUT: [&str; 8] = [
    "AllWorkplacementsScheduled",
    "BindingCreated",
    "NoMatchingDestination",
    "ReconcileStarted",
    "ResourceBindingVersionUpdated",
    "RevisionCreated",
    "WaitingDestination",
    "WorkplacementReconciled",
];

/// Finalizers that guard objects of [`KINDS_OUT`].
const FINALIZERS_OUT: [&str; 2] =
    ["kratix.io/resource-binding-cleanup", "kratix.io/revision-cleanup"];

/// Keys of a request's status that name an object of [`KINDS_OUT`].
const STATUS_OUT: [&str; 1] = ["resourceBindingVersion"];

/// Keys of ours in the status, beside the list of pipelines and in its entries.
const OURS: [&str; 5] = ["hash", "run", "trigger", "action", "resourcesRun"];

/// What a time is compared as: it is there.
const TIME: &str = "<TIME>";

/// `Kind/namespace/name`, with `-` for no namespace.
pub(crate) fn key(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let metadata = &object["metadata"];
    format!(
        "{}/{}/{}",
        text(&object["kind"]),
        text(&metadata["namespace"]),
        text(&metadata["name"])
    )
}

/// An object by meaning; `None` when it is of a kind that is left out.
pub(crate) fn meaning(object: &Value) -> Option<Value> {
    let kind = object["kind"].as_str().unwrap_or_default();
    if KINDS_OUT.contains(&kind) {
        return None;
    }
    let mut found = object.clone();
    match kind {
        "Job" => job(&mut found),
        "Work" => work(&mut found),
        "CustomResourceDefinition" => remove(&mut found, "", "status"),
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" | "ServiceAccount"
        | "ConfigMap" => {}
        _ => owner(&mut found),
    }
    metadata(&mut found);
    times(&mut found);
    for key in ["apiVersion", "kind"] {
        remove(&mut found, "", key);
    }
    Some(found)
}

/// An event by meaning; `None` when its reason is left out.
pub(crate) fn event(event: &Value, message: &str, about: &str) -> Option<String> {
    let reason = event["reason"].as_str()?;
    if REASONS_OUT.contains(&reason) {
        return None;
    }
    Some(format!("{} {reason} {about}: {message}", event["type"].as_str()?))
}

/// Takes out of metadata what the API server gives, and what says which object it is.
fn metadata(object: &mut Value) {
    let metadata = object["metadata"].as_object_mut().unwrap();
    let is_going = metadata.remove("deletionTimestamp").is_some();
    for key in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "deletionGracePeriodSeconds",
    ] {
        metadata.remove(key);
    }
    if is_going {
        metadata.insert("isGoing".into(), json!(true));
    }
    if let Some(list) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
        list.retain(|it| !FINALIZERS_OUT.iter().any(|out| it == out));
        list.sort_by_key(Value::to_string);
    }
    for owner in
        metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten()
    {
        remove(owner, "", "uid");
    }
    if let Some(all) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        all.retain(|key, _| !key.starts_with("bookend/") && key != "kratix.io/last-updated-at");
    }
    metadata.retain(|_, value| !is_empty(value));
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// A Job: what was asked for, and how far it is.
fn job(job: &mut Value) {
    let state = ["Complete", "Failed", "Suspended"].into_iter().find(|kind| {
        let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|it| it["type"] == *kind && it["status"] == "True")
    });
    let is_suspended = job["spec"]["suspend"] == true;
    defaults::without_defaults(job);
    // The API server, or its library, puts these there.
    for list in ["/metadata/labels", "/spec/template/metadata/labels"] {
        for label in ["controller-uid", "job-name"] {
            remove(job, list, label);
            remove(job, list, &format!("batch.kubernetes.io/{label}"));
        }
    }
    remove(job, "/spec/template/metadata", "creationTimestamp");
    remove(job, "/metadata/annotations", "batch.kubernetes.io/job-tracking");
    job["state"] = json!(state.unwrap_or("Running"));
    if is_suspended {
        job["spec"]["suspend"] = json!(true);
    }
    remove(job, "/metadata", "finalizers");
}

/// A Work: its files in the clear. Its status and finalizer are the scheduler's.
fn work(work: &mut Value) {
    remove(work, "", "status");
    remove(work, "/metadata", "finalizers");
    let groups = work.pointer_mut("/spec/workloadGroups").and_then(Value::as_array_mut);
    for group in groups.into_iter().flatten() {
        let files = group.get_mut("workloads").and_then(Value::as_array_mut);
        for file in files.into_iter().flatten() {
            let content = unpack(file["content"].as_str().unwrap(), 1 << 24).unwrap();
            file["content"] = json!(String::from_utf8_lossy(&content));
        }
    }
}

/// A Promise or a request.
fn owner(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64();
    // What was applied, without the empty maps that the original writes back.
    if let Some(Value::Object(workflows)) = object.pointer_mut("/spec/workflows") {
        workflows.retain(|key, value| {
            !["config", "promise", "resource"].contains(&&**key) || !is_empty(value)
        });
        if workflows.is_empty() {
            remove(object, "/spec", "workflows");
        }
    }
    let Some(Value::Object(status)) = object.get_mut("status") else { return };
    status.retain(|key, _| !STATUS_OUT.contains(&&**key));
    let age = |value: &Value| match (value.as_i64(), generation) {
        (Some(seen), Some(now)) if seen == now => json!("current"),
        (Some(seen), Some(now)) if seen < now => json!("behind"),
        _ => value.clone(),
    };
    if let Some(observed) = status.get_mut("observedGeneration") {
        *observed = age(observed);
    }
    if let Some(list) = status.get(CONDITIONS).and_then(Value::as_array) {
        let by_type: Map<_, _> = list.iter().map(condition).collect();
        status.insert(CONDITIONS.into(), Value::Object(by_type));
    }
    let workflows = status.get_mut(KRATIX).and_then(|it| it.get_mut(WORKFLOWS));
    let Some(workflows) = workflows.and_then(Value::as_object_mut) else { return };
    workflows.retain(|key, _| !OURS.contains(&&**key));
    if let Some(suspended) = workflows.get_mut(SUSPENDED_GENERATION) {
        *suspended = age(suspended);
    }
    for entry in workflows.get_mut(PIPELINES).and_then(Value::as_array_mut).into_iter().flatten() {
        OURS.iter().for_each(|key| remove(entry, "", key));
        remove(entry, "", "lastTransitionTime");
    }
}

/// A condition without its time, by its type. Names of objects in its text come in no order.
fn condition(condition: &Value) -> (String, Value) {
    let kind = condition["type"].as_str().unwrap_or_default().to_owned();
    let mut rest = condition.clone();
    for key in ["type", "lastTransitionTime"] {
        remove(&mut rest, "", key);
    }
    let text = rest["message"].as_str().unwrap_or_default();
    if let Some((start, list)) = text.split_once('[') {
        let mut names: Vec<_> = list.trim_end_matches(']').split([',', ' ']).collect();
        names.sort_unstable();
        rest["message"] = json!(format!("{start}[{}]", names.join(",")));
    }
    (kind, rest)
}

/// A time is compared only as being there.
fn times(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(times),
        Value::Array(list) => list.iter_mut().for_each(times),
        Value::String(text) => {
            let is_time = text.parse::<jiff::Timestamp>().is_ok() || text.starts_with("<NOW");
            if is_time {
                TIME.clone_into(text);
            }
        }
        _ => {}
    }
}

fn remove(value: &mut Value, parent: &str, key: &str) {
    defaults::remove(value, parent, key);
}

/// Whether an object belongs to the Promise by its label.
pub(crate) fn is_of(object: &Value, promise: &str) -> bool {
    object["metadata"]["labels"][labels::PROMISE_NAME] == promise
}
