//! A plan in the making: what has been decided so far, and the status as it will be then.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Action, Event, Metadata, Plan, Seen, State};
use crate::contract::Object;

/// A plan in the making. Changes of the status are gathered in [`Draft::status`] and become an action when the next
/// action depends on them ([`Draft::write`]), so that what is decided together is written together.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The status as it will be.
    pub status: Map<String, Value>,
    /// The status as the actions so far leave it.
    written: Map<String, Value>,
    /// Whether an action so far is refused when what was seen is out of date.
    is_guarded: bool,
    actions: Vec<Action>,
    wake_at: Option<Timestamp>,
}

impl Draft {
    /// Begins with what is seen.
    pub fn new(seen: &Seen<'_>) -> Self {
        Self::of(seen.object)
    }

    /// Begins with an object as it is seen.
    pub fn of(object: &Object) -> Self {
        let status = object.status().and_then(Value::as_object).cloned().unwrap_or_default();
        Self {
            written: status.clone(),
            status,
            is_guarded: false,
            actions: Vec::new(),
            wake_at: None,
        }
    }

    /// Whether nothing is to be done so far.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.status == self.written
    }

    /// Adds an action; what has changed in the status is written before it.
    pub fn push(&mut self, action: Action) {
        self.write();
        self.actions.push(action);
    }

    /// Adds an action that has nothing to do with what is written.
    pub fn aside(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Adds a change of labels, annotations and finalizers, unless it changes nothing.
    pub fn metadata(&mut self, change: Metadata) {
        if change != Metadata::default() {
            self.push(Action::Metadata(change));
            self.is_guarded = true;
        }
    }

    /// Writes the status if it has changed.
    pub fn write(&mut self) {
        if self.status != self.written {
            self.guarded_write();
        }
    }

    /// Makes sure that what follows is only done when the object is still as it was seen: an object in a cache may be
    /// behind its Jobs there. A status that is written unchanged changes nothing, and is refused when it is old.
    pub fn guard(&mut self) {
        if !self.is_guarded || self.status != self.written {
            self.guarded_write();
        }
    }

    fn guarded_write(&mut self) {
        self.written = self.status.clone();
        self.actions.push(Action::Status(self.written.clone()));
        self.is_guarded = true;
    }

    /// Tells people, after what they are told of is written.
    pub fn tell(&mut self, event: Event) {
        self.push(Action::Tell(event));
    }

    /// Wants to look again at a time, at the latest.
    pub fn wake_at(&mut self, time: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(time, |old| old.min(time)));
    }

    /// Ends it.
    pub fn finish(mut self, state: State) -> Plan {
        self.write();
        Plan { actions: self.actions, wake_at: self.wake_at, state }
    }
}
