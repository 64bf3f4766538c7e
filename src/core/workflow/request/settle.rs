//! A request whose workflow is done: what its status says, and what is not needed any more (contract.md 7.9, 8.2).

use serde_json::Value;

use crate::contract::labels;
use crate::contract::object::map_entry;
use crate::contract::status::{Condition, KRATIX, WORKFLOWS, condition, done, running};
use crate::core::promise::WorkflowAction;
use crate::core::workflow::conditions::{self, Wanted};
use crate::core::workflow::works::{self, Ready};
use crate::core::workflow::{Draft, Event, Plan, Seen, State, prune};

/// Ends the draft of a request that is done. When nothing has changed since the last time, nothing is in it.
pub(super) fn settle(seen: &Seen<'_>, mut draft: Draft) -> Plan {
    prune::works(seen, &mut draft);
    prune::jobs(seen, &mut draft);
    prune::pods(seen, &mut draft);
    let version = seen.promise.object.label(labels::PROMISE_VERSION).unwrap_or(done::NO_VERSION);
    draft.status.insert(done::PROMISE_VERSION.into(), version.into());
    if let Some(generation) = seen.object.generation() {
        draft.status.insert(done::OBSERVED_GENERATION.into(), generation.into());
    }
    let mut events = Vec::new();
    let has_pipelines =
        !seen.promise.pipelines(seen.workflow, WorkflowAction::Configure).is_empty();
    if has_pipelines {
        events.extend(works::set(seen, &mut draft));
        reconciled(seen, &mut draft);
        if remember_success(&mut draft) {
            let promise = &seen.promise.name;
            let text =
                format!("Resource request reconciled with promise {promise} version {version}");
            events.push(Event::normal("ReconcileSucceeded", text));
        }
    } else if conditions::get(&draft.status, running::RECONCILED).is_some() {
        set(seen, &mut draft, &running::DONE);
    }
    for event in events {
        draft.tell(event);
    }
    draft.finish(State::Settled)
}

/// Says whether the request as a whole is where it should be.
fn reconciled(seen: &Seen<'_>, draft: &mut Draft) {
    let known = match works::ready(seen) {
        Ready::Failing(_) => running::WORKS_FAILING,
        Ready::Pending(_) => running::WORKS_PENDING,
        // A misplaced Work is where it was, and what the original calls failing.
        Ready::Misplaced(_) => running::WORKS_FAILING,
        Ready::All => running::DONE,
    };
    set(seen, draft, &known);
}

/// Writes down when the workflow last ended well; returns whether that is news.
fn remember_success(draft: &mut Draft) -> bool {
    let found = conditions::get(&draft.status, condition::CONFIGURE_WORKFLOW_COMPLETED);
    let Some(time) = found.and_then(|one| one.get("lastTransitionTime")).cloned() else {
        return false;
    };
    let is_news = draft.status.get(done::LAST_SUCCESS) != Some(&time);
    draft.status.insert(done::LAST_SUCCESS.into(), time.clone());
    let workflows: &mut serde_json::Map<String, Value> =
        map_entry(map_entry(&mut draft.status, KRATIX), WORKFLOWS);
    workflows.insert(done::LAST_SUCCESS.into(), time);
    is_news
}

fn set(seen: &Seen<'_>, draft: &mut Draft, known: &Condition) {
    conditions::set(&mut draft.status, seen.workflow, &Wanted::from(known), seen.now);
}
