//! One pass over one Work: its WorkPlacements as they should be, and their files on the way.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{Instrument as _, debug, info_span, warn};

use super::super::queue::Outcome;
use super::super::shared::Shared;
use super::super::store::Place;
use super::caches::Item;
use super::carry::{Carried, Carry, drop_finalizers};
use super::drift::{Due, Whom, Why};
use super::writes::{Job, May, Print, say};
use super::{Placement, Placing, aggregate};
use crate::cluster::ClusterError;
use crate::core::placement::{self, Turn};
use crate::core::placement::{
    Chooser, Clash, DestinationSeen, Mode, PlacementSeen, Plan, Seen, Setup, WorkSeen, clashes,
    schedule,
};
use crate::exit;

/// How often a plan is made anew within one pass because of what was found on the way.
const ROUNDS_MAX: u32 = 4;
/// How long a WorkPlacement whose folder is somebody else's waits for the next plan.
const FOLDER_PAUSE: Duration = Duration::from_secs(1);
/// How long a Work that is new says nothing while its files are on their way. Most are written in less, and need to say it only once.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// Looks at one Work, which may be gone while its WorkPlacements are not.
pub(super) async fn over(shared: &Arc<Shared>, placing: &Placing, at: &Place) -> Outcome {
    let span = info_span!("place", namespace = &*at.0, work = &*at.1);
    let pass = Pass { shared, placing, at, taken: Vec::new(), refused: Vec::new(), wake_at: None };
    pass.run().instrument(span).await
}

struct Pass<'a> {
    shared: &'a Arc<Shared>,
    placing: &'a Placing,
    at: &'a Place,
    /// Names that WorkPlacements of other Works have.
    taken: Vec<String>,
    /// Groups whose WorkPlacement the cluster does not take as it is, and why.
    refused: Vec<(String, String)>,
    /// When to look again.
    wake_at: Option<Instant>,
}

