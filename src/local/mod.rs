//! Runs a workflow on this machine.
