//! Why a reconciler ends before it is asked to.

use std::net::SocketAddr;

use crate::exit::{Exit, Fault};

/// Why a reconciler has ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The address is taken, or not ours.
    #[error("failed to listen at {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A worker has ended, which it never should.
    #[error("a worker has ended")]
    Broken,
}

impl Fault for ReconcileError {
    fn exit(&self) -> Exit {
        match self {
            Self::Listen { .. } => Exit::Usage,
            Self::Broken => Exit::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Listen { .. } => "name another address with `--listen`".into(),
            Self::Broken => return None,
        })
    }
}
