//! `run`: a workflow from its Promise and request, on this machine.
#![cfg(target_os = "linux")] // the process engine needs namespaces

mod engine;
mod pod_spec;
mod support;
mod workflow;
