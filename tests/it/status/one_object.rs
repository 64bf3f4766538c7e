//! A cluster of one object that conflicts, fails and forgets at the call a test names.

use std::sync::Mutex;

use bookend::cluster::{Cluster, ClusterError, Selector};
use bookend::contract::{Kind, Object, ObjectKey};
use serde_json::{Value, json};

use super::SUSPENDED;

/// What a call does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Trouble {
    /// Somebody else has changed the object just before.
    Conflict,
    /// The request never arrives.
    Lost,
    /// The request is done, and the answer never arrives.
    AnswerLost,
    /// The process is killed before the request: nothing of it happens, and nothing after it.
    KilledBefore,
    /// The process is killed after the request.
    KilledAfter,
    /// The kind has no such URL, or the object is gone.
    NotFound,
    /// The schema says no.
    Invalid,
}

/// One object in a cluster of its own.
#[derive(Default)]
pub(super) struct OneObject {
    pub(super) object: Mutex<Option<Object>>,
    calls: Mutex<Vec<&'static str>>,
    /// Which call, counted from 1, does what; 0 is every call.
    trouble: Option<(usize, Trouble)>,
    /// Calls of this verb only.
    verb: Option<&'static str>,
    /// Drops what an old schema does not know from every status it stores.
    is_old: bool,
}

impl OneObject {
    pub(super) fn new(status: Value) -> Self {
        let object = json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": {"name": "sample", "namespace": "team-a", "uid": "u1", "generation": 7, "resourceVersion": "1"},
            "status": status,
        });
        Self { object: Mutex::new(Object::from_value(object)), ..Self::default() }
    }

    pub(super) fn trouble(self, call: usize, trouble: Trouble) -> Self {
        Self { trouble: Some((call, trouble)), ..self }
    }

    pub(super) fn on(self, verb: &'static str) -> Self {
        Self { verb: Some(verb), ..self }
    }

    pub(super) fn old(self) -> Self {
        Self { is_old: true, ..self }
    }

    pub(super) fn healthy(self) -> Self {
        Self { trouble: None, calls: Mutex::default(), ..self }
    }

    pub(super) fn object(&self) -> Object {
        self.object.lock().unwrap().clone().unwrap()
    }

    pub(super) fn status(&self) -> Value {
        self.object().status().cloned().unwrap_or_default()
    }

    pub(super) fn label(&self) -> Option<String> {
        self.object().label(SUSPENDED).map(str::to_owned)
    }

    pub(super) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// Counts a call, does its work unless it is in trouble, and answers.
    async fn call<T>(
        &self,
        verb: &'static str,
        key: &ObjectKey,
        work: impl FnOnce(&mut Option<Object>) -> Result<T, ClusterError> + Send,
    ) -> Result<T, ClusterError> {
        // Lets the others in, so that eight at once do meet.
        tokio::task::yield_now().await;
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(verb);
            match self.verb {
                Some(only) => calls.iter().filter(|call| **call == only).count(),
                None => calls.len(),
            }
        };
        let is_meant = self.verb.is_none_or(|only| only == verb);
        let trouble = self
            .trouble
            .filter(|(call, _)| is_meant && (*call == number || *call == 0))
            .map(|(_, trouble)| trouble);
        let mut object = self.object.lock().unwrap();
        let answer = match trouble {
            None | Some(Trouble::AnswerLost | Trouble::KilledAfter) => work(&mut object),
            Some(Trouble::Conflict) => {
                object.as_mut().unwrap().set_label("other", &format!("{number}"));
                bump(object.as_mut().unwrap());
                Err(conflict(key))
            }
            Some(_) => Err(conflict(key)),
        };
        match trouble {
            None | Some(Trouble::Conflict) => answer,
            Some(Trouble::Lost | Trouble::AnswerLost) => Err(unreachable(key)),
            // An error that the step does not try again ends it, as a kill does.
            Some(Trouble::KilledBefore | Trouble::KilledAfter) => Err(ClusterError::Malformed {
                verb,
                key: key.clone().into(),
                detail: "killed".into(),
            }),
            Some(Trouble::NotFound) => {
                Err(ClusterError::Missing { key: key.clone().into(), detail: "404".into() })
            }
            Some(Trouble::Invalid) => {
                Err(ClusterError::Invalid { key: key.clone().into(), detail: "status.a".into() })
            }
        }
    }
}

fn bump(object: &mut Object) {
    let version: u64 = object.resource_version().unwrap().parse().unwrap();
    object.set_metadata("resourceVersion", (version + 1).to_string());
}

fn conflict(key: &ObjectKey) -> ClusterError {
    ClusterError::Conflict { key: key.clone().into(), detail: "409".into() }
}

fn unreachable(key: &ObjectKey) -> ClusterError {
    ClusterError::Unreachable {
        verb: "call",
        key: key.clone().into(),
        tries: 1,
        waited: std::time::Duration::ZERO,
        detail: "reset".into(),
    }
}

impl Cluster for OneObject {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        self.call("get", key, |object| Ok(object.clone())).await
    }

    async fn replace_status(&self, kind: &Kind, new: &Object) -> Result<Object, ClusterError> {
        let key = new.key(kind);
        self.call("status", &key, |object| {
            let stored = object.as_mut().unwrap();
            if stored.resource_version() != new.resource_version() {
                return Err(conflict(&key));
            }
            let mut status = new.status().cloned().unwrap();
            if self.is_old {
                status.as_object_mut().unwrap().remove("kratix");
            }
            stored.0.insert("status".into(), status);
            bump(stored);
            Ok(stored.clone())
        })
        .await
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        self.call("label", key, |object| {
            let stored = object.as_mut().unwrap();
            if stored.uid() != uid {
                return Err(conflict(key));
            }
            stored.set_label(label, value);
            bump(stored);
            Ok(())
        })
        .await
    }

    async fn list(
        &self,
        _: &Kind,
        _: Option<&str>,
        _: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        panic!("the status step lists nothing")
    }

    async fn list_metadata(
        &self,
        _: &Kind,
        _: Option<&str>,
        _: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        panic!("the status step lists nothing")
    }

    async fn create(&self, _: &Kind, _: &Object) -> Result<Object, ClusterError> {
        panic!("the status step creates nothing")
    }

    async fn replace(&self, _: &Kind, _: &Object) -> Result<Object, ClusterError> {
        panic!("the status step writes nothing but the status and a label")
    }

    async fn delete(&self, _: &ObjectKey) -> Result<(), ClusterError> {
        panic!("the status step deletes nothing")
    }
}
