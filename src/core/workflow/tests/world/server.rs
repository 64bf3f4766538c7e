//! What is stored: one request, its Jobs, its Works, and those of a namesake.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::contract::{Object, labels};
use crate::core::workflow::{JobSeen, Layout, List, Metadata, Phase, WorkSeen};

/// A Job, with how far its pod is.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) seen: JobSeen,
    /// Whether no pipeline of its workflow follows.
    pub(crate) is_last: bool,
    pub(crate) pod: Pod,
}

/// How far a pod is, and what it will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pod {
    Working,
    /// The Work is written, if it is to be; the status comes next.
    Written(Wish),
    /// The status is written; the label comes next.
    Labelling,
    Over,
}

/// What a pipeline wants of its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    GoOn,
    Suspend,
    Retry,
}

#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) seen: WorkSeen,
    pub(crate) labels: BTreeMap<&'static str, String>,
    /// Whether it is that of a request of the same name in another namespace.
    pub(crate) is_namesakes: bool,
}

/// Why a write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) object: Option<Object>,
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) works: BTreeMap<String, Work>,
    version: u64,
    uids: u64,
}

impl Server {
    pub(crate) fn new(has_namespace: bool) -> Self {
        let object = json!({
            "apiVersion": "g.io/v1", "kind": "Thing",
            "metadata": {
                "name": "r", "namespace": "team", "uid": "request", "generation": 1,
                "resourceVersion": "1", "labels": {},
            },
            "spec": {"size": 0},
        });
        let mut server = Self {
            object: Object::from_value(object),
            jobs: BTreeMap::new(),
            works: BTreeMap::new(),
            version: 1,
            uids: 0,
        };
        server.write_work("one", "r", "other", has_namespace, true);
        server
    }

    pub(crate) fn uid(&mut self) -> String {
        self.uids += 1;
        format!("uid-{}", self.uids)
    }

    /// Writes the Work of a pipeline, as the writer does: one for each pipeline of a request.
    pub(crate) fn write_work(
        &mut self,
        pipeline: &str,
        request: &str,
        namespace: &str,
        has_namespace: bool,
        is_namesakes: bool,
    ) {
        let name = format!("{namespace}-{request}-{pipeline}");
        if self.works.contains_key(&name) {
            return;
        }
        let mut labels = BTreeMap::from([
            (labels::PROMISE_NAME, "p".to_owned()),
            (labels::RESOURCE_NAME, request.to_owned()),
            (labels::PIPELINE_NAME, pipeline.to_owned()),
            (labels::WORK_TYPE, "resource".to_owned()),
        ]);
        if has_namespace {
            labels.insert(labels::RESOURCE_NAMESPACE, namespace.to_owned());
        }
        let home = if has_namespace { "pipes" } else { namespace };
        let seen = WorkSeen {
            name: name.clone(),
            namespace: home.to_owned(),
            uid: self.uid(),
            work_type: "resource".to_owned(),
            pipeline: pipeline.to_owned(),
            ready: "Ready".to_owned(),
            is_going: false,
        };
        self.works.insert(name, Work { seen, labels, is_namesakes });
    }

    /// Changes the object; what makes no difference makes no new version.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Object)) {
        let Some(old) = &self.object else { return };
        let mut new = old.clone();
        change(&mut new);
        if new == *old {
            return;
        }
        if new.spec() != old.spec() {
            let generation = old.generation().unwrap() + 1;
            new.set_metadata("generation", generation);
        }
        self.version += 1;
        new.set_metadata("resourceVersion", self.version.to_string());
        let is_held = new
            .at(&["metadata", "finalizers"])
            .and_then(Value::as_array)
            .is_some_and(|all| !all.is_empty());
        let is_going = new.text_at(&["metadata", "deletionTimestamp"]).is_some();
        self.object = (!is_going || is_held).then_some(new);
    }

    /// The object, if it is still as it was seen.
    fn check(&self, seen: &Object) -> Result<(), Refused> {
        match &self.object {
            Some(object) if object.resource_version() == seen.resource_version() => Ok(()),
            _ => Err(Refused),
        }
    }

    pub(crate) fn put_status(
        &mut self,
        seen: &Object,
        status: &Map<String, Value>,
    ) -> Result<(), Refused> {
        self.check(seen)?;
        self.change(|object| {
            object.0.insert("status".into(), Value::Object(status.clone()));
        });
        Ok(())
    }

    pub(crate) fn put_metadata(&mut self, seen: &Object, change: &Metadata) -> Result<(), Refused> {
        self.check(seen)?;
        self.change(|object| {
            for (key, value) in &change.labels {
                match value {
                    Some(value) => object.set_label(key, value),
                    None => remove_label(object, key),
                }
            }
            for (key, value) in &change.annotations {
                match value {
                    Some(value) => object.set_annotation(key, value),
                    None => object.remove_annotation(key),
                }
            }
            if let Some(finalizers) = &change.finalizers {
                object.set_metadata("finalizers", json!(finalizers));
            }
        });
        Ok(())
    }

    /// Whether the status says that this Job is being started, and not yet that it was.
    pub(crate) fn is_being_started(&self, job: &JobSeen) -> bool {
        let Some(Value::Object(status)) = self.object.as_ref().and_then(Object::status) else {
            return false;
        };
        let (Some(action), Some(run)) = (job.action, job.run) else { return false };
        [Layout::Flat, Layout::Keyed].into_iter().any(|layout| {
            let list = List::read(status, layout, action, false);
            list.entries
                .iter()
                .any(|entry| entry.run() == Some(run) && entry.phase() == Phase::Pending)
        })
    }

    pub(crate) fn label(&mut self, key: &str, is_set: bool) {
        self.change(|object| {
            if is_set {
                object.set_label(key, labels::TRUE);
            } else {
                remove_label(object, key);
            }
        });
    }

    pub(crate) fn has_label(&self, key: &str) -> bool {
        self.object.as_ref().is_some_and(|object| object.label(key) == Some(labels::TRUE))
    }

    pub(crate) fn is_going(&self) -> bool {
        self.object
            .as_ref()
            .is_some_and(|object| object.text_at(&["metadata", "deletionTimestamp"]).is_some())
    }
}

fn remove_label(object: &mut Object, key: &str) {
    if let Some(Value::Object(all)) = object.metadata_mut().get_mut("labels") {
        all.remove(key);
    }
}
