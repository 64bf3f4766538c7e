//! What the schemas of our own kinds have in common.

use serde_json::{Value, json};

use crate::contract::status::condition;
use crate::contract::{Kind, Object, kinds};
use crate::core::crd::status_schema::{PRESERVE, list, map, text};

/// A column of `kubectl get`.
pub(super) struct Column {
    name: &'static str,
    path: &'static str,
}

/// A column with this name, which shows what is at this path.
pub(super) const fn column(name: &'static str, path: &'static str) -> Column {
    Column { name, path }
}

/// A CRD as it is applied.
pub(super) fn crd(kind: &Kind, short: &[&str], schema: Value, columns: &[Column]) -> Object {
    let mut crd = Object::new(&kinds::CRD, None, &kind.to_string());
    let columns = columns
        .iter()
        .map(|column| json!({"name": column.name, "type": "string", "jsonPath": column.path}));
    let mut names = json!({
        "kind": kind.kind,
        "listKind": format!("{}List", kind.kind),
        "plural": kind.plural,
        "singular": kind.kind.to_lowercase(),
        "categories": ["kratix"],
    });
    if !short.is_empty() {
        names["shortNames"] = json!(short);
    }
    let spec = json!({
        "group": kind.group,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "names": names,
        "versions": [{
            "name": kind.version,
            "served": true,
            "storage": true,
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns.collect::<Vec<_>>(),
            "schema": {"openAPIV3Schema": schema},
        }],
    });
    crd.0.insert("spec".into(), spec);
    crd
}

/// The schema of a kind with this `spec` and `status`.
pub(super) fn kind_schema(spec: Value, status: Value) -> Value {
    map(json!({
        "apiVersion": text(),
        "kind": text(),
        "metadata": {"type": "object"},
        "spec": spec,
        "status": status,
    }))
}

/// A schema with what `kubectl explain` says of it.
pub(super) fn told(mut schema: Value, text: &str) -> Value {
    schema["description"] = text.into();
    schema
}

/// A schema with what an API server puts in where nothing is given.
pub(super) fn default(mut schema: Value, value: Value) -> Value {
    schema["default"] = value;
    schema
}

/// A map of which some fields must be there.
pub(super) fn with_required(mut schema: Value, fields: &[&str]) -> Value {
    schema["required"] = json!(fields);
    schema
}

/// One of these texts.
pub(super) fn one_of(values: &[&str]) -> Value {
    json!({"type": "string", "enum": values})
}

/// Yes or no.
pub(super) fn flag() -> Value {
    json!({"type": "boolean"})
}

/// A map that may hold anything.
pub(super) fn anything() -> Value {
    json!({"type": "object", PRESERVE: true})
}

/// Labels, or what selects by them.
pub(super) fn labels() -> Value {
    json!({"type": "object", "additionalProperties": text()})
}

/// A moment.
pub(super) fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// Files of a Work (contract.md 5.1).
pub(super) fn workloads() -> Value {
    list(map(json!({"filepath": text(), "content": text()})))
}

/// The standard conditions of Kubernetes, with the rules that it has for them (contract.md 5).
pub(super) fn conditions() -> Value {
    const KIND: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
    const REASON: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";
    let fields = map(json!({
        condition::TYPE: {"type": "string", "maxLength": 316, "pattern": KIND},
        "status": one_of(&["True", "False", "Unknown"]),
        "reason": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": REASON},
        "message": {"type": "string", "maxLength": 32768},
        "lastTransitionTime": time(),
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
    }));
    let required = ["lastTransitionTime", "message", "reason", "status", condition::TYPE];
    list(with_required(fields, &required))
}
