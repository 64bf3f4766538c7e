//! Starts a pipeline: the status first, then its rights, its Job, the labels, and the status again.

use super::{Lane, Next, Phase, Step, Trigger};
use crate::contract::status::{MESSAGE, message, running};
use crate::core::pipeline::PipelineError;
use crate::core::workflow::list::Entry;
use crate::core::workflow::{Action, Draft, Event, Pipelined, State};

impl Lane<'_> {
    /// Does what comes next.
    pub(super) fn go(&mut self, next: Next, draft: &mut Draft) -> Result<Step, PipelineError> {
        match next {
            Next::First(trigger) => {
                if let Some(state) = self.must_wait() {
                    return Ok(Step::Not(state));
                }
                self.list.reset(&self.names, self.seen.now);
                if !self.is_delete() {
                    self.list.resources_run = self.resources_run();
                }
                self.start(0, Some(trigger), draft)
            }
            Next::Pipeline(index, trigger) => self.start(index, trigger, draft),
            Next::Failed(index) => Ok(self.failed(index, draft)),
            Next::Suspended(until) => Ok(self.suspended(until, draft)),
            Next::Done => {
                if let Some(due) = self.due() {
                    draft.wake_at(due);
                }
                Ok(Step::Done)
            }
        }
    }

    /// What keeps a workflow from starting from its first pipeline. One that is on its way goes on.
    fn must_wait(&self) -> Option<State> {
        if self.is_delete() {
            return None;
        }
        let promise_goes =
            self.seen.promise.object.at(&["metadata", "deletionTimestamp"]).is_some();
        let cannot =
            !super::is_promise(self.seen) && (promise_goes || !self.seen.promise_is_available);
        if cannot { Some(State::Waiting) } else { (!self.seen.may_start).then_some(State::Queued) }
    }

    /// Starts a pipeline under the next number.
    fn start(
        &mut self,
        index: usize,
        trigger: Option<Trigger>,
        draft: &mut Draft,
    ) -> Result<Step, PipelineError> {
        let number = self.next_number(index)?;
        self.list.run = number;
        self.list.trigger = trigger;
        if let (Some(entry), Some(name)) = (self.list.entries.get_mut(index), self.names.get(index))
        {
            if entry.name() != *name {
                *entry = Entry::pending(name, self.seen.now);
            }
            entry.enter(Phase::Pending, self.seen.now);
            entry.set_run(&self.hash, Some(number));
        }
        self.save(draft);
        self.announce(draft);
        self.carry_on(draft)
    }

    /// Goes on with the start of the pipeline that is being started.
    pub(super) fn carry_on(&mut self, draft: &mut Draft) -> Result<Step, PipelineError> {
        let run = self.list.run;
        let is_it = |entry: &Entry| entry.phase() == Phase::Pending && entry.run() == Some(run);
        let Some(index) = self.first(is_it) else { return Ok(Step::Not(State::Running)) };
        draft.guard();
        let of = Pipelined { action: self.action, index };
        draft.push(Action::Grant(of));
        draft.push(Action::Start { of, run });
        if let Some(trigger) = self.list.trigger.take() {
            draft.metadata(self.labels_off(trigger, false));
        }
        if let Some(entry) = self.list.entries.get_mut(index) {
            entry.enter(Phase::Running, self.seen.now);
        }
        self.announce(draft);
        self.save(draft);
        self.tell_started(index, draft);
        Ok(Step::Not(State::Running))
    }

    /// Says for the object as a whole that pipelines run.
    fn announce(&self, draft: &mut Draft) {
        if !self.is_delete() {
            draft.status.insert(MESSAGE.into(), message::PENDING.into());
            self.set(draft, &running::CONFIGURE_STARTED, "");
            self.set(draft, &running::STARTED, "");
        }
    }

    pub(super) fn tell_started(&self, index: usize, draft: &mut Draft) {
        let name = self.names.get(index).copied().unwrap_or_default();
        let action = if self.is_delete() { "Delete" } else { "Configure" };
        draft.tell(Event::normal("PipelineStarted", format!("{action} Pipeline started: {name}")));
    }

    /// A number that no run of the object has had, and under whose name no other Job lies.
    fn next_number(&self, index: usize) -> Result<i64, PipelineError> {
        let seen = self.seen.jobs.iter().filter_map(|job| job.run).max().unwrap_or(0);
        let mut number = self.list.run.max(seen);
        let pipeline = self.names.get(index).copied().unwrap_or_default();
        loop {
            number = number.saturating_add(1);
            let name = self.run_of(pipeline, &self.hash, number).job_name()?;
            let is_free = !self.seen.taken.contains(&name)
                && !self.seen.jobs.iter().any(|job| job.name == name);
            if is_free || number == i64::MAX {
                return Ok(number);
            }
        }
    }
}
