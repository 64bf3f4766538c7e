//! The workflow control file: suspend, or try again later (contract.md 7.2).

use crate::contract::Node;

/// What a pipeline asks of its workflow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// Waits until somebody resumes the workflow.
    pub suspend: bool,
    /// Shown with the pipeline's entry; empty for none.
    pub message: String,
    /// Waits for this long, then runs the pipeline again.
    pub retry_after: Option<jiff::SignedDuration>,
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
}

/// Reads the document.
pub fn parse(document: &Node) -> Result<Control, ControlError> {
    match document {
        Node::Null => Ok(Control::default()),
        other => Err(ControlError::NotAMap { found: other.describe() }),
    }
}
