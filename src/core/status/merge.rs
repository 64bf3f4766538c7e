//! Puts a report into a status, key by key (contract.md 7.4), around what the controller owns.

use serde_json::{Map, Value};

use super::notice::describe;
use super::{Notice, Refusal, conditions};
use crate::contract::status::{self as names, Shape};

/// Merges `report` into `status`: a key replaces the whole old value, conditions are merged by type.
///
/// Keys that the controller owns stay as they are. One that repeats what stands there already is no news.
pub(super) fn merge(
    status: &mut Map<String, Value>,
    report: &Map<String, Value>,
    promise: bool,
    notices: &mut Vec<Notice>,
) -> Result<(), Refusal> {
    if report.contains_key(names::KRATIX) {
        return Err(Refusal::Reserved { key: names::KRATIX });
    }
    for (key, value) in report {
        if let Some(shape) = owned(promise, key) {
            check(key, value, shape)?;
            if status.get(key) != Some(value) {
                notices.push(Notice::KeyIgnored { key: key.clone() });
            }
        } else if key == names::CONDITIONS {
            let merged = conditions::merge(status.get(key), value, promise, notices)?;
            if let Some(merged) = merged {
                status.insert(key.clone(), merged);
            }
        } else {
            status.insert(key.clone(), value.clone());
        }
    }
    Ok(())
}

/// Returns the warning about keys that a Promise's status does not have.
pub(super) fn unsupported(report: &Map<String, Value>) -> Option<Notice> {
    let keys: Vec<_> = report.keys().filter(|key| *key != names::MESSAGE).cloned().collect();
    (!keys.is_empty()).then_some(Notice::UnsupportedKeys { keys })
}

fn owned(promise: bool, key: &str) -> Option<Shape> {
    let owned: &[_] = if promise { &names::OWNED_ON_PROMISES } else { &names::OWNED_ON_RESOURCES };
    owned.iter().find(|(name, _)| *name == key).map(|(_, shape)| *shape)
}

/// Refuses what the API server would refuse: a wrong type is a mistake to show, not one to pass over.
fn check(key: &str, value: &Value, shape: Shape) -> Result<(), Refusal> {
    let (fits, expected) = match shape {
        Shape::Integer => (is_integer(value), "an integer"),
        Shape::Text => (value.is_string(), "text"),
        Shape::List => (value.is_array(), "a list"),
        Shape::Any => (true, "anything"),
    };
    if fits || value.is_null() {
        return Ok(());
    }
    Err(Refusal::WrongType { path: key.to_owned(), expected, found: describe(value) })
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.as_f64().is_some_and(|float| float.fract() == 0.0 && value.is_f64())
}
