//! What Kratix's manager was recorded to do, step by step: read from the recordings, or from `fixtures/steps`.

pub(crate) mod case;
pub(crate) mod defaults;
pub(crate) mod meaning;
pub(crate) mod record;
