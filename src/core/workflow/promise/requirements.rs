//! What a Promise requires, and who requires it (contract.md 5.6, 7.9, 8.1).

use serde_json::{Value, json};

use super::super::conditions;
use super::super::{Draft, Event};
use super::{OtherPromise, PromiseSeen, set};
use crate::contract::promise_status::{
    REQUIREMENTS_FULFILLED, REQUIREMENTS_MET, REQUIREMENTS_NOT_AVAILABLE,
    REQUIREMENTS_NOT_INSTALLED, event, field, requirement,
};
use crate::core::promise::{Promise, RequiredPromise};

/// Puts the state of every requirement into the status and tells of a change; returns whether all are met.
pub(super) fn evaluate(
    seen: &PromiseSeen<'_>,
    promise: &Promise,
    draft: &mut Draft,
    news: &mut Vec<Event>,
) -> bool {
    let states: Vec<_> = promise
        .required_promises
        .iter()
        .map(|required| (required, state(seen, required, was_met(draft, required))))
        .collect();
    let list: Vec<Value> = states
        .iter()
        .map(|(required, state)| {
            let mut entry = json!({"name": required.name, "state": state});
            if !required.version.is_empty() {
                entry["version"] = required.version.as_str().into();
            }
            entry
        })
        .collect();
    set_or_remove(draft, field::REQUIRED_PROMISES, list);
    let had_any = conditions::get(&draft.status, REQUIREMENTS_FULFILLED).is_some();
    if states.is_empty() && !had_any {
        return true;
    }
    let unmet = |&&(_, state): &&(&RequiredPromise, &str)| state != requirement::INSTALLED;
    let Some((first, _)) = states.iter().find(unmet) else {
        if set(seen, draft, &REQUIREMENTS_MET) {
            let text = "All required promises are available";
            news.push(Event::normal(event::REQUIREMENTS_FULFILLED, text));
        }
        return true;
    };
    let is_only_unavailable = states
        .iter()
        .all(|(_, state)| [requirement::INSTALLED, requirement::NOT_AVAILABLE].contains(state));
    let (condition, what) = if is_only_unavailable {
        (REQUIREMENTS_NOT_AVAILABLE, "not available")
    } else {
        (REQUIREMENTS_NOT_INSTALLED, "not installed or unknown state")
    };
    if set(seen, draft, &condition) {
        let text = format!("Required Promise {} {what}", first.name);
        news.push(Event::normal(condition.reason, text));
    }
    false
}

/// Returns how a requirement stands.
///
/// Once met it stays met while the Promise is there and can fulfil requests, or will again soon: neither its workflow
/// running again nor its next version stops the requests of those that were built on it.
fn state(seen: &PromiseSeen<'_>, required: &RequiredPromise, was_met: bool) -> &'static str {
    let found = seen.others.iter().find(|other| other.name == required.name && !other.is_going);
    match found {
        None => requirement::NOT_INSTALLED,
        Some(other) if was_met && (other.is_available || other.is_busy) => requirement::INSTALLED,
        Some(other) if !required.version.is_empty() && other.version != required.version => {
            requirement::OTHER_VERSION
        }
        Some(other) if other.is_available => requirement::INSTALLED,
        Some(_) => requirement::NOT_AVAILABLE,
    }
}

/// Whether this requirement was met when the status was written, and asks for the same as then.
fn was_met(draft: &Draft, required: &RequiredPromise) -> bool {
    let list = draft.status.get(field::REQUIRED_PROMISES).and_then(Value::as_array);
    list.into_iter().flatten().any(|entry| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        text("name") == required.name
            && text("version") == required.version
            && text("state") == requirement::INSTALLED
    })
}

/// Puts into the status who requires this Promise. Each Promise writes its own status only, so two never write over
/// each other.
pub(super) fn required_by(seen: &PromiseSeen<'_>, draft: &mut Draft) {
    let name = seen.name();
    let mut all: Vec<(&OtherPromise, &RequiredPromise)> = seen
        .others
        .iter()
        .filter(|other| !other.is_going)
        .flat_map(|other| other.requires.iter().map(move |required| (other, required)))
        .filter(|(other, required)| required.name == name && other.name != name)
        .collect();
    all.sort_by(|(left, first), (right, second)| {
        (&left.name, &first.version).cmp(&(&right.name, &second.version))
    });
    let list = all
        .into_iter()
        .map(|(other, required)| {
            let mut entry = json!({"promise": {"name": other.name}});
            if !other.version.is_empty() {
                entry["promise"]["version"] = other.version.as_str().into();
            }
            if !required.version.is_empty() {
                entry["requiredVersion"] = required.version.as_str().into();
            }
            entry
        })
        .collect();
    set_or_remove(draft, field::REQUIRED_BY, list);
}

fn set_or_remove(draft: &mut Draft, key: &str, list: Vec<Value>) {
    if list.is_empty() {
        draft.status.remove(key);
    } else {
        draft.status.insert(key.into(), list.into());
    }
}
