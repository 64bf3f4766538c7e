//! Marks a configure workflow as completed (contract.md 7.5).

use serde_json::{Map, Value, json};

use super::Run;
use crate::contract::status::{CONDITIONS, MESSAGE, condition, message, workflow_type};

/// Sets the message, if nobody else has, and the condition.
///
/// The condition gets a new time at every completion: the controller counts its interval from it (contract.md 8.6).
pub(super) fn mark(status: &mut Map<String, Value>, run: &Run<'_>) {
    let done = match run.workflow_type {
        workflow_type::PROMISE => Some(message::PROMISE_CONFIGURED),
        workflow_type::RESOURCE => Some(message::RESOURCE_REQUESTED),
        _ => None,
    };
    let is_pending = status.get(MESSAGE).and_then(Value::as_str) == Some(message::PENDING);
    if let Some(done) = done.filter(|_| is_pending) {
        status.insert(MESSAGE.into(), done.into());
    }
    set_condition(
        status,
        json!({
            "type": condition::CONFIGURE_WORKFLOW_COMPLETED,
            "status": "True",
            "reason": condition::COMPLETED_REASON,
            "message": condition::COMPLETED_MESSAGE,
            "lastTransitionTime": run.now.to_string(),
        }),
    );
}

/// Replaces the first condition of that type, or appends it. What is no list becomes one.
fn set_condition(status: &mut Map<String, Value>, new: Value) {
    let Some(Value::Array(conditions)) = status.get_mut(CONDITIONS) else {
        status.insert(CONDITIONS.into(), Value::Array(vec![new]));
        return;
    };
    let kind = new.get(condition::TYPE);
    match conditions.iter_mut().find(|old| old.get(condition::TYPE) == kind) {
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}
