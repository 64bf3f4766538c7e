//! The schema of an API: what the API server makes of a request, and what it refuses.
//!
//! As in the server: unknown fields are dropped, nulls that may not be are too, defaults are filled in, and what is
//! then there is checked. Rules in CEL and a few rare formats are not checked; [`Checked::notes`] says where.

mod composition;
mod defaults;
mod format;
mod keywords;
mod prune;
#[cfg(test)]
mod tests;
mod validate;

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::{promise, strict};
use crate::contract::Object;

/// Longest name of a request: Kratix makes a label of it (contract.md 9.2).
const NAME_BYTES_MAX: usize = 63;

/// A request as the server would store it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The request without unknown fields, with defaults. Its status is as it was.
    pub object: Object,
    /// Paths of the fields that were dropped.
    pub pruned: Vec<String>,
    /// What was not checked, a sentence each.
    pub notes: Vec<String>,
}

/// One thing the server would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, as in `spec.ports[0].name`.
    pub field: String,
    /// What, in the server's words.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Why a request cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A version that the API does not have.
    #[error("the API has no version `{version}`, only {}", quoted(known))]
    NoVersion {
        /// The one that was asked for.
        version: String,
        /// Those it serves.
        known: Vec<String>,
    },
    /// A request that does not fit.
    #[error("the request does not fit the API: {}", joined(violations))]
    Invalid {
        /// At least one.
        violations: Vec<Violation>,
    },
}

impl SchemaError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoVersion { known, .. } => {
                known.first().map(|version| format!("use version `{version}`"))
            }
            Self::Invalid { violations } => {
                violations.first().map(|violation| format!("change `{}`", violation.field))
            }
        }
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn joined(violations: &[Violation]) -> String {
    violations.iter().map(Violation::to_string).collect::<Vec<_>>().join("; ")
}

/// Checks a request against one version of its CRD, and fills in defaults.
pub fn check(crd: &Value, version: &str, object: &Object) -> Result<Checked, SchemaError> {
    let metadata = object.0.get("metadata").unwrap_or(&Value::Null);
    let mut violations = metadata_violations(metadata, "metadata");
    violations.extend(name_violations(object));
    let mut pruned = prune::metadata(object);
    let Some(schema) = schema_of(crd, version)? else {
        return finish(object.clone(), pruned, Vec::new(), violations);
    };
    let mut object = object.clone();
    // Status is the controller's, by its own schema; the server takes none from a request.
    let status = object.0.remove("status");
    let mut value = Value::Object(object.0);
    prune::root(schema, &mut value, &mut pruned);
    defaults::fill(schema, &mut value);
    defaults::drop_nulls(schema, &mut value);
    let mut walk = validate::Walk::default();
    walk.value(schema, &value, "");
    violations.append(&mut walk.violations);
    let mut object = Object::from_value(value).unwrap_or_default();
    if let Some(status) = status {
        object.0.insert("status".into(), status);
    }
    finish(object, pruned, walk.notes.into_iter().collect(), violations)
}

fn finish(
    object: Object,
    pruned: Vec<String>,
    notes: Vec<String>,
    violations: Vec<Violation>,
) -> Result<Checked, SchemaError> {
    if violations.is_empty() {
        Ok(Checked { object, pruned, notes })
    } else {
        Err(SchemaError::Invalid { violations })
    }
}

/// Returns the schema of a served version; `None` when it has none and anything goes.
fn schema_of<'a>(crd: &'a Value, version: &str) -> Result<Option<&'a Value>, SchemaError> {
    let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
    let served = || {
        let all = versions.into_iter().flatten();
        all.filter(|version| version.get("served") != Some(&Value::Bool(false)))
    };
    let name = |version: &Value| version.get("name").and_then(Value::as_str).map(str::to_owned);
    match served().find(|candidate| name(candidate).as_deref() == Some(version)) {
        Some(found) => Ok(found.pointer("/schema/openAPIV3Schema")),
        None => Err(SchemaError::NoVersion {
            version: version.to_owned(),
            known: served().filter_map(name).collect(),
        }),
    }
}

/// Checks the metadata that every object has, whatever its schema.
fn metadata_violations(metadata: &Value, path: &str) -> Vec<Violation> {
    let Err(error) = strict::decode_known::<ObjectMeta>(metadata) else { return Vec::new() };
    let violation = |problem: strict::Problem| Violation {
        field: child(path, &problem.path),
        message: problem.fault.to_string(),
    };
    error.problems.into_iter().map(violation).collect()
}

/// Checks what the server asks of names and labels, and Kratix of a request's name.
fn name_violations(object: &Object) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut refuse = |field: &str, message: String| {
        violations.push(Violation { field: field.to_owned(), message });
    };
    let (name, namespace) = (object.name(), object.namespace().unwrap_or_default());
    if name.len() > NAME_BYTES_MAX {
        let message = format!("Too long: may not be more than {NAME_BYTES_MAX} bytes");
        refuse("metadata.name", message);
    } else if !name.is_empty() && !promise::is_dns_subdomain(name) {
        let rule = promise::NAME_RULE;
        refuse(
            "metadata.name",
            format!("Invalid value: \"{}\": it needs {rule}", name.escape_debug()),
        );
    }
    if !namespace.is_empty() && !promise::is_dns_label(namespace) {
        let shown = namespace.escape_debug();
        refuse("metadata.namespace", format!("Invalid value: \"{shown}\": no name of a namespace"));
    }
    for (key, value) in
        object.at(&["metadata", "labels"]).and_then(Value::as_object).into_iter().flatten()
    {
        if !promise::is_label_key(key) {
            refuse(
                "metadata.labels",
                format!("Invalid value: \"{}\": no label key", key.escape_debug()),
            );
        }
        if value.as_str().is_some_and(|value| !promise::is_label_value(value)) {
            refuse(&format!("metadata.labels.{key}"), "Invalid value: no label value".into());
        }
    }
    violations
}

/// Returns the schema of a property.
fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(key)
}

/// Returns the schema that a map has for all its keys.
fn additional(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|schema| schema.is_object())
}

/// Whether a switch of the schema is on.
fn is_on(schema: &Value, key: &str) -> bool {
    schema.get(key) == Some(&Value::Bool(true))
}

/// Returns the path of a map's entry.
fn child(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}
