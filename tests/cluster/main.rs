//! What needs a real API server: `tests/cluster/run` starts one and runs these tests, which are ignored otherwise.
//! `tests/cluster/run --node` starts a node too, for the tests of [`pods`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows helpers of unit tests as tests, but not those of this binary"
)]
#![cfg(test)]

mod api;
#[path = "bad_input.rs"]
mod bad_input_tests;
mod bucket;
mod companion;
mod contract;
mod crd;
mod faults;
mod finished;
mod golden;
mod install;
mod kills;
#[allow(dead_code, reason = "shared with benches/load")]
mod load;
mod manager;
mod placing;
mod pods;
mod proxy;
mod races;
mod reconcile;
mod stages;
#[allow(dead_code, reason = "shared with benches/load")]
mod standin;

#[path = "../it/cluster_body.rs"]
mod cluster_body;

#[path = "../support/bad_input/mod.rs"]
mod bad_input;

#[path = "../support/golden/mod.rs"]
#[allow(dead_code, reason = "shared with tests/it")]
mod support;

#[path = "../support/remotes/mod.rs"]
#[allow(dead_code, reason = "shared with tests/stores")]
mod remotes;

#[path = "../support/steps/mod.rs"]
#[allow(dead_code, reason = "shared with tests/it")]
mod steps;
