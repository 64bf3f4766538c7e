//! Runs a workflow on this machine: the pod, the engine for users' containers, and the report. Rewrites old Promises.

pub mod engine;
pub mod migrate;
pub mod pod;
pub mod render;
pub mod report;
pub mod run;
mod scratch;
