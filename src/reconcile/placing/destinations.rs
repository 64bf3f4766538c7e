//! One pass over one Destination: its canaries, its finalizer, and what it says of itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument as _, debug, info_span, warn};

use super::super::queue::Outcome;
use super::super::shared::Shared;
use super::caches::{Fed, Item};
use super::carry::{TRIES_MAX, let_go, status_of};
use super::drift::{Due, Whom};
use super::writer::{Writer, is_in_doubt, is_of_store};
use super::writes::{May, said};
use super::{Placing, aggregate};
use crate::cluster::{Cluster as _, ClusterError};
use crate::contract::placement::{destination as conditions, kind};
use crate::contract::{Object, finalizers, kinds};
use crate::core::placement::{
    Change, Clash, DestinationSeen, Health, Mode, Setup, canaries, clashes, destination_status,
};
use crate::effect;
use crate::exit;
use crate::store::StoreError;

/// When canaries are written again that their store has refused.
const AGAIN: Duration = Duration::from_secs(30);

/// What follows a change in the state store.
#[derive(Debug)]
enum Then {
    /// The Destination says how it is.
    Says(Option<Clash>),
    /// It is let go.
    Goes,
}

/// When a Destination is looked at after a write.
#[derive(Debug)]
enum After {
    /// Now.
    Look,
    /// After a pause: the cluster did not take what was said.
    Pause,
    /// After a pause, or when its state store is back.
    Failed(StoreError),
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
        match self.finalizer(&object, &seen).await {
            Ok(true) => {}
            Ok(false) => return Ok(Outcome::Again),
            Err(error) => {
                let text = said(&error);
                // If that cannot be said either, the cause is the same.
                let _ = self.say(&seen, Health::FinalizerFailed(&text), clash.as_ref()).await;
                return Err(error);
            }
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
                self.again(&seen, setup, clash).await
            }
            Some(true) => self.write(&seen, setup, clash).await,
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
    async fn again(
        &self,
        seen: &DestinationSeen,
        setup: &Setup,
        clash: Option<Clash>,
    ) -> Result<Outcome, ClusterError> {
        let at = aggregate::destination(self.name);
        let whom = Whom::destination(&at, seen);
        if let Due::At(time) = self.placing.due(self.shared, whom, setup, true) {
            return Ok(Outcome::Done(time.map(|time| self.shared.instant_of(time))));
        }
        if self.has_file(setup) {
            let item = Item::Destination(Arc::clone(self.name));
            match aggregate::ask(self.shared, self.placing, self.name, setup, &item) {
                May::WaitForEnd => return Ok(Outcome::Done(None)),
                May::NotBefore(until) => return Ok(Outcome::Done(Some(until))),
                May::Begin => {}
            }
        }
        self.write(seen, setup, clash).await
    }

    /// Whether it has one file of all, which has something in it.
    fn has_file(&self, setup: &Setup) -> bool {
        matches!(setup.mode, Mode::Aggregated { .. })
            && !self.placing.caches().placements_for(self.name).is_empty()
    }

    /// Has its canaries written, or taken away.
    async fn write(
        &self,
        seen: &DestinationSeen,
        setup: &Setup,
        clash: Option<Clash>,
    ) -> Result<Outcome, ClusterError> {
        match canaries(setup, &seen.name, setup.canaries) {
            Ok(change) => Ok(self.begin(seen, setup, change, Then::Says(clash))),
            Err(error) => {
                let text = format!("{}; {}", exit::chain(&error), error.hint());
                self.say(seen, Health::WriteFailed(&text), clash.as_ref()).await
            }
        }
    }

