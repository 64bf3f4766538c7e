//! The value of one YAML document as Kratix's parser reads it (contract.md 7 and 17).
//!
//! JSON cannot hold what a label value needs: `.inf`, `-0.0`, integers beyond 64 bits and which of two spellings of
//! a key came last. The YAML itself is read in `files::yaml`.

use serde_json::Value;

/// One value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`, `~`, or nothing.
    Null,
    /// A YAML 1.1 boolean.
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// An integer that only fits 64 bits without sign.
    Uint(u64),
    /// Any other number, including infinity and NaN.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map. Keys are unique (the last of several won) and in the order of the document.
    Map(Vec<(String, Self)>),
}

impl Node {
    /// Returns the value of a map's field: the exact spelling if it is there, else the last one that differs only in case.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries
            .iter()
            .find(|(key, _)| key == name)
            .or_else(|| entries.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }

    /// Returns what this is, for messages: `a list`, `a map`, `text`, …
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Uint(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// Returns the text of a scalar by Kratix's coercion (contract.md 7 and 17.1), `None` for a list or map.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Uint(value) => Some(value.to_string()),
            Self::Float(value) => Some(value.to_string()),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns the JSON value; `None` when a number in it has no JSON form (infinity, NaN).
    pub fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::from(*value),
            Self::Uint(value) => Value::from(*value),
            Self::Float(value) => Value::Number(serde_json::Number::from_f64(*value)?),
            Self::Text(value) => Value::String(value.clone()),
            Self::List(items) => {
                Value::Array(items.iter().map(Self::to_json).collect::<Option<_>>()?)
            }
            Self::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| Some((key.clone(), value.to_json()?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }
}
