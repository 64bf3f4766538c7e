//! The three containers of Kratix in a pipeline's pod: fetch, decide, take effect.
//!
//! No step knows whether it runs in a pod or on a laptop: that stands in the values it is given.

pub mod backoff;
pub mod missing;
mod observed;
pub mod reader;
pub mod settings;
pub mod sidecar;
pub mod status;
pub mod writer;

use jiff::Timestamp;

use crate::cluster::Reads;
use crate::contract::Layout;

pub use observed::{span, within};

/// What every step is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// The folders it sees.
    pub layout: Layout,
    /// What tells the time where the cluster does not.
    pub clock: Clock,
}

impl Context {
    /// Returns the time, in whole seconds, for what is written to the cluster: the cluster's own as soon as an answer
    /// has told it, because whoever reads it compares it with that clock.
    pub fn time(&self, cluster: &impl Reads) -> Timestamp {
        cluster.time().unwrap_or_else(|| self.clock.now())
    }
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
