//! Decides what a workflow does next.
