//! Decisions: values in, values out. No files, no clock, no environment, no client, no randomness, no log.

pub mod admission;
pub mod config;
pub mod control;
pub mod crd;
pub mod hash;
pub mod legacy;
pub mod naming;
pub mod object;
pub mod pipeline;
pub mod placement;
pub mod promise;
pub mod rbac;
pub mod schema;
pub mod selectors;
pub mod sidecar;
pub mod status;
pub mod status_view;
pub mod strict;
pub mod text;
pub mod trace;
pub mod unpack;
pub mod work;
pub mod work_view;
pub mod workflow;
pub mod workloads;
