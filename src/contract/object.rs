//! A Kubernetes object as the API server sends it: JSON, with nothing typed away.
//!
//! Typed models lose fields they do not know and change numbers; a step must hand back what it was given.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Kind, ObjectKey};

/// Largest object, in bytes of JSON: 1.5 MiB, what etcd takes in one request by default (`--max-request-bytes`); the
/// API server takes no object that makes a larger one (contract.md 17).
pub const OBJECT_BYTES_MAX: u64 = 1_572_864;

/// One Kubernetes object. Keys are sorted bytewise, numbers are kept as they came.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(pub Map<String, Value>);

impl Object {
    /// Returns an object with its kind, name and namespace set and nothing else.
    pub fn new(kind: &Kind, namespace: Option<&str>, name: &str) -> Self {
        let mut object = Self::default();
        object.0.insert("apiVersion".into(), kind.api_version().into());
        object.0.insert("kind".into(), kind.kind.as_ref().into());
        object.set_metadata("name", name);
        if let Some(namespace) = namespace.filter(|_| kind.namespaced) {
            object.set_metadata("namespace", namespace);
        }
        object
    }

    /// Returns the object when `value` is a JSON object.
    pub fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        }
    }

    /// Returns the object as a JSON value.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// Returns the value at a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(*first)?, |value, key| value.get(key))
    }

    /// Returns the text at a path of keys; empty text counts as absent, as in Go.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// `apiVersion`, empty when absent.
    pub fn api_version(&self) -> &str {
        self.text_at(&["apiVersion"]).unwrap_or_default()
    }

    /// `kind`, empty when absent.
    pub fn kind(&self) -> &str {
        self.text_at(&["kind"]).unwrap_or_default()
    }

    /// `metadata.name`, empty when absent.
    pub fn name(&self) -> &str {
        self.text_at(&["metadata", "name"]).unwrap_or_default()
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        self.text_at(&["metadata", "namespace"])
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> Option<&str> {
        self.text_at(&["metadata", "uid"])
    }

    /// `metadata.resourceVersion`.
    pub fn resource_version(&self) -> Option<&str> {
        self.text_at(&["metadata", "resourceVersion"])
    }

    /// `metadata.generation`.
    pub fn generation(&self) -> Option<i64> {
        self.at(&["metadata", "generation"])?.as_i64()
    }

    /// `metadata.creationTimestamp`.
    pub fn creation_timestamp(&self) -> Option<&str> {
        self.text_at(&["metadata", "creationTimestamp"])
    }

    /// Value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "labels", key])?.as_str()
    }

    /// Value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "annotations", key])?.as_str()
    }

    /// `spec`.
    pub fn spec(&self) -> Option<&Value> {
        self.0.get("spec")
    }

    /// `status`.
    pub fn status(&self) -> Option<&Value> {
        self.0.get("status")
    }

    /// Returns the key of this object, given its kind.
    pub fn key(&self, kind: &Kind) -> ObjectKey {
        kind.object(self.namespace(), self.name())
    }

    /// Returns how many bytes it has as JSON.
    pub fn json_bytes(&self) -> u64 {
        let mut counter = Counter(0);
        // Counting cannot fail, and every key of a JSON object is text.
        let _ = serde_json::to_writer(&mut counter, self);
        counter.0
    }

    /// Returns `metadata`, made when it is absent or no map.
    pub fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        map_entry(&mut self.0, "metadata")
    }

    /// Sets a field of `metadata`.
    pub fn set_metadata(&mut self, key: &str, value: impl Into<Value>) {
        self.metadata_mut().insert(key.into(), value.into());
    }

    /// Sets a label.
    pub fn set_label(&mut self, key: &str, value: &str) {
        map_entry(self.metadata_mut(), "labels").insert(key.into(), value.into());
    }

    /// Sets an annotation.
    pub fn set_annotation(&mut self, key: &str, value: &str) {
        map_entry(self.metadata_mut(), "annotations").insert(key.into(), value.into());
    }

    /// Removes an annotation.
    pub fn remove_annotation(&mut self, key: &str) {
        if let Some(Value::Object(annotations)) = self.metadata_mut().get_mut("annotations") {
            annotations.remove(key);
        }
    }
}

/// Counts what is written to it.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the map under `key`, replacing whatever is no map by an empty one.
pub fn map_entry<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let entry = parent.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    match entry {
        Value::Object(map) => map,
        _ => unreachable!("made an object two lines above"),
    }
}
