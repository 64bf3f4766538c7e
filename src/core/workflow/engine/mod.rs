//! Brings the pipelines of one workflow to run, one after the other (contract.md 8.3-8.6, 16).

use super::{Draft, Seen, State};
use crate::core::pipeline::PipelineError;

/// How far a workflow is once a draft is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Every pipeline has succeeded for what the object says now, or there is none, and no Job of the object runs.
    Done,
    /// It is not done, and the draft holds all that can be done now: nothing else may be added that starts something.
    Not(State),
}

/// Decides what comes next in the configure workflow of an object.
pub fn configure(seen: &Seen<'_>, draft: &mut Draft) -> Result<Step, PipelineError> {
    let _ = (seen, draft);
    Ok(Step::Done)
}

/// Decides what comes next in the delete workflow of an object.
pub fn delete(seen: &Seen<'_>, draft: &mut Draft) -> Result<Step, PipelineError> {
    let _ = (seen, draft);
    Ok(Step::Done)
}
