//! The list of pipelines in both layouts (contract.md 7.2, 7.6, 16): finds the entry of a run and changes it.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Control, Notice, Refusal, Run};
use crate::contract::status::{
    KRATIX, PIPELINES, SUSPENDED_GENERATION, WORKFLOWS, entry, phase, workflow_action,
};

/// The map that holds a list of pipelines: all workflows (flat), or one of them (keyed).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The workflow's key; `None` in the flat layout.
    key: Option<String>,
    /// Which entry of the list is the pipeline's.
    index: Option<usize>,
}

impl Place {
    fn new(key: Option<&str>, index: Option<usize>) -> Self {
        Self { key: key.map(str::to_owned), index }
    }

    fn path(key: Option<&str>) -> String {
        match key {
            Some(key) => format!("status.{KRATIX}.{WORKFLOWS}.{key}.{PIPELINES}"),
            None => format!("status.{KRATIX}.{WORKFLOWS}.{PIPELINES}"),
        }
    }
}

/// Finds the list that this run belongs to, the first of:
///
/// 1. keyed by the action, with the pipeline in it;
/// 2. keyed by a word that is no action of Kratix's, with the pipeline in it, one that runs before others;
/// 3. flat, with the pipeline in it;
/// 4. keyed by the action; 5. flat; both without the pipeline.
///
/// Keyed comes first because a controller that writes it no longer reads the flat one. The list of the *other*
/// action is never taken: a pipeline may have the same name there.
fn find(workflows: &Map<String, Value>, run: &Run<'_>) -> Option<Place> {
    let by_action = || keyed(workflows, run.action).map(|list| (Some(run.action), list));
    let flat = || list(workflows).map(|list| (None, list));
    let listed = |(key, list): (Option<&str>, &[Value])| {
        position(list, run.pipeline).map(|index| Place::new(key, Some(index)))
    };
    by_action()
        .and_then(listed)
        .or_else(|| find_by_other_key(workflows, run.pipeline))
        .or_else(|| flat().and_then(listed))
        .or_else(|| by_action().or_else(flat).map(|(key, _)| Place::new(key, None)))
}

/// Finds the list of a controller that embeds Kratix's engine and chooses its own keys.
fn find_by_other_key(workflows: &Map<String, Value>, pipeline: &str) -> Option<Place> {
    let kratix_keys = [workflow_action::CONFIGURE, workflow_action::DELETE, PIPELINES];
    workflows
        .keys()
        .filter(|key| !kratix_keys.contains(&key.as_str()))
        .filter_map(|key| {
            let list = keyed(workflows, key)?;
            let index = position(list, pipeline)?;
            Some((!is_in_phase(&list[index], phase::RUNNING), key, index))
        })
        .min()
        .map(|(_, key, index)| Place::new(Some(key), Some(index)))
}

/// Gives the pipeline's entry back to the controller: `Running`, without what a suspension left.
///
/// An entry that is `Succeeded` or `Failed` keeps its phase: the controller was faster, and knows better.
pub(super) fn clear(status: &mut Map<String, Value>, run: &Run<'_>) -> Option<Notice> {
    let Some(place) = workflows(status).and_then(|workflows| find(workflows, run)) else {
        return Some(Notice::NoList);
    };
    let Some(entry) = entry_mut(status, &place) else {
        let path = Place::path(place.key.as_deref());
        return Some(Notice::NoEntry { path, pipeline: run.pipeline.to_owned() });
    };
    let is_settled = [phase::SUCCEEDED, phase::FAILED]
        .iter()
        .any(|phase| entry.get(entry::PHASE).and_then(Value::as_str) == Some(phase));
    if !is_settled {
        entry.insert(entry::PHASE.into(), phase::RUNNING.into());
    }
    for field in [entry::MESSAGE, entry::ATTEMPTS, entry::NEXT_RETRY_AT] {
        entry.remove(field);
    }
    None
}

