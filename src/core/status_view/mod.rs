//! Looks at an object's status: what its workflows do, what they wait for, and what a person can do about it.
//!
//! A status is shown as it is, whoever wrote it: what is missing or odd is shown as missing or odd, and never an error.

mod outlook;
mod render;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::contract::status::{
    CONDITIONS, KRATIX, MESSAGE, PIPELINES, SUSPENDED_GENERATION, WORKFLOWS, condition, counter,
    entry, entry_more,
};
use crate::contract::{Object, ObjectKey, kinds, labels};

pub use outlook::{Outlook, State, Todo, outlook};
pub use render::{json, text};

/// An object and its status, as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// Which object.
    pub key: ObjectKey,
    /// Its kind, as it says itself; its plural where it says nothing.
    pub kind: String,
    /// Name of the Promise: its own, or that of the request's label.
    pub promise: String,
    /// Whether it is a Promise itself.
    pub is_promise: bool,
    /// Generation of what is wanted.
    pub generation: Option<i64>,
    /// Generation that the controller has finished.
    pub observed_generation: Option<i64>,
    /// When somebody deleted it.
    pub deleted_at: Option<Timestamp>,
    /// Whether it has the label that stops its workflow.
    pub is_labelled_suspended: bool,
    /// Whether it has the label that stops the controller.
    pub is_paused: bool,
    /// What its status says first.
    pub message: String,
    /// How the controller keeps its workflows.
    pub layout: Layout,
    /// The lists of pipelines, in the order of their keys.
    pub workflows: Vec<WorkflowView>,
    /// Counters of the flat layout that are there, with their names.
    pub counters: Vec<(&'static str, i64)>,
    /// Its conditions, in their order.
    pub conditions: Vec<ConditionView>,
    /// Names of all other keys: what pipelines have reported, and what else the controller keeps.
    pub others: Vec<String>,
}

/// How the controller keeps its workflows (contract.md 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// No list of pipelines: no controller has prepared the object, or its workflow is empty.
    None,
    /// One list.
    Flat,
    /// One list for each action.
    Keyed,
    /// Both: an older controller's list is left over.
    Both,
}

impl Layout {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Flat => "flat",
            Self::Keyed => "keyed",
            Self::Both => "flat and keyed",
        }
    }
}

/// One list of pipelines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkflowView {
    /// Its key; `None` in the flat layout.
    pub key: Option<String>,
    /// Generation for which it was suspended.
    pub suspended_generation: Option<i64>,
    /// Its entries, in their order.
    pub pipelines: Vec<PipelineView>,
}

/// One entry of a list of pipelines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PipelineView {
    /// Name of the Pipeline.
    pub name: String,
    /// Where it stands.
    pub phase: String,
    /// Hash of what it last ran for; only in the keyed layout.
    pub hash: String,
    /// What it said when it suspended the workflow.
    pub message: String,
    /// How often it has asked to be tried again.
    pub attempts: Option<i64>,
    /// When it is tried again.
    pub next_retry_at: Option<Timestamp>,
    /// When the controller last changed its phase.
    pub changed_at: Option<Timestamp>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConditionView {
    /// Its type.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// When it last changed.
    pub changed_at: Option<Timestamp>,
}

impl StatusView {
    /// Reads the object that `key` names.
    pub fn of(key: &ObjectKey, object: &Object) -> Self {
        let empty = Map::new();
        let status = object.status().and_then(Value::as_object).unwrap_or(&empty);
        let is_on = |label| object.label(label) == Some(labels::TRUE);
        let is_promise = key.kind.is_same(&kinds::PROMISE);
        let promise =
            if is_promise { Some(object.name()) } else { object.label(labels::PROMISE_NAME) };
        let kind = match object.kind() {
            "" => key.kind.plural.as_ref(),
            kind => kind,
        };
        let (layout, workflows) = workflows(status);
        Self {
            key: key.clone(),
            kind: kind.to_owned(),
            promise: promise.unwrap_or_default().to_owned(),
            is_promise,
            generation: object.generation(),
            observed_generation: status.get("observedGeneration").and_then(Value::as_i64),
            deleted_at: object.at(&["metadata", "deletionTimestamp"]).and_then(as_time),
            is_labelled_suspended: is_on(labels::WORKFLOW_SUSPENDED),
            is_paused: is_on(labels::PAUSED),
            message: status.get(MESSAGE).map(as_text).unwrap_or_default(),
            layout,
            workflows,
            counters: counter::ALL
                .into_iter()
                .filter_map(|name| Some((name, status.get(name)?.as_i64()?)))
                .collect(),
            conditions: list(status.get(CONDITIONS)).map(condition_view).collect(),
            others: status.keys().filter(|key| !is_shown(key)).cloned().collect(),
        }
    }

    /// Returns the condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&ConditionView> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

/// Whether this key of a status has a place of its own.
fn is_shown(key: &str) -> bool {
    [KRATIX, MESSAGE, CONDITIONS, "observedGeneration"].contains(&key)
        || counter::ALL.contains(&key)
}

fn workflows(status: &Map<String, Value>) -> (Layout, Vec<WorkflowView>) {
    let empty = Map::new();
    let kratix = status.get(KRATIX).and_then(|kratix| kratix.get(WORKFLOWS));
    let kratix = kratix.and_then(Value::as_object).unwrap_or(&empty);
    let flat = kratix.get(PIPELINES).is_some_and(Value::is_array);
    let mut all: Vec<WorkflowView> = Vec::new();
    if flat {
        all.push(workflow(None, kratix));
    }
    for (key, holder) in kratix {
        match holder.as_object() {
            Some(holder) if holder.get(PIPELINES).is_some_and(Value::is_array) => {
                all.push(workflow(Some(key), holder));
            }
            _ => {}
        }
    }
    let layout = match (flat, all.len()) {
        (false, 0) => Layout::None,
        (true, 1) => Layout::Flat,
        (false, _) => Layout::Keyed,
        (true, _) => Layout::Both,
    };
    (layout, all)
}

fn workflow(key: Option<&str>, holder: &Map<String, Value>) -> WorkflowView {
    WorkflowView {
        key: key.map(str::to_owned),
        suspended_generation: holder.get(SUSPENDED_GENERATION).and_then(Value::as_i64),
        pipelines: list(holder.get(PIPELINES)).map(pipeline_view).collect(),
    }
}

fn pipeline_view(value: &Value) -> PipelineView {
    PipelineView {
        name: field(value, entry::NAME),
        phase: field(value, entry::PHASE),
        hash: field(value, entry_more::HASH),
        message: field(value, entry::MESSAGE),
        attempts: value.get(entry::ATTEMPTS).and_then(Value::as_i64),
        next_retry_at: value.get(entry::NEXT_RETRY_AT).and_then(as_time),
        changed_at: value.get(entry_more::LAST_TRANSITION_TIME).and_then(as_time),
    }
}

fn condition_view(value: &Value) -> ConditionView {
    let [status, reason, message, changed_at] = condition::TEXT_FIELDS;
    ConditionView {
        kind: field(value, condition::TYPE),
        status: field(value, status),
        reason: field(value, reason),
        message: field(value, message),
        changed_at: value.get(changed_at).and_then(as_time),
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn field(value: &Value, name: &str) -> String {
    value.get(name).map(as_text).unwrap_or_default()
}

/// Text as it is; anything else as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn as_time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
