//! What is done when nothing may start: a Job runs, a pipeline has failed or waits, or there is none.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Lane, Step, Trigger, is_promise};
use crate::contract::labels;
use crate::contract::status::{condition, running};
use crate::core::pipeline::PipelineError;
use crate::core::workflow::list::{Layout, Phase};
use crate::core::workflow::{
    Action, Draft, Event, JobSeen, JobState, State, conditions, prune, trouble,
};

impl Lane<'_> {
    /// Waits for the Jobs that run; somebody who asks for a new run stops them first.
    pub(super) fn wait(&self, draft: &mut Draft) -> Step {
        let runs = |job: &&JobSeen| job.state == JobState::Running && !job.is_going;
        let is_asked = self.is_asked_by_hand();
        let newest = self.seen.jobs.iter().filter(runs).map(|job| job.run).max().flatten();
        for job in self.seen.jobs.iter().filter(runs) {
            // Two can only run when somebody who led before us was slow to find out: the newer one is the right one.
            if is_asked || job.run < newest {
                draft.guard();
                let (namespace, name) = (job.namespace.clone(), job.name.clone());
                draft.push(Action::Stop { namespace, name });
            }
        }
        Step::Not(State::Running)
    }

    /// Says that a pipeline has failed; nothing after it runs.
    pub(super) fn failed(&self, index: usize, draft: &mut Draft) -> Step {
        self.save(draft);
        if self.is_delete() {
            if self.set(draft, &running::DELETE_FAILED, "") {
                draft.tell(Event::warning("Failed Pipeline", running::DELETE_FAILED.message));
            }
        } else {
            let name = self.names.get(index).copied().unwrap_or_default();
            let is_new = self.set(draft, &running::CONFIGURE_FAILED, name);
            self.set(draft, &running::FAILED, "");
            prune::jobs(self.seen, draft);
            if is_new {
                let workflow = self.seen.workflow.as_str();
                let text = format!("A {workflow}/configure Pipeline has failed: {name}");
                draft.tell(Event::warning(running::CONFIGURE_FAILED.reason, text));
            }
            if self.seen.config.reconcile_after_failure {
                let since =
                    conditions::since(&draft.status, condition::CONFIGURE_WORKFLOW_COMPLETED);
                if let Some(due) = since.and_then(|since| self.due_after(since)) {
                    draft.wake_at(due);
                }
            }
        }
        Step::Not(State::Failed)
    }

    /// Whether a delete workflow was to start, and its Job was refused because the namespace goes or is gone.
    pub(super) fn has_no_place(&self, status: &Map<String, Value>) -> Result<bool, PipelineError> {
        let is_starting =
            self.list.entries.first().is_some_and(|entry| entry.phase() == Phase::Pending);
        let is_refused = is_starting
            && !self.seen.jobs.iter().any(|job| job.state.is_running())
            && trouble::lacks_namespace(status, &self.namespace()?);
        Ok(is_refused || conditions::is(status, &running::DELETE_SKIPPED))
    }

    /// Says that the delete workflow is not run.
    pub(super) fn skipped(&self, draft: &mut Draft) -> Result<Step, PipelineError> {
        let namespace = self.namespace()?;
        if self.set(draft, &running::DELETE_SKIPPED, &namespace) {
            let text = format!("{}{namespace}", running::DELETE_SKIPPED.message);
            draft.tell(Event::warning(running::DELETE_SKIPPED.reason, text));
        }
        Ok(Step::Done)
    }

    /// Says that the workflow waits, until a time or for somebody.
    pub(super) fn suspended(&self, until: Option<Timestamp>, draft: &mut Draft) -> Step {
        if self.is_delete() {
            self.set(draft, &running::DELETE_SUSPENDED, "");
        }
        if self.set(draft, &running::SUSPENDED, "") {
            let what = if is_promise(self.seen) { "promise" } else { "resource request" };
            let label = labels::WORKFLOW_SUSPENDED;
            let text = format!("'{label}' label set to 'true' for {what}; skipping reconciliation");
            draft.tell(Event::warning(running::SUSPENDED.reason, text));
        }
        if let Some(until) = until {
            draft.wake_at(until);
        }
        Step::Not(State::Suspended)
    }

    /// There is no pipeline: what was asked for is done, and what there was is forgotten.
    pub(super) fn nothing_to_run(&mut self, draft: &mut Draft) -> Step {
        if !self.is_delete() {
            draft.metadata(self.labels_off(Trigger::ManualAndStart, false));
            let is_untouched = self.list.entries.is_empty() && self.list.trigger.is_none();
            self.list.reset(&[], self.seen.now);
            self.list.trigger = None;
            if !(is_promise(self.seen) && is_untouched) {
                self.save(draft);
            } else if self.seen.layout == Layout::Flat {
                // Kratix's CRD of Promises asks for the counters in every status.
                self.list.count(&mut draft.status);
            }
            let found = conditions::get(&draft.status, condition::CONFIGURE_WORKFLOW_COMPLETED);
            if found.is_some() && !self.is_marked_complete(draft) {
                self.complete(draft);
            }
        }
        Step::Done
    }
}
