//! Reads one recorded case from the folder of all recordings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bookend::contract::{Object, labels};
use serde_json::{Value, json};

use super::defaults::{remove, without_defaults};
use super::rights::Step;
use super::{Case, object, sorted};

/// Kinds of rights, with the account they are for.
const RIGHTS: [&str; 5] =
    ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];

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
    let about: Value = serde_json::from_slice(&fs::read(dir.join("case.json")).unwrap()).unwrap();
    let mut case = Case {
        config: about["config"]["config"]
            .as_str()
            .map(|text| bookend::files::yaml::parse(text.as_bytes()).unwrap().into_json().unwrap()),
        ..Case::default()
    };
    for before in about["pre"].as_array().into_iter().flatten() {
        if RIGHTS.contains(&before["kind"].as_str().unwrap()) {
            case.before.push(before.clone());
        }
    }
    let mut jobs = BTreeMap::new();
    for step in sorted(&dir.join("steps")) {
        let name = step.file_name().unwrap().to_str().unwrap().to_owned();
        let mut seen = Step { name, ..Step::default() };
        let mut started = Vec::new();
        for line in fs::read_to_string(step.join("raw.jsonl")).unwrap().lines() {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let is_going = value["metadata"]["deletionTimestamp"].is_string();
            slim(&mut value);
            let object = object(&value);
            let group = object.api_version().split_once('/').map_or("", |(group, _)| group);
            match object.kind() {
                "Promise" => {
                    seen.going |= is_going;
                    seen.promises.push(add(&mut case.promises, value));
                }
                // The version in use, which the live Promise may have left behind.
                "PromiseRevision" => {
                    add(&mut case.promises, revised(&object));
                }
                "ConfigMap" if object.label(labels::PROMISE_NAME).is_some() => {
                    add(&mut case.config_maps, value);
                }
                "Job" => {
                    let created = object.creation_timestamp().unwrap().to_owned();
                    without_defaults(&mut value);
                    let key = (created, object.name().to_owned());
                    jobs.entry(key.clone()).or_insert_with(|| {
                        started.push(key);
                        value
                    });
                }
                kind if RIGHTS.contains(&kind) && object.label(labels::PROMISE_NAME).is_some() => {
                    without_identity(&mut value);
                    seen.rights.push(add(&mut case.rights, value));
                }
                _ if !NOT_REQUESTS.contains(&group) => {
                    add(&mut case.requests, value);
                }
                _ => {}
            }
        }
        started.sort();
        seen.started = started.into_iter().map(|(_, name)| name).collect();
        case.steps.push(seen);
    }
    case.jobs = jobs.into_values().collect();
    case
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

/// Adds a value that is not there yet, and returns its place.
fn add(list: &mut Vec<Value>, value: Value) -> usize {
    let place = list.iter().position(|one| *one == value);
    place.unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
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
