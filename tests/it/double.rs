//! A folder cluster that notes what it is asked and goes wrong as told.
//!
//! `cluster::failing` fails by rule; this one fails, or lets somebody else do something, at one named request.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookend::cluster::folder::FolderCluster;
use bookend::cluster::{Cluster, ClusterError, Reads, Selector};
use bookend::contract::kinds::WORK;
use bookend::contract::{Kind, Object, ObjectKey};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Makes the error of a request about this object.
pub(crate) type Fault = fn(&ObjectKey) -> ClusterError;

/// What happens at a request.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// Nothing but this error.
    Fails(Fault),
    /// What was asked, and then this error.
    FailsAfter(Fault),
    /// Somebody else stores this object just before.
    Meanwhile(Kind, Object),
    /// Somebody else changes a label of the object just before.
    Relabelled,
}

/// At which requests: of this verb or of any, the first being 1.
struct Rule {
    verb: Option<&'static str>,
    which: RangeInclusive<usize>,
    seen: usize,
    trouble: Trouble,
}

/// The cluster.
pub(crate) struct Double {
    folder: FolderCluster,
    _root: tempfile::TempDir,
    state: Mutex<State>,
    /// Whether a schema drops `status.kratix` from all that is stored.
    is_old: bool,
    /// What its answers tell.
    time: Option<Timestamp>,
}

#[derive(Default)]
struct State {
    asked: Vec<(&'static str, ObjectKey)>,
    rules: Vec<Rule>,
}

/// Every request of a rule.
pub(crate) const ALWAYS: RangeInclusive<usize> = 1..=usize::MAX;

impl Default for Double {
    fn default() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = FolderCluster::new(root.path());
        Self { folder, _root: root, state: Mutex::default(), is_old: false, time: None }
    }
}

impl Double {
    /// Returns a cluster that holds these objects.
    pub(crate) fn with(kind: &Kind, objects: impl IntoIterator<Item = Value>) -> Self {
        let double = Self::default();
        for object in objects {
            double.insert(kind, Object::from_value(object).unwrap());
        }
        double
    }

    /// Returns the same cluster with a schema that does not know `status.kratix`.
    pub(crate) fn old(self) -> Self {
        Self { is_old: true, ..self }
    }

    /// Returns the same cluster with a clock that stands still.
    pub(crate) fn at(self, time: Timestamp) -> Self {
        Self { time: Some(time), ..self }
    }

    pub(crate) fn insert(&self, kind: &Kind, object: Object) {
        self.folder.place(kind, &object).unwrap();
    }

    /// Lets these requests of a verb, or of any, go wrong.
    pub(crate) fn trouble(
        &self,
        verb: Option<&'static str>,
        which: RangeInclusive<usize>,
        trouble: Trouble,
    ) {
        self.state.lock().unwrap().rules.push(Rule { verb, which, seen: 0, trouble });
    }

    /// Answers the first `times` requests of a verb with a failure.
    pub(crate) fn fail(&self, verb: &'static str, times: usize, fault: Fault) {
        self.trouble(Some(verb), 1..=times, Trouble::Fails(fault));
    }

    /// Lets somebody else store a Work just before the first request of a verb.
    pub(crate) fn meanwhile(&self, verb: &'static str, work: Value) {
        let work = Object::from_value(work).unwrap();
        self.trouble(Some(verb), 1..=1, Trouble::Meanwhile(WORK, work));
    }

    /// Returns an object that must be there, without counting.
    pub(crate) fn object(&self, key: &ObjectKey) -> Object {
        at_once(self.folder.get(key)).unwrap().unwrap()
    }

    /// Returns every Work, sorted by key.
    pub(crate) fn works(&self) -> Vec<Object> {
        at_once(self.folder.list(&WORK, None, &[])).unwrap()
    }

    /// Returns the verbs of all requests.
    pub(crate) fn requests(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().asked.iter().map(|(verb, _)| *verb).collect()
    }

