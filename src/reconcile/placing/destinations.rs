//! One pass over one Destination: its canaries, its finalizer, and what it says of itself.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument as _, debug, info_span, warn};

use super::super::queue::Outcome;
use super::super::shared::Shared;
use super::caches::{Fed, Item};
use super::carry::{let_go, status_of};
use super::drift::{Due, Whom};
use super::writer::{is_in_doubt, is_of_store};
use super::writes::May;
use super::{Placing, aggregate};
use crate::cluster::{Cluster as _, ClusterError};
use crate::contract::placement::{destination as conditions, kind};
use crate::contract::{Object, finalizers, kinds};
use crate::core::placement::{
    Change, Clash, DestinationSeen, Health, Mode, Setup, canaries, clashes, destination_status,
};
use crate::effect;
use crate::exit::{self, Fault as _};
use crate::store::StoreError;

/// When canaries are written again that their store has refused.
const AGAIN: Duration = Duration::from_secs(30);

/// The Destinations whose canaries are being written or deleted.
#[derive(Debug, Default)]
pub(super) struct Busy(Mutex<HashSet<Arc<str>>>);

impl Busy {
    fn lock(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write may begin. If not, the end of the one that runs wakes the Destination.
    fn begin(&self, name: &Arc<str>) -> bool {
        self.lock().insert(Arc::clone(name))
    }

    fn ended(&self, name: &str) {
        self.lock().remove(name);
    }

    /// Forgets what ran: it does no more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}

/// Looks at one Destination.
pub(super) async fn over(shared: &Arc<Shared>, placing: &Placing, name: &Arc<str>) -> Outcome {
    let pass = Pass { shared, placing, name };
    let done = pass.run().instrument(info_span!("destination", name = &**name)).await;
    done.unwrap_or_else(|error| {
        warn!("failed, will be tried again: {}", exit::chain(&error));
        Outcome::Failed
    })
}

struct Pass<'a> {
    shared: &'a Arc<Shared>,
    placing: &'a Placing,
    name: &'a Arc<str>,
}

impl Pass<'_> {
    async fn run(&self) -> Result<Outcome, ClusterError> {
        let (known, all) = {
            let mut caches = self.placing.caches();
            (caches.destination(self.name), caches.all_destinations())
        };
        let Some((object, seen)) = known else { return Ok(Outcome::Done(None)) };
        let clash = clashes(&all).remove(&**self.name);
        if seen.is_going {
            return self.goes(&seen, clash.as_ref()).await;
        }
        if !self.finalizer(&object, &seen).await? {
            return Ok(Outcome::Again);
        }
        let setup = match &seen.setup {
            Ok(setup) => setup,
            Err(error) => {
                let health = Health::Invalid(error);
                return self.say(&seen, health, clash.as_ref()).await;
            }
        };
        let store = &setup.store;
        if self.placing.caches().store(store).is_none() {
            return self.say(&seen, Health::StoreNotFound(store), clash.as_ref()).await;
        }
        match self.placing.stores.is_open(store) {
            // It is being looked at, and we are woken then.
            None => Ok(Outcome::Done(None)),
            Some(false) => self.say(&seen, Health::StoreNotReady(store, ""), clash.as_ref()).await,
            Some(true) if matches!(clash, Some(Clash::Same { .. })) => {
                self.say(&seen, Health::Ready, clash.as_ref()).await
            }
            Some(true) if has_canaries(&seen) => {
                let told = self.say(&seen, Health::Ready, clash.as_ref()).await?;
                let Outcome::Done(_) = told else { return Ok(told) };
                Ok(self.again(&seen, setup, clash))
            }
            Some(true) => Ok(self.write(&seen, setup, clash)),
        }
    }

    /// Sets the finalizer of one whose files go with it, and takes it off when they no longer do.
    async fn finalizer(
        &self,
        object: &Object,
        seen: &DestinationSeen,
    ) -> Result<bool, ClusterError> {
        let Ok(setup) = &seen.setup else { return Ok(true) };
        let has = seen.finalizers.iter().any(|one| one == finalizers::DESTINATION_CLEANUP);
        if has == setup.cleanup {
            return Ok(true);
        }
        let mut all = seen.finalizers.clone();
        all.retain(|one| one != finalizers::DESTINATION_CLEANUP);
        if setup.cleanup {
            all.push(finalizers::DESTINATION_CLEANUP.to_owned());
        }
        Ok(let_go(self.shared, Fed::Destinations, object, &all).await?.is_some())
    }

    /// Writes again what is there for all of it, when it is time: the canaries, and the one file of all.
    fn again(&self, seen: &DestinationSeen, setup: &Setup, clash: Option<Clash>) -> Outcome {
        let at = aggregate::destination(self.name);
        let whom = Whom::destination(&at, seen);
        if let Due::At(time) = self.placing.due(self.shared, whom, setup, true) {
            return Outcome::Done(time.map(|time| self.shared.instant_of(time)));
        }
        if self.has_file(setup) {
            let item = Item::Destination(Arc::clone(self.name));
            match self.placing.aggregates.ask(self.name, &item) {
                May::WaitForEnd => return Outcome::Done(None),
                May::NotBefore(until) => return Outcome::Done(Some(until)),
                May::Begin => match self.placing.stores.admit(&setup.store, &item) {
                    Some(writer) => {
                        let name = Arc::clone(self.name);
                        aggregate::begin(self.shared, name, setup.clone(), writer);
                    }
                    None => {
                        self.placing.aggregates.waive(self.name);
                        return Outcome::Done(None);
                    }
                },
            }
        }
        self.write(seen, setup, clash)
    }

