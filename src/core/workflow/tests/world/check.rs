//! What must hold: written down as things happen, and looked at once the world is quiet.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::World;
use crate::contract::status::running;
use crate::contract::{Object, finalizers, labels};
use crate::core::pipeline::run_hash;
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::workflow::{JobSeen, List, Metadata, Phase, State, conditions};

/// What has happened, as far as it must not happen twice or too early.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    created: BTreeSet<String>,
    runs: BTreeSet<i64>,
    starts: usize,
    /// How many starts there were when a label was set that asks for one.
    asked: BTreeMap<&'static str, usize>,
    deletes: usize,
    excuses: usize,
    delete_succeeded: bool,
    had_no_delete_pipeline: bool,
    pub(crate) plans: usize,
    pub(crate) actions: usize,
}

impl Ledger {
    pub(crate) fn asked(&mut self, label: &'static str) {
        self.asked.insert(label, self.starts);
    }

    /// The delete workflow may run once more: somebody has asked for it, or its Job was taken away.
    pub(crate) fn excuse_delete(&mut self) {
        self.excuses += 1;
    }

    pub(crate) fn excuse_no_delete_pipeline(&mut self) {
        self.had_no_delete_pipeline = true;
    }

    pub(crate) fn delete_succeeded(&mut self) {
        self.delete_succeeded = true;
    }

    pub(crate) fn forget(&mut self, name: &str, run: Option<i64>) {
        self.created.remove(name);
        self.runs.remove(&run.unwrap());
    }

    pub(super) fn job_created(&mut self, job: &JobSeen) {
        assert!(self.created.insert(job.name.clone()), "{} runs twice", job.name);
        assert!(self.runs.insert(job.run.unwrap()), "two runs have the number {:?}", job.run);
        self.starts += 1;
        if job.action == Some(WorkflowAction::Delete) {
            self.deletes += 1;
            self.delete_succeeded = false;
            assert!(self.deletes <= 1 + self.excuses, "the delete workflow runs once more");
        }
    }
}

impl World<'_> {
    pub(super) fn check_start(&self, action: WorkflowAction, index: usize, hash: &str) {
        let running = self.server.jobs.values().filter(|job| job.seen.state.is_running());
        assert_eq!(running.count(), 0, "a second Job would run");
        let status = self.server.object.as_ref().unwrap().status().unwrap().as_object().unwrap();
        let list = List::read(status, self.layout, action, false);
        assert_eq!(list.entries[index].phase(), Phase::Pending, "it was not said before");
        for entry in &list.entries[..index] {
            assert_eq!(entry.phase(), Phase::Succeeded, "one that comes before has not succeeded");
            assert_eq!(entry.hash(), hash, "one that comes before was for something else");
        }
        let goes = self.server.is_going();
        assert_eq!(action == WorkflowAction::Delete, goes, "the wrong workflow starts");
    }

    pub(super) fn check_metadata(&self, change: &Metadata) {
        let promise = self.promises.at(self.promise);
        let has_pipelines =
            !promise.pipelines(WorkflowType::Resource, WorkflowAction::Configure).is_empty();
        for label in [labels::MANUAL_RECONCILIATION, labels::RUN_FROM_START] {
            if change.labels.get(label) == Some(&None) && has_pipelines {
                let asked = self.ledger.asked.get(label).copied().unwrap_or(0);
                assert!(self.ledger.starts > asked, "{label} is gone, and nothing was started");
            }
        }
        let Some(left) = &change.finalizers else { return };
        if left.iter().any(|name| name == finalizers::WORK_CLEANUP) {
            return;
        }
        assert!(self.server.is_going(), "finalizers go, and the object stays");
        assert!(!self.server.works.values().any(|work| !work.is_namesakes), "Works are left");
        assert!(self.server.jobs.is_empty(), "Jobs are left");
        let ledger = &self.ledger;
        assert!(
            ledger.delete_succeeded || ledger.had_no_delete_pipeline,
            "the delete workflow has not succeeded"
        );
    }

    pub(super) fn check_settled(&self, state: State) {
        assert!(
            self.server.works.values().any(|work| work.is_namesakes),
            "a namesake's Work is gone"
        );
        let object = self.server.object.as_ref().unwrap();
        let status = object.status().and_then(Value::as_object).cloned().unwrap_or_default();
        let is_held = object.label(labels::WORKFLOW_SUSPENDED) == Some(labels::TRUE);
        match state {
            State::Settled => self.check_done(object, &status),
            State::Suspended => assert!(is_held, "nothing holds it"),
            State::Failed => {
                let known = if self.server.is_going() {
                    running::DELETE_FAILED
                } else {
                    running::CONFIGURE_FAILED
                };
                assert!(conditions::is(&status, &known), "it does not say that it has failed");
            }
            State::Paused => assert!(self.server.has_label(labels::PAUSED), "it is not paused"),
            other => panic!("it rests as {other:?}"),
        }
        if !matches!(state, State::Paused | State::Suspended) {
            let is_going = self.server.is_going();
            assert!(!self.server.has_label(labels::MANUAL_RECONCILIATION), "nobody answers");
            assert!(is_going || !self.server.has_label(labels::RUN_FROM_START), "nobody answers");
        }
    }

    fn check_done(&self, object: &Object, status: &serde_json::Map<String, Value>) {
        let promise = self.promise();
        let pipelines = promise.pipelines(WorkflowType::Resource, WorkflowAction::Configure);
        let names: Vec<_> = pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
        let list = List::read(status, self.layout, WorkflowAction::Configure, false);
        assert!(list.is_of(&names), "it is done with other pipelines");
        let hash = run_hash(promise, Some(object));
        for entry in &list.entries {
            assert_eq!(entry.phase(), Phase::Succeeded);
            assert_eq!(entry.hash(), hash, "it is done for something else");
        }
        assert_eq!(list.trigger, None);
        assert_eq!(status["observedGeneration"], object.generation().unwrap());
        if !names.is_empty() {
            assert!(conditions::is(status, &running::CONFIGURE_DONE), "it does not say so");
            assert!(conditions::is(status, &running::DONE), "it is not reconciled: {status:?}");
        }
        for work in self.server.works.values().filter(|work| !work.is_namesakes) {
            assert!(names.contains(&&*work.seen.pipeline), "a Work of nobody is left");
        }
        let kept = usize::try_from(self.config.jobs_kept).unwrap();
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for job in self.server.jobs.values() {
            *count.entry(&job.seen.pipeline).or_default() += 1;
        }
        assert!(count.values().all(|count| *count <= kept), "old Jobs are left");
    }
}
