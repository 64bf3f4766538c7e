//! How many workflows run at once, and who waits for one of them to end.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::target::Target;
use crate::core::workflow;

/// Counts workflows that run.
#[derive(Debug)]
pub(super) struct Running {
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: HashSet<Target>,
    waiting: VecDeque<Target>,
    is_waiting: HashSet<Target>,
}

impl Running {
    /// At most so many start.
    pub(super) fn at_most(max: usize) -> Self {
        Self { max, state: Mutex::default() }
    }

    /// Whether a workflow of the object may start; its place is kept until [`Running::stands`].
    pub(super) fn may_start(&self, target: &Target) -> bool {
        let mut state = self.lock();
        if state.running.contains(target) {
            return true;
        }
        let may = state.running.len() < self.max;
        if may {
            state.running.insert(target.clone());
        }
        may
    }

    /// Notes a workflow that runs already, whether or not it may.
    pub(super) fn runs(&self, target: Target) {
        self.lock().running.insert(target);
    }

    /// Notes how an object stands after a pass; returns who may try now instead.
    pub(super) fn stands(&self, target: &Target, how: workflow::State) -> Option<Target> {
        let mut state = self.lock();
        if how == workflow::State::Running {
            return None;
        }
        state.running.remove(target);
        if how == workflow::State::Queued && state.is_waiting.insert(target.clone()) {
            state.waiting.push_back(target.clone());
        }
        if state.running.len() >= self.max {
            return None;
        }
        let next = state.waiting.pop_front()?;
        state.is_waiting.remove(&next);
        Some(next)
    }

    /// Forgets all of them.
    pub(super) fn clear(&self) {
        *self.lock() = State::default();
    }

    /// How many run.
    pub(super) fn count(&self) -> usize {
        self.lock().running.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::workflow::State::{Queued, Running as Runs, Settled};

    #[test]
    fn when_one_ends_the_next_of_those_who_wait_may_begin() {
        let running = Running::at_most(1);
        let [a, b, c] = ["a", "b", "c"].map(Target::promise);
        assert!(running.may_start(&a) && running.may_start(&a));
        assert_eq!(running.stands(&a, Runs), None);
        for waits in [&b, &c, &b] {
            assert!(!running.may_start(waits));
            assert_eq!(running.stands(waits, Queued), None);
        }
        assert_eq!(running.stands(&a, Settled), Some(b.clone()));
        assert!(running.may_start(&b));
        assert_eq!(running.stands(&b, Runs), None);
        assert_eq!(running.stands(&b, Settled), Some(c));
        assert_eq!(running.stands(&b, Settled), None);
        assert_eq!(running.count(), 0);
    }

    #[test]
    fn what_runs_already_counts_and_goes_on() {
        let running = Running::at_most(1);
        let [a, b, c] = ["a", "b", "c"].map(Target::promise);
        running.runs(a.clone());
        running.runs(b.clone());
        assert!(running.may_start(&a) && running.may_start(&b) && !running.may_start(&c));
        assert_eq!(running.stands(&c, Queued), None);
        assert_eq!(running.stands(&a, Settled), None);
        assert_eq!(running.stands(&b, Settled), Some(c));
    }
}
