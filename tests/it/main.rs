//! The one integration binary: linking kube once instead of ten times.
#![cfg(test)] // or clippy takes the helpers of tests for production code

mod hostile;
mod memory;
mod pod;
mod writer;
mod writer_input;
