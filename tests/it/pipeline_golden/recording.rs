//! What went into a recorded case, and what came out, gathered from its steps.

use bookend::contract::labels;
use serde_json::{Value, json};

use super::Case;
use super::rights::Step;
use crate::steps::case;

/// Kinds of rights, with the account they are for.
const RIGHTS: [&str; 5] =
    ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];

/// Stands for whatever uid an object had.
const UID: &str = "uid";

/// Every version of its objects that was seen.
pub(super) fn made_of(recorded: &case::Case) -> Case {
    let mut case = Case {
        config: recorded.config["config"]
            .as_str()
            .map(|text| bookend::files::yaml::parse(text.as_bytes()).unwrap().into_json().unwrap()),
        ..Case::default()
    };
    let is_right = |it: &&Value| RIGHTS.contains(&it["kind"].as_str().unwrap());
    case.before = recorded.pre.iter().filter(is_right).cloned().collect();
    for step in &recorded.steps {
        let mut seen = Step { name: step.name.clone(), ..Step::default() };
        for (key, meaning) in &step.objects {
            let object = object(key, meaning, recorded);
            let kind = object["kind"].as_str().unwrap();
            let is_of_promise = object["metadata"]["labels"][labels::PROMISE_NAME].is_string();
            match kind {
                "Promise" => {
                    seen.going |= meaning["metadata"]["isGoing"] == true;
                    seen.promises.push(add(&mut case.promises, object));
                }
                "ConfigMap" if is_of_promise => {
                    add(&mut case.config_maps, object);
                }
                "Job" => {
                    let name = object["metadata"]["name"].clone();
                    if !case.jobs.iter().any(|job| job["metadata"]["name"] == name) {
                        seen.started.push(name.as_str().unwrap().to_owned());
                        case.jobs.push(object);
                    }
                }
                _ if RIGHTS.contains(&kind) && is_of_promise => {
                    seen.rights.push(add(&mut case.rights, object));
                }
                _ if recorded.requests.iter().any(|it| it["kind"] == kind) => {
                    add(&mut case.requests, object);
                }
                _ => {}
            }
        }
        case.steps.push(seen);
    }
    case
}

/// The object behind a meaning: with its name and version, and without what changes with every write.
fn object(key: &str, meaning: &Value, recorded: &case::Case) -> Value {
    let mut parts = key.split('/');
    let (kind, namespace) = (parts.next().unwrap(), parts.next().filter(|it| *it != "-"));
    let request = recorded.requests.iter().find(|it| it["kind"] == kind);
    let version = match kind {
        "Promise" => "platform.kratix.io/v1alpha1",
        "Job" => "batch/v1",
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => {
            "rbac.authorization.k8s.io/v1"
        }
        _ => request.map_or("v1", |it| it["apiVersion"].as_str().unwrap()),
    };
    let mut object = meaning.clone();
    let map = object.as_object_mut().unwrap();
    map.remove("status");
    map.remove("state");
    map.insert("apiVersion".into(), json!(version));
    map.insert("kind".into(), json!(kind));
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("isGoing");
    metadata.remove("finalizers");
    metadata.insert("name".into(), json!(parts.next()));
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), json!(namespace));
    }
    if kind == "Promise" || request.is_some() {
        metadata.insert("uid".into(), json!(UID));
    }
    if kind == "Promise" {
        metadata.remove("labels");
    }
    for owner in
        metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten()
    {
        owner["uid"] = json!(UID);
    }
    object
}

/// Adds a value that is not there yet, and returns its place.
fn add(list: &mut Vec<Value>, value: Value) -> usize {
    let place = list.iter().position(|one| *one == value);
    place.unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}
