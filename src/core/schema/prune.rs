//! Drops fields that a schema does not know, as the server does in silence.

use serde_json::{Map, Value};

use super::{additional, child, is_on, property};
use crate::contract::Object;

/// What every object has, and an embedded one too.
const OF_EVERY_OBJECT: [&str; 3] = ["apiVersion", "kind", "metadata"];
/// Fields of `metadata`.
const OF_METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Returns the paths in `metadata` that no object has. They are left in place.
pub(super) fn metadata(object: &Object) -> Vec<String> {
    let metadata = object.0.get("metadata").and_then(Value::as_object);
    let keys = metadata.into_iter().flat_map(Map::keys);
    keys.filter(|key| !OF_METADATA.contains(&key.as_str()))
        .map(|key| child("metadata", key))
        .collect()
}

/// Prunes an object by the schema of its version.
pub(super) fn root(schema: &Value, object: &mut Value, pruned: &mut Vec<String>) {
    if let Value::Object(map) = object {
        prune_map(schema, map, "", true, pruned);
    }
}

fn prune(schema: &Value, value: &mut Value, path: &str, pruned: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let is_object = is_on(schema, "x-kubernetes-embedded-resource");
            prune_map(schema, map, path, is_object, pruned);
        }
        Value::Array(items) => {
            // An item without schema keeps nothing, as a field without schema does.
            let nothing = Value::Null;
            let schema = match schema.get("items") {
                Some(items) => items,
                None if is_on(schema, PRESERVE) => return,
                None => &nothing,
            };
            for (index, item) in items.iter_mut().enumerate() {
                prune(schema, item, &format!("{path}[{index}]"), pruned);
            }
        }
        _ => {}
    }
}

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

fn prune_map(
    schema: &Value,
    map: &mut Map<String, Value>,
    path: &str,
    is_object: bool,
    pruned: &mut Vec<String>,
) {
    let keeps_all = is_on(schema, PRESERVE);
    let free = is_on(schema, "additionalProperties");
    map.retain(|key, value| {
        if is_object && OF_EVERY_OBJECT.contains(&key.as_str()) {
            return true;
        }
        let path = child(path, key);
        match property(schema, key).or_else(|| additional(schema)) {
            Some(schema) => prune(schema, value, &path, pruned),
            None if keeps_all => {}
            // Keys are free, but nothing is known of what they hold.
            None if free => prune(&Value::Null, value, &path, pruned),
            None => {
                pruned.push(path);
                return false;
            }
        }
        true
    });
}
