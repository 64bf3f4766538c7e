//! Conditions of an object, as the controller writes them (contract.md 7.9).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::contract::status::{CONDITIONS, Condition, condition};
use crate::core::promise::WorkflowType;

const TIME: &str = "lastTransitionTime";

/// A condition that is to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its type.
    pub kind: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// Its reason.
    pub reason: &'a str,
    /// Its message.
    pub message: &'a str,
}

impl From<&Condition> for Wanted<'static> {
    fn from(known: &Condition) -> Self {
        Self {
            kind: known.kind,
            status: known.status,
            reason: known.reason,
            message: known.message,
        }
    }
}

/// Sets a condition at its place, or appends it; returns whether it says anything new.
///
/// Its time moves with its status; on a request also with its reason and message (contract.md 7.9).
pub fn set(
    status: &mut Map<String, Value>,
    workflow: WorkflowType,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> bool {
    let mut new = json!({
        condition::TYPE: wanted.kind,
        "status": wanted.status,
        "reason": wanted.reason,
        "message": wanted.message,
        TIME: seconds(now),
    });
    let Some(Value::Array(conditions)) = status.get_mut(CONDITIONS) else {
        status.insert(CONDITIONS.into(), vec![new].into());
        return true;
    };
    let is_it = |old: &&mut Value| is_of(old, wanted.kind);
    let Some(old) = conditions.iter_mut().find(is_it) else {
        conditions.push(new);
        return true;
    };
    let same = |fields: &[&str]| fields.iter().all(|field| old.get(field) == new.get(field));
    let is_same = same(&["status", "reason", "message"]);
    let keeps_time = match workflow {
        WorkflowType::Promise => same(&["status"]),
        WorkflowType::Resource => is_same,
    };
    if is_same {
        return false;
    }
    if keeps_time && let Some(time) = old.get(TIME) {
        new[TIME] = time.clone();
    }
    *old = new;
    true
}

/// Returns the condition of a type.
pub fn get<'a>(status: &'a Map<String, Value>, kind: &str) -> Option<&'a Value> {
    status.get(CONDITIONS)?.as_array()?.iter().find(|one| is_of(one, kind))
}

/// Whether there is such a condition, with this status and reason.
pub fn is(status: &Map<String, Value>, known: &Condition) -> bool {
    let has = |one: &Value, field: &str, value: &str| {
        one.get(field).and_then(Value::as_str) == Some(value)
    };
    get(status, known.kind)
        .is_some_and(|one| has(one, "status", known.status) && has(one, "reason", known.reason))
}

/// Returns since when a condition is as it is.
pub fn since(status: &Map<String, Value>, kind: &str) -> Option<Timestamp> {
    get(status, kind)?.get(TIME)?.as_str()?.parse().ok()
}

fn is_of(one: &Value, kind: &str) -> bool {
    one.get(condition::TYPE).and_then(Value::as_str) == Some(kind)
}

/// A time as statuses hold it: UTC, whole seconds.
pub fn seconds(time: Timestamp) -> Value {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string().into()
}
