//! Places Works: a WorkPlacement for each group and Destination, its files in the state store, and what all of them say of
//! themselves (contract.md 10).
//!
//! Everything is decided from what is seen, as everywhere in `reconcile`: a WorkPlacement is written when its status says so of
//! its own generation, so whoever leads next goes on where the one before was stopped.

mod caches;
mod known;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::cache::Source;
use super::feeds;
use super::queue::{Priority, Queue};
use super::shared::Shared;
use super::store::Feed;
use crate::cluster::live::watch::{Heard, Watch};
use crate::contract::{Object, labels};
use caches::{Caches, Fed, Item, Wake};

/// What placement shares between its tasks.
#[derive(Debug, Default)]
pub(super) struct Placing {
    caches: Mutex<Caches>,
    pub(super) queue: Queue<Item>,
    /// What is being written and checked; none of it may go on once we lead no more.
    tasks: Mutex<JoinSet<()>>,
}

impl Placing {
    /// What is known. Nobody waits while holding it.
    fn caches(&self) -> MutexGuard<'_, Caches> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is not known yet, by kind.
    pub(super) fn missing(&self) -> Vec<String> {
        let caches = self.caches();
        let unknown = Fed::ALL.into_iter().filter(|fed| !caches.is_filled(*fed));
        unknown.map(|fed| format!("{} are not known yet", fed.kind())).collect()
    }

    /// Takes what a watch has said; returns who is to be looked at, and whether a list is complete.
    fn hear(&self, fed: Fed, heard: &Heard) -> Vec<Wake> {
        let mut caches = self.caches();
        match heard {
            Heard::Listing => {
                caches.begin_list(fed);
                Vec::new()
            }
            Heard::There(object) | Heard::Changed(object) => {
                caches.put(Source::Watch, fed, object)
            }
            Heard::Gone(object) => caches.remove(fed, object),
            Heard::Listed => caches.end_list(fed),
        }
    }

    /// Takes what the cluster has answered to a write of ours.
    fn note(&self, fed: Fed, object: &Object) -> Vec<Wake> {
        self.caches().put(Source::Write, fed, object)
    }

    /// Runs a task for as long as we lead.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends all tasks and forgets who was to be looked at.
    pub(super) fn clear(&self) {
        let tasks = &mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        *tasks = JoinSet::new();
        self.queue.clear();
    }
}
