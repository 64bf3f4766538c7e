//! Makes the CRD to apply from `spec.api` (contract.md 9.2, 12.D).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::REQUEST_NAME_CHARS_MAX;
use super::status_schema::{self, PRESERVE};
use crate::contract::object::map_entry;
use crate::contract::{Object, kinds, labels};
use crate::core::promise::Api;

/// Why no CRD can be made of `spec.api`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrdError {
    /// Requests without namespace.
    #[error("`spec.api.spec.scope` is `Cluster`: requests need a namespace")]
    NotNamespaced,
    /// A name that is not made of plural and group.
    #[error("`spec.api.metadata.name` is `{found}`, it must be `{expected}`")]
    Name {
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// A group that is Kratix's own.
    #[error("`spec.api.spec.group` is `{group}`, which is Kratix's own")]
    Reserved {
        /// The group.
        group: String,
    },
    /// An entry of `spec.versions` that is no version.
    #[error("`{path}` {what}")]
    Version {
        /// Where, below the Promise.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    /// No version in which requests are stored, or several.
    #[error("{count} versions in `spec.api.spec.versions` have `storage: true`, one must have it")]
    Storage {
        /// How many.
        count: usize,
    },
    /// A version in which requests are stored and which nobody can ask for.
    #[error("no version in `spec.api.spec.versions` has `served: true`")]
    NotServed,
}

impl CrdError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NotNamespaced => "set `spec.api.spec.scope: Namespaced`".into(),
            Self::Name { expected, .. } => format!("set `spec.api.metadata.name: {expected}`"),
            Self::Reserved { .. } => "choose a group of your own, such as a domain you have".into(),
            Self::Version { path, .. } => {
                format!(
                    "give `{path}` a name of its own and a schema under `schema.openAPIV3Schema`"
                )
            }
            Self::Storage { .. } => {
                "set `storage: true` on one version, `false` on all others".into()
            }
            Self::NotServed => "set `served: true` on the version that people shall use".into(),
        }
    }
}

/// Makes the CRD to apply for a Promise's API. What was declared stays, but for what every request needs: the
/// label, names of at most 63 characters, the status and its subresource, and columns where there are none.
///
/// Errors: an API whose requests could not be served. What an API server would refuse besides is left to it.
pub fn build(promise: &str, api: &Api) -> Result<Object, CrdError> {
    let declared = api.crd.as_object().cloned().unwrap_or_default();
    check(&declared, api)?;
    let mut crd = Object::new(&kinds::CRD, None, &api.crd_name());
    for key in ["labels", "annotations"] {
        if let Some(Value::Object(found)) = api.crd.pointer(&format!("/metadata/{key}")) {
            crd.set_metadata(key, found.clone());
        }
    }
    crd.set_label(labels::PROMISE_NAME, promise);
    let mut spec = declared.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(Value::Array(versions)) = spec.get_mut("versions") {
        versions.iter_mut().filter_map(Value::as_object_mut).for_each(inject);
    }
    // Said even if it is nothing, so that it goes when it was said before, by whomever.
    spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    for key in ["shortNames", "categories"] {
        map_entry(&mut spec, "names").entry(key).or_insert_with(|| json!([]));
    }
    crd.0.insert("spec".into(), spec.into());
    Ok(crd)
}

fn check(declared: &Map<String, Value>, api: &Api) -> Result<(), CrdError> {
    if !api.kind.namespaced {
        return Err(CrdError::NotNamespaced);
    }
    if api.kind.group == kinds::KRATIX_GROUP {
        return Err(CrdError::Reserved { group: api.kind.group.to_string() });
    }
    let expected = api.crd_name();
    let found = api.crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if found != expected {
        return Err(CrdError::Name { found: found.to_owned(), expected });
    }
    let versions = declared.get("spec").and_then(|spec| spec.get("versions")?.as_array());
    let versions = versions.map_or(&[][..], Vec::as_slice);
    let mut names = BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        let fault = |what| {
            Err(CrdError::Version { path: format!("spec.api.spec.versions[{index}]"), what })
        };
        match version.get("name").and_then(Value::as_str) {
            None | Some("") => return fault("has no name"),
            Some(name) if !names.insert(name) => return fault("has the name of another version"),
            Some(_) => {}
        }
        match version.pointer("/schema/openAPIV3Schema") {
            Some(Value::Object(_)) => {}
            _ => return fault("has no schema"),
        }
    }
    let has = |key: &str| versions.iter().filter(|one| one.get(key) == Some(&true.into())).count();
    match has("storage") {
        1 => {}
        count => return Err(CrdError::Storage { count }),
    }
    if has("served") == 0 { Err(CrdError::NotServed) } else { Ok(()) }
}

/// Puts into one version what every request needs.
fn inject(version: &mut Map<String, Value>) {
    map_entry(map_entry(version, "subresources"), "status");
    let columns = version.get("additionalPrinterColumns").and_then(Value::as_array);
    if columns.is_none_or(Vec::is_empty) {
        version.insert("additionalPrinterColumns".into(), columns_of_a_request());
    }
    let schema = map_entry(map_entry(version, "schema"), "openAPIV3Schema");
    schema.entry("type").or_insert_with(|| "object".into());
    let properties = map_entry(schema, "properties");
    limit_name(map_entry(properties, "metadata"));
    let status = map_entry(properties, "status");
    // What is asked for here is not there yet when the workflow starts, and everything would be refused.
    status.remove("required");
    status.remove("additionalProperties");
    status_schema::merge(status, status_schema::common());
    status.insert(PRESERVE.into(), true.into());
}

fn columns_of_a_request() -> Value {
    let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    json!([
        column("message", ".status.message"),
        column("status", r#".status.conditions[?(@.type=="Reconciled")].message"#),
    ])
}

/// Makes names at most 63 characters long, or shorter if that is declared.
///
/// The API server looks at the length only if `metadata` has properties, so they are made.
fn limit_name(metadata: &mut Map<String, Value>) {
    metadata.insert("type".into(), "object".into());
    let name = map_entry(map_entry(metadata, "properties"), "name");
    name.insert("type".into(), "string".into());
    let declared = name.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX);
    name.insert("maxLength".into(), declared.min(REQUEST_NAME_CHARS_MAX).into());
}
