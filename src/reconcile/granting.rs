//! The first of many that need the same account and rights makes them, and the others wait for it: so they find them,
//! where they would else create the same objects at the same time and be refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard as Turn};
use tokio::time::timeout;

use crate::core::workflow::Pipelined;

/// How long the first is waited for.
const TURN_TIME_MAX: Duration = Duration::from_secs(1);

/// Whose rights: of a pipeline of a Promise, in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Name of the Promise.
    pub(super) promise: Arc<str>,
    /// Namespace of the Jobs.
    pub(super) namespace: Box<str>,
    /// Which pipeline.
    pub(super) of: Pipelined,
}

/// What was granted, and whose turn it is to grant.
#[derive(Debug, Default)]
pub(super) struct Granting(Mutex<HashMap<Place, Grant>>);

#[derive(Debug, Default)]
struct Grant {
    /// Generation of the Promise at which it was done.
    done: Option<i64>,
    turn: Arc<AsyncMutex<()>>,
}

impl Granting {
    /// Waits for the turn to be the first; `None` when somebody was, or when it takes that long: a place whose rights are
    /// refused slowly shall not hold every worker.
    pub(super) async fn turn(&self, place: &Place, generation: i64) -> Option<Turn<()>> {
        let turn = {
            let mut grants = self.lock();
            let grant = grants.entry(place.clone()).or_default();
            if grant.done == Some(generation) {
                return None;
            }
            Arc::clone(&grant.turn)
        };
        let turn = timeout(TURN_TIME_MAX, turn.lock_owned()).await.ok()?;
        let is_done = self.lock().get(place).is_some_and(|grant| grant.done == Some(generation));
        (!is_done).then_some(turn)
    }

    /// Notes that it is granted.
    pub(super) fn granted(&self, place: Place, generation: i64) {
        self.lock().entry(place).or_default().done = Some(generation);
    }

    /// Forgets a Promise.
    pub(super) fn forget(&self, promise: &str) {
        self.lock().retain(|place, _| *place.promise != *promise);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Grant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::promise::WorkflowAction;

    #[tokio::test]
    async fn one_is_first_and_the_others_wait_for_it() {
        let granting = Granting::default();
        let of = Pipelined { action: WorkflowAction::Configure, index: 0 };
        let place = Place { promise: "p".into(), namespace: "a".into(), of };
        let first = granting.turn(&place, 1).await;
        assert!(first.is_some());
        let second = granting.turn(&place, 1);
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        granting.granted(place.clone(), 1);
        drop(first);
        assert!(second.await.is_none(), "it finds what the first has made");
        assert!(granting.turn(&place, 1).await.is_none());
        assert!(granting.turn(&place, 2).await.is_some(), "the Promise has changed");
        let other = Place { namespace: "b".into(), ..place.clone() };
        assert!(granting.turn(&other, 1).await.is_some());
        granting.forget("p");
        assert!(granting.turn(&place, 1).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_for_a_first_that_comes_to_no_end() {
        let granting = Granting::default();
        let of = Pipelined { action: WorkflowAction::Configure, index: 0 };
        let place = Place { promise: "p".into(), namespace: "a".into(), of };
        let _first = granting.turn(&place, 1).await.unwrap();
        let begun = tokio::time::Instant::now();
        assert!(granting.turn(&place, 1).await.is_none());
        assert_eq!(begun.elapsed(), TURN_TIME_MAX);
    }
}
