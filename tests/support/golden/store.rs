//! Objects of the small API server, with the rules of Kubernetes that the steps rely on.

use serde_json::{Value, json};

use super::case::Objects;
use super::objects::{KINDS, Kind, keep_what_the_schema_knows, key};

/// The server's no.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Refusal {
    pub(crate) fn new(code: u16, reason: &'static str, message: &str) -> Self {
        Self { code, reason, message: message.to_owned(), details: json!({}) }
    }

    /// Returns it as the Status object of Kubernetes.
    pub(crate) fn body(&self) -> Value {
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": self.message, "reason": self.reason, "details": self.details, "code": self.code })
    }
}

pub(crate) struct Store {
    objects: Objects,
    version: u64,
}

impl Store {
    pub(crate) fn new(objects: Objects) -> Self {
        Self { objects, version: 1_000 }
    }

    pub(crate) fn objects(&self) -> Objects {
        self.objects.clone()
    }

    pub(crate) fn get(
        &self,
        resource: &str,
        namespace: &Option<String>,
        name: &str,
    ) -> Result<Value, Refusal> {
        let key = self.key(resource, namespace, name)?;
        self.objects.get(&key).cloned().ok_or_else(|| missing(resource, name))
    }

    pub(crate) fn list(
        &self,
        resource: &str,
        namespace: &Option<String>,
        selector: &str,
    ) -> Result<Vec<Value>, Refusal> {
        let kind = kind_of(resource)?;
        let here = |object: &&Value| {
            object["kind"] == kind.name
                && namespace
                    .as_deref()
                    .is_none_or(|wanted| object["metadata"]["namespace"] == wanted)
                && selector
                    .split(',')
                    .filter(|part| !part.is_empty())
                    .all(|part| matches(part, object))
        };
        Ok(self.objects.values().filter(here).cloned().collect())
    }

    pub(crate) fn create(&mut self, mut object: Value) -> Result<Value, Refusal> {
        let key = key(&object);
        if self.objects.contains_key(&key) {
            return Err(Refusal::new(409, "AlreadyExists", &format!("{key} already exists")));
        }
        self.version += 1;
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert(
            "uid".to_owned(),
            json!(format!("00000000-0000-4000-8000-{:012}", self.version)),
        );
        metadata.insert("resourceVersion".to_owned(), json!(self.version.to_string()));
        metadata.insert("creationTimestamp".to_owned(), json!("2026-11-21T07:36:00Z"));
        metadata.insert("generation".to_owned(), json!(1));
        if Kind::of(&object).status {
            object.as_object_mut().unwrap().remove("status");
        }
        self.objects.insert(key, object.clone());
        Ok(object)
    }

    /// Replaces all but the status, or the status only.
    pub(crate) fn put(
        &mut self,
        resource: &str,
        namespace: &Option<String>,
        name: &str,
        object: &Value,
        status: bool,
    ) -> Result<Value, Refusal> {
        let kind = kind_of(resource)?;
        let old = self.get(resource, namespace, name)?;
        if status && !kind.status {
            return Err(missing(resource, name));
        }
        for (field, what) in [("resourceVersion", "has been modified"), ("uid", "is another one")] {
            let sent = &object["metadata"][field];
            if sent.is_string() && *sent != old["metadata"][field] {
                return Err(Refusal::new(409, "Conflict", &format!("the object {what}")));
            }
        }
        let mut new = if status { old.clone() } else { object.clone() };
        let status_of = if status { object } else { &old };
        if kind.status {
            set(&mut new, "status", status_of.get("status"));
        }
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            set(&mut new["metadata"], field, old["metadata"].get(field));
        }
        keep_what_the_schema_knows(&mut new);
        if new != old {
            self.version += 1;
            new["metadata"]["resourceVersion"] = json!(self.version.to_string());
            if new.get("spec") != old.get("spec") {
                new["metadata"]["generation"] =
                    json!(old["metadata"]["generation"].as_u64().unwrap_or(1) + 1);
            }
        }
        let key = self.key(resource, namespace, name)?;
        self.objects.insert(key, new.clone());
        Ok(new)
    }

    /// Applies a JSON merge patch.
    pub(crate) fn merge(
        &mut self,
        resource: &str,
        namespace: &Option<String>,
        name: &str,
        patch: &Value,
        status: bool,
    ) -> Result<Value, Refusal> {
        let mut object = self.get(resource, namespace, name)?;
        merge_value(&mut object, patch);
        if patch["metadata"].get("resourceVersion").is_none() {
            object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        }
        self.put(resource, namespace, name, &object, status)
    }

    pub(crate) fn delete(
        &mut self,
        resource: &str,
        namespace: &Option<String>,
        name: &str,
    ) -> Result<Value, Refusal> {
        let key = self.key(resource, namespace, name)?;
        self.objects.remove(&key).ok_or_else(|| missing(resource, name))
    }

    fn key(
        &self,
        resource: &str,
        namespace: &Option<String>,
        name: &str,
    ) -> Result<String, Refusal> {
        let kind = kind_of(resource)?;
        if kind.namespaced != namespace.is_some() {
            return Err(Refusal::new(404, "NotFound", "404 page not found"));
        }
        Ok(format!("{}/{}/{name}", kind.name, namespace.as_deref().unwrap_or("-")))
    }
}

fn kind_of(resource: &str) -> Result<Kind, Refusal> {
    let found = KINDS
        .iter()
        .find(|kind| format!("{}.{}/{}", kind.plural, kind.group, kind.version) == resource);
    found.copied().ok_or_else(|| Refusal::new(404, "NotFound", "404 page not found"))
}

/// The object, not its kind, is missing: the details say so.
fn missing(resource: &str, name: &str) -> Refusal {
    let resource = resource.split('/').next().unwrap_or_default();
    let (plural, group) = resource.split_once('.').unwrap_or_default();
    let refusal = Refusal::new(404, "NotFound", &format!("{resource} \"{name}\" not found"));
    Refusal { details: json!({ "name": name, "group": group, "kind": plural }), ..refusal }
}

/// One requirement of a selector: `key=value`, `key`, `!key`.
fn matches(requirement: &str, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    match requirement.split_once('=') {
        Some((key, value)) => labels[key] == value.trim_start_matches('='),
        None => match requirement.strip_prefix('!') {
            Some(key) => labels.get(key).is_none(),
            None => labels.get(requirement).is_some(),
        },
    }
}

fn set(map: &mut Value, field: &str, value: Option<&Value>) {
    let map = map.as_object_mut().unwrap();
    match value {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

/// RFC 7386.
fn merge_value(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let map = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            map.remove(key);
        } else {
            merge_value(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
