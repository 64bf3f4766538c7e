//! Runs a workflow on this machine: the pod, the engine for users' containers, and the report.

pub mod engine;
pub mod pod;
pub mod render;
pub mod report;
pub mod run;
mod scratch;
