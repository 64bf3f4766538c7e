//! Places Works: a WorkPlacement for each group and Destination, its files in the state store, and what all of them say of
//! themselves (contract.md 10).
//!
//! Everything is decided from what is seen, as everywhere in `reconcile`: a WorkPlacement is written when its status says so of
//! its own generation, so whoever leads next goes on where the one before was stopped.

mod aggregate;
mod busy;
mod caches;
mod carry;
mod checks;
mod commits;
mod counts;
mod destinations;
mod drift;
mod known;
mod stores;
mod work;
mod writer;
mod writes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant as Began;

use tokio::task::JoinSet;

use super::cache::Source;
use super::queue::{Priority, Queue};
use super::shared::Shared;
use super::store::place;
use crate::cluster::chance;
use crate::cluster::live::watch::{Heard, Watch};
use crate::core::placement::{Chooser, Setup, StoreRef, address};
use aggregate::Aggregates;
use busy::Busy;
use caches::{Caches, Fed, Item, Wake};
use drift::{Drift, Due, Whom};
use stores::Stores;
use writes::Writes;

pub(super) use caches::Fed as PlacementFeed;

/// How Works are placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// How many Works, Destinations and state stores are looked at at once.
    pub workers: usize,
    /// Whether one of several Destinations is chosen by chance, as the original does.
    pub is_random: bool,
    /// Where copies of repositories are kept while we run.
    pub scratch: std::path::PathBuf,
}

impl Placement {
    fn chooser(&self) -> Chooser {
        if self.is_random { Chooser::Random(chance::number()) } else { Chooser::Stable }
    }
}

/// What placement shares between its tasks.
#[derive(Debug, Default)]
pub(super) struct Placing {
    caches: Mutex<Caches>,
    queue: Queue<Item>,
    stores: Stores,
    writes: Writes,
    aggregates: Aggregates,
    destinations: Busy,
    drift: Drift,
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

    /// All watches but that of Works, which the workflows need as well.
    pub(super) fn watches() -> impl Iterator<Item = (Fed, Watch)> {
        let all = Fed::ALL.into_iter().filter(|fed| *fed != Fed::Works);
        all.map(|fed| (fed, Watch::all(&fed.kind())))
    }

    /// Takes what a watch has said.
    pub(super) fn hear(&self, shared: &Shared, fed: Fed, heard: &Heard) {
        let wakes = {
            let mut caches = self.caches();
            match heard {
                Heard::Listing => {
                    caches.begin_list(fed);
                    return;
                }
                Heard::There(object) | Heard::Changed(object) => {
                    caches.put(Source::Watch, fed, object)
                }
                Heard::Gone(object) => {
                    if matches!(fed, Fed::Placements | Fed::Destinations) {
                        self.drift.forget(&place(object));
                    }
                    let wakes = caches.remove(fed, object);
                    match fed {
                        Fed::Works => counts::forget_work(&shared.metrics, object),
                        Fed::Placements if !caches.has_work_of(object) => {
                            counts::forget_placement(&shared.metrics, object);
                        }
                        _ => {}
                    }
                    wakes
                }
                Heard::Listed => caches.end_list(fed),
            }
        };
        self.wake(shared, wakes);
    }

    /// Asks for all of these to be looked at.
    fn wake(&self, shared: &Shared, wakes: Vec<Wake>) {
        for wake in wakes {
            match wake {
                Wake::One(item) => self.add(shared, item),
                Wake::New(item) if shared.is_working() => {
                    self.queue.add(item, Priority::Ordinary);
                }
                Wake::New(_) => {}
                Wake::Works if shared.is_working() => {
                    let works = self.caches().all_works();
                    for work in works {
                        self.queue.add(work, Priority::Ordinary);
                    }
                }
                Wake::Works => {}
            }
        }
    }

    /// Asks for somebody to be looked at.
    fn add(&self, shared: &Shared, item: Item) {
        if shared.is_working() {
            self.queue.add(item, Priority::Urgent);
        }
    }

