//! What a status decision says besides its result: warnings, and reasons to write nothing.

use std::fmt;

use crate::core::control::ControlError;

/// Something that was done in another way than the pipeline or the object suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The object's status is no map; it counts as empty.
    StatusNotAMap,
    /// A key that belongs to the controller was left as it is.
    KeyIgnored {
        /// Which one.
        key: String,
    },
    /// A condition that belongs to the controller was left as it is.
    ConditionIgnored {
        /// Its type.
        kind: String,
    },
    /// Conditions without a type were left out.
    ConditionsDropped {
        /// How many.
        count: usize,
    },
    /// Something else than a list has replaced the conditions.
    ConditionsReplaced {
        /// What it is.
        found: &'static str,
    },
    /// A Promise's status takes `message` only.
    UnsupportedKeys {
        /// The others, sorted.
        keys: Vec<String>,
    },
    /// No controller has prepared the object: no list of pipelines is written.
    NoList,
    /// The list of pipelines has no entry for this one.
    NoEntry {
        /// Where it was looked for.
        path: String,
        /// For which one.
        pipeline: String,
    },
    /// Suspension and retry exist for promise and resource workflows only.
    ControlIgnored {
        /// The type of this workflow.
        workflow_type: String,
    },
    /// The workflow is suspended without the retry that was asked for as well.
    RetryIgnored(ControlError),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StatusNotAMap => write!(f, "the object's status is no map and counts as empty"),
            Self::KeyIgnored { key } => {
                write!(f, "`{key}` of the status file is ignored: only the controller writes it")
            }
            Self::ConditionIgnored { kind } => {
                write!(f, "condition `{kind}` is ignored: only the controller writes it")
            }
            Self::ConditionsDropped { count } => {
                write!(f, "{count} entries of `conditions` without a `type` are left out")
            }
            Self::ConditionsReplaced { found } => {
                write!(f, "`conditions` is replaced by {found}, expected a list")
            }
            Self::UnsupportedKeys { keys } => write!(
                f,
                "promise workflow status has unsupported keys: {} in status.yaml; \
                 only 'message' can be updated in Promise status",
                keys.join(", ")
            ),
            Self::NoList => write!(
                f,
                "the object's status has no list of pipelines for this workflow, and none is written"
            ),
            Self::NoEntry { path, pipeline } => {
                write!(f, "pipeline \"{pipeline}\" not found in `{path}`, which stays as it is")
            }
            Self::ControlIgnored { workflow_type } => {
                write!(f, "workflow control is ignored for workflow type `{workflow_type}`")
            }
            Self::RetryIgnored(error) => {
                write!(f, "the workflow is suspended without a retry: {error}")?;
                match std::error::Error::source(error) {
                    Some(source) => write!(f, ": {source}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Why nothing may be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The status file is no map.
    #[error("expected a map, found {found}")]
    NotAMap {
        /// What it is.
        found: &'static str,
    },
    /// Infinity or NaN: JSON has no form for them.
    #[error("`{path}` holds a number that JSON cannot hold")]
    NotJson {
        /// Where.
        path: String,
    },
    /// A key that no pipeline may write.
    #[error("the key `{key}` is reserved")]
    Reserved {
        /// Which one.
        key: &'static str,
    },
    /// A field of which Kratix fixes the type holds something else.
    #[error("expected {expected} for `{path}`, found {found}")]
    WrongType {
        /// Which field.
        path: String,
        /// What it must hold.
        expected: &'static str,
        /// What it holds.
        found: &'static str,
    },
    /// A suspension needs an entry to stand in.
    #[error("failed to suspend: pipeline \"{pipeline}\" not found in `{path}`")]
    NoEntry {
        /// Which pipeline.
        pipeline: String,
        /// Where it was looked for.
        path: String,
    },
}

impl Refusal {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAMap { .. } => Some(
                "make the top level of the file a map, or leave it out if there is nothing to report"
                    .into(),
            ),
            Self::NotJson { .. } => Some("write the number as text, in quotes".into()),
            Self::Reserved { key } => {
                Some(format!("remove `{key}` from the file, or report it under another name"))
            }
            Self::WrongType { path, .. } => Some(format!(
                "remove `{path}` from the file: only the controller writes it, whatever its value"
            )),
            Self::NoEntry { .. } => Some(
                "let the controller start the workflow again: the Promise's pipelines have changed \
                 since this one started, or no controller has prepared the object"
                    .into(),
            ),
        }
    }
}

/// Returns what a value is, for messages.
pub(super) fn describe(value: &serde_json::Value) -> &'static str {
    use serde_json::Value;
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
