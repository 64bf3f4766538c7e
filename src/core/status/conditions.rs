//! Merges conditions by type, in a stable order (contract.md 7.4, 12.A).

use std::collections::HashMap;

use serde_json::Value;

use super::notice::describe;
use super::{Notice, Refusal};
use crate::contract::status::{CONDITIONS, condition};

/// Returns the merged conditions, `None` when they stay as they are.
///
/// Two lists are merged by `type`: a new condition replaces the whole old one at its place, or is appended. A
/// list where there was none is taken as it is. What is no list replaces the list; but `null` takes only the
/// pipelines' own conditions away. Types that the controller owns are never written.
pub(super) fn merge(
    existing: Option<&Value>,
    incoming: &Value,
    promise: bool,
    notices: &mut Vec<Notice>,
) -> Result<Option<Value>, Refusal> {
    match (existing, incoming) {
        (Some(Value::Array(existing)), Value::Array(incoming)) => {
            let incoming = writable(existing, incoming, promise, notices)?;
            Ok(Some(by_type(existing, incoming, notices)))
        }
        (_, Value::Array(all)) => {
            let incoming: Vec<_> =
                writable(&[], all, promise, notices)?.into_iter().cloned().collect();
            Ok((!incoming.is_empty() || all.is_empty()).then_some(Value::Array(incoming)))
        }
        (Some(Value::Array(existing)), Value::Null) => {
            let owned: Vec<_> =
                existing.iter().filter(|item| is_owned(item, promise)).cloned().collect();
            Ok(Some(if owned.is_empty() { Value::Null } else { Value::Array(owned) }))
        }
        (_, other) => {
            if !other.is_null() {
                notices.push(Notice::ConditionsReplaced { found: describe(other) });
            }
            Ok(Some(other.clone()))
        }
    }
}

/// Returns the incoming conditions that a pipeline may write.
fn writable<'a>(
    existing: &[Value],
    incoming: &'a [Value],
    promise: bool,
    notices: &mut Vec<Notice>,
) -> Result<Vec<&'a Value>, Refusal> {
    let mut writable = Vec::with_capacity(incoming.len());
    for (index, item) in incoming.iter().enumerate() {
        match type_of(item) {
            Some(kind) if is_owned(item, promise) => {
                check(index, item)?;
                // A pipeline that hands back what it read says nothing new.
                if !existing.contains(item) {
                    notices.push(Notice::ConditionIgnored { kind: kind.to_owned() });
                }
            }
            _ => writable.push(item),
        }
    }
    Ok(writable)
}

/// Merges by type. Of two conditions with one type the last one counts, at the place of the first.
fn by_type(existing: &[Value], incoming: Vec<&Value>, notices: &mut Vec<Notice>) -> Value {
    let mut merged: Vec<Value> = Vec::with_capacity(existing.len() + incoming.len());
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut dropped = 0;
    let old = existing.iter().map(|item| (item, true));
    for (item, is_old) in old.chain(incoming.into_iter().map(|item| (item, false))) {
        match type_of(item) {
            Some(kind) => match places.get(kind) {
                Some(&place) => merged[place] = item.clone(),
                None => {
                    places.insert(kind, merged.len());
                    merged.push(item.clone());
                }
            },
            None if is_old => merged.push(item.clone()),
            None => dropped += 1,
        }
    }
    if dropped > 0 {
        notices.push(Notice::ConditionsDropped { count: dropped });
    }
    Value::Array(merged)
}

/// Refuses an owned condition that the API server would refuse, as for keys.
fn check(index: usize, item: &Value) -> Result<(), Refusal> {
    for field in condition::TEXT_FIELDS {
        let Some(value) = item.get(field) else { continue };
        if !value.is_string() && !value.is_null() {
            let path = format!("{CONDITIONS}[{index}].{field}");
            return Err(Refusal::WrongType { path, expected: "text", found: describe(value) });
        }
    }
    Ok(())
}

fn is_owned(item: &Value, promise: bool) -> bool {
    let owned: &[_] =
        if promise { &condition::OWNED_ON_PROMISES } else { &condition::OWNED_ON_RESOURCES };
    type_of(item).is_some_and(|kind| owned.contains(&kind))
}

fn type_of(item: &Value) -> Option<&str> {
    item.get(condition::TYPE)?.as_str()
}
