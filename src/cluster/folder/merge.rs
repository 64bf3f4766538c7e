//! What a patch makes of an object in a folder.

use serde_json::{Map, Value};

use crate::contract::Object;

/// Returns the object after a merge patch (RFC 7396). The status, and what a server sets itself, stay as they are.
pub(super) fn patched(stored: &Object, patch: &Value) -> Object {
    let mut next = stored.clone();
    if let Value::Object(patch) = patch {
        let mut patch = patch.clone();
        patch.remove("status");
        if let Some(Value::Object(metadata)) = patch.get_mut("metadata") {
            for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
                metadata.remove(field);
            }
        }
        merge(&mut next.0, &patch);
    }
    renew_generation(stored, &mut next);
    next
}

/// Returns a whole object as a patch.
pub(super) fn of(object: &Object) -> Value {
    Value::Object(object.0.clone())
}

fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                into.remove(key);
            }
            Value::Object(inner) => {
                let old = into.entry(key.clone()).or_insert_with(|| Map::new().into());
                if !old.is_object() {
                    *old = Map::new().into();
                }
                if let Value::Object(old) = old {
                    merge(old, inner);
                }
            }
            other => {
                into.insert(key.clone(), other.clone());
            }
        }
    }
}

/// The generation counts changes of anything but metadata and status.
pub(super) fn renew_generation(stored: &Object, next: &mut Object) {
    let own = |(field, _): &(&String, &Value)| !matches!(field.as_str(), "metadata" | "status");
    if !stored.0.iter().filter(own).eq(next.0.iter().filter(own)) {
        let generation = stored.generation().unwrap_or(0).saturating_add(1);
        next.set_metadata("generation", generation);
    }
}
