//! Reads a case from the folder of all recordings (`shared/golden/manager`, described there).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::case::{Case, Step};
use super::meaning::{event, key, meaning};

/// The folder of the recordings, where it stands beside the project.
pub(crate) fn folder() -> Option<PathBuf> {
    let places = ["../shared/golden/manager", "../../shared/golden/manager"];
    let places = places.map(|place| Path::new(env!("CARGO_MANIFEST_DIR")).join(place));
    places.into_iter().find(|place| place.is_dir())
}

/// Every case of the folder.
pub(crate) fn all(folder: &Path) -> Vec<Case> {
    sorted(folder).iter().filter(|path| path.is_dir()).map(|path| read(path)).collect()
}

fn read(folder: &Path) -> Case {
    let about: Value =
        serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
    let folders = folder.join("steps");
    let folders = if folders.is_dir() { sorted(&folders) } else { Vec::new() };
    let empty = Vec::new();
    let played = about["steps"].as_array().unwrap_or(&empty);
    assert_eq!(played.len(), folders.len(), "{folder:?}");
    let mut told = BTreeSet::new();
    let promise = folder.join("promise.yaml");
    let promise = if promise.exists() { yaml(&promise) } else { Value::Null };
    let mut pre = about["pre"].as_array().cloned().unwrap_or_default();
    if let Some(first) = folders.first() {
        pre.extend(other_promises(first, &promise));
    }
    Case {
        name: about["name"].as_str().unwrap().to_owned(),
        purpose: about["purpose"].as_str().unwrap_or_default().to_owned(),
        upstream_bug: about["upstream_bug"].as_str().map(str::to_owned),
        config: about["config"].clone(),
        pre,
        promise,
        requests: ["request.yaml", "request-2.yaml"]
            .map(|name| folder.join(name))
            .iter()
            .filter(|path| path.exists())
            .map(|path| yaml(path))
            .collect(),
        steps: folders
            .iter()
            .zip(played)
            .map(|(folder, step)| read_step(folder, step, &mut told))
            .collect(),
    }
}

/// Promises of others that were there from the start: what they ask for.
fn other_promises(first: &Path, promise: &Value) -> Vec<Value> {
    let files = sorted(first).into_iter().filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("Promise."))
    });
    let others = files.map(|path| yaml(&path));
    let others = others.filter(|it| it["metadata"]["name"] != promise["metadata"]["name"]);
    let asked = others.map(|it| {
        json!({
            "apiVersion": it["apiVersion"], "kind": it["kind"],
            "metadata": { "name": it["metadata"]["name"], "labels": it["metadata"]["labels"] },
            "spec": it["spec"],
        })
    });
    asked.collect()
}

fn read_step(folder: &Path, played: &Value, told: &mut BTreeSet<String>) -> Step {
    let about: Value =
        serde_json::from_slice(&fs::read(folder.join("step.json")).unwrap()).unwrap();
    let mut options = played[1].clone();
    if let Some(options) = options.as_object_mut() {
        // What the stages left stands with the pod, also where it is what they leave by default.
        for given in ["as", "output", "metadata"] {
            options.remove(given);
        }
    }
    let mut step = Step {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        verb: played[0].as_str().unwrap().to_owned(),
        options,
        pod: pod(&about["pod"]),
        ..Step::default()
    };
    for file in sorted(folder) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name == "events.yaml" {
            let events = yaml(&file);
            let events: BTreeSet<String> = events
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|it| {
                    let told = event(it, it["message"].as_str()?, it["regarding"].as_str()?);
                    step.left_out += usize::from(told.is_none());
                    told
                })
                .collect();
            step.events = events.difference(told).cloned().collect();
            told.extend(events);
        } else if name.ends_with(".yaml") {
            let object = yaml(&file);
            if object["kind"] == "Work" {
                step.placed.insert(key(&object), object["status"].clone());
            }
            match meaning(&object) {
                Some(found) => drop(step.objects.insert(key(&object), found)),
                None => step.left_out += 1,
            }
        }
    }
    step
}

/// What is needed of a pod: its Job, how it ended, what its stages left, which of our containers failed.
fn pod(recorded: &Value) -> Value {
    if recorded["job"].is_null() {
        return if recorded.is_null() { Value::Null } else { json!({ "job": null }) };
    }
    let containers = recorded["containers"].as_object();
    let failed = containers.into_iter().flatten().find(|(_, ran)| ran["exit_code"] != 0);
    json!({
        "job": recorded["job"], "outcome": recorded["outcome"],
        "failed": failed.map(|(name, _)| name),
        "output": recorded["given_output"], "metadata": recorded["given_metadata"],
    })
}

fn yaml(path: &Path) -> Value {
    let parsed = bookend::files::yaml::parse(&fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parsed.into_json().unwrap()
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
