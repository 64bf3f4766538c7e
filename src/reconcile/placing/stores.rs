//! State stores as they stand: opened or not, and who waits for one that does not take what it is given.
//!
//! One that fails is closed for everybody. After a pause it is looked at once; then one write is let through, and when that one
//! succeeds all the others are.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::queue;
use super::caches::Item;
use super::writer::Writer;
use crate::core::placement::StoreRef;

/// The pause after the first failure; each further one in a row is twice as long.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// How long the one write may take that is let through.
const TRIAL_TIME_MAX: Duration = Duration::from_secs(120);

/// What a store was opened with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct OpenedWith {
    /// Uid and generation of the state store.
    pub(super) object: (String, i64),
    /// Uid and version of its Secret, and of that with the key that signs commits.
    pub(super) secrets: [Option<(String, String)>; 2],
    /// What else it depends on: settings.
    pub(super) settings: String,
}

/// A store that is open.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) writer: Arc<Writer>,
    pub(super) with: OpenedWith,
}

/// All state stores.
#[derive(Debug, Default)]
pub(super) struct Stores(Mutex<HashMap<StoreRef, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    gate: Gate,
    /// What writes to it, with what that one was opened with: the one is never kept without the other.
    open: Option<Opened>,
    /// The state store that was opened last, or could not be: its uid and generation.
    tried: (String, i64),
    waiting: BTreeSet<Item>,
    failures: u32,
    is_checking: bool,
    /// When it is looked at again though nothing is wrong; `None` for never.
    next_check: Option<Instant>,
}

/// Whether anybody may write.
#[derive(Debug, Default)]
enum Gate {
    /// Nobody knows yet.
    #[default]
    Unknown,
    /// Nobody, until it was looked at, not before then.
    Closed { until: Instant },
    /// One, whose write shows whether the others may. Whoever comes first, until somebody has; it has so long, and then it is
    /// the turn of another one: it may have found that it has nothing to write.
    Trial { who: Option<Item>, since: Instant },
    /// Everybody.
    Open,
}

/// Whether a store is to be looked at.
#[derive(Debug)]
pub(super) enum Check {
    /// Now; as it is open.
    Now(Option<Opened>),
    /// Not before then, or not at all unless something happens.
    Later(Option<Instant>),
}

impl Stores {
    fn lock(&self) -> MutexGuard<'_, HashMap<StoreRef, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how to write to a store; `None` when somebody has to wait, who is named when they need not any more.
    pub(super) fn admit(&self, store: &StoreRef, item: &Item) -> Option<Arc<Writer>> {
        let mut all = self.lock();
        let entry = all.entry(store.clone()).or_default();
        let may = match &mut entry.gate {
            Gate::Open => true,
            Gate::Trial { who: Some(who), .. } if who == item => true,
            Gate::Trial { who, since } => {
                let is_free = who.is_none() || since.elapsed() >= TRIAL_TIME_MAX;
                if is_free {
                    (*who, *since) = (Some(item.clone()), Instant::now());
                }
                is_free
            }
            Gate::Unknown | Gate::Closed { .. } => false,
        };
        if may && let Some(open) = &entry.open {
            return Some(Arc::clone(&open.writer));
        }
        entry.waiting.insert(item.clone());
        None
    }

    /// Whether this is what writes to a store now: the store may be another place since it was given out.
    pub(super) fn is_current(&self, store: &StoreRef, writer: &Arc<Writer>) -> bool {
        let all = self.lock();
        let open = all.get(store).and_then(|entry| entry.open.as_ref());
        open.is_some_and(|open| Arc::ptr_eq(&open.writer, writer))
    }

    /// Whether everybody may write; `None` when nobody knows yet.
    pub(super) fn is_open(&self, store: &StoreRef) -> Option<bool> {
        match self.lock().get(store).map(|entry| &entry.gate) {
            None | Some(Gate::Unknown) => None,
            Some(Gate::Open | Gate::Trial { .. }) => Some(true),
            Some(Gate::Closed { .. }) => Some(false),
        }
    }

    /// Notes that somebody has written; returns who need not wait any more.
    pub(super) fn written(&self, store: &StoreRef) -> Vec<Item> {
        let mut all = self.lock();
        let Some(entry) = all.get_mut(store) else { return Vec::new() };
        if !matches!(entry.gate, Gate::Trial { .. }) {
            return Vec::new();
        }
        entry.gate = Gate::Open;
        entry.failures = 0;
        std::mem::take(&mut entry.waiting).into_iter().collect()
    }

