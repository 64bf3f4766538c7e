//! Fills in defaults, and drops nulls that may not be.

use serde_json::Value;

use super::{additional, is_on, property};

/// Fills in the defaults of a schema, at every depth; a null that may not be counts as absent.
pub(super) fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (key, schema) in properties.into_iter().flatten() {
                if let Some(default) = schema.get("default")
                    && map.get(key).is_none_or(|value| is_wrong_null(schema, value))
                {
                    map.insert(key.clone(), default.clone());
                }
            }
            for (key, value) in map.iter_mut() {
                if let Some(schema) = property(schema, key).or_else(|| additional(schema)) {
                    replace_null(schema, value);
                    fill(schema, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    replace_null(schema, item);
                    fill(schema, item);
                }
            }
        }
        _ => {}
    }
}

/// Drops entries of maps that are null and may not be; items of lists stay, and are refused.
pub(super) fn drop_nulls(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|key, value| {
            let Some(schema) = property(schema, key).or_else(|| additional(schema)) else {
                return true;
            };
            drop_nulls(schema, value);
            !is_wrong_null(schema, value)
        }),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| drop_nulls(schema, item));
            }
        }
        _ => {}
    }
}

/// Puts the default in the place of a null that may not be.
fn replace_null(schema: &Value, value: &mut Value) {
    if is_wrong_null(schema, value)
        && let Some(default) = schema.get("default")
    {
        *value = default.clone();
    }
}

fn is_wrong_null(schema: &Value, value: &Value) -> bool {
    value.is_null() && !is_on(schema, "nullable")
}