    /// Makes a change in its state store and does what follows, in a task of its own.
    fn begin(&self, seen: &DestinationSeen, setup: &Setup, change: Change, then: Then) -> Outcome {
        let item = Item::Destination(Arc::clone(self.name));
        let Some(writer) = self.placing.stores.admit(&setup.store, &item) else {
            return Outcome::Done(None);
        };
        let Some(mark) = self.placing.destinations.begin(self.name) else {
            return Outcome::Done(None);
        };
        let (shared, seen, setup) = (Arc::clone(self.shared), seen.clone(), setup.clone());
        let name = Arc::clone(self.name);
        self.placing.spawn(async move {
            let Some(placing) = &shared.placing else { return };
            let pass = Pass { shared: &shared, placing, name: &name };
            let done = writer.write(change).await;
            if done.is_ok() {
                for item in placing.stores.written(&setup.store) {
                    placing.add(&shared, item);
                }
            }
            let after = match (then, done) {
                (Then::Says(clash), Ok(_)) => pass.wrote(&seen, &setup, clash, &writer).await,
                (Then::Says(clash), Err(error)) => {
                    let text = said(&error);
                    warn!(destination = %seen.name, "failed to write canaries: {text}");
                    pass.said(&seen, Health::WriteFailed(&text), clash.as_ref()).await;
                    After::Failed(error)
                }
                (Then::Goes, Ok(_)) => pass.took_away(&seen).await,
                (Then::Goes, Err(error)) => {
                    warn!(destination = %seen.name, "failed to delete canaries: {}", said(&error));
                    After::Failed(error)
                }
            };
            // Whoever is woken must find that nothing runs any more.
            drop(mark);
            pass.wake(&seen, &setup, after);
        });
        Outcome::Done(None)
    }

    /// Says that its canaries are written.
    async fn wrote(
        &self,
        seen: &DestinationSeen,
        setup: &Setup,
        clash: Option<Clash>,
        writer: &Arc<Writer>,
    ) -> After {
        // If not, the state store may be another place now.
        if self.placing.stores.is_current(&setup.store, writer) {
            let site = writer.site(setup);
            // The one file of all says so itself.
            if !self.has_file(setup) {
                let at = aggregate::destination(self.name);
                self.placing.drift.wrote(&at, &site, self.shared.now());
            }
            if !self.said(seen, Health::Written(&site), clash.as_ref()).await {
                // At once it would be written again and again for as long as the cluster does not take it.
                return After::Pause;
            }
        }
        After::Look
    }

    /// Lets it go, since its canaries are gone.
    async fn took_away(&self, seen: &DestinationSeen) -> After {
        match self.let_go(seen).await {
            Ok(_) => After::Look,
            Err(error) => {
                warn!(destination = %seen.name, "failed to let it go: {}", exit::chain(&error));
                After::Pause
            }
        }
    }

    /// Has it looked at again after a write. Whatever has happened meanwhile is looked at now; what failed, unless it has
    /// changed, after a pause or when its store is back.
    fn wake(&self, seen: &DestinationSeen, setup: &Setup, after: After) {
        let item = Item::Destination(Arc::clone(self.name));
        let mut waits_for_store = false;
        if let After::Failed(error) = &after {
            waits_for_store = is_of_store(&error.trouble);
            if waits_for_store {
                debug!("{} is closed: {}", setup.store, exit::chain(error));
                self.placing.close(self.shared, &setup.store, &item);
            } else if is_in_doubt(&error.trouble) {
                self.placing.doubt(self.shared, &setup.store);
            }
        }
        let now = self.placing.caches().destination(self.name);
        let has_changed = now.is_none_or(|(_, now)| now.generation != seen.generation);
        if has_changed || matches!(after, After::Look) {
            self.placing.add(self.shared, item);
        } else if !waits_for_store {
            self.placing.queue.add_at(item, Instant::now() + AGAIN);
        }
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
            return Ok(self.begin(seen, setup, change, Then::Goes));
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

    /// The same from a task; returns whether the cluster has taken it.
    async fn said(
        &self,
        seen: &DestinationSeen,
        health: Health<'_>,
        clash: Option<&Clash>,
    ) -> bool {
        for _ in 0..TRIES_MAX {
            if !self.shared.tenure.holds() {
                return false;
            }
            match self.say(seen, health, clash).await {
                Ok(Outcome::Again) => {}
                Ok(_) => return true,
                Err(error) => {
                    warn!(destination = %seen.name, "failed to say so in its status: {}", exit::chain(&error));
                    return false;
                }
            }
        }
        false
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
