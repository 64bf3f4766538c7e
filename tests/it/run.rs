//! `run`: a workflow from its Promise and request, on this machine.

#[cfg(target_os = "linux")]
mod engine;
