//! One request and its Jobs, seen as a test wants it, and what a plan makes of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::world::promise;
use crate::contract::status::{KRATIX, PIPELINES, WORKFLOWS};
use crate::contract::{Object, labels};
use crate::core::config::Config;
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};
use crate::core::workflow::{Action, JobSeen, JobState, Layout, Plan, Seen, WorkSeen, request};

pub(super) struct Scene {
    pub(super) promise: Promise,
    pub(super) object: Object,
    pub(super) jobs: Vec<JobSeen>,
    pub(super) works: Vec<WorkSeen>,
    pub(super) absent: Vec<String>,
    pub(super) config: Config,
    pub(super) layout: Layout,
    pub(super) may_start: bool,
    pub(super) available: bool,
    pub(super) now: Timestamp,
    /// Reasons of the events so far.
    pub(super) told: Vec<&'static str>,
    /// How many actions there were so far.
    pub(super) actions: usize,
}

impl Scene {
    pub(super) fn new(configure: &[&str], delete: &[&str], layout: Layout) -> Self {
        let object = json!({
            "apiVersion": "g.io/v1", "kind": "Thing",
            "metadata": {"name": "r", "namespace": "team", "uid": "request", "generation": 1},
            "spec": {"size": 0},
        });
        Self {
            promise: promise(configure, delete, false),
            object: Object::from_value(object).unwrap(),
            jobs: Vec::new(),
            works: Vec::new(),
            absent: Vec::new(),
            config: Config::default(),
            layout,
            may_start: true,
            available: true,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            told: Vec::new(),
            actions: 0,
        }
    }

    pub(super) fn plan(&self) -> Plan {
        request::plan(&Seen {
            promise: &self.promise,
            object: &self.object,
            workflow: WorkflowType::Resource,
            jobs: &self.jobs,
            absent: &self.absent,
            taken: &[],
            works: &self.works,
            config: &self.config,
            layout: self.layout,
            may_start: self.may_start,
            promise_is_available: self.available,
            now: self.now,
        })
        .unwrap()
    }

    /// Plans and does it all; returns the plan.
    pub(super) fn pass(&mut self) -> Plan {
        let plan = self.plan();
        self.absent.clear();
        self.now += SignedDuration::from_secs(1);
        for action in &plan.actions {
            self.actions += 1;
            match action {
                Action::Metadata(change) => {
                    for (key, value) in &change.labels {
                        self.label(key, value.as_deref());
                    }
                    if let Some(finalizers) = &change.finalizers {
                        self.object.set_metadata("finalizers", json!(finalizers));
                    }
                }
                Action::Status(status) => {
                    self.object.0.insert("status".into(), status.clone().into());
                }
                Action::Start { of, run } => {
                    let pipelines = self.promise.pipelines(WorkflowType::Resource, of.action);
                    self.jobs.push(JobSeen {
                        name: format!("job-{run}"),
                        namespace: "team".into(),
                        uid: format!("uid-{run}"),
                        action: Some(of.action),
                        pipeline: pipelines[of.index].name.clone(),
                        hash: crate::core::pipeline::run_hash(&self.promise, Some(&self.object)),
                        run: Some(*run),
                        created: Some(self.now),
                        finished: None,
                        state: JobState::Running,
                        is_going: false,
                        pods_are_gone: false,
                    });
                }
                Action::Stop { name, .. } => self.end(name.clone().as_str(), JobState::Stopping),
                Action::Look { name, .. } => self.absent.push(name.clone()),
                Action::Delete { key, .. } => {
                    self.jobs.retain(|job| job.name != key.name);
                    self.works.retain(|work| work.name != key.name);
                }
                Action::Tell(event) => self.told.push(event.reason),
                Action::Grant(_)
                | Action::NoneLeft { .. }
                | Action::Apply(_)
                | Action::DeletePods { .. } => {}
            }
        }
        plan
    }

    pub(super) fn label(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.object.set_label(key, value),
            None => {
                if let Some(Value::Object(all)) = self.object.metadata_mut().get_mut("labels") {
                    all.remove(key);
                }
            }
        }
    }

    pub(super) fn set(&mut self, key: &str) {
        self.label(key, Some(labels::TRUE));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.object.label(key).is_some()
    }

    pub(super) fn end(&mut self, name: &str, state: JobState) {
        let job = self.jobs.iter_mut().find(|job| job.name == name).unwrap();
        job.state = state;
        job.finished = Some(self.now);
    }

    /// Ends the Job that runs; its status step has done its work when `report` says so.
    pub(super) fn finish(&mut self, state: JobState) {
        let name = self.running().unwrap();
        self.end(&name, state);
    }

    /// Lets the pod of the Job that runs ask to wait.
    pub(super) fn suspend(&mut self, message: &str, retry: Option<i64>) {
        let name = self.running().unwrap();
        let job = self.jobs.iter().find(|job| job.name == name).unwrap();
        let control = crate::core::control::Control {
            suspend: retry.is_none(),
            message: message.into(),
            retry_after: retry.map(SignedDuration::from_secs),
            ..Default::default()
        };
        let run = crate::core::status::Run {
            workflow_type: "resource",
            action: job.action.map_or("", WorkflowAction::as_str),
            pipeline: &job.pipeline,
            is_last: false,
            dry_run: false,
            generation: self.object.generation().unwrap(),
            now: self.now,
        };
        let decided =
            crate::core::status::decide(&self.object, &serde_json::Map::new(), &control, &run);
        self.object.0.insert("status".into(), decided.unwrap().status.unwrap().into());
        self.set(labels::WORKFLOW_SUSPENDED);
        self.end(&name, JobState::Complete);
    }

    pub(super) fn running(&self) -> Option<String> {
        self.jobs.iter().find(|job| job.state.is_running()).map(|job| job.name.clone())
    }

    /// Changes the spec, as a person does.
    pub(super) fn edit(&mut self, size: i64) {
        self.object.0.insert("spec".into(), json!({"size": size}));
        let generation = self.object.generation().unwrap() + 1;
        self.object.set_metadata("generation", generation);
    }

    pub(super) fn delete(&mut self) {
        self.object.set_metadata("deletionTimestamp", "2027-01-01T00:00:00Z");
        let generation = self.object.generation().unwrap() + 1;
        self.object.set_metadata("generation", generation);
    }

    /// What the status says, in short: `phase` of each pipeline, and reasons of the conditions.
    pub(super) fn says(&self) -> (Vec<String>, Vec<String>) {
        let status = self.object.status().cloned().unwrap_or_default();
        // In the flat layout and in the one by action.
        let list = ["", "/delete", "/configure"]
            .map(|part| format!("/{KRATIX}/{WORKFLOWS}{part}/{PIPELINES}"));
        let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let entries = list.iter().find_map(|path| status.pointer(path)?.as_array());
        let phases = entries.into_iter().flatten();
        let phases = phases.map(|one| format!("{} {}", text(one, "name"), text(one, "phase")));
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let conditions = conditions.map(|one| {
            format!("{} {} {}", text(one, "type"), text(one, "status"), text(one, "reason"))
        });
        (phases.collect(), conditions.collect())
    }
}
