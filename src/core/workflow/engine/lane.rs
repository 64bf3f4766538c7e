//! One workflow of one object, as it is seen.

use serde_json::{Map, Value};

use crate::contract::status::condition;
use crate::contract::{Object, labels, status::Condition};
use crate::core::pipeline::{PipelineError, Run, job_namespace, run_hash};
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::workflow::conditions::{self, Wanted};
use crate::core::workflow::list::{Entry, List, Phase};
use crate::core::workflow::{Draft, JobSeen, Seen};

/// One workflow of one object. At most one Job of the object runs, of whichever action: they write to the same status
/// and Works.
pub(super) struct Lane<'a> {
    pub(super) seen: &'a Seen<'a>,
    pub(super) action: WorkflowAction,
    /// Names of its pipelines, in order.
    pub(super) names: Vec<&'a str>,
    /// What label `kratix.io/hash` says of a Job that is made now.
    pub(super) hash: String,
    /// Its list, with what is decided so far.
    pub(super) list: List,
    /// The object's status, with what is known of how runs ended.
    pub(super) status: Map<String, Value>,
    /// Labels of the object that nothing has answered yet.
    pub(super) labels: Labels,
}

/// The labels by which somebody steers a workflow: whether they are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Labels {
    /// It shall start again, and what runs shall stop.
    pub(super) manual: bool,
    /// It shall start again.
    pub(super) from_start: bool,
    /// It waits.
    pub(super) suspended: bool,
}

impl Labels {
    fn of(object: &Object) -> Self {
        let is_set = |label| object.label(label) == Some(labels::TRUE);
        Self {
            manual: is_set(labels::MANUAL_RECONCILIATION),
            from_start: is_set(labels::RUN_FROM_START),
            suspended: is_set(labels::WORKFLOW_SUSPENDED),
        }
    }
}

impl<'a> Lane<'a> {
    pub(super) fn new(seen: &'a Seen<'a>, draft: &Draft, action: WorkflowAction) -> Self {
        let pipelines = seen.promise.pipelines(seen.workflow, action);
        let names: Vec<_> = pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
        let hash = run_hash(seen.promise, request(seen));
        let is_delete = seen.jobs.iter().any(|job| job.action == Some(WorkflowAction::Delete));
        let list = List::read(&draft.status, seen.layout, action, is_delete);
        let (status, labels) = (draft.status.clone(), Labels::of(seen.object));
        let mut lane = Self { seen, action, names, hash, list, status, labels };
        lane.adopt();
        lane
    }

    pub(super) fn is_delete(&self) -> bool {
        self.action == WorkflowAction::Delete
    }

    pub(super) fn generation(&self) -> i64 {
        self.seen.object.generation().unwrap_or_default()
    }

    /// How many pipelines of the list run: of a delete workflow only the first (contract.md 8.4).
    pub(super) fn count(&self) -> usize {
        match self.action {
            WorkflowAction::Configure => self.list.entries.len(),
            WorkflowAction::Delete => self.list.entries.len().min(1),
        }
    }

    /// The first pipeline of which this is true.
    pub(super) fn first(&self, is: impl Fn(&Entry) -> bool) -> Option<usize> {
        self.list.entries.iter().take(self.count()).position(is)
    }

    pub(super) fn phase(&self, index: usize) -> Phase {
        self.list.entries.get(index).map_or(Phase::Pending, Entry::phase)
    }

    /// The Job of an entry's last run. That of a run of Kratix's has no number: it is the newest of the pipeline.
    pub(super) fn job_of(&self, entry: &Entry) -> Option<&'a JobSeen> {
        let is_its = |job: &&JobSeen| {
            job.action == Some(self.action)
                && job.pipeline == entry.name()
                && match entry.run() {
                    Some(run) => job.run == Some(run),
                    None => job.run.is_none(),
                }
        };
        self.seen
            .jobs
            .iter()
            .filter(is_its)
            .max_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)))
    }

    /// Name of the Job of a run, and its namespace.
    pub(super) fn job_name(&self, entry: &Entry, run: i64) -> Result<String, PipelineError> {
        self.run_of(entry.name(), entry.hash(), run).job_name()
    }

    pub(super) fn run_of<'b>(&'b self, pipeline: &'b str, hash: &'b str, number: i64) -> Run<'b> {
        Run {
            promise: self.seen.promise,
            request: request(self.seen),
            workflow: self.seen.workflow,
            action: self.action,
            pipeline,
            hash,
            number,
        }
    }

    pub(super) fn namespace(&self) -> Result<String, PipelineError> {
        Ok(job_namespace(self.seen.promise, request(self.seen))?.to_owned())
    }

    /// Sets a condition; returns whether it says anything new.
    pub(super) fn set(&self, draft: &mut Draft, known: &Condition, name: &str) -> bool {
        let message = format!("{}{name}", known.message);
        let wanted = Wanted { message: &message, ..Wanted::from(known) };
        conditions::set(&mut draft.status, self.seen.workflow, &wanted, self.seen.now)
    }

    /// Writes the list into the draft's status.
    pub(super) fn save(&self, draft: &mut Draft) {
        self.list.write(&mut draft.status, self.seen.layout, self.action);
    }

    /// Takes over what Kratix has run: its flat list says neither hash nor run. A request that was up to date stays as
    /// it is; Promises run once more (contract.md 16).
    fn adopt(&mut self) {
        let object = self.seen.object;
        let observed = object.at(&["status", crate::contract::status::done::OBSERVED_GENERATION]);
        let is_current = self.seen.workflow == WorkflowType::Resource
            && observed.and_then(Value::as_i64) == object.generation()
            && object.generation().is_some();
        let is_settled =
            |entry: &Entry| entry.phase() == Phase::Succeeded && entry.hash().is_empty();
        if self.list.entries.is_empty() || !is_current {
            return;
        }
        if self.list.entries.iter().all(is_settled) {
            for entry in &mut self.list.entries {
                entry.set_run(&self.hash, None);
            }
            self.list.is_foreign = true;
        }
    }

    /// Whether the configure workflow was marked as complete.
    pub(super) fn is_marked_complete(&self, draft: &Draft) -> bool {
        let found = conditions::get(&draft.status, condition::CONFIGURE_WORKFLOW_COMPLETED);
        found.and_then(|one| one.get("status")?.as_str()) == Some("True")
    }
}

/// The request, in a resource workflow.
pub(super) fn request<'a>(seen: &Seen<'a>) -> Option<&'a Object> {
    (seen.workflow == WorkflowType::Resource).then_some(seen.object)
}
