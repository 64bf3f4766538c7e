//! What to do next for a resource request (contract.md 8.2, 8.9).

mod deletion;
mod settle;

use serde_json::Value;

use super::conditions::{self, Wanted};
use super::engine::{self, Step};
use super::{Draft, Event, Metadata, Plan, Seen, State};
use crate::contract::status::{Condition, MESSAGE, message, running};
use crate::contract::{Object, finalizers, labels};
use crate::core::pipeline::PipelineError;

/// Finalizers of a request, in the order of contract.md 4.3.
pub const FINALIZERS: [&str; 3] =
    [finalizers::WORK_CLEANUP, finalizers::WORKFLOWS_CLEANUP, finalizers::DELETE_WORKFLOWS];

/// Decides what to do next for a request.
pub fn plan(seen: &Seen<'_>) -> Result<Plan, PipelineError> {
    let is_going = is_going(seen.object);
    if is_going && deletion::held_by(seen.object).is_empty() {
        return Ok(Plan { state: State::Gone, ..Plan::default() });
    }
    if is_paused(seen.object) || is_paused(&seen.promise.object) {
        return Ok(paused(seen, is_going));
    }
    if is_going {
        return deletion::plan(seen);
    }
    let mut draft = Draft::new(seen);
    if !seen.promise_is_available {
        let finalizers = finalizers_of(seen.object);
        let is_known = FINALIZERS.iter().all(|name| finalizers.contains(name));
        draft.metadata(label(seen));
        unavailable(seen, &mut draft);
        if !is_known {
            return Ok(draft.finish(State::Waiting));
        }
    } else {
        draft.metadata(admission(seen));
        if conditions::is(&draft.status, &running::PROMISE_UNAVAILABLE) {
            set(seen, &mut draft, &running::PROMISE_AVAILABLE);
        }
    }
    Ok(match engine::configure(seen, &mut draft)? {
        Step::Done => settle::settle(seen, draft),
        // Nothing has been begun: it is not touched before its turn.
        Step::Not(State::Queued) if is_new(seen) => {
            Plan { state: State::Queued, ..Plan::default() }
        }
        Step::Not(state) => draft.finish(state),
    })
}

/// Whether nothing has been done for a request yet.
fn is_new(seen: &Seen<'_>) -> bool {
    seen.object
        .status()
        .is_none_or(|status| status.as_object().is_none_or(serde_json::Map::is_empty))
}

/// What a request must have before anything runs for it.
fn admission(seen: &Seen<'_>) -> Metadata {
    let mut change = label(seen);
    let there = finalizers_of(seen.object);
    if FINALIZERS.iter().any(|name| !there.contains(name)) {
        let missing = FINALIZERS.iter().filter(|name| !there.contains(name));
        let all = there.iter().chain(missing).map(|name| (*name).to_owned());
        change.finalizers = Some(all.collect());
    }
    change
}

/// The label by which a request is known to be one of its Promise.
fn label(seen: &Seen<'_>) -> Metadata {
    let mut change = Metadata::default();
    if seen.object.label(labels::PROMISE_NAME) != Some(&seen.promise.name) {
        change.labels.insert(labels::PROMISE_NAME.into(), Some(seen.promise.name.clone()));
    }
    change
}

/// Says that the Promise cannot fulfil requests. What runs goes on; what has a message keeps it.
fn unavailable(seen: &Seen<'_>, draft: &mut Draft) {
    set(seen, draft, &running::PROMISE_UNAVAILABLE);
    draft.status.entry(MESSAGE).or_insert_with(|| message::PENDING.into());
}

/// Says that somebody has paused the request or its Promise: nothing is done for it, not even when it is deleted.
fn paused(seen: &Seen<'_>, is_going: bool) -> Plan {
    let mut draft = Draft::new(seen);
    let label = labels::PAUSED;
    let text = match is_going {
        false => running::PAUSED.message.to_owned(),
        true => format!("{}: it goes when the label `{label}` is off", running::PAUSED.message),
    };
    let wanted = Wanted { message: &text, ..Wanted::from(&running::PAUSED) };
    if conditions::set(&mut draft.status, seen.workflow, &wanted, seen.now) {
        let meanwhile = if is_going { "its deletion waits" } else { "nothing is done for it" };
        let text = format!(
            "'{label}' label set to 'true' for resource request or its Promise; {meanwhile}"
        );
        draft.tell(Event::warning(running::PAUSED.reason, text));
    }
    draft.finish(State::Paused)
}

fn is_paused(object: &Object) -> bool {
    object.label(labels::PAUSED) == Some(labels::TRUE)
}

fn is_going(object: &Object) -> bool {
    object.text_at(&["metadata", "deletionTimestamp"]).is_some()
}

fn finalizers_of(object: &Object) -> Vec<&str> {
    let list = object.at(&["metadata", "finalizers"]).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn set(seen: &Seen<'_>, draft: &mut Draft, known: &Condition) -> bool {
    conditions::set(&mut draft.status, seen.workflow, &Wanted::from(known), seen.now)
}
