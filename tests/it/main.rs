//! The one integration binary: linking kube once instead of ten times.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows helpers of unit tests as tests, but not those of this binary"
)]
#![cfg(test)] // or clippy takes the helpers of tests for production code

#[path = "../support/bad_input/mod.rs"]
#[allow(dead_code, reason = "shared with tests/cluster")]
mod bad_input;
#[path = "bad_input.rs"]
mod bad_input_tests;
mod by_hand;
mod cli;
mod clock;
mod cluster_body;
mod cluster_contract;
mod contract_doc;
mod crd_golden;
mod crd_own;
mod dockerfiles;
mod double;
mod drop_in;
mod effect;
mod failing;
mod golden;
mod hostile;
mod install;
mod metadata;
mod observed;
mod pipeline_golden;
mod placements;
mod pod;
mod preview;
mod reader;
mod reconcile;
mod run;
mod sdk;
mod seeds;
mod show;
mod show_status;
mod sidecar;
mod status;
mod store_body;
mod store_contract;
mod tidy;
mod writer;
mod writer_input;
mod writing;
mod yaml;
mod yaml_write;

#[path = "../support/golden/mod.rs"]
#[allow(dead_code, reason = "shared with tests/cluster")]
mod support;

#[path = "../support/steps/mod.rs"]
#[allow(dead_code, reason = "shared with tests/cluster")]
mod steps;
