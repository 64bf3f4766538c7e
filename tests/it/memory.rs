//! A cluster in memory that counts its requests and fails on demand.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bookend::cluster::{Cluster, ClusterError, Selector};
use bookend::contract::{Kind, Object, ObjectKey};
use serde_json::{Value, json};

/// What to answer instead of doing what is asked.
pub(crate) type Fault = fn(&ObjectKey) -> ClusterError;

/// The cluster.
#[derive(Default)]
pub(crate) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    objects: BTreeMap<ObjectKey, Object>,
    version: u64,
    requests: Vec<String>,
    faults: Vec<(&'static str, usize, Fault)>,
    /// Done once, just before the next request of that verb: what somebody else does meanwhile.
    meanwhile: Vec<(&'static str, Object)>,
}

impl Memory {
    /// Returns a cluster that holds these objects.
    pub(crate) fn with(kind: &Kind, objects: impl IntoIterator<Item = Value>) -> Self {
        let memory = Self::default();
        for object in objects {
            memory.insert(kind, Object::from_value(object).unwrap());
        }
        memory
    }

    pub(crate) fn insert(&self, kind: &Kind, object: Object) {
        self.0.lock().unwrap().store(kind, object);
    }

    /// Answers the next `times` requests of a verb with a failure.
    pub(crate) fn fail(&self, verb: &'static str, times: usize, fault: Fault) {
        self.0.lock().unwrap().faults.push((verb, times, fault));
    }

    /// Lets somebody else store an object just before the next request of a verb.
    pub(crate) fn meanwhile(&self, verb: &'static str, object: Value) {
        self.0.lock().unwrap().meanwhile.push((verb, Object::from_value(object).unwrap()));
    }

    /// Returns every object, sorted by key.
    pub(crate) fn objects(&self) -> Vec<Object> {
        self.0.lock().unwrap().objects.values().cloned().collect()
    }

    /// Returns the verbs of all requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.0.lock().unwrap().requests.clone()
    }

    fn request<T>(
        &self,
        verb: &'static str,
        key: &ObjectKey,
        answer: impl FnOnce(&mut State) -> Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
        let mut state = self.0.lock().unwrap();
        state.requests.push(verb.to_owned());
        if let Some(index) = state.meanwhile.iter().position(|(of, _)| *of == verb) {
            let (_, object) = state.meanwhile.remove(index);
            state.store(&key.kind, object);
        }
        if let Some((_, left, fault)) =
            state.faults.iter_mut().find(|(of, left, _)| *of == verb && *left > 0)
        {
            *left -= 1;
            return Err(fault(key));
        }
        answer(&mut state)
    }
}

impl State {
    fn store(&mut self, kind: &Kind, mut object: Object) -> Object {
        self.version += 1;
        object.set_metadata("resourceVersion", self.version.to_string());
        self.objects.insert(object.key(kind), object.clone());
        object
    }

    fn replace(
        &mut self,
        kind: &Kind,
        object: &Object,
        status: bool,
    ) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        let Some(stored) = self.objects.get(&key) else {
            return Err(ClusterError::Missing { key: key.into(), detail: String::new() });
        };
        if object
            .resource_version()
            .is_some_and(|version| Some(version) != stored.resource_version())
        {
            return Err(ClusterError::Conflict { key: key.into(), detail: String::new() });
        }
        let (mut kept, other) =
            if status { (stored.clone(), object) } else { (object.clone(), stored) };
        match other.status() {
            Some(value) => kept.0.insert("status".into(), value.clone()),
            None => kept.0.remove("status"),
        };
        Ok(self.store(kind, kept))
    }
}

impl Cluster for Memory {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        self.request("get", key, |state| Ok(state.objects.get(key).cloned()))
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        self.request("list", &kind.object(namespace, ""), |state| {
            let fits = |object: &Object| {
                object.api_version() == kind.api_version()
                    && object.kind() == kind.kind
                    && (namespace.is_none() || object.namespace() == namespace)
                    && labels.iter().all(|(label, value)| object.label(label) == *value)
            };
            Ok(state.objects.values().filter(|object| fits(object)).cloned().collect())
        })
    }

    async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        let mut objects = self.list(kind, namespace, labels).await?;
        for object in &mut objects {
            object.0.retain(|key, _| ["apiVersion", "kind", "metadata"].contains(&key.as_str()));
        }
        Ok(objects)
    }

    async fn create(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        self.request("create", &key, |state| {
            if state.objects.contains_key(&key) {
                return Err(ClusterError::Exists { key: key.clone().into() });
            }
            let mut object = object.clone();
            object.set_metadata("uid", format!("uid-{}", state.version));
            object.0.remove("status");
            Ok(state.store(kind, object))
        })
    }

    async fn replace(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.request("replace", &object.key(kind), |state| state.replace(kind, object, false))
    }

    async fn replace_status(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.request("replace_status", &object.key(kind), |state| state.replace(kind, object, true))
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        _: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        self.request("set_label", key, |state| {
            let Some(mut object) = state.objects.get(key).cloned() else {
                return Err(ClusterError::Missing {
                    key: key.clone().into(),
                    detail: String::new(),
                });
            };
            object.set_label(label, value);
            state.store(&key.kind, object);
            Ok(())
        })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        self.request("delete", key, |state| {
            state.objects.remove(key);
            Ok(())
        })
    }
}

/// Returns a Work as an earlier run left it.
pub(crate) fn work(namespace: &str, name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: BTreeMap<_, _> = labels.iter().copied().collect();
    json!({
        "apiVersion": "platform.kratix.io/v1alpha1",
        "kind": "Work",
        "metadata": {
            "name": name, "namespace": namespace, "labels": labels,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "lastExecutionTimestamp": "2026-01-01T00:00:00Z",
            "promiseName": "widget",
            "workloadGroups": [{ "directory": ".", "id": "old" }],
        },
    })
}
