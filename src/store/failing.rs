//! A store that fails as told, for tests of every way in which a write can end.
//!
//! It stands in `src` and not in `tests` because the test binaries and users of the library test with it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Applied, Listing, Store, StoreError, Trouble};
use crate::core::placement::{Change, StorePath};

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answers, and this step has not happened.
    Unreachable,
    /// All changes are made, and then nobody answers.
    AnswerLost,
    /// The credentials are refused.
    Credentials,
    /// The writer is told to stop.
    Stopped,
}

/// Which steps fail. A step is a list, a read, a check, or what others can see of a change: each time that a store asks whether
/// it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// None: a store that only counts.
    Never,
    /// The n-th, from 1. What comes after it in the same call is not done.
    Nth(u64),
    /// The n-th and all after it, from 1.
    From(u64),
    /// Every second, the first of all included.
    EverySecond,
}

/// Wraps a store and lets steps fail; counts them all, failed or not.
#[derive(Debug)]
pub struct FailingStore<S> {
    inner: S,
    when: When,
    failure: Failure,
    steps: AtomicU64,
    failures: AtomicU64,
}

impl<S> FailingStore<S> {
    /// Returns a store whose steps fail in this way at these times.
    pub fn new(inner: S, when: When, failure: Failure) -> Self {
        Self { inner, when, failure, steps: AtomicU64::new(0), failures: AtomicU64::new(0) }
    }

    /// Returns a store that only counts.
    pub fn transparent(inner: S) -> Self {
        Self::new(inner, When::Never, Failure::Unreachable)
    }

    /// The store behind it, where nothing fails and nothing is counted.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How many steps there were.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    /// How many of them have failed here.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::SeqCst)
    }

    /// Counts a step and decides whether it fails.
    fn fails(&self) -> bool {
        let step = self.steps.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let fails = match self.when {
            When::Never => false,
            When::Nth(number) => step == number,
            When::From(number) => step >= number,
            When::EverySecond => step % 2 == 1,
        };
        self.failures.fetch_add(u64::from(fails), Ordering::SeqCst);
        fails
    }

    fn error(&self, doing: &'static str) -> StoreError {
        let detail = "made to fail".to_owned();
        let trouble = match self.failure {
            Failure::Unreachable | Failure::AnswerLost => Trouble::Unreachable(detail.into()),
            Failure::Credentials => Trouble::Credentials(detail),
            Failure::Stopped => Trouble::Stopped,
        };
        StoreError { doing, store: "a store".to_owned(), trouble }
    }
}

impl<S: Store> Store for FailingStore<S> {
    async fn list(&self, folder: &StorePath) -> Result<Listing, StoreError> {
        match self.fails() {
            true => Err(self.error("list")),
            false => self.inner.list(folder).await,
        }
    }

    async fn read(&self, path: &StorePath, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self.fails() {
            true => Err(self.error("read from")),
            false => self.inner.read(path, bytes_max).await,
        }
    }

    async fn apply(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Vec<Result<Applied, StoreError>> {
        let begun_with = self.failures();
        let lost = self.failure == Failure::AnswerLost;
        let asked = || {
            let fails = self.fails();
            // Once it has failed it is over: a store may ask again for what it does at the same time.
            may_go_on() && (lost || !fails && self.failures() == begun_with)
        };
        let results = self.inner.apply(changes, &asked).await;
        if self.failures() == begun_with {
            return results;
        }
        let result = |result: Result<Applied, StoreError>| match result {
            Ok(_) if lost => Err(self.error("write to")),
            // The inner store was stopped by us: the error is what was asked for.
            Err(error) if matches!(error.trouble, Trouble::Stopped) && may_go_on() => {
                Err(self.error("write to"))
            }
            other => other,
        };
        results.into_iter().map(result).collect()
    }

    async fn check(&self) -> Result<(), StoreError> {
        match self.fails() {
            true => Err(self.error("check")),
            false => self.inner.check().await,
        }
    }
}
