//! Until when we may act, and whether we still act for the term in which something was begun.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Until when we may act. Cheap to clone and to ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Tenure(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    until: Until,
    /// How often the Lease was won.
    term: u64,
    /// Whether somebody held it to the end of its time, and may have something under way.
    is_contested: bool,
}

/// Until when somebody may act.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Until {
    /// Not at all.
    #[default]
    Never,
    /// Until then.
    Time(Instant),
    /// For ever.
    Ever,
}

/// One term: it ends with the Lease, and stays ended when the Lease is won again. Whatever was decided in it may be older than
/// what others have written since.
#[derive(Debug, Clone)]
pub(super) struct Term {
    tenure: Tenure,
    number: u64,
    is_contested: bool,
}

impl Tenure {
    /// For somebody who shares with nobody.
    pub(super) fn ever() -> Self {
        Self(Arc::new(Mutex::new(State { until: Until::Ever, ..State::default() })))
    }

    /// Whether we may act now.
    pub(super) fn holds(&self) -> bool {
        self.lock().until.holds()
    }

    /// Returns the present term, or the last one.
    pub(super) fn term(&self) -> Term {
        let state = self.lock();
        Term { tenure: self.clone(), number: state.term, is_contested: state.is_contested }
    }

    /// Begins a term. It is contested when the one before was not given back: whoever led may have died with something under way, or
    /// stand still and know nothing of it.
    pub(super) fn begin(&self, end: Instant, is_contested: bool) {
        let mut state = self.lock();
        let term = state.term.wrapping_add(1);
        *state = State { until: Until::Time(end), term, is_contested };
    }

    /// Says anew how long the term lasts.
    pub(super) fn set(&self, until: Until) {
        self.lock().until = until;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Until {
    fn holds(self) -> bool {
        match self {
            Self::Never => false,
            Self::Ever => true,
            Self::Time(end) => Instant::now() < end,
        }
    }
}

impl Term {
    /// Whether something may be under way that was begun before this term.
    pub(super) fn is_contested(&self) -> bool {
        self.is_contested
    }

    /// Whether we may act now, in this very term.
    pub(super) fn holds(&self) -> bool {
        let state = self.tenure.lock();
        state.term == self.number && state.until.holds()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_term_that_has_ended_does_not_come_back() {
        let tenure = Tenure::default();
        assert!(!tenure.holds() && !tenure.term().holds());
        let second = Duration::from_secs(1);
        tenure.begin(Instant::now() + second, false);
        let first = tenure.term();
        assert!(first.holds() && !first.is_contested());
        tokio::time::advance(second).await;
        assert!(!first.holds());
        // Renewed late, but nobody else has had it.
        tenure.set(Until::Time(Instant::now() + second));
        assert!(first.holds());
        tenure.set(Until::Never);
        tenure.begin(Instant::now() + second, true);
        assert!(tenure.holds() && tenure.term().holds() && !first.holds());
        assert!(tenure.term().is_contested() && !first.is_contested());
        assert!(Tenure::ever().holds() && Tenure::ever().term().holds());
    }
}
