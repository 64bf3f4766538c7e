//! What the status says when something could not be done: the original swallows it (contract.md 12.C).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Event;
use super::conditions::{self, Wanted};
use crate::contract::status::trouble;
use crate::core::promise::WorkflowType;

/// Returns the status and the event that say why an object could not be brought to where it should be; `None` when its
/// status says so already, or the reason cannot be told.
///
/// It heals by itself: every step of a workflow, and its end, writes this condition anew.
pub fn trouble(
    workflow: WorkflowType,
    status: &Map<String, Value>,
    message: &str,
    now: Timestamp,
) -> Option<(Map<String, Value>, Event)> {
    let mut next = status.clone();
    let wanted = Wanted {
        kind: trouble::APPLY_FAILED.kind,
        status: trouble::APPLY_FAILED.status,
        reason: trouble::APPLY_FAILED.reason,
        message,
    };
    let is_new = conditions::set(&mut next, workflow, &wanted, now);
    is_new.then(|| (next, Event::warning(trouble::APPLY_FAILED.reason, message)))
}
