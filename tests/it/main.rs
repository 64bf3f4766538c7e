//! The one integration binary: linking kube once instead of ten times.
#![cfg(test)] // or clippy takes the helpers of tests for production code

mod hostile;
mod memory;
mod pod;
mod writer;
mod writer_input;

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy knows helpers of unit tests as tests, but not those of this binary"
)]

mod pipeline_golden;
mod status;
