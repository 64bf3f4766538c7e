//! The one integration binary: linking kube once instead of ten times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may fail")]

mod contract_doc;
mod dockerfiles;
mod golden;
mod tidy;

#[path = "../support/golden/mod.rs"]
#[allow(dead_code, reason = "shared with tests/cluster")]
mod support;
