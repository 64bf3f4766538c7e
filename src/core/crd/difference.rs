//! Whether a CRD in the cluster is as wanted, whatever the API server has added or left out.
//!
//! An API server keeps a CRD in typed form: it drops what is empty, and fills in names, ports and a few more. Both are put into one form and compared; so what it would change never looks like a difference, which would
//! be applied again and again.

use serde_json::{Map, Value, json};

use crate::contract::Object;

/// Returns where the CRD in the cluster is not as wanted, `None` when applying would change nothing.
///
/// Labels and annotations that are not wanted may be there: others have set them.
pub fn difference(wanted: &Object, existing: &Object) -> Option<String> {
    for key in ["labels", "annotations"] {
        let wanted = wanted.at(&["metadata", key]).and_then(Value::as_object);
        for (name, value) in wanted.into_iter().flatten() {
            if existing.at(&["metadata", key, name]) != Some(value) {
                return Some(format!("metadata.{key}.{name}"));
            }
        }
    }
    let form = |crd: &Object| crd.spec().map_or(Value::Null, spec);
    first("spec".to_owned(), &form(wanted), &form(existing)).or_else(|| {
        let none = json!({"strategy": "None"});
        let conversion = |crd: &Object| crd.at(&["spec", "conversion"]).unwrap_or(&none).clone();
        missing("spec.conversion".to_owned(), &conversion(wanted), &conversion(existing))
    })
}

/// Returns the path of the first thing that is wanted and not there. More may be there: whoever looks after
/// certificates puts them into the conversion, and the API server a port.
fn missing(path: String, wanted: &Value, existing: &Value) -> Option<String> {
    match (wanted, existing) {
        (Value::Object(wanted), Value::Object(existing)) => {
            wanted.iter().filter(|(_, value)| !is_empty(value)).find_map(|(key, value)| {
                let existing = existing.get(key).unwrap_or(&Value::Null);
                missing(format!("{path}.{key}"), value, existing)
            })
        }
        _ => first(path, wanted, existing),
    }
}

/// Returns the path of the first difference.
fn first(path: String, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
            keys.into_iter().find_map(|key| match (left.get(key), right.get(key)) {
                (Some(one), Some(other)) => first(format!("{path}.{key}"), one, other),
                _ => Some(format!("{path}.{key}")),
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (one, other))| first(format!("{path}[{index}]"), one, other))
        }
        // `1` and `1.0` are one number.
        (Value::Number(left), Value::Number(right)) => {
            (left != right && left.as_f64() != right.as_f64()).then_some(path)
        }
        _ => (one != other).then_some(path),
    }
}

/// Whether a Go value would be left out of its JSON. Numbers are pointers in a CRD, and stay.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(_) => false,
    }
}

/// Keeps what is not empty, each value in its form.
fn kept(map: &Map<String, Value>, form: impl Fn(&str, &Value) -> Value) -> Map<String, Value> {
    let formed = map.iter().map(|(key, value)| (key.clone(), form(key, value)));
    formed.filter(|(_, value)| !is_empty(value)).collect()
}

fn each(list: &Value, form: impl Fn(&Value) -> Value) -> Value {
    match list {
        Value::Array(items) => items.iter().map(form).collect(),
        other => other.clone(),
    }
}

/// The form of `spec`.
fn spec(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    kept(map, |key, value| match key {
        "versions" => each(value, version),
        "names" => names(value),
        "conversion" => Value::Null,
        _ => value.clone(),
    })
    .into()
}

/// The form of `spec.names`, with what is made of the kind.
fn names(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let mut formed = kept(map, |_, value| value.clone());
    if let Some(Value::String(kind)) = formed.get("kind").cloned() {
        formed.entry("singular").or_insert_with(|| kind.to_lowercase().into());
        formed.entry("listKind").or_insert_with(|| format!("{kind}List").into());
    }
    formed.into()
}

fn version(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let mut formed = kept(map, |key, value| match (key, value) {
        ("schema", Value::Object(holder)) => kept(holder, |_, value| schema(value)).into(),
        // The subresources are told apart by being there, even if empty.
        ("subresources", Value::Object(holder)) => {
            let list = holder.iter().filter(|(_, value)| !value.is_null());
            list.map(|(key, value)| json!([key, value])).collect()
        }
        ("additionalPrinterColumns", _) => each(value, column),
        _ => value.clone(),
    });
    // These two are no pointers, and are there even if false.
    for key in ["served", "storage"] {
        formed.entry(key).or_insert(false.into());
    }
    formed.into()
}

fn column(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let mut formed = kept(map, |_, value| value.clone());
    if formed.get("priority") == Some(&0.into()) {
        formed.remove("priority");
    }
    formed.into()
}

/// The form of a schema. Values that it holds (`default`, `enum`, `example`) are nobody's to change.
fn schema(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let mut formed = Map::new();
    for (key, value) in map {
        let (value, is_kept) = match (key.as_str(), value) {
            ("default" | "example", value) => (value.clone(), !value.is_null()),
            ("enum", value) => (value.clone(), !is_empty(value)),
            (
                "properties" | "patternProperties" | "definitions" | "dependencies",
                Value::Object(all),
            ) => {
                let all: Map<_, _> =
                    all.iter().map(|(name, one)| (name.clone(), schema(one))).collect();
                (all.into(), !value.as_object().is_some_and(Map::is_empty))
            }
            // There even if empty or false: it says that anything, or nothing, may be.
            ("items" | "additionalProperties" | "additionalItems" | "not", one) => {
                (if one.is_array() { each(one, schema) } else { schema(one) }, !one.is_null())
            }
            ("allOf" | "anyOf" | "oneOf", all) => (each(all, schema), !is_empty(all)),
            ("x-kubernetes-validations", all) => {
                let rule = |rule: &Value| match rule {
                    Value::Object(map) => kept(map, |_, value| value.clone()).into(),
                    other => other.clone(),
                };
                (each(all, rule), !is_empty(all))
            }
            (_, value) => (value.clone(), !is_empty(value)),
        };
        if is_kept {
            formed.insert(key.clone(), value);
        }
    }
    formed.into()
}
