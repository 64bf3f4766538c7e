//! Git servers for tests, on loopback: `git http-backend` behind TLS of our own, and OpenSSH's sshd.

pub(crate) mod certificates;
pub(crate) mod https;
pub(crate) mod proxy;
pub(crate) mod repository;
pub(crate) mod s3;
pub(crate) mod ssh;

use std::thread;
use std::time::{Duration, Instant};

/// Waits for a condition, at most a while.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
