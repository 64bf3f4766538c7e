//! The walk over a value and its schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Violation, additional, child, is_on, metadata_violations, property};

/// One walk, and what it has found.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) violations: Vec<Violation>,
    pub(super) notes: BTreeSet<String>,
}

impl Walk {
    pub(super) fn refuse(&mut self, field: &str, message: String) {
        self.violations.push(Violation { field: field.to_owned(), message });
    }

    /// Notes a violation in the server's usual form; `found` is shown as JSON.
    pub(super) fn invalid(&mut self, field: &str, found: &Value, rule: &str) {
        self.refuse(field, format!("Invalid value: {found}: {field} in body {rule}"));
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.insert(note);
    }

    /// Checks a value and everything in it.
    pub(super) fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        let fits = self.type_fits(schema, value, path);
        if let Some(Value::Array(allowed)) = schema.get("enum") {
            self.enumeration(allowed, value, path);
        }
        if value.is_null() || !fits {
            return;
        }
        match value {
            Value::String(text) => self.text(schema, text, path),
            Value::Number(number) => self.number(schema, number, path),
            Value::Array(items) => self.list(schema, items, path),
            Value::Object(map) => self.map(schema, map, path),
            Value::Null | Value::Bool(_) => {}
        }
        self.compositions(schema, value, path);
        if schema.get("x-kubernetes-validations").is_some() {
            self.note(format!("the rules in CEL at `{path}` are not checked"));
        }
    }

    fn type_fits(&mut self, schema: &Value, value: &Value, path: &str) -> bool {
        let wanted = if is_on(schema, "x-kubernetes-int-or-string") {
            "integer,string"
        } else {
            schema.get("type").and_then(Value::as_str).unwrap_or_default()
        };
        let found = type_of(value);
        let fits = wanted.is_empty()
            || wanted.split(',').any(|wanted| wanted == found)
            || (wanted, found) == ("number", "integer")
            || (found == "null" && is_on(schema, "nullable"));
        if !fits {
            self.invalid(path, &found.into(), &format!("must be of type {wanted}: \"{found}\""));
        }
        fits
    }

    fn enumeration(&mut self, allowed: &[Value], value: &Value, path: &str) {
        // The server matches null with nothing, not even with a null in the list.
        if allowed.iter().any(|allowed| !value.is_null() && same(allowed, value)) {
            return;
        }
        let names = allowed.iter().map(|allowed| match allowed {
            Value::String(text) => Value::from(text.as_str()).to_string(),
            other => format!("\"{other}\""),
        });
        let names = names.collect::<Vec<_>>().join(", ");
        self.refuse(path, format!("Unsupported value: {value}: supported values: {names}"));
    }

    fn list(&mut self, schema: &Value, items: &[Value], path: &str) {
        self.list_size(schema, items.len(), path);
        self.duplicates(schema, items, path);
        if let Some(schema) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.value(schema, item, &format!("{path}[{index}]"));
            }
        }
    }

    fn map(&mut self, schema: &Value, map: &Map<String, Value>, path: &str) {
        self.map_size(schema, map.len(), path);
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(key) {
                self.refuse(&child(path, key), "Required value".into());
            }
        }
        if is_on(schema, "x-kubernetes-embedded-resource") {
            self.embedded(map, path);
        }
        for (key, value) in map {
            if let Some(schema) = property(schema, key).or_else(|| additional(schema)) {
                self.value(schema, value, &child(path, key));
            }
        }
    }

    /// What an object within an object must have.
    fn embedded(&mut self, map: &Map<String, Value>, path: &str) {
        for key in ["apiVersion", "kind"] {
            match map.get(key) {
                None => self.refuse(&child(path, key), "Required value".into()),
                Some(Value::String(text)) if text.is_empty() => {
                    self.refuse(&child(path, key), "Invalid value: \"\": must not be empty".into());
                }
                Some(_) => {}
            }
        }
        if let Some(metadata) = map.get("metadata") {
            self.violations.extend(metadata_violations(metadata, &child(path, "metadata")));
        }
    }
}

/// Names the type of a value as a schema does. A float without fraction is an integer.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if !number.is_f64() => "integer",
        Value::Number(number) if number.as_f64().is_some_and(|float| float.fract() == 0.0) => {
            "integer"
        }
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether two values are the same; numbers by what they are, not by how they are written.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}
