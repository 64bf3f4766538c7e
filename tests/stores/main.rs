//! Stores on real servers. What needs more than git runs by `tests/stores/run`.
//!
//! The servers are on loopback and end with their test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "clippy knows helpers of unit tests as tests, but not those of this binary"
)]
#![cfg(test)]

mod bucket;
mod destination;
mod faults;
mod git;
#[path = "../support/remotes/mod.rs"]
mod remotes;
#[path = "../it/store_body.rs"]
mod store_body;