    /// Notes that it does not take what it is given, from nobody; returns when it is looked at again.
    pub(super) fn failed(&self, store: &StoreRef, item: &Item) -> Option<Instant> {
        let mut all = self.lock();
        let entry = all.entry(store.clone()).or_default();
        entry.waiting.insert(item.clone());
        // Several writes may fail together: that is one failure.
        if matches!(entry.gate, Gate::Closed { .. }) {
            return None;
        }
        Some(entry.close())
    }

    /// Notes that a write was refused that may be to blame itself: it is looked at at the next chance, and whoever writes next may
    /// show meanwhile that it takes what it is given.
    pub(super) fn doubted(&self, store: &StoreRef) {
        let mut all = self.lock();
        let Some(entry) = all.get_mut(store) else { return };
        entry.next_check = Some(Instant::now());
        if matches!(entry.gate, Gate::Trial { .. }) {
            entry.gate = Gate::Trial { who: None, since: Instant::now() };
        }
    }

    /// Asks whether it is to be looked at; whoever is told so says [`Stores::checked`].
    pub(super) fn begin_check(&self, store: &StoreRef, object: (String, i64)) -> Check {
        let mut all = self.lock();
        let entry = all.entry(store.clone()).or_default();
        if entry.is_checking {
            // It is asked for once more when that ends.
            return Check::Later(None);
        }
        let due = entry.due();
        if entry.tried == object && due.is_none_or(|at| Instant::now() < at) {
            return Check::Later(due);
        }
        (entry.is_checking, entry.next_check) = (true, None);
        Check::Now(entry.open.clone())
    }

    /// Notes that it was looked at and can be written; returns who may write.
    pub(super) fn opened(
        &self,
        store: &StoreRef,
        open: Opened,
        next_check: Option<Instant>,
    ) -> Vec<Item> {
        let mut all = self.lock();
        let entry = all.entry(store.clone()).or_default();
        (entry.is_checking, entry.tried) = (false, open.with.object.clone());
        entry.open = Some(open);
        // Somebody may have asked for another look meanwhile.
        entry.next_check = entry.next_check.or(next_check);
        // Whoever was let through before has not written, for whatever reason.
        if matches!(entry.gate, Gate::Closed { .. } | Gate::Trial { .. })
            && let Some(next) = entry.waiting.pop_first()
        {
            entry.gate = Gate::Trial { who: None, since: Instant::now() };
            return vec![next];
        }
        (entry.gate, entry.failures) = (Gate::Open, 0);
        std::mem::take(&mut entry.waiting).into_iter().collect()
    }

    /// Notes that this state store was looked at and cannot be used; returns when it is looked at again.
    pub(super) fn refused(&self, store: &StoreRef, object: (String, i64)) -> Instant {
        let mut all = self.lock();
        let entry = all.entry(store.clone()).or_default();
        (entry.is_checking, entry.tried) = (false, object);
        entry.close()
    }

    /// Forgets a state store that is gone; returns who has waited for it, and says so, and waits again.
    pub(super) fn forget(&self, store: &StoreRef) -> Vec<Item> {
        let entry = self.lock().remove(store);
        entry.map_or_else(Vec::new, |entry| entry.waiting.into_iter().collect())
    }

    /// Notes who waits for a state store, to be named when it can be written.
    pub(super) fn wait(&self, store: &StoreRef, item: &Item) {
        self.lock().entry(store.clone()).or_default().waiting.insert(item.clone());
    }

    /// Has all that are open looked at anew: they may have to be opened otherwise.
    pub(super) fn look_again(&self) {
        for entry in self.lock().values_mut() {
            entry.next_check = Some(Instant::now());
        }
    }

    /// Everything that writes.
    pub(super) fn writers(&self) -> Vec<Arc<Writer>> {
        let all = self.lock();
        let open = all.values().filter_map(|entry| entry.open.as_ref());
        open.map(|open| Arc::clone(&open.writer)).collect()
    }

    /// Begins anew: what was found out by who led before us may not be so any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}

impl Entry {
    /// When it is looked at again; `None` for not at all unless something happens.
    fn due(&self) -> Option<Instant> {
        match &self.gate {
            Gate::Unknown => Some(Instant::now()),
            Gate::Closed { until } => Some(*until),
            // Then the next of those who wait is let through.
            Gate::Trial { since, .. } => {
                let end = *since + TRIAL_TIME_MAX;
                Some(self.next_check.map_or(end, |at| at.min(end)))
            }
            Gate::Open => self.next_check,
        }
    }

    fn close(&mut self) -> Instant {
        let until = Instant::now() + pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.gate = Gate::Closed { until };
        until
    }
}

/// The pause after this many failures before.
pub(super) fn pause(failures: u32) -> Duration {
    queue::pause(PAUSE_FIRST, failures)
}

#[cfg(test)]
mod tests;
