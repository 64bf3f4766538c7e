//! Reads one recorded case from the folder of all recordings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bookend::contract::{Object, labels};
use serde_json::{Value, json};

use super::defaults::{remove, without_defaults};
use super::{Case, object, sorted};

/// Reads one recorded case: every version of its objects that was seen.
pub(super) fn read_recording(dir: &Path) -> Case {
    const NOT_REQUESTS: [&str; 6] = [
        "",
        "batch",
        "rbac.authorization.k8s.io",
        "apiextensions.k8s.io",
        "platform.kratix.io",
        "apps",
    ];
    const RIGHTS: [&str; 5] =
        ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
    let about: Value = serde_json::from_slice(&fs::read(dir.join("case.json")).unwrap()).unwrap();
    let mut case = Case {
        config: about["config"]["config"]
            .as_str()
            .map(|text| bookend::files::yaml::parse(text.as_bytes()).unwrap().into_json().unwrap()),
        ..Case::default()
    };
    let mut jobs = BTreeMap::new();
    for step in sorted(&dir.join("steps")) {
        for line in fs::read_to_string(step.join("raw.jsonl")).unwrap().lines() {
            let mut value: Value = serde_json::from_str(line).unwrap();
            slim(&mut value);
            let object = object(&value);
            let group = object.api_version().split_once('/').map_or("", |(group, _)| group);
            match object.kind() {
                "Promise" => add(&mut case.promises, value),
                // The version in use, which the live Promise may have left behind.
                "PromiseRevision" => add(&mut case.promises, revised(&object)),
                "ConfigMap" if object.label(labels::PROMISE_NAME).is_some() => {
                    add(&mut case.config_maps, value);
                }
                "Job" => {
                    let created = object.creation_timestamp().unwrap().to_owned();
                    without_defaults(&mut value);
                    jobs.entry((created, object.name().to_owned())).or_insert(value);
                }
                kind if RIGHTS.contains(&kind) && is_default_grant(&object) => {
                    without_identity(&mut value);
                    add(&mut case.rights, value);
                }
                _ if !NOT_REQUESTS.contains(&group) => add(&mut case.requests, value),
                _ => {}
            }
        }
    }
    case.jobs = jobs.into_values().collect();
    case
}

/// Whether these rights are of those that every pipeline gets: not for what it asks for beyond, not the controller's.
fn is_default_grant(object: &Object) -> bool {
    let labels = object.at(&["metadata", "labels"]).and_then(Value::as_object);
    let is_plain = labels.is_some_and(|labels| labels.keys().eq([labels::PROMISE_NAME]));
    is_plain && !object.name().ends_with("-promise-controller")
}

/// Takes out what the API server gives an object of its own.
fn without_identity(value: &mut Value) {
    for key in ["uid", "resourceVersion", "creationTimestamp"] {
        remove(value, "/metadata", key);
    }
}

/// The Promise as its revision holds it.
fn revised(revision: &Object) -> Value {
    let name = revision.at(&["spec", "promiseRef", "name"]).unwrap();
    json!({
        "apiVersion": revision.api_version(),
        "kind": "Promise",
        "metadata": {"name": name, "uid": revision.at(&["metadata", "ownerReferences"]).unwrap()[0]["uid"]},
        "spec": revision.at(&["spec", "promiseSpec"]).unwrap(),
    })
}

fn add(list: &mut Vec<Value>, value: Value) {
    if !list.contains(&value) {
        list.push(value);
    }
}

/// Takes out what changes with every write.
fn slim(value: &mut Value) {
    remove(value, "", "status");
    for key in [
        "resourceVersion",
        "generation",
        "finalizers",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        remove(value, "/metadata", key);
    }
    if value["kind"] != "Job" {
        remove(value, "/metadata", "creationTimestamp");
    }
    if value["kind"] == "Promise" {
        remove(value, "/metadata", "labels");
    }
}
