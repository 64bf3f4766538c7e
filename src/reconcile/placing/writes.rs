//! Writes of WorkPlacements to their state stores: each is a task of its own, so that those to one store go together and a slow
//! store holds nobody else back. What has come of it goes into the status, and wakes the Work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::{debug, warn};

use super::super::shared::Shared;
use super::super::store::Place;
use super::caches::{Fed, Item};
use super::carry::{TRIES_MAX, drop_finalizers, found, note, status_of};
use super::drift::Why;
use super::stores::pause;
use super::writer::{Writer, is_in_doubt, is_of_store};
use super::{commits, counts};
use crate::cluster::{ClusterError, Reads as _};
use crate::contract::{Object, kinds};
use crate::core::placement::{
    self, Content, DestinationSeen, Outcome, Piece, Placed, PlacementSeen, Setup, Site, after_write,
};
use crate::effect;
use crate::exit::{self, Fault};
use crate::store::{Applied, StoreError};

/// What is being written, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Writes(Mutex<HashMap<Place, Writing>>);

/// What of a WorkPlacement is written: what has another print is another write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Print {
    uid: String,
    generation: i64,
    is_going: bool,
    setup: Setup,
    folder: Option<String>,
}

#[derive(Debug)]
enum Writing {
    Now,
    Failed { print: Print, failures: u32, until: Instant },
}

/// Whether a write may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Begin,
    /// Another one runs, or the state store is closed: the end of that wakes whoever has asked.
    WaitForEnd,
    /// It has failed not long ago.
    NotBefore(Instant),
}

impl Print {
    pub(super) fn of(placement: &PlacementSeen, setup: &Setup) -> Self {
        Self {
            uid: placement.uid.clone(),
            generation: placement.generation,
            is_going: placement.is_going,
            setup: setup.clone(),
            folder: placement.placed().folder.map(str::to_owned),
        }
    }
}

impl Writes {
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Writing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write may begin.
    pub(super) fn may(&self, at: &Place, print: &Print) -> May {
        match self.lock().get(at) {
            Some(Writing::Now) => May::WaitForEnd,
            Some(Writing::Failed { print: failed, until, .. })
                if failed == print && Instant::now() < *until =>
            {
                May::NotBefore(*until)
            }
            _ => May::Begin,
        }
    }

    /// Whether one runs.
    pub(super) fn is_running(&self, at: &Place) -> bool {
        matches!(self.lock().get(at), Some(Writing::Now))
    }

    /// Begins one; returns how often the same has failed before.
    fn begin(&self, at: &Place, print: &Print) -> u32 {
        match self.lock().insert(at.clone(), Writing::Now) {
            Some(Writing::Failed { print: failed, failures, .. }) if failed == *print => failures,
            _ => 0,
        }
    }

    fn ended(&self, at: &Place) {
        self.lock().remove(at);
    }

    fn failed(&self, at: &Place, print: Print, failures: u32) {
        let until = Instant::now() + pause(failures);
        let failed = Writing::Failed { print, failures: failures.saturating_add(1), until };
        self.lock().insert(at.clone(), failed);
    }

    /// Forgets what failed, and what ran: none of it does any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}

/// One write of one WorkPlacement.
pub(super) struct Job {
    pub(super) at: Place,
    /// Who is woken at its end.
    pub(super) item: Item,
    pub(super) placement: PlacementSeen,
    pub(super) why: Why,
    /// Others of the same Work that are written in the same change, so that a file that moves between them stays.
    pub(super) beside: Vec<PlacementSeen>,
    pub(super) destination: DestinationSeen,
    pub(super) setup: Setup,
    pub(super) writer: Arc<Writer>,
    /// The WorkPlacement with its files, if somebody has it.
    pub(super) whole: Option<Object>,
    /// How many bytes its files are packed.
    pub(super) bytes: u64,
}

/// How a write has failed.
enum Failure {
    /// In the state store.
    Store(StoreError),
    /// Before it: what is to be written cannot be.
    Layout(String),
    /// The cluster did not say what is to be written, or take what has come of it.
    Cluster(ClusterError),
    /// It is not there any more as it was.
    Changed,
}

impl Job {
    /// Begins it.
    pub(super) fn begin(mut self, shared: &Arc<Shared>) {
        let Some(placing) = &shared.placing else { return };
        // Many may wait. Only so many keep what they write meanwhile.
        if !self.writer.has_room(self.bytes) {
            self.whole = None;
        }
        let print = Print::of(&self.placement, &self.setup);
        let failures = placing.writes.begin(&self.at, &print);
        let task_shared = Arc::clone(shared);
        placing.spawn(async move {
            let shared = &task_shared;
            let Some(placing) = &shared.placing else { return };
            match self.run(shared).await {
                Ok(()) | Err(Failure::Changed) => placing.writes.ended(&self.at),
                Err(failure) => {
                    placing.writes.failed(&self.at, print, failures);
                    self.tell(shared, &failure).await;
                }
            }
            placing.add(shared, self.item.clone());
        });
    }

