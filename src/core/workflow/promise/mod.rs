//! What to do next for a Promise: its API, what it requires, its dependencies, its own workflows and its end
//! (contract.md 8.1, 8.8, 8.9, 9).

mod api;
mod availability;
mod deletion;
mod dependencies;
mod ending;
mod pause;
mod requirements;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::Value;

use super::conditions::{self, Wanted};
use super::{Draft, Event, Metadata, Plan, State, engine};
use crate::contract::object::map_entry;
use crate::contract::promise_status::{
    AVAILABLE, INVALID, IS_AVAILABLE, RECONCILED, WAITS_FOR_REQUIREMENTS, event, field,
};
use crate::contract::status::{Condition, KRATIX, running};
use crate::contract::{Object, finalizers, labels};
use crate::core::crd;
use crate::core::promise::{Finding, Promise, PromiseError, WorkflowAction, WorkflowType, check};

pub use dependencies::WORK_TYPE as STATIC_WORK_TYPE;
pub use seen::{OtherPromise, Owned, PromiseSeen, StaticWork};

/// Whether a Promise can fulfil requests, as its status says (contract.md 8.2, step 9).
pub fn is_available(promise: &Object) -> bool {
    let status = promise.status().and_then(Value::as_object);
    status.is_some_and(|status| conditions::is(status, &IS_AVAILABLE))
}

/// Whether the Promise may be available again soon, as its status says: its workflow runs, or is about to because what it
/// says has changed since it was brought about.
fn is_busy(promise: &Object) -> bool {
    let status = promise.status().and_then(Value::as_object);
    status.is_some_and(|status| {
        [&running::STARTED, &running::DONE].into_iter().any(|one| conditions::is(status, one))
    })
}

/// How often all requests of a Promise were told to run again. A request whose list holds a lower number has not done
/// so yet.
pub fn resources_run(promise: &Object) -> i64 {
    promise.at(&["status", KRATIX, field::RESOURCES_RUN]).and_then(Value::as_i64).unwrap_or(0)
}

/// Decides what to do next for a Promise.
///
/// An invalid Promise is no error: what is wrong with it goes into its status, and it waits for somebody.
pub fn plan(seen: &PromiseSeen<'_>) -> Plan {
    let mut pass = Pass { seen, draft: Draft::of(seen.object), news: Vec::new() };
    let state = match pass.decide() {
        Ok(state) => state,
        Err(trouble) => pass.stopped(&trouble),
    };
    pass.flush();
    pass.draft.finish(state)
}

/// Why a Promise cannot be brought about as it is.
struct Trouble {
    /// Reason of the conditions and the event.
    reason: &'static str,
    /// What is wrong.
    what: String,
    /// What to do.
    hint: Option<String>,
}

impl Trouble {
    /// Tells an error with its causes.
    fn of(reason: &'static str, error: &dyn Error, hint: Option<String>) -> Self {
        let mut what = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            what = format!("{what}: {error}");
            cause = error.source();
        }
        Self { reason, what, hint }
    }

    fn unreadable(error: &PromiseError) -> Self {
        Self::of(INVALID, error, error.hint())
    }

    fn invalid(findings: &[&Finding]) -> Self {
        let all: Vec<_> =
            findings.iter().map(|one| format!("`{}`: {}", one.path, one.message)).collect();
        Self { reason: INVALID, what: all.join("; "), hint: None }
    }

    /// What and hint in one sentence.
    fn message(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} ({hint})", self.what),
            None => self.what.clone(),
        }
    }
}

/// Returns the Promise if it can be brought about.
fn usable<'a>(promise: Result<&'a Promise, &PromiseError>) -> Result<&'a Promise, Trouble> {
    let promise = promise.map_err(Trouble::unreadable)?;
    let findings = check(promise);
    let fatal: Vec<_> = findings.iter().filter(|finding| finding.fatal).collect();
    if !fatal.is_empty() {
        return Err(Trouble::invalid(&fatal));
    }
    if let Some(api) = &promise.api {
        crd::build(&promise.name, api)
            .map_err(|error| Trouble::of(INVALID, &error, Some(error.hint())))?;
    }
    Ok(promise)
}

/// Returns what is wrong with a Promise, in the words of its status; `None` when it can be brought about.
pub fn fault(promise: Result<&Promise, &PromiseError>) -> Option<String> {
    usable(promise).err().map(|trouble| trouble.message())
}

/// Sets a condition of a Promise; returns whether it says anything new.
fn set(seen: &PromiseSeen<'_>, draft: &mut Draft, wanted: &Condition) -> bool {
    conditions::set(&mut draft.status, WorkflowType::Promise, &Wanted::from(wanted), seen.now)
}

/// One decision in the making.
struct Pass<'a, 's> {
    seen: &'a PromiseSeen<'s>,
    draft: Draft,
    /// What is told once the status that it is about is written. One status for all of it.
    news: Vec<Event>,
}

