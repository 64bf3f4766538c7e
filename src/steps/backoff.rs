//! Waits between tries: longer each time, never twice the same, and not beyond a deadline.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a step keeps trying. A kubelet that stops a pod waits as long before it kills.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// The first wait. A conflict is usually over as soon as it is seen.
const WAIT_FIRST: Duration = Duration::from_millis(20);
/// No wait is longer: with eight writers each still gets its turn well within the deadline.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// The waits of one series of tries.
#[derive(Debug)]
pub struct Backoff {
    started: Instant,
    deadline: Duration,
    wait: Duration,
}

impl Backoff {
    /// Starts the clock.
    pub fn new(deadline: Duration) -> Self {
        Self { started: Instant::now(), deadline, wait: WAIT_FIRST }
    }

    /// How long ago the series began.
    pub fn waited(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits and returns true, or returns false at once when the wait would end after the deadline.
    pub async fn pause(&mut self) -> bool {
        // Between half of the wait and all of it, so that writers who met once do not meet again.
        let wait = self.wait.mul_f64(0.5 + 0.5 * chance());
        if self.waited() + wait > self.deadline {
            return false;
        }
        sleep(wait).await;
        self.wait = (self.wait * 2).min(WAIT_MAX);
        true
    }
}

/// Returns a number from 0 to 1. The standard library's hasher is seeded anew each time; more is not needed here.
fn chance() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_end_at_the_deadline() {
        let mut backoff = Backoff::new(DEADLINE);
        let mut waits = Vec::new();
        let mut before = backoff.waited();
        while backoff.pause().await {
            waits.push(backoff.waited() - before);
            before = backoff.waited();
        }
        assert!(waits[0] >= WAIT_FIRST / 2);
        assert!(waits[5] > waits[0]);
        assert!(waits.iter().all(|wait| *wait <= WAIT_MAX + Duration::from_millis(1)));
        assert!(backoff.waited() <= DEADLINE && backoff.waited() > DEADLINE - WAIT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn two_series_do_not_wait_alike() {
        let (mut one, mut other) = (Backoff::new(DEADLINE), Backoff::new(DEADLINE));
        let start = Instant::now();
        one.pause().await;
        let first = start.elapsed();
        let start = Instant::now();
        other.pause().await;
        assert_ne!(
            (first, one.wait.mul_f64(chance())),
            (start.elapsed(), other.wait.mul_f64(chance()))
        );
    }
}