    async fn run(&self, shared: &Shared) -> Result<(), Failure> {
        let applied = {
            let _room = self.writer.room(self.bytes).await;
            let files = match self.placement.is_going {
                true => Vec::new(),
                false => files(&self.whole(shared).await?),
            };
            let beside = self.beside(shared).await?;
            let change = self.change(shared, files, &beside)?;
            self.writer.write(change).await.map_err(Failure::Store)?
        };
        debug!(
            workplacement = %self.placement.name, namespace = %self.placement.namespace,
            written = applied.written, deleted = applied.deleted, "placed"
        );
        self.succeeded(shared);
        counts::written(&shared.metrics, &self.placement, true);
        let placing = shared.placing.as_ref();
        if placing.is_some_and(|one| !one.stores.is_current(&self.setup.store, &self.writer)) {
            // The state store may be another place now.
            return Err(Failure::Changed);
        }
        if self.placement.is_going {
            drop_finalizers(shared, &self.at, &self.placement.uid).await.map_err(Failure::Cluster)
        } else {
            // Nobody has touched it: what is said of it holds.
            let site = self.writer.site(&self.setup);
            let is_noted = self.placement.written_to() == Some(site.print());
            if self.why != Why::Again || !is_noted || applied.written + applied.deleted > 0 {
                self.written(shared, &applied, &site).await?;
            }
            if let Some(placing) = &shared.placing {
                placing.drift.wrote(&self.at, &site, shared.now());
            }
            Ok(())
        }
    }

    fn change(
        &self,
        shared: &Shared,
        files: Vec<(String, Content)>,
        beside: &[(PlacementSeen, Vec<(String, Content)>)],
    ) -> Result<placement::Change, Failure> {
        let placed = self.placement.placed();
        let work = match &self.item {
            Item::Work(work) => Some(work),
            _ => None,
        };
        let about = commits::about(shared, &self.placement, work);
        // One that cannot be written is told so by its own write, and holds nobody back.
        let can_be = |one: &(Placed<'_>, Vec<_>)| {
            let piece = Piece { placed: one.0, files: one.1.clone() };
            placement::change(&self.setup, &self.placement.name, about.clone(), &[piece]).is_ok()
        };
        let others = beside.iter().map(|(seen, files)| (seen.placed(), files.clone()));
        let others = others.filter(can_be);
        let pieces = std::iter::once((placed, files)).chain(others);
        let pieces: Vec<_> = pieces.map(|(placed, files)| Piece { placed, files }).collect();
        placement::change(&self.setup, &self.placement.name, about.clone(), &pieces)
            .map_err(|error| Failure::Layout(format!("{}; {}", exit::chain(&error), error.hint())))
    }

    /// What is written in the same change, as it is now.
    async fn beside(
        &self,
        shared: &Shared,
    ) -> Result<Vec<(PlacementSeen, Vec<(String, Content)>)>, Failure> {
        let mut all = Vec::with_capacity(self.beside.len());
        for other in &self.beside {
            let key = kinds::WORK_PLACEMENT.object(Some(&other.namespace), &other.name);
            let there = shared.cluster.get(&key).await.map_err(Failure::Cluster)?;
            let Some(there) = there.filter(|there| there.uid() == Some(&other.uid)) else {
                continue;
            };
            let seen = PlacementSeen::from_object(&there);
            if seen.generation != other.generation {
                // What is written must be of one time: a file that has moved would be in both, or in none.
                note(shared, Fed::Placements, &there);
                return Err(Failure::Changed);
            }
            // One that goes as well has nothing to keep.
            if !seen.is_going {
                all.push((seen, files(&there)));
            }
        }
        Ok(all)
    }