    /// Has it looked at when it is written again.
    fn next_time(&self, seen: &DestinationSeen, setup: &Setup, item: Item) {
        let at = aggregate::destination(self.name);
        let due = self.placing.due(self.shared, Whom::destination(&at, seen), setup, true);
        if let Due::At(Some(time)) = due {
            self.placing.queue.add_at(item, self.shared.instant_of(time));
        }
    }

    /// Whether it has one file of all, which has something in it.
    fn has_file(&self, setup: &Setup) -> bool {
        matches!(setup.mode, Mode::Aggregated { .. })
            && !self.placing.caches().placements_for(self.name).is_empty()
    }

    /// Writes the canaries, or takes them away, in a task of its own.
    fn write(&self, seen: &DestinationSeen, setup: &Setup, clash: Option<Clash>) -> Outcome {
        let item = Item::Destination(Arc::clone(self.name));
        let Some(writer) = self.placing.stores.admit(&setup.store, &item) else {
            return Outcome::Done(None);
        };
        if !self.placing.destinations.begin(self.name) {
            return Outcome::Done(None);
        }
        let (shared, seen, setup) = (Arc::clone(self.shared), seen.clone(), setup.clone());
        let name = Arc::clone(self.name);
        self.placing.spawn(async move {
            let Some(placing) = &shared.placing else { return };
            let pass = Pass { shared: &shared, placing, name: &name };
            let change = match canaries(&setup, &seen.name, setup.canaries) {
                Ok(change) => change,
                Err(error) => {
                    let text = format!("{}; {}", exit::chain(&error), error.hint());
                    placing.destinations.ended(&name);
                    return pass.said(&seen, Health::WriteFailed(&text), clash.as_ref()).await;
                }
            };
            match writer.write(change).await {
                Ok(_) => {
                    for item in placing.stores.written(&setup.store) {
                        placing.add(&shared, item);
                    }
                    if !placing.stores.is_current(&setup.store, &writer) {
                        // The state store may be another place now.
                        return pass.ended(&seen, None);
                    }
                    // The one file of all says so itself.
                    let site = writer.site(&setup);
                    if !pass.has_file(&setup) {
                        let at = aggregate::destination(&name);
                        placing.drift.wrote(&at, &site, shared.now());
                    }
                    pass.said(&seen, Health::Written(&site), clash.as_ref()).await;
                    pass.next_time(&seen, &setup, item);
                    pass.ended(&seen, None);
                }
                Err(error) => {
                    let mut text = exit::chain(&error);
                    if let Some(hint) = error.hint() {
                        text = format!("{text}; {hint}");
                    }
                    warn!(destination = %seen.name, "failed to write canaries: {text}");
                    pass.said(&seen, Health::WriteFailed(&text), clash.as_ref()).await;
                    pass.ended(&seen, Some((&setup, &error)));
                }
            }
        });
        Outcome::Done(None)
    }

    /// Ends a write. Whatever has happened meanwhile is looked at now; what failed, unless it has changed, after a pause or when
    /// its store is back.
    fn ended(&self, seen: &DestinationSeen, failed: Option<(&Setup, &StoreError)>) {
        self.placing.destinations.ended(self.name);
        let item = Item::Destination(Arc::clone(self.name));
        if let Some((setup, error)) = failed.filter(|(_, error)| is_of_store(&error.trouble)) {
            debug!("{} is closed: {}", setup.store, exit::chain(error));
            self.placing.close(self.shared, &setup.store, &item);
        } else if let Some((setup, _)) = failed.filter(|(_, error)| is_in_doubt(&error.trouble)) {
            self.placing.doubt(self.shared, &setup.store);
        }
        let now = self.placing.caches().destination(self.name);
        if failed.is_none() || now.is_none_or(|(_, now)| now.generation != seen.generation) {
            self.placing.add(self.shared, item);
        } else if failed.is_some_and(|(_, error)| !is_of_store(&error.trouble)) {
            self.placing.queue.add_at(item, Instant::now() + AGAIN);
        }
    }

