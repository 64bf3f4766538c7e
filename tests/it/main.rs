//! The one integration binary: linking kube once instead of ten times.
#![cfg(test)] // or clippy takes the helpers of tests for production code

mod cluster_body;
mod cluster_contract;
mod contract_doc;
mod dockerfiles;
mod hostile;
mod memory;
mod pipeline_golden;
mod pod;
mod run;
mod status;
mod tidy;
mod writer;
mod writer_input;
mod yaml;
mod yaml_write;
