//! The status file as JSON (contract.md 7.3).

use serde_json::{Map, Number, Value};

use super::Refusal;
use crate::contract::Node;

/// Largest whole number below which every float is exact; beyond it a float stays one.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Returns the top-level keys of a status file. Nothing at all counts as an empty map; integers stay exact.
pub fn parse(document: &Node) -> Result<Map<String, Value>, Refusal> {
    match document {
        Node::Null => Ok(Map::new()),
        Node::Map(entries) => map(entries, ""),
        other => Err(Refusal::NotAMap { found: other.describe() }),
    }
}

fn map(entries: &[(String, Node)], path: &str) -> Result<Map<String, Value>, Refusal> {
    entries
        .iter()
        .map(|(key, node)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            Ok((key.clone(), value(node, &path)?))
        })
        .collect()
}

fn value(node: &Node, path: &str) -> Result<Value, Refusal> {
    Ok(match node {
        Node::Map(entries) => Value::Object(map(entries, path)?),
        Node::List(items) => Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| value(item, &format!("{path}[{index}]")))
                .collect::<Result<_, _>>()?,
        ),
        // `1.0` is stored as `1`: sending it like that lets a second run see that nothing changed.
        Node::Float(float) if float.fract() == 0.0 && float.abs() < EXACT_MAX => {
            Value::from(*float as i64)
        }
        Node::Float(float) => Number::from_f64(*float)
            .map(Value::Number)
            .ok_or_else(|| Refusal::NotJson { path: path.to_owned() })?,
        Node::Null => Value::Null,
        Node::Bool(value) => Value::from(*value),
        Node::Int(value) => Value::from(*value),
        Node::Uint(value) => Value::from(*value),
        Node::Text(value) => Value::from(value.as_str()),
        // JSON in Kubernetes ends at 64 bits: beyond, the API server keeps a float too.
        Node::BigInt(digits) => digits
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| Refusal::NotJson { path: path.to_owned() })?,
    })
}
