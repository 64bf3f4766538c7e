//! Waits between tries: longer each time, never twice the same, and not beyond a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::cluster::{ClusterError, chance};

/// How long a step keeps trying. A kubelet that stops a pod waits as long before it kills.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// The first wait. A conflict is usually over as soon as it is seen.
const WAIT_FIRST: Duration = Duration::from_millis(20);
/// No wait is longer: with eight writers each still gets its turn well within the deadline.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// How often a call is made again that was lost on the way.
const REPEATS_MAX: u32 = 3;

/// Makes a call, and again up to three times as long as each was lost and nobody has asked again yet.
///
/// Who waits for a server is the cluster (`cluster::live::RetryPolicy`): after an answer of "unreachable" that took it
/// more than one try there is no hope left, and to ask again here would only multiply the time. A cluster without such
/// a policy, of which a call gets lost now and then, is asked again. All calls of the steps can be repeated: they
/// carry a version, a name or a single label.
pub(super) async fn answered<T, F>(mut call: impl FnMut() -> F) -> Result<T, ClusterError>
where
    F: Future<Output = Result<T, ClusterError>>,
{
    let mut backoff = Backoff::new(DEADLINE);
    for _ in 0..REPEATS_MAX {
        match call().await {
            Err(error @ ClusterError::Unreachable { tries: 1, .. }) => {
                debug!(%error, "the call was lost, trying again");
                backoff.pause().await;
            }
            result => return result,
        }
    }
    call().await
}

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

/// Returns a number from 0 to 1.
fn chance() -> f64 {
    chance::number() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kinds::WORK;

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

    /// Counts how often a call is made that needs `tries` each time and succeeds as the last one of `calls`.
    async fn made(tries: u32, calls: u32) -> (u32, bool) {
        let mut made = 0;
        let result = answered(|| {
            made += 1;
            let key = Box::new(WORK.object(None, "w"));
            let (waited, detail) = (Duration::ZERO, String::new());
            let lost = ClusterError::Unreachable { verb: "get", key, tries, waited, detail };
            std::future::ready(if made < calls { Err(lost) } else { Ok(()) })
        })
        .await;
        (made, result.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_call_is_repeated_and_one_that_was_repeated_already_is_not() {
        assert_eq!(made(1, 1).await, (1, true));
        assert_eq!(made(1, 4).await, (4, true));
        assert_eq!(made(1, 9).await, (4, false));
        assert_eq!(made(2, 9).await, (1, false));
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