    /// The WorkPlacement with its files, as it was decided on.
    async fn whole(&self, shared: &Shared) -> Result<Object, Failure> {
        if let Some(whole) = &self.whole {
            return Ok(whole.clone());
        }
        let key = kinds::WORK_PLACEMENT.object(Some(&self.at.0), &self.at.1);
        let there = shared.cluster.get(&key).await.map_err(Failure::Cluster)?;
        let is_it = |there: &Object| {
            there.uid() == Some(&self.placement.uid)
                && there.generation() == Some(self.placement.generation)
        };
        if !there.as_ref().is_some_and(is_it) {
            // Until the watch says so the same would be read again and again.
            let known = shared.placing.as_ref().and_then(|one| one.caches().placement(&self.at));
            if let Some(known) = known.map(|known| known.object()) {
                found(shared, Fed::Placements, &known, there.as_ref());
            }
            return Err(Failure::Changed);
        }
        there.ok_or(Failure::Changed)
    }

    /// Opens the store for everybody, if this was the write that shows whether it may be.
    fn succeeded(&self, shared: &Shared) {
        let Some(placing) = &shared.placing else { return };
        for item in placing.stores.written(&self.setup.store) {
            placing.add(shared, item);
        }
    }

    async fn written(
        &self,
        shared: &Shared,
        applied: &Applied,
        site: &Site,
    ) -> Result<(), Failure> {
        let version = applied.version.as_ref().map(|version| version.0.as_str());
        let outcome = Outcome::Written { generation: self.placement.generation, version, site };
        say(shared, &self.at, &self.placement, outcome).await.map_err(Failure::Cluster)
    }

    /// Says why it has failed, in the log, in the status, and to the store.
    async fn tell(&self, shared: &Shared, failure: &Failure) {
        let Some(placing) = &shared.placing else { return };
        let text = match failure {
            Failure::Store(error) => {
                if is_of_store(&error.trouble) {
                    placing.close(shared, &self.setup.store, &self.item);
                } else if is_in_doubt(&error.trouble) {
                    placing.doubt(shared, &self.setup.store);
                } else {
                    self.succeeded(shared);
                }
                said(error)
            }
            Failure::Layout(text) => {
                self.succeeded(shared);
                text.clone()
            }
            Failure::Cluster(error) => {
                warn!(
                    workplacement = %self.placement.name,
                    "failed, will be tried again: {}", exit::chain(error)
                );
                return;
            }
            Failure::Changed => return,
        };
        counts::written(&shared.metrics, &self.placement, false);
        warn!(
            workplacement = %self.placement.name, namespace = %self.placement.namespace,
            destination = %self.destination.name, "failed to write, will be tried again: {text}"
        );
        if let Err(error) =
            say(shared, &self.at, &self.placement, Outcome::Failed { error: &text }).await
        {
            debug!("failed to say so in the status: {}", exit::chain(&error));
        }
    }
}

/// Says in the status of a WorkPlacement what has come of writing it as it was.
pub(super) async fn say(
    shared: &Shared,
    at: &Place,
    written: &PlacementSeen,
    outcome: Outcome<'_>,
) -> Result<(), ClusterError> {
    for _ in 0..TRIES_MAX {
        let known = shared.placing.as_ref().and_then(|one| one.caches().placement(at));
        let Some(known) = known.filter(|_| shared.tenure.holds()) else { return Ok(()) };
        let seen = known.seen();
        // Its folder may have changed while it was written: then it is written again.
        if seen.uid != written.uid || seen.placed().folder != written.placed().folder {
            return Ok(());
        }
        let Some((status, event)) = after_write(&seen, outcome, shared.now()) else {
            return Ok(());
        };
        let object = known.object();
        if status_of(shared, Fed::Placements, &object, &status).await?.is_some() {
            if let Some(event) = event {
                let instance = &shared.settings.instance;
                effect::tell(&shared.cluster, &object, &event, instance, shared.now()).await;
            }
            return Ok(());
        }
    }
    Ok(())
}

/// An error as one text for people: what, why, what to do.
pub(super) fn said(error: &dyn Fault) -> String {
    match error.hint() {
        Some(hint) => format!("{}; {hint}", exit::chain(error)),
        None => exit::chain(error),
    }
}

/// The files of a WorkPlacement.
pub(super) fn files(placement: &Object) -> Vec<(String, Content)> {
    placement.spec().map(placement::files).unwrap_or_default()
}
