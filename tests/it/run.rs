//! `run`: a workflow from its Promise and request, on this machine.
#![cfg(target_os = "linux")] // the process engine needs namespaces

/// Ends the test where the machine does not let us make namespaces, and says so.
macro_rules! needs_namespaces {
    () => {
        if !crate::run::support::namespaces_are_allowed() {
            eprintln!("skipped: this machine does not allow user and mount namespaces");
            return;
        }
    };
}

mod binary;
mod engine;
mod errors;
mod older;
mod pod_spec;
pub(crate) mod support;
mod workflow;
