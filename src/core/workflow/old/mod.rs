//! What the local path used before; it goes with the next commits.

mod progress;

use jiff::Timestamp;

use crate::core::promise::WorkflowAction;

pub use progress::{Entry, Layout, Progress};
/// How far one pipeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It has not started.
    #[default]
    None,
    /// Its Job runs.
    Running,
    /// Its Job has finished well, and nothing asked to wait.
    Succeeded,
    /// Its Job has failed.
    Failed,
    /// It has asked the workflow to wait.
    Suspended {
        /// When it shall be tried again by itself; `None` waits for somebody.
        until: Option<Timestamp>,
    },
}

/// What is seen of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcomes<'a> {
    /// Of which list.
    pub action: WorkflowAction,
    /// One for each pipeline, in order.
    pub outcomes: &'a [Outcome],
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start this pipeline.
    Start(usize),
    /// Wait for a Job that runs.
    Wait,
    /// Everything has succeeded.
    Done,
    /// This pipeline has failed, and nothing after it runs.
    Failed(usize),
    /// This pipeline has asked to wait, and nothing after it runs.
    Suspended {
        /// Which.
        index: usize,
        /// When it shall be tried again by itself; `None` waits for somebody.
        until: Option<Timestamp>,
    },
}

/// Returns how many pipelines of a list run: of a delete workflow only the first (contract.md 8.4).
pub fn pipelines_run(action: WorkflowAction, count: usize) -> usize {
    match action {
        WorkflowAction::Configure => count,
        WorkflowAction::Delete => count.min(1),
    }
}

/// Decides what to do next.
///
/// A Job that runs anywhere in the workflow is waited for, even one that should not: two pipelines of one object
/// at once would write over each other's Works and status.
pub fn next(seen: &Outcomes<'_>) -> Next {
    let run = pipelines_run(seen.action, seen.outcomes.len());
    if seen.outcomes.contains(&Outcome::Running) {
        return Next::Wait;
    }
    for (index, outcome) in seen.outcomes.iter().take(run).enumerate() {
        return match *outcome {
            Outcome::Succeeded => continue,
            Outcome::None => Next::Start(index),
            Outcome::Running => Next::Wait,
            Outcome::Failed => Next::Failed(index),
            Outcome::Suspended { until } => Next::Suspended { index, until },
        };
    }
    Next::Done
}
