//! The images as images: `tests/images/run` loads them and runs these tests, which are ignored otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy knows helpers of unit tests as tests, but not those of this binary"
)]
#![cfg(test)]

mod archive;
mod arm;
mod confined;
mod container;
mod content;
mod full_disk;
mod places;
mod pod;
#[path = "../support/remotes/mod.rs"]
#[allow(dead_code, reason = "shared with tests/stores")]
mod remotes;
mod size;
mod steps;
mod stopped;

/// The steps, each with an image of its own.
const STEPS: [&str; 3] = ["reader", "writer", "status"];
