//! The only file that names the YAML crate.
//!
//! Stand-in until the real one is merged: no YAML 1.1, no exact numbers.

use serde_json::Value;

use crate::contract::Node;

/// Why a text is no YAML.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    message: String,
}

/// Reads the first document; an empty one is null.
pub fn parse(bytes: &[u8]) -> Result<Node, YamlError> {
    let failed = |message: String| YamlError { message };
    let text = std::str::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    if text.trim().is_empty() {
        return Ok(Node::Null);
    }
    let value: Value = serde_saphyr::from_str(text).map_err(|error| failed(error.to_string()))?;
    Ok(node(value))
}

fn node(value: Value) -> Node {
    match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Bool(value),
        Value::Number(number) => number.as_i64().map_or(Node::Float(f64::NAN), Node::Int),
        Value::String(text) => Node::Text(text),
        Value::Array(items) => Node::List(items.into_iter().map(node).collect()),
        Value::Object(map) => Node::Map(map.into_iter().map(|(k, v)| (k, node(v))).collect()),
    }
}
