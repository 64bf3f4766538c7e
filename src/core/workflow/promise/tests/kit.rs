//! A world of one Promise: it does what plans say, and what an API server does.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::super::*;
use crate::contract::{ObjectKey, kinds};
use crate::core::config::Config;
use crate::core::pipeline;
use crate::core::promise::RequiredPromise;
use crate::core::workflow::{Action, JobSeen, JobState, Layout, Pipelined, WorkSeen};

/// What there is.
pub(super) struct World {
    pub(super) object: Object,
    pub(super) crds: Vec<Object>,
    pub(super) rights: Vec<Object>,
    pub(super) static_works: Vec<Object>,
    pub(super) requests: Vec<Owned>,
    pub(super) labelled: Vec<Owned>,
    pub(super) jobs: Vec<JobSeen>,
    pub(super) works: Vec<WorkSeen>,
    pub(super) others: Vec<OtherPromise>,
    pub(super) a_request_runs: bool,
    /// Whether an API server says that new CRDs are established.
    pub(super) establishes: bool,
    pub(super) second: i64,
    /// `reason: message` of every event.
    pub(super) told: Vec<String>,
}

pub(super) fn promise(spec: Value) -> Object {
    let value = json!({
        "apiVersion": kinds::PROMISE.api_version(), "kind": "Promise",
        "metadata": {"name": "db", "uid": "u", "generation": 1},
        "spec": spec,
    });
    Object::from_value(value).unwrap()
}