/// Suspends the pipeline's entry; returns when it is tried again.
///
/// Without an entry there is nothing from which the controller could go on, and a retry would never come: then
/// nothing may be written at all, not even the label.
pub(super) fn suspend(
    status: &mut Map<String, Value>,
    control: &Control,
    run: &Run<'_>,
) -> Result<Option<Timestamp>, Refusal> {
    let place = workflows(status).and_then(|workflows| find(workflows, run));
    let no_entry = || Refusal::NoEntry {
        pipeline: run.pipeline.to_owned(),
        path: Place::path(place.as_ref().and_then(|place| place.key.as_deref())),
    };
    let place = place.as_ref().ok_or_else(no_entry)?;
    let same_generation = holder(status, place)
        .and_then(|holder| holder.get(SUSPENDED_GENERATION))
        .and_then(Value::as_i64)
        == Some(run.generation);
    let entry = entry_mut(status, place).ok_or_else(no_entry)?;

    let until = control.retry_after.map(|wait| later(run.now, wait));
    match until {
        Some(until) => {
            // A new attempt finds `Running`: the controller says so when it starts the Job. What says
            // `Suspended` in these words was written for this very attempt, before a kill or a lost answer.
            let is_repeated = same_generation && is_suspended_like(entry, control);
            let attempts = attempts(entry).saturating_add(i64::from(!is_repeated));
            entry.insert(entry::ATTEMPTS.into(), attempts.into());
            entry.insert(entry::NEXT_RETRY_AT.into(), until.to_string().into());
        }
        None => {
            entry.remove(entry::ATTEMPTS);
            entry.remove(entry::NEXT_RETRY_AT);
        }
    }
    if control.message.is_empty() {
        entry.remove(entry::MESSAGE);
    } else {
        entry.insert(entry::MESSAGE.into(), control.message.as_str().into());
    }
    entry.insert(entry::PHASE.into(), phase::SUSPENDED.into());
    if let Some(holder) = holder_mut(status, place.key.as_deref()) {
        holder.insert(SUSPENDED_GENERATION.into(), run.generation.into());
    }
    Ok(until)
}

/// Removes the generation for which this workflow was suspended: it is over.
pub(super) fn forget_suspension(status: &mut Map<String, Value>, run: &Run<'_>) {
    let place = workflows(status).and_then(|workflows| find(workflows, run));
    let key = match place {
        Some(place) => place.key,
        // No list anywhere: whatever is left of the workflow of this action, else of the flat layout.
        None => workflows(status)
            .is_some_and(|workflows| workflows.get(run.action).is_some_and(Value::is_object))
            .then(|| run.action.to_owned()),
    };
    if let Some(holder) = holder_mut(status, key.as_deref()) {
        holder.remove(SUSPENDED_GENERATION);
    }
}

/// Whether the entry of this run is `Suspended`.
pub(super) fn is_suspended(status: &Map<String, Value>, run: &Run<'_>) -> bool {
    workflows(status)
        .and_then(|workflows| find(workflows, run))
        .and_then(|place| list(holder(status, &place)?)?.get(place.index?))
        .is_some_and(|entry| is_in_phase(entry, phase::SUSPENDED))
}

/// Whether the entry is suspended with a retry and the same message.
fn is_suspended_like(entry: &Map<String, Value>, control: &Control) -> bool {
    let text = |field| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    text(entry::PHASE) == phase::SUSPENDED
        && !text(entry::NEXT_RETRY_AT).is_empty()
        && text(entry::MESSAGE) == control.message
        && attempts(entry) > 0
}

/// How often it was tried; what is no count is none.
fn attempts(entry: &Map<String, Value>) -> i64 {
    entry.get(entry::ATTEMPTS).and_then(Value::as_i64).unwrap_or(0).max(0)
}

/// Returns `now + wait` in whole seconds, at most the last time there is.
fn later(now: Timestamp, wait: jiff::SignedDuration) -> Timestamp {
    let seconds = now.checked_add(wait).unwrap_or(Timestamp::MAX).as_second();
    Timestamp::from_second(seconds).unwrap_or(now)
}

fn workflows(status: &Map<String, Value>) -> Option<&Map<String, Value>> {
    status.get(KRATIX)?.get(WORKFLOWS)?.as_object()
}

fn holder<'a>(status: &'a Map<String, Value>, place: &Place) -> Option<&'a Map<String, Value>> {
    match &place.key {
        Some(key) => workflows(status)?.get(key)?.as_object(),
        None => workflows(status),
    }
}

fn holder_mut<'a>(
    status: &'a mut Map<String, Value>,
    key: Option<&str>,
) -> Option<&'a mut Map<String, Value>> {
    let workflows = status.get_mut(KRATIX)?.get_mut(WORKFLOWS)?;
    match key {
        Some(key) => workflows.get_mut(key)?,
        None => workflows,
    }
    .as_object_mut()
}

fn entry_mut<'a>(
    status: &'a mut Map<String, Value>,
    place: &Place,
) -> Option<&'a mut Map<String, Value>> {
    let list = holder_mut(status, place.key.as_deref())?.get_mut(PIPELINES)?;
    list.get_mut(place.index?)?.as_object_mut()
}

fn keyed<'a>(workflows: &'a Map<String, Value>, key: &str) -> Option<&'a [Value]> {
    list(workflows.get(key)?.as_object()?)
}

fn list(holder: &Map<String, Value>) -> Option<&[Value]> {
    holder.get(PIPELINES)?.as_array().map(Vec::as_slice)
}

/// Position of the first entry with this name; entries that are no maps have none.
fn position(list: &[Value], pipeline: &str) -> Option<usize> {
    list.iter().position(|item| item.get(entry::NAME).and_then(Value::as_str) == Some(pipeline))
}

fn is_in_phase(entry: &Value, phase: &str) -> bool {
    entry.get(entry::PHASE).and_then(Value::as_str) == Some(phase)
}