    /// Asks for every Destination in a state store to be looked at.
    fn add_destinations(&self, shared: &Shared, store: &StoreRef) {
        let all = self.caches().destinations_of(store);
        for item in all {
            self.add(shared, item);
        }
    }

    /// Notes that a state store does not take what it is given: nobody writes to it until it was looked at.
    fn close(&self, shared: &Shared, store: &StoreRef, item: &Item) {
        if let Some(until) = self.stores.failed(store, item) {
            self.queue.add_at(Item::Store(store.clone()), until);
            self.add_destinations(shared, store);
        }
    }

    /// Notes that a state store has refused a write that may be to blame itself: the store is looked at at once, which closes it if
    /// it is not.
    fn doubt(&self, shared: &Shared, store: &StoreRef) {
        self.stores.doubted(store);
        self.add(shared, Item::Store(store.clone()));
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a task for as long as we lead.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Begins anew with what is known.
    pub(super) async fn begin_anew(&self) {
        self.stand_by().await;
        self.look_at_all();
    }

    /// Asks for everybody to be looked at: settings have changed.
    pub(super) fn settings_changed(&self) {
        self.stores.look_again();
        self.look_at_all();
    }

    /// Decides whether somebody whose status says that all is written is written again.
    fn due(&self, shared: &Shared, whom: Whom<'_>, setup: &Setup, interval: bool) -> Due {
        let known = || self.caches().store(&setup.store).map(|store| address(&store));
        let interval = shared.config().state_store_interval.filter(|_| interval);
        self.drift.due(whom, setup, known, interval, shared.now())
    }

    fn look_at_all(&self) {
        let items = self.caches().items();
        for item in items {
            self.queue.add(item, Priority::Ordinary);
        }
    }

    /// Ends all tasks and forgets who was to be looked at: somebody else may lead now.
    pub(super) async fn stand_by(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        // None of them may note anything after what is noted was forgotten.
        tasks.shutdown().await;
        self.queue.clear();
        self.stores.clear();
        self.writes.clear();
        self.aggregates.clear();
        self.drift.clear();
    }

    /// Begins nothing more, and returns once nothing is under way to any state store: whoever leads next must not be crossed by it.
    pub(super) async fn finish(&self) {
        let writers = self.stores.writers();
        self.stand_by().await;
        for writer in writers {
            writer.finish().await;
        }
    }

    /// Waits for what is being written and told: whoever leads next need not write it again.
    pub(super) async fn drain(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        while tasks.join_next().await.is_some() {}
    }

    /// Gives nothing out any more.
    pub(super) fn close_queue(&self) {
        self.queue.close();
    }

    /// What is known and what waits, for metrics.
    pub(super) fn counts(&self) -> (usize, [(&'static str, usize); 3]) {
        (self.queue.depth(), self.caches().counts())
    }
}

/// Looks at whoever is next, for ever.
pub(super) async fn worker(shared: Arc<Shared>) {
    let Some(placing) = &shared.placing else { return };
    while let Some(item) = placing.queue.next().await {
        let began = Began::now();
        let outcome = match &item {
            Item::Work(at) => work::over(&shared, placing, at).await,
            Item::Destination(name) => destinations::over(&shared, placing, name).await,
            Item::Store(store) => checks::over(&shared, placing, store),
        };
        shared.metrics.placing_pass(word(&item), &outcome, began.elapsed());
        placing.queue.done(item, outcome);
    }
}

fn word(item: &Item) -> &'static str {
    match item {
        Item::Work(_) => "work",
        Item::Destination(_) => "destination",
        Item::Store(_) => "statestore",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_end_waits_for_what_is_being_written() {
        let (placing, is_told) = (Placing::default(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&is_told);
        placing.spawn(async move {
            tokio::task::yield_now().await;
            told.store(true, Ordering::SeqCst);
        });
        placing.drain().await;
        assert!(is_told.load(Ordering::SeqCst));
    }
}
