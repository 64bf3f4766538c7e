//! Starts a pipeline: the status first, then its rights, its Job, the labels, and the status again.

use serde_json::Value;

use super::{Lane, Next, Phase, Step, Trigger};
use crate::contract::promise_status::field::OBSERVED_GENERATION;
use crate::contract::status::{MESSAGE, message, running};
use crate::core::pipeline::PipelineError;
use crate::core::promise::{WorkflowAction, WorkflowType};
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
        let cannot = !super::is_promise(self.seen)
            && (promise_goes || !self.seen.promise_is_available || self.promise_is_behind());
        if cannot { Some(State::Waiting) } else { (!self.seen.may_start).then_some(State::Queued) }
    }

    /// Whether the Promise's own workflow has still to run, or runs, for what the Promise says now: requests come after
    /// it. Its status may still say that it is available, for what it said before.
    fn promise_is_behind(&self) -> bool {
        let promise = self.seen.promise;
        let observed = promise.object.at(&["status", OBSERVED_GENERATION]).and_then(Value::as_i64);
        let is_old = observed.is_some_and(|seen| Some(seen) != promise.object.generation());
        is_old && !promise.pipelines(WorkflowType::Promise, WorkflowAction::Configure).is_empty()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{Object, kinds};
    use crate::core::config::Config;
    use crate::core::promise::Promise;
    use crate::core::workflow::{Layout, Seen, request};

    fn pipeline(name: &str) -> Value {
        json!([{
            "apiVersion": kinds::PROMISE.api_version(), "kind": "Pipeline", "metadata": { "name": name },
            "spec": { "containers": [{ "name": "main", "image": "busybox:1" }] },
        }])
    }

    /// Whether a new request is started under a Promise of this generation, of which the first was brought about.
    fn starts(generation: i64) -> bool {
        let promise = json!({
            "apiVersion": kinds::PROMISE.api_version(), "kind": "Promise",
            "metadata": { "name": "things", "uid": "p", "generation": generation },
            "spec": {
                "api": {
                    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                    "metadata": { "name": "things.gold.example.com" },
                    "spec": {
                        "group": "gold.example.com", "scope": "Namespaced",
                        "names": { "kind": "Thing", "plural": "things", "singular": "thing" },
                        "versions": [{
                            "name": "v1", "served": true, "storage": true,
                            "schema": { "openAPIV3Schema": { "type": "object" } },
                        }],
                    },
                },
                "workflows": {
                    "promise": { "configure": pipeline("up") },
                    "resource": { "configure": pipeline("one") },
                },
            },
            "status": { "observedGeneration": 1 },
        });
        let promise = Promise::from_object(&Object::from_value(promise).unwrap()).unwrap();
        let object = json!({
            "apiVersion": "gold.example.com/v1", "kind": "Thing",
            "metadata": { "name": "a", "namespace": "default", "uid": "r", "generation": 1 }, "spec": {},
        });
        let seen = Seen {
            promise: &promise,
            object: &Object::from_value(object).unwrap(),
            workflow: WorkflowType::Resource,
            jobs: &[],
            absent: &[],
            taken: &[],
            works: &[],
            config: &Config::default(),
            layout: Layout::Keyed,
            may_start: true,
            promise_is_available: true,
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let actions = request::plan(&seen).unwrap().actions;
        actions.iter().any(|action| matches!(action, Action::Start { .. }))
    }

    #[test]
    fn requests_come_after_the_workflow_of_their_promise() {
        assert!(starts(1));
        assert!(!starts(2));
    }
}
