//! State stores in Git repositories.

pub mod transport;
