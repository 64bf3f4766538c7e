//! The only file that names the YAML crate.
//!
//! Stand-in until the real reader is merged: the signatures are its own, the dialect is not.

use serde_json::Value;

use crate::contract::Node;

/// Why a text is no YAML.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    message: String,
}

/// Reads the first document; nothing at all is [`Node::Null`].
pub fn parse(bytes: &[u8]) -> Result<Node, YamlError> {
    let text = std::str::from_utf8(bytes).map_err(error)?;
    if text.trim().is_empty() {
        return Ok(Node::Null);
    }
    serde_saphyr::from_str::<Value>(text).map(node).map_err(error)
}

fn error(error: impl std::fmt::Display) -> YamlError {
    YamlError { message: error.to_string() }
}

fn node(value: Value) -> Node {
    match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Node::Int(value),
            (None, Some(value)) => Node::Uint(value),
            (None, None) => Node::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(value) => Node::Text(value),
        Value::Array(items) => Node::List(items.into_iter().map(node).collect()),
        Value::Object(map) => Node::Map(map.into_iter().map(|(k, v)| (k, node(v))).collect()),
    }
}
