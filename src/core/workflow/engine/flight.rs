//! What has become of the run that the status says was started.

use super::{Lane, Next, Phase, Step, Trigger};
use crate::contract::labels;
use crate::contract::status::{MESSAGE, message, running};
use crate::core::pipeline::PipelineError;
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::workflow::{Action, Draft, JobState, Metadata, State};

/// A run that was started and of which no end is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flight {
    /// There is none.
    None,
    /// Its Job, of this name, is not seen; it may be there all the same.
    Unknown(String),
    /// There is no such Job.
    Lost(usize),
}

impl Lane<'_> {
    /// Finds out whether the Job that is being started is there, and if it is, takes off the labels that asked for it.
    pub(super) fn note_started(&mut self, draft: &mut Draft) {
        let run = Some(self.list.run).filter(|run| *run > 0);
        let Some(index) = self.first(|entry| entry.run() == run && run.is_some()) else { return };
        let Some(entry) = self.list.entries.get(index) else { return };
        let (phase, is_there) = (entry.phase(), self.job_of(entry).is_some());
        if phase == Phase::Pending && !is_there {
            return;
        }
        if let Some(trigger) = self.list.trigger.take()
            && !self.is_answered()
        {
            let waits_again = phase == Phase::Suspended;
            draft.metadata(self.labels_off(trigger, waits_again));
            self.labels.manual &= !trigger.is_manual();
            self.labels.from_start &= !trigger.is_start();
            self.labels.suspended &= waits_again;
        }
        if phase == Phase::Pending {
            self.list.entries[index].enter(Phase::Running, self.seen.now);
            self.save(draft);
            draft.write();
            self.tell_started(index, draft);
        }
        self.save(draft);
    }

    /// The labels that a start has answered. That by which a workflow waits stays when the run itself has set it.
    pub(super) fn labels_off(&self, trigger: Trigger, is_suspended_again: bool) -> Metadata {
        let off = [
            (labels::MANUAL_RECONCILIATION, trigger.is_manual()),
            (labels::RUN_FROM_START, trigger.is_start()),
            (labels::WORKFLOW_SUSPENDED, !is_suspended_again),
        ];
        let off = off.into_iter().filter(|(_, is_off)| *is_off).map(|(label, _)| label);
        let is_set = |label: &&str| self.seen.object.label(label).is_some();
        let off = off.filter(is_set).map(|label| (label.to_owned(), None));
        let mut change = Metadata { labels: off.collect(), ..Metadata::default() };
        if change != Metadata::default() {
            change.annotations.insert(labels::ANSWERED_RUN.into(), Some(self.list.run.to_string()));
        }
        change
    }

    /// Whether the labels that asked for the run which was started last are off: what is set now is new.
    pub(super) fn is_answered(&self) -> bool {
        let answered = self.seen.object.annotation(labels::ANSWERED_RUN);
        answered.and_then(|text| text.parse().ok()) == Some(self.list.run)
    }

    /// Writes down how the run that was started has ended, as far as its Job tells.
    pub(super) fn land(&mut self, draft: &mut Draft) -> Result<Flight, PipelineError> {
        let now = self.seen.now;
        let is_held = self.is_held();
        for index in 0..self.count() {
            let Some(entry) = self.list.entries.get(index) else { continue };
            let job = self.job_of(entry);
            let state = job.map(|job| job.state);
            // It asked to wait, its label could not be set, and it failed: it would be run again for ever.
            let is_failed_wait =
                entry.phase() == Phase::Suspended && state == Some(JobState::Failed) && !is_held;
            // The status step says that it waits before its pod has ended.
            let may_run_still = entry.phase() == Phase::Suspended && job.is_none();
            if !entry.is_in_flight() && !is_failed_wait && !may_run_still {
                continue;
            }
            let Some(job) = job else {
                let Some(run) = entry.run() else { continue };
                let name = self.job_name(entry, run)?;
                let is_lost = self.seen.absent.contains(&name) || self.seen.taken.contains(&name);
                return Ok(if is_lost { Flight::Lost(index) } else { Flight::Unknown(name) });
            };
            let phase = match job.state {
                JobState::Complete => Phase::Succeeded,
                JobState::Failed | JobState::Stopped => Phase::Failed,
                JobState::Running | JobState::Stopping => continue,
            };
            if let Some(entry) = self.list.entries.get_mut(index) {
                entry.set_run(&job.hash, job.run);
                entry.enter(phase, now);
            }
            self.save(draft);
        }
        if self.list.is_foreign && !self.list.entries.is_empty() {
            self.save(draft);
        }
        let is_done = self.action == WorkflowAction::Configure
            && self.list.is_of(&self.names)
            && !self.names.is_empty()
            && self
                .list
                .entries
                .iter()
                .all(|entry| entry.phase() == Phase::Succeeded && entry.hash() == self.hash);
        if is_done && !self.is_marked_complete(draft) {
            self.complete(draft);
        }
        self.status.clone_from(&draft.status);
        Ok(Flight::None)
    }

    /// Marks the workflow as complete where the status step has not: its container did not run, or somebody has taken
    /// the mark away.
    pub(super) fn complete(&self, draft: &mut Draft) {
        let done = match self.seen.workflow {
            WorkflowType::Promise => message::PROMISE_CONFIGURED,
            WorkflowType::Resource => message::RESOURCE_REQUESTED,
        };
        let is_pending = draft.status.get(MESSAGE).is_none_or(|text| text == message::PENDING);
        if is_pending {
            draft.status.insert(MESSAGE.into(), done.into());
        }
        self.set(draft, &running::CONFIGURE_DONE, "");
    }

    /// Whether what is to run next is what was being started.
    pub(super) fn is_being_started(&self, next: Next) -> bool {
        let Next::Pipeline(index, _) = next else { return false };
        let Some(entry) = self.list.entries.get(index) else { return false };
        entry.phase() == Phase::Pending
            && entry.run().is_some()
            && entry.hash() == self.hash
            && self.names.get(index) == Some(&entry.name())
            && entry.run().is_some_and(|run| {
                self.job_name(entry, run).is_ok_and(|name| !self.seen.taken.contains(&name))
            })
    }

    /// Writes down that a Job is gone, and nobody knows how it ended.
    pub(super) fn lose(&mut self, index: usize, draft: &mut Draft) {
        if let Some(entry) = self.list.entries.get_mut(index) {
            entry.enter(Phase::Failed, self.seen.now);
        }
        self.save(draft);
    }

    /// Asks for the Job itself before anything else starts.
    pub(super) fn look(&self, draft: &mut Draft, name: String) -> Result<Step, PipelineError> {
        draft.push(Action::Look { namespace: self.namespace()?, name });
        Ok(Step::Not(State::Running))
    }
}
