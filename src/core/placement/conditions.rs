//! Conditions of Works, WorkPlacements, Destinations and state stores.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::contract::placement::OBSERVED_GENERATION;
use crate::contract::status::{CONDITIONS, Condition, condition};

const TIME: &str = "lastTransitionTime";
/// Longest message, in bytes: what an API server takes is 32 KiB, and nobody reads as much.
const MESSAGE_BYTES_MAX: usize = 2048;

/// Sets a known condition, with `more` after its message; returns whether that says anything new.
///
/// Its time moves with its status alone, as Kubernetes has it. Conditions of others stay where they are.
pub(super) fn set(
    status: &mut Map<String, Value>,
    known: &Condition,
    more: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let mut new = json!({
        condition::TYPE: known.kind,
        "status": known.status,
        "reason": known.reason,
        "message": message(known.message, more),
        TIME: seconds(now),
    });
    if let Some(generation) = generation {
        new[OBSERVED_GENERATION] = generation.into();
    }
    let Some(Value::Array(conditions)) = status.get_mut(CONDITIONS) else {
        status.insert(CONDITIONS.into(), vec![new].into());
        return true;
    };
    let Some(old) = conditions.iter_mut().find(|old| text(old, condition::TYPE) == known.kind)
    else {
        conditions.push(new);
        return true;
    };
    if text(old, "status") == known.status
        && let Some(time) = old.get(TIME).filter(|time| time.is_string())
    {
        new[TIME] = time.clone();
    }
    let is_new = *old != new;
    *old = new;
    is_new
}

/// Returns the condition of a type.
pub(super) fn get<'a>(status: &'a Map<String, Value>, kind: &str) -> Option<&'a Value> {
    let all = status.get(CONDITIONS)?.as_array()?;
    all.iter().find(|one| text(one, condition::TYPE) == kind)
}

/// Whether there is such a condition, with this status and reason.
pub(super) fn is(status: &Map<String, Value>, known: &Condition) -> bool {
    get(status, known.kind).is_some_and(|one| {
        text(one, "status") == known.status && text(one, "reason") == known.reason
    })
}

/// Whether there is a condition of this type with this status.
pub(super) fn has_status(status: &Map<String, Value>, kind: &str, value: &str) -> bool {
    get(status, kind).is_some_and(|one| text(one, "status") == value)
}

/// Returns reason and message of a condition: two states that have both the same are told once.
pub(super) fn said<'a>(status: &'a Map<String, Value>, kind: &str) -> Option<(&'a str, &'a str)> {
    get(status, kind).map(|one| (text(one, "reason"), text(one, "message")))
}

/// Returns for which generation a condition was decided, when it says so.
pub(super) fn observed(status: &Map<String, Value>, kind: &str) -> Option<i64> {
    get(status, kind)?.get(OBSERVED_GENERATION)?.as_i64()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A message of a length that people read.
fn message(known: &str, more: &str) -> String {
    let mut message = format!("{known}{more}");
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX - 3));
        message.push_str("...");
    }
    message
}

/// A time as statuses hold it: UTC, whole seconds.
fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}
