//! What to do next for a resource request (contract.md 8.2, 8.9).

use super::{Draft, Plan, Seen, engine};
use crate::core::pipeline::PipelineError;

/// Decides what to do next for a request.
pub fn plan(seen: &Seen<'_>) -> Result<Plan, PipelineError> {
    let mut draft = Draft::new(seen);
    let step = engine::configure(seen, &mut draft)?;
    Ok(draft.finish(match step {
        engine::Step::Done => super::State::Settled,
        engine::Step::Not(state) => state,
    }))
}