    /// Returns what all requests were about.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.iter().map(|(_, key)| key.to_string()).collect()
    }

    /// Notes a request, lets happen what shall, and answers.
    async fn request<T>(
        &self,
        verb: &'static str,
        key: &ObjectKey,
        effect: impl Future<Output = Result<T, ClusterError>> + Send,
    ) -> Result<T, ClusterError> {
        // As every cluster: a bad name is no request.
        self.folder.path(key)?;
        // Lets the others in, so that several at once do meet.
        tokio::task::yield_now().await;
        match self.note(verb, key) {
            None => effect.await,
            Some(Trouble::Fails(fault)) => Err(fault(key)),
            Some(Trouble::FailsAfter(fault)) => {
                effect.await?;
                Err(fault(key))
            }
            Some(Trouble::Meanwhile(kind, object)) => {
                self.insert(&kind, object);
                effect.await
            }
            Some(Trouble::Relabelled) => {
                let number = self.requests().len().to_string();
                self.folder.set_label(key, None, "other", &number).await.unwrap();
                effect.await
            }
        }
    }

    /// Notes a request and returns what happens at it: of several rules, what the first says.
    fn note(&self, verb: &'static str, key: &ObjectKey) -> Option<Trouble> {
        let mut state = self.state.lock().unwrap();
        state.asked.push((verb, key.clone()));
        let mut happens = None;
        for rule in &mut state.rules {
            if rule.verb.is_none_or(|only| only == verb) {
                rule.seen += 1;
                if happens.is_none() && rule.which.contains(&rule.seen) {
                    happens = Some(rule.trouble.clone());
                }
            }
        }
        happens
    }
}

/// Returns what a future has that never waits: a folder's.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a folder does not wait"),
    }
}

impl Reads for Double {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        self.request("get", key, self.folder.get(key)).await
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        let key = kind.object(namespace, "any");
        self.request("list", &key, self.folder.list(kind, namespace, labels)).await
    }

    async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        let key = kind.object(namespace, "any");
        self.request("list", &key, self.folder.list_metadata(kind, namespace, labels)).await
    }

    fn time(&self) -> Option<Timestamp> {
        self.time
    }
}

impl Cluster for Double {
    async fn create(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.request("create", &object.key(kind), self.folder.create(kind, object)).await
    }

    async fn replace(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.request("replace", &object.key(kind), self.folder.replace(kind, object)).await
    }

    async fn replace_status(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let mut object = object.clone();
        if let Some(Value::Object(status)) = object.0.get_mut("status").filter(|_| self.is_old) {
            status.remove("kratix");
        }
        self.request("status", &object.key(kind), self.folder.replace_status(kind, &object)).await
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        self.request("label", key, self.folder.set_label(key, uid, label, value)).await
    }

    async fn patch(&self, key: &ObjectKey, patch: &Value) -> Result<Object, ClusterError> {
        self.request("patch", key, self.folder.patch(key, patch)).await
    }

    async fn apply(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.request("apply", &object.key(kind), self.folder.apply(kind, object)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        self.request("delete", key, self.folder.delete(key)).await
    }
}

/// The faults that several tests use.
pub(crate) mod fault {
    use super::{ClusterError, Duration, ObjectKey};

    pub(crate) fn conflict(key: &ObjectKey) -> ClusterError {
        ClusterError::Conflict { key: key.clone().into(), detail: "409".into() }
    }

    /// The one request is lost, and nobody has asked again.
    pub(crate) fn lost(key: &ObjectKey) -> ClusterError {
        unreachable(key, 1)
    }

    /// What a live cluster says that has asked until its patience was over.
    pub(crate) fn down(key: &ObjectKey) -> ClusterError {
        unreachable(key, 10)
    }

    fn unreachable(key: &ObjectKey, tries: u32) -> ClusterError {
        let (key, waited) = (key.clone().into(), Duration::ZERO);
        ClusterError::Unreachable { verb: "get", key, tries, waited, detail: "reset".into() }
    }

    pub(crate) fn forbidden(key: &ObjectKey) -> ClusterError {
        ClusterError::Forbidden { verb: "get", key: key.clone().into(), detail: "no".into() }
    }

    pub(crate) fn invalid(key: &ObjectKey) -> ClusterError {
        ClusterError::Invalid { key: key.clone().into(), detail: "status.a".into() }
    }

    pub(crate) fn missing(key: &ObjectKey) -> ClusterError {
        ClusterError::Missing { key: key.clone().into(), detail: "404".into() }
    }

    pub(crate) fn too_large(key: &ObjectKey) -> ClusterError {
        let detail = "etcdserver: request is too large".into();
        ClusterError::TooLarge { key: key.clone().into(), detail }
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