impl Pass<'_> {
    async fn run(mut self) -> Outcome {
        for _ in 0..ROUNDS_MAX {
            match self.round().await {
                // What was refused is tried again after a pause, whatever is heard meanwhile: of our own word, too.
                Ok(true) if !self.refused.is_empty() => return Outcome::Failed,
                Ok(true) => return Outcome::Done(self.wake_at),
                Ok(false) => {}
                Err(error) => {
                    warn!("failed, will be tried again: {}", exit::chain(&error));
                    return Outcome::Failed;
                }
            }
        }
        Outcome::Again
    }

    /// Returns whether all was done that can be done now.
    async fn round(&mut self) -> Result<bool, ClusterError> {
        let (work, placements, destinations) = {
            let mut caches = self.placing.caches();
            let work = caches.work(self.at).map(|work| work.seen());
            let placements = caches.placements_of(self.at);
            (work, placements, caches.all_destinations())
        };
        let placements: Vec<_> = placements.iter().map(|one| one.seen()).collect();
        let carried = match &work {
            None => Carried::default(),
            Some(work) => {
                let plan = self.plan(work, &placements, &destinations);
                if plan.is_empty() {
                    Carried::default()
                } else {
                    debug!(creates = plan.creates.len(), updates = plan.updates.len(), "acting");
                    let _planned = Planned::of(self.placing, self.at, &plan);
                    Carry::new(self.shared, self.placing, self.at, work).out(&plan).await?
                }
            }
        };
        self.taken.extend(carried.taken.iter().cloned());
        self.refused.extend(carried.refused.iter().cloned());
        if carried.is_cut_short {
            return Ok(false);
        }
        self.write(carried, &destinations).await?;
        Ok(true)
    }

    fn plan(
        &mut self,
        work: &WorkSeen,
        placements: &[PlacementSeen],
        destinations: &[DestinationSeen],
    ) -> Plan {
        let mut caches = self.placing.caches();
        let mut plan = schedule(&Seen {
            work,
            destinations,
            placements,
            folders: &caches.folders,
            taken: &self.taken,
            refused: &self.refused,
            chooser: self.chooser(),
            now: self.shared.now(),
        });
        // The next plan must know of them before they are there.
        for write in &plan.creates {
            caches.plan_folder(work, write);
        }
        let are_open =
            plan.creates.iter().all(|write| self.is_open(destinations, &write.destination));
        drop(caches);
        // What is said first is what is so in the end, which is in a moment: unless it can only wait.
        let is_running = |one: &PlacementSeen| {
            self.placing.writes.is_running(&(self.at.0.clone(), one.name.as_str().into()))
        };
        let until = quiet_until(&plan, placements, is_running, self.shared.now());
        if let Some(until) = until.filter(|_| work.status.is_empty() && are_open) {
            let until = self.shared.instant_of(until);
            self.wake_at = Some(self.wake_at.map_or(until, |known| known.min(until)));
            plan.status = None;
            plan.events.retain(|event| event.reason == crate::contract::placement::event::PLACED);
        }
        plan
    }

    fn chooser(&self) -> Chooser {
        self.shared.settings.placement.as_ref().map_or(Chooser::Stable, Placement::chooser)
    }

    fn is_open(&self, destinations: &[DestinationSeen], name: &str) -> bool {
        let setup = destinations.iter().find(|one| one.name == name).map(|one| &one.setup);
        let store = setup.and_then(|setup| setup.as_ref().ok()).map(|setup| &setup.store);
        store.is_some_and(|store| self.placing.stores.is_open(store) == Some(true))
    }

    /// Has the one file of a Destination written.
    fn aggregate(&mut self, destination: &DestinationSeen, setup: &Setup, item: &Item) {
        let name: Arc<str> = destination.name.as_str().into();
        if let May::NotBefore(until) = aggregate::ask(self.shared, self.placing, &name, setup, item)
        {
            self.wake_at = Some(self.wake_at.map_or(until, |known| known.min(until)));
        }
    }

    /// Whether the folder of a WorkPlacement is that of another one as well, so that it may not be written, or not deleted. Kratix
    /// gives two requests of one name the same.
    fn is_of_others(&self, placement: &PlacementSeen) -> bool {
        // One without a folder at all is told by the write.
        if placement.placed().folder().is_err() {
            return false;
        }
        let caches = self.placing.caches();
        match placement.is_going {
            true => caches.folders.is_shared(placement),
            false => !caches.folders.may_write(placement),
        }
    }

    /// Whether another one of the Work is being written to the same Destination.
    fn is_in_turn(&self, placement: &PlacementSeen, of_work: &[PlacementSeen]) -> bool {
        of_work.iter().any(|other| {
            other.name != placement.name
                && other.destination == placement.destination
                && self.placing.writes.is_running(&(self.at.0.clone(), other.name.as_str().into()))
        })
    }

    /// Begins all writes that are due.
    async fn write(
        &mut self,
        mut carried: Carried,
        destinations: &[DestinationSeen],
    ) -> Result<(), ClusterError> {
        let clashes = clashes(destinations);
        // As they are now, after what was done to them.
        let placements = self.placing.caches().placements_of(self.at);
        let of_work: Vec<_> = placements.iter().map(|known| known.seen()).collect();
        for known in placements {
            let placement = known.seen();
            let destination = destinations.iter().find(|one| one.name == placement.destination);
            let at: Place = (self.at.0.clone(), placement.name.as_str().into());
            let Some(why) = self.why(&at, &placement, destination) else { continue };
            let Some(destination) = destination else {
                if placement.is_going {
                    drop_finalizers(self.shared, &at, &placement.uid).await?;
                }
                continue;
            };
            let beside = match self.beside(&placement, destination, &of_work) {
                Turned::Write(beside) => beside,
                Turned::Wait => continue,
                Turned::LetGo => {
                    drop_finalizers(self.shared, &at, &placement.uid).await?;
                    continue;
                }
            };
            // What has the path of another one writes nothing, and has nothing to take away.
            let is_clashing =
                matches!(clashes.get(destination.name.as_str()), Some(Clash::Same { .. }));
            if is_clashing && placement.is_going {
                drop_finalizers(self.shared, &at, &placement.uid).await?;
            }
            if is_clashing {
                continue;
            }
            let Ok(setup) = &destination.setup else { continue };
            let item = Item::Work(self.at.clone());
            if placement.is_going && self.waits_for_store(&at, &placement, setup, &item).await? {
                continue;
            }
            if let Mode::Aggregated { .. } = setup.mode {
                self.aggregate(destination, setup, &item);
                continue;
            }
            if setup.mode == Mode::Nested && self.is_of_others(&placement) {
                // What is there belongs to who was there first, and stays; one that stays gets a folder of its own by its plan.
                if placement.is_going {
                    drop_finalizers(self.shared, &at, &placement.uid).await?;
                }
                continue;
            }
            if setup.mode == Mode::Plain && self.is_in_turn(&placement, &of_work) {
                // Each writes the others as well, which must not be older than what those have written. Its end wakes us.
                continue;
            }
            match self.placing.writes.may(&at, &Print::of(&placement, setup)) {
                May::WaitForEnd => continue,
                May::NotBefore(until) => {
                    self.wake_at = Some(self.wake_at.map_or(until, |known| known.min(until)));
                    continue;
                }
                May::Begin => {}
            }
            let Some(writer) = self.placing.stores.admit(&setup.store, &item) else { continue };
            let whole = carried.whole.remove(&placement.name);
            let whole = whole.filter(|one| one.generation() == Some(placement.generation));
            let (setup, destination) = (setup.clone(), destination.clone());
            let bytes = known.bytes;
            Job { at, item, placement, why, beside, destination, setup, writer, whole, bytes }
                .begin(self.shared);
        }
        Ok(())
    }

    /// Decides whether a WorkPlacement is to be written, and why.
    fn why(
        &mut self,
        at: &Place,
        placement: &PlacementSeen,
        destination: Option<&DestinationSeen>,
    ) -> Option<Why> {
        if placement.is_going || placement.needs_write() {
            return Some(Why::News);
        }
        let destination = destination.filter(|one| !one.is_going)?;
        let setup = destination.setup.as_ref().ok()?;
        // The one file of all is written again by its Destination.
        let is_one_file = matches!(setup.mode, Mode::Aggregated { .. });
        let whom = Whom::placement(at, placement);
        match self.placing.due(self.shared, whom, setup, !is_one_file) {
            Due::Moved => Some(Why::Moved),
            Due::Again => Some(Why::Again),
            Due::At(time) => {
                let time = self.shared.instant_of(time?);
                self.wake_at = Some(self.wake_at.map_or(time, |known| known.min(time)));
                None
            }
        }
    }

    /// Whether the state store is not there that the files of a WorkPlacement are to be deleted from. It says so then: it is
    /// for people to make the store again, or to let the files be.
    async fn waits_for_store(
        &self,
        at: &Place,
        seen: &PlacementSeen,
        setup: &Setup,
        item: &Item,
    ) -> Result<bool, ClusterError> {
        if self.placing.caches().store(&setup.store).is_some() {
            return Ok(false);
        }
        self.placing.stores.wait(&setup.store, item);
        let error = placement::store_gone(&setup.store);
        say(self.shared, at, seen, placement::Outcome::Failed { error: &error }).await?;
        Ok(true)
    }

    /// Decides whether a WorkPlacement may be written now, and what else is in the same change: what belongs to others
    /// stays.
    fn beside(
        &mut self,
        placement: &PlacementSeen,
        destination: &DestinationSeen,
        of_work: &[PlacementSeen],
    ) -> Turned {
        let Ok(setup) = &destination.setup else { return Turned::Wait };
        let turn = placement::turn(placement, setup, &self.placing.caches().folders, of_work);
        match turn {
            Turn::Write(beside) => Turned::Write(beside.into_iter().cloned().collect()),
            // All of them together, elsewhere.
            Turn::Aggregate => Turned::Write(Vec::new()),
            Turn::Nothing => Turned::LetGo,
            Turn::NotYet => {
                // The next plan gives it another folder.
                let soon = Instant::now() + FOLDER_PAUSE;
                self.wake_at = Some(self.wake_at.map_or(soon, |known| known.min(soon)));
                Turned::Wait
            }
        }
    }
}

