//! The workflow control file: suspend, or try again later (contract.md 7.2).

mod duration;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;

use crate::contract::Node;

pub use duration::{DurationError, format_go_duration, parse_go_duration};

/// What a pipeline asks of its workflow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// Waits until somebody resumes the workflow.
    pub suspend: bool,
    /// Shown with the pipeline's entry; empty for none.
    pub message: String,
    /// Waits for this long, then runs the pipeline again. Never negative.
    pub retry_after: Option<SignedDuration>,
    /// A `retryAfter` that cannot be used, in a file that asks to suspend as well: the workflow waits without it.
    pub unusable_retry_after: Option<ControlError>,
}

impl Control {
    /// Whether the workflow stops here for now.
    pub fn stops(&self) -> bool {
        self.suspend || self.retry_after.is_some()
    }
}

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The document is no map.
    #[error("expected a map with `suspend`, `message` and `retryAfter`, found {found}")]
    NotAMap {
        /// What it is.
        found: &'static str,
    },
    /// A field holds something else than it must.
    #[error("expected {expected} for `{field}`, found {found}")]
    WrongType {
        /// Which field.
        field: &'static str,
        /// What it must hold.
        expected: &'static str,
        /// What it holds.
        found: &'static str,
    },
    /// `retryAfter` is no duration.
    #[error("failed to parse retry duration: {text:?}")]
    Duration {
        /// What stands there.
        text: String,
        /// Why.
        source: DurationError,
    },
}

impl ControlError {
    /// Returns what to write instead.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAMap { .. } => {
                Some("write a map such as `suspend: true`, or leave the file out".into())
            }
            Self::WrongType { field: "suspend", .. } => {
                Some("write `suspend: true` or `suspend: false`, without quotes".into())
            }
            Self::WrongType { .. } => None,
            Self::Duration { source, .. } => Some(source.hint()),
        }
    }
}

/// Reads the document. Unknown keys are ignored; names of keys match whatever their case.
pub fn parse(document: &Node) -> Result<Control, ControlError> {
    if !matches!(document, Node::Null | Node::Map(_)) {
        return Err(ControlError::NotAMap { found: document.describe() });
    }
    let suspend = match document.field("suspend") {
        None | Some(Node::Null) => false,
        Some(Node::Bool(suspend)) => *suspend,
        Some(other) => return Err(wrong_type("suspend", "`true` or `false`", other)),
    };
    let message = text(document, "message")?;
    let retry_after = text(document, "retryAfter")?;
    let retry = match retry_after.as_str() {
        "" => Ok(None),
        text => retry_duration(text).map(Some),
    };
    let (retry_after, unusable_retry_after) = match retry {
        Ok(duration) => (duration, None),
        // The original fails here for ever although the pipeline asked for nothing but to wait (contract.md 12.A).
        Err(error) if suspend => (None, Some(error)),
        Err(error) => return Err(error),
    };
    Ok(Control { suspend, message, retry_after, unusable_retry_after })
}

/// Reads a `retryAfter`: a duration that is not negative.
fn retry_duration(text: &str) -> Result<SignedDuration, ControlError> {
    match parse_go_duration(text) {
        Ok(duration) if duration.is_negative() => Err(DurationError::Negative),
        other => other,
    }
    .map_err(|source| ControlError::Duration { text: text.to_owned(), source })
}

/// Returns a field's text, empty when it is not there.
fn text(document: &Node, field: &'static str) -> Result<String, ControlError> {
    let Some(value) = document.field(field) else { return Ok(String::new()) };
    value.text().ok_or_else(|| wrong_type(field, "text", value))
}

fn wrong_type(field: &'static str, expected: &'static str, found: &Node) -> ControlError {
    ControlError::WrongType { field, expected, found: found.describe() }
}