impl<'s> Pass<'_, 's> {
    fn decide(&mut self) -> Result<State, Trouble> {
        if self.is_labelled(labels::PAUSED) {
            return Ok(self.paused());
        }
        if self.seen.is_going() {
            return self.delete();
        }
        let promise = usable(self.seen.promise)?;
        self.configure(promise)
    }

    fn configure(&mut self, promise: &'s Promise) -> Result<State, Trouble> {
        let seen = self.seen;
        self.hold(promise);
        let is_fulfilled = requirements::evaluate(seen, promise, &mut self.draft, &mut self.news);
        requirements::required_by(seen, &mut self.draft);
        let api = api::bring(seen, promise, &mut self.draft)?;
        self.summary(promise, is_fulfilled);
        dependencies::bring(seen, promise, &mut self.draft)?;
        if matches!(api, api::Step::Waits) {
            return Ok(State::Waiting);
        }
        self.run_requests_again();
        let step = engine::configure(&seen.of_workflow(promise), &mut self.draft)
            .map_err(|error| Trouble::of(INVALID, &error, error.hint()))?;
        match step {
            engine::Step::Not(state) => {
                if state == State::Suspended {
                    self.suspended();
                }
                Ok(state)
            }
            engine::Step::Done => {
                self.available(is_fulfilled);
                self.done(promise, is_fulfilled);
                Ok(if is_fulfilled { State::Settled } else { State::Waiting })
            }
        }
    }

    /// Puts on the finalizers, and takes that of the delete workflow off when there is none any more.
    fn hold(&mut self, promise: &Promise) {
        let mut wanted = Vec::new();
        if promise.api.is_some() {
            wanted.extend([
                finalizers::RESOURCE_REQUEST_CLEANUP,
                finalizers::DEPENDANTS_CLEANUP,
                finalizers::API_CRD_CLEANUP,
            ]);
        }
        wanted.extend([finalizers::DEPENDENCIES_CLEANUP, finalizers::WORKFLOWS_CLEANUP]);
        let has_delete =
            !promise.pipelines(WorkflowType::Promise, WorkflowAction::Delete).is_empty();
        if has_delete {
            wanted.push(finalizers::DELETE_WORKFLOWS);
        }
        let mut all = self.finalizers();
        let is_stale = |name: &String| !has_delete && name == finalizers::DELETE_WORKFLOWS;
        all.retain(|name| !is_stale(name));
        for name in wanted {
            if !all.iter().any(|found| found == name) {
                all.push(name.to_owned());
            }
        }
        self.set_finalizers(all);
    }

    fn finalizers(&self) -> Vec<String> {
        let list = self.seen.object.at(&["metadata", "finalizers"]).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn set_finalizers(&mut self, all: Vec<String>) {
        if all != self.finalizers() {
            self.draft.metadata(Metadata { finalizers: Some(all), ..Metadata::default() });
        }
    }

    fn is_labelled(&self, label: &str) -> bool {
        self.seen.object.label(label) == Some(labels::TRUE)
    }

    /// Tells all requests to run again when somebody asks for it (contract.md 8.8).
    ///
    /// A number in the Promise's status goes up, and each request compares it with its own: the original writes a label
    /// onto every request, and stops at the first conflict. A changed Promise needs no such thing, its hash is another.
    fn run_requests_again(&mut self) {
        if self.is_labelled(labels::RECONCILE_RESOURCES) {
            self.count_run_of_requests();
            self.change_labels([(labels::RECONCILE_RESOURCES, None)]);
        }
    }

    fn count_run_of_requests(&mut self) {
        let next = resources_run(self.seen.object).saturating_add(1);
        map_entry(&mut self.draft.status, KRATIX).insert(field::RESOURCES_RUN.into(), next.into());
        let text = "Reconciling all resource requests";
        self.news.push(Event::normal(event::RECONCILING_RESOURCES, text));
    }

    fn change_labels<const N: usize>(&mut self, changes: [(&str, Option<&str>); N]) {
        let labels: BTreeMap<_, _> = changes
            .into_iter()
            .filter(|(key, value)| self.seen.object.label(key) != *value)
            .map(|(key, value)| (key.to_owned(), value.map(str::to_owned)))
            .collect();
        self.draft.metadata(Metadata { labels, ..Metadata::default() });
    }

    /// Says in the status why nothing goes on.
    fn stopped(&mut self, trouble: &Trouble) -> State {
        let message = trouble.message();
        let wanted =
            |kind| Wanted { kind, status: "False", reason: trouble.reason, message: &message };
        let (now, status) = (self.seen.now, &mut self.draft.status);
        conditions::set(status, WorkflowType::Promise, &wanted(AVAILABLE), now);
        if conditions::set(status, WorkflowType::Promise, &wanted(RECONCILED), now) {
            self.news.push(Event::warning(trouble.reason, message));
        }
        self.say_unavailable();
        State::Failed
    }

    /// Tells what has been gathered.
    fn flush(&mut self) {
        for event in self.news.drain(..) {
            self.draft.tell(event);
        }
    }

    /// Says that it waits for what it requires, unless a workflow of its own says something else.
    fn waits(&mut self) {
        set(self.seen, &mut self.draft, &WAITS_FOR_REQUIREMENTS);
    }
}