    /// Takes the canaries away, and then the finalizer, in a task of its own.
    fn take_away(&self, seen: &DestinationSeen, setup: &Setup, change: Change) -> Outcome {
        let item = Item::Destination(Arc::clone(self.name));
        let Some(writer) = self.placing.stores.admit(&setup.store, &item) else {
            return Outcome::Done(None);
        };
        if !self.placing.destinations.begin(self.name) {
            return Outcome::Done(None);
        }
        let (shared, seen, setup) = (Arc::clone(self.shared), seen.clone(), setup.clone());
        let name = Arc::clone(self.name);
        self.placing.spawn(async move {
            let Some(placing) = &shared.placing else { return };
            let pass = Pass { shared: &shared, placing, name: &name };
            if let Err(error) = writer.write(change).await {
                warn!(destination = %seen.name, "failed to delete canaries: {}", exit::chain(&error));
                return pass.ended(&seen, Some((&setup, &error)));
            }
            for item in placing.stores.written(&setup.store) {
                placing.add(&shared, item);
            }
            let done = pass.let_go(&seen).await;
            placing.destinations.ended(&name);
            match done {
                Ok(_) => placing.add(&shared, item),
                Err(error) => {
                    warn!(destination = %seen.name, "failed to let it go: {}", exit::chain(&error));
                    placing.queue.add_at(item, Instant::now() + AGAIN);
                }
            }
        });
        Outcome::Done(None)
    }

    /// Takes the finalizer off; false when it has to be looked at anew.
    async fn let_go(&self, seen: &DestinationSeen) -> Result<bool, ClusterError> {
        let known = self.placing.caches().destination(self.name);
        let known = known.filter(|(_, now)| now.uid == seen.uid && self.shared.tenure.holds());
        let Some((object, now)) = known else { return Ok(true) };
        let mut left = now.finalizers;
        left.retain(|one| one != finalizers::DESTINATION_CLEANUP);
        Ok(let_go(self.shared, Fed::Destinations, &object, &left).await?.is_some())
    }

    /// What a Destination that is being deleted leaves: nothing, if it was asked to.
    async fn goes(
        &self,
        seen: &DestinationSeen,
        clash: Option<&Clash>,
    ) -> Result<Outcome, ClusterError> {
        if !seen.finalizers.iter().any(|one| one == finalizers::DESTINATION_CLEANUP) {
            return Ok(Outcome::Done(None));
        }
        let placements = self.placing.caches().placements_for(self.name);
        for placement in &placements {
            let placement = placement.seen();
            if !placement.is_going && self.shared.tenure.holds() {
                let key = kinds::WORK_PLACEMENT.object(Some(&placement.namespace), &placement.name);
                self.shared.cluster.delete(&key).await?;
            }
        }
        if !placements.is_empty() {
            debug!(left = placements.len(), "waits for its WorkPlacements to go");
            // Their files cannot go while the state store is not there.
            let store = seen.setup.as_ref().ok().map(|setup| &setup.store);
            let gone = store.filter(|store| self.placing.caches().store(store).is_none());
            return match gone {
                Some(store) => self.say(seen, Health::StoreNotFound(store), clash).await,
                None => Ok(Outcome::Done(None)),
            };
        }
        // What has the path of another one has written nothing.
        let setup = seen.setup.as_ref().ok().filter(|_| !matches!(clash, Some(Clash::Same { .. })));
        let is_there = |setup: &&Setup| self.placing.caches().store(&setup.store).is_some();
        if let Some(setup) = setup.filter(is_there)
            && let Ok(change) = canaries(setup, &seen.name, false)
        {
            return Ok(self.take_away(seen, setup, change));
        }
        Ok(if self.let_go(seen).await? { Outcome::Done(None) } else { Outcome::Again })
    }

    async fn say(
        &self,
        seen: &DestinationSeen,
        health: Health<'_>,
        clash: Option<&Clash>,
    ) -> Result<Outcome, ClusterError> {
        let told = destination_status(seen, health, clash, self.shared.now());
        let Some((status, event)) = told else { return Ok(Outcome::Done(None)) };
        let known = self.placing.caches().destination(self.name);
        let Some((object, _)) = known.filter(|(_, now)| now.uid == seen.uid) else {
            return Ok(Outcome::Done(None));
        };
        if status_of(self.shared, Fed::Destinations, &object, &status).await?.is_none() {
            return Ok(Outcome::Again);
        }
        if let Some(event) = event {
            let instance = &self.shared.settings.instance;
            effect::tell(&self.shared.cluster, &object, &event, instance, self.shared.now()).await;
        }
        Ok(Outcome::Done(None))
    }

    /// The same from a task: it is looked at again when that fails.
    async fn said(&self, seen: &DestinationSeen, health: Health<'_>, clash: Option<&Clash>) {
        if !self.shared.tenure.holds() {
            return;
        }
        match self.say(seen, health, clash).await {
            Ok(Outcome::Done(_)) => {}
            Ok(_) | Err(_) => {
                self.placing.add(self.shared, Item::Destination(Arc::clone(self.name)));
            }
        }
    }
}

/// Whether its canaries are as its present generation wants them, by what it says of itself.
fn has_canaries(seen: &DestinationSeen) -> bool {
    let Ok(setup) = &seen.setup else { return false };
    let known = if setup.canaries { &conditions::WRITTEN } else { &conditions::READY_YES };
    let all = seen.status.get("conditions").and_then(Value::as_array);
    all.into_iter().flatten().any(|one| {
        let text = |field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default();
        text("type") == kind::READY
            && text("status") == known.status
            && text("reason") == known.reason
            && one.get("observedGeneration").and_then(Value::as_i64) == seen.generation
    })
}
