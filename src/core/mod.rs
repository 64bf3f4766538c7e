//! Decisions: values in, values out. No files, no clock, no environment, no client, no randomness, no log.

pub mod control;
pub mod hash;
pub mod naming;
pub mod object;
pub mod pipeline;
pub mod promise;
pub mod selectors;
pub mod status;
pub mod work;
pub mod workflow;
pub mod workloads;
