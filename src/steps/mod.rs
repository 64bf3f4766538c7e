//! The three containers of Kratix in a pipeline's pod: fetch, decide, take effect.
//!
//! No step knows whether it runs in a pod or on a laptop: that stands in the values it is given.

pub mod backoff;
mod observed;
pub mod reader;
pub mod settings;
pub mod status;
pub mod writer;

use jiff::Timestamp;

use crate::contract::Layout;

pub use observed::{span, within};

/// What every step is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// The folders it sees.
    pub layout: Layout,
    /// What tells the time.
    pub clock: Clock,
}

/// What tells the time: the machine, or a test.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Always the same time.
    Fixed(Timestamp),
}

impl Clock {
    /// Returns the time in whole seconds, the precision Kubernetes keeps.
    pub fn now(self) -> Timestamp {
        let now = match self {
            Self::System => Timestamp::now(),
            Self::Fixed(now) => now,
        };
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}
