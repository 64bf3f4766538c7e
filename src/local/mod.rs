//! Runs a workflow on this machine.

pub mod engine;
pub mod pod;
pub mod stop;