/// Returns until when a Work that is new need not say that it is pending: all that is not written yet is on its way. `None` when it
/// has something else to say, or has waited long enough.
fn quiet_until(
    plan: &Plan,
    placements: &[PlacementSeen],
    is_running: impl Fn(&PlacementSeen) -> bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let patience = |since: Timestamp| since.checked_add(PATIENCE).ok();
    if !plan.says_pending() {
        return None;
    }
    if !plan.creates.is_empty() {
        return patience(now);
    }
    let mut until = None;
    for placement in placements.iter().filter(|one| one.needs_write()) {
        if !is_running(placement) {
            return None;
        }
        until = until.max(Some(patience(placement.created?)?));
    }
    until.filter(|until| now < *until)
}

/// What is done for a WorkPlacement now.
enum Turned {
    /// It is written, together with these.
    Write(Vec<PlacementSeen>),
    /// Nothing yet.
    Wait,
    /// It has nothing in the store, and goes.
    LetGo,
}

/// WorkPlacements that are about to be made. However that ends (the cluster refuses, the Work goes, we lead no more), those
/// that are not there then have no folder.
struct Planned<'a> {
    placing: &'a Placing,
    places: Vec<Place>,
}

impl<'a> Planned<'a> {
    fn of(placing: &'a Placing, at: &Place, plan: &Plan) -> Self {
        let place = |name: &str| (at.0.clone(), name.into());
        let places = plan.creates.iter().map(|write| place(&write.name)).collect();
        Self { placing, places }
    }
}

impl Drop for Planned<'_> {
    fn drop(&mut self) {
        let mut caches = self.placing.caches();
        for place in &self.places {
            caches.forget_unmade(place);
        }
    }
}

#[cfg(test)]
mod tests;