pub(super) fn with_api() -> Value {
    json!({"api": {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "dbs.Example.com"},
        "spec": {
            "group": "Example.com", "scope": "Namespaced", "names": {"kind": "Db", "plural": "dbs"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    }})
}

pub(super) fn a_pipeline(name: &str) -> Value {
    json!({
        "apiVersion": kinds::PROMISE.api_version(), "kind": "Pipeline", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    })
}

pub(super) fn other(name: &str, version: &str) -> OtherPromise {
    OtherPromise {
        name: name.into(),
        version: version.into(),
        requires: Vec::new(),
        is_available: true,
        is_busy: false,
        is_going: false,
    }
}

pub(super) fn requires(name: &str, version: &str) -> RequiredPromise {
    RequiredPromise { name: name.into(), version: version.into() }
}

pub(super) fn owned(key: ObjectKey, is_applied_by_us: bool) -> Owned {
    Owned { key, uid: "x".into(), is_going: false, is_applied_by_us }
}

impl World {
    pub(super) fn of(spec: Value) -> Self {
        Self {
            object: promise(spec),
            crds: Vec::new(),
            rights: Vec::new(),
            static_works: Vec::new(),
            requests: Vec::new(),
            labelled: Vec::new(),
            jobs: Vec::new(),
            works: Vec::new(),
            others: Vec::new(),
            a_request_runs: false,
            establishes: true,
            second: 100,
            told: Vec::new(),
        }
    }

    /// Returns what is to be done now.
    pub(super) fn plan(&self) -> Plan {
        let promise = Promise::from_object(&self.object);
        let static_works: Vec<_> = self.static_works.iter().map(StaticWork::from_object).collect();
        plan(&PromiseSeen {
            object: &self.object,
            promise: promise.as_ref(),
            jobs: &self.jobs,
            absent: &[],
            taken: &[],
            works: &self.works,
            others: &self.others,
            crds: &self.crds,
            rights: &self.rights,
            static_works: &static_works,
            requests: &self.requests,
            a_request_runs: self.a_request_runs,
            labelled: &self.labelled,
            config: &Config::default(),
            to_yaml: |value| format!("{value}\n"),
            layout: Layout::Keyed,
            may_start: true,
            now: Timestamp::from_second(self.second).unwrap(),
        })
    }

    /// Plans and does until nothing is left to do; returns how the Promise stands and how many actions it took.
    pub(super) fn settle(&mut self) -> (State, usize) {
        let mut count = 0;
        for _ in 0..20 {
            self.second += 1;
            let plan = self.plan();
            if plan.actions.is_empty() {
                return (plan.state, count);
            }
            count += plan.actions.len();
            plan.actions.into_iter().for_each(|action| self.act(action));
        }
        panic!("a hot loop: {:?}", self.plan().actions);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Metadata(change) => {
                if let Some(all) = change.finalizers {
                    self.object.set_metadata("finalizers", all);
                }
                for (key, value) in change.labels {
                    match value {
                        Some(value) => self.object.set_label(&key, &value),
                        None => {
                            let labels = self.object.metadata_mut()["labels"].as_object_mut();
                            labels.unwrap().remove(&key);
                        }
                    }
                }
            }
            Action::Status(status) => {
                self.object.0.insert("status".into(), Value::Object(status));
            }
            Action::Apply(object) => self.apply(*object),
            Action::Delete { key, .. } => {
                let keep = |object: &Object| object.name() != key.name;
                if key.kind.is_same(&kinds::CRD) {
                    self.crds.retain(keep);
                } else if key.kind.is_same(&kinds::WORK) {
                    self.static_works.retain(keep);
                }
                self.requests.retain(|one| one.key != *key);
                self.labelled.retain(|one| one.key != *key);
                self.jobs.retain(|job| job.name != key.name);
            }
            Action::Tell(event) => self.told.push(format!("{}: {}", event.reason, event.message)),
            Action::Grant(_) | Action::DeletePods { .. } | Action::NoneLeft { .. } => {}
            Action::Start { of, run } => self.start(of, run),
            Action::Stop { name, .. } => {
                let job = self.jobs.iter_mut().find(|job| job.name == name).unwrap();
                job.state = JobState::Stopped;
            }
            Action::Look { name, .. } => panic!("{name} was started here"),
        }
    }

    /// Creates the Job of a run.
    fn start(&mut self, of: Pipelined, run: i64) {
        let promise = Promise::from_object(&self.object).unwrap();
        let pipeline = &promise.pipelines(WorkflowType::Promise, of.action)[of.index];
        let hash = pipeline::run_hash(&promise, None);
        let name = pipeline::Run {
            promise: &promise,
            request: None,
            workflow: WorkflowType::Promise,
            action: of.action,
            pipeline: &pipeline.name,
            hash: &hash,
            number: run,
        };
        self.jobs.push(JobSeen {
            name: name.job_name().unwrap(),
            namespace: kinds::SYSTEM_NAMESPACE.into(),
            uid: run.to_string(),
            action: Some(of.action),
            pipeline: pipeline.name.clone(),
            hash,
            run: Some(run),
            created: Timestamp::from_second(self.second).ok(),
            finished: None,
            state: JobState::Running,
            is_going: false,
            pods_are_gone: false,
        });
    }

    /// Ends the Job that runs.
    pub(super) fn end(&mut self, state: JobState) {
        let now = Timestamp::from_second(self.second).ok();
        let job = self.jobs.iter_mut().find(|job| job.state.is_running()).expect("a Job runs");
        (job.state, job.finished) = (state, now);
    }

    /// How many Jobs there are, and whether one runs.
    pub(super) fn runs(&self) -> (usize, bool) {
        (self.jobs.len(), self.jobs.iter().any(|job| job.state.is_running()))
    }

    fn apply(&mut self, mut object: Object) {
        let list = match object.kind() {
            "CustomResourceDefinition" => {
                let status = if self.establishes { "True" } else { "False" };
                let conditions = json!([{"type": "Established", "status": status}]);
                let status = json!({"conditions": conditions, "storedVersions": ["v1"]});
                object.0.insert("status".into(), status);
                &mut self.crds
            }
            "Work" => &mut self.static_works,
            _ => &mut self.rights,
        };
        list.retain(|old| old.name() != object.name() || old.kind() != object.kind());
        list.push(object);
    }

    pub(super) fn set_spec(&mut self, spec: Value) {
        self.object.0.insert("spec".into(), spec);
        let next = self.object.generation().unwrap() + 1;
        self.object.set_metadata("generation", next);
    }

    pub(super) fn delete(&mut self) {
        self.object.set_metadata("deletionTimestamp", "2026-01-01T00:00:00Z");
    }

    pub(super) fn status(&self) -> &Map<String, Value> {
        self.object.status().unwrap().as_object().unwrap()
    }

    /// `status/reason: message` of a condition; empty for none.
    pub(super) fn condition(&self, kind: &str) -> String {
        let Some(found) = conditions::get(self.status(), kind) else { return String::new() };
        let text = |key: &str| found[key].as_str().unwrap().to_owned();
        format!("{}/{}: {}", text("status"), text("reason"), text("message"))
    }

    pub(super) fn finalizers(&self) -> Vec<&str> {
        let list = self.object.at(&["metadata", "finalizers"]).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}
