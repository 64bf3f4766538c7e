//! The one file of a Destination with `aggregatedYAML`: written whole from all of its WorkPlacements, once for however many of
//! them have changed (contract.md 10.4).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::warn;

use super::super::shared::Shared;
use super::super::store::{Place, place};
use super::Placing;
use super::caches::Item;
use super::carry::drop_finalizers;
use super::counts;
use super::stores::pause;
use super::writer::{Writer, is_in_doubt, is_of_store};
use super::writes::{May, files, said, say};
use crate::cluster::{ClusterError, Reads as _};
use crate::contract::{Object, kinds, labels};
use crate::core::placement::{Outcome, Piece, PlacementSeen, Setup, aggregated, label_value};
use crate::exit;
use crate::store::StoreError;

/// What is being written, and what could not be, by Destination.
#[derive(Debug, Default)]
pub(super) struct Aggregates(Mutex<HashMap<Arc<str>, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    is_running: bool,
    /// Whether somebody has asked since it began.
    again: bool,
    /// Who is woken at its end.
    items: BTreeSet<Item>,
    failures: u32,
    until: Option<Instant>,
}

impl Aggregates {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the file to be written; whoever may begin does so.
    fn ask(&self, destination: &Arc<str>, item: &Item) -> May {
        let mut all = self.lock();
        let entry = all.entry(Arc::clone(destination)).or_default();
        if let Some(until) = entry.until.filter(|until| Instant::now() < *until) {
            return May::NotBefore(until);
        }
        entry.items.insert(item.clone());
        if entry.is_running {
            entry.again = true;
            return May::WaitForEnd;
        }
        (entry.is_running, entry.until) = (true, None);
        May::Begin
    }

    /// Gives the turn back that was given by [`Aggregates::ask`], unused; returns who else has asked meanwhile, and has to again.
    fn waive(&self, destination: &str, item: &Item) -> BTreeSet<Item> {
        let mut items = self.lock().remove(destination).map(|one| one.items).unwrap_or_default();
        items.remove(item);
        items
    }

    /// Ends one write; returns who is woken, or `None` when it is to be written once more.
    fn ended(&self, destination: &str, is_well: bool) -> Option<BTreeSet<Item>> {
        let mut all = self.lock();
        let entry = all.get_mut(destination)?;
        if !is_well {
            entry.until = Some(Instant::now() + pause(entry.failures));
            entry.failures = entry.failures.saturating_add(1);
            (entry.is_running, entry.again) = (false, false);
            return Some(std::mem::take(&mut entry.items));
        }
        if std::mem::take(&mut entry.again) {
            return None;
        }
        all.remove(destination).map(|entry| entry.items)
    }

    /// Forgets what ran: it does no more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}

/// Why the file is not as it should be.
enum Failure {
    Store(StoreError),
    Layout(String),
    Cluster(ClusterError),
}

/// Has the file of a Destination written in a task of its own. If that may not begin now, what is waited for wakes `item`.
pub(super) fn ask(
    shared: &Arc<Shared>,
    placing: &Placing,
    name: &Arc<str>,
    setup: &Setup,
    item: &Item,
) -> May {
    let may = placing.aggregates.ask(name, item);
    if may != May::Begin {
        return may;
    }
    let Some(writer) = placing.stores.admit(&setup.store, item) else {
        for other in placing.aggregates.waive(name, item) {
            placing.add(shared, other);
        }
        return May::WaitForEnd;
    };
    begin(shared, Arc::clone(name), setup.clone(), writer);
    May::Begin
}

/// Writes the file of a Destination, in a task of its own, until nobody asks any more.
fn begin(shared: &Arc<Shared>, name: Arc<str>, setup: Setup, writer: Arc<Writer>) {
    let Some(placing) = &shared.placing else { return };
    let task_shared = Arc::clone(shared);
    placing.spawn(async move {
        let shared = &task_shared;
        let Some(placing) = &shared.placing else { return };
        loop {
            let write = Write { shared, name: &name, setup: &setup, writer: &writer };
            let done = write.run().await;
            if let Err(failure) = &done {
                warn!(destination = &*name, "failed to write its file: {}", told(failure));
            }
            if let Some(items) = placing.aggregates.ended(&name, done.is_ok()) {
                match &done {
                    Err(Failure::Store(error)) if is_of_store(&error.trouble) => {
                        for item in &items {
                            placing.close(shared, &setup.store, item);
                        }
                    }
                    Err(Failure::Store(error)) if is_in_doubt(&error.trouble) => {
                        placing.doubt(shared, &setup.store);
                    }
                    _ => {}
                }
                for item in items {
                    placing.add(shared, item);
                }
                return;
            }
        }
    });
}

struct Write<'a> {
    shared: &'a Arc<Shared>,
    name: &'a Arc<str>,
    setup: &'a Setup,
    writer: &'a Arc<Writer>,
}

impl Write<'_> {
    async fn run(&self) -> Result<(), Failure> {
        let label = label_value(self.name);
        let selector = [(labels::TARGET_DESTINATION, Some(&*label))];
        let kind = kinds::WORK_PLACEMENT;
        let all = self.shared.cluster.list(&kind, None, &selector).await;
        let all = all.map_err(Failure::Cluster)?;
        let all: Vec<(PlacementSeen, Object)> = all
            .into_iter()
            .map(|object| (PlacementSeen::from_object(&object), object))
            .filter(|(seen, _)| *seen.destination == **self.name)
            .collect();
        let pieces = all.iter().filter(|(seen, _)| !seen.is_going);
        let pieces: Vec<Piece<'_>> = pieces
            .map(|(seen, object)| Piece { placed: seen.placed(), files: files(object) })
            .collect();
        let made = aggregated(self.setup, self.name, &pieces);
        drop(pieces);
        let made = made
            .map_err(|error| Failure::Layout(format!("{}; {}", exit::chain(&error), error.hint())));
        let done = match made {
            Ok(Some((change, left_out))) => {
                for one in left_out {
                    warn!(
                        workplacement = one.name,
                        namespace = one.namespace,
                        path = one.path,
                        "left out of the one file of its Destination: {}",
                        one.why
                    );
                }
                self.writer.write(change).await.map_err(Failure::Store)
            }
            Ok(None) => return Ok(()),
            Err(failure) => Err(failure),
        };
        if let Some(placing) = &self.shared.placing
            && !matches!(
                &done,
                Err(Failure::Store(error))
                    if is_of_store(&error.trouble) || is_in_doubt(&error.trouble)
            )
        {
            for item in placing.stores.written(&self.setup.store) {
                placing.add(self.shared, item);
            }
        }
        if let Some(placing) = &self.shared.placing
            && done.is_ok()
            && !placing.stores.is_current(&self.setup.store, self.writer)
        {
            let text = "the state store was opened anew meanwhile";
            return Err(Failure::Layout(text.to_owned()));
        }
        let error = done.as_ref().err().map(told);
        let version = done.as_ref().ok().and_then(|applied| applied.version.as_ref());
        let site = self.writer.site(self.setup);
        for (seen, object) in &all {
            let at: Place = place(object);
            counts::written(&self.shared.metrics, seen, error.is_none());
            let said = match (&error, seen.is_going) {
                (None, true) => drop_finalizers(self.shared, &at, &seen.uid).await,
                (None, false) => {
                    let version = version.map(|version| version.0.as_str());
                    let outcome =
                        Outcome::Written { generation: seen.generation, version, site: &site };
                    // All are in the new version; only those that have changed or moved say so.
                    if let Some(placing) = &self.shared.placing {
                        placing.drift.wrote(&at, &site, self.shared.now());
                    }
                    if seen.needs_write() || seen.written_to() != Some(site.print()) {
                        say(self.shared, &at, seen, outcome).await
                    } else {
                        Ok(())
                    }
                }
                (Some(error), false) if seen.needs_write() => {
                    say(self.shared, &at, seen, Outcome::Failed { error }).await
                }
                (Some(_), _) => Ok(()),
            };
            said.map_err(Failure::Cluster)?;
        }
        if done.is_ok()
            && let Some(placing) = &self.shared.placing
        {
            placing.drift.wrote(&destination(self.name), &site, self.shared.now());
        }
        done.map(|_| ())
    }
}

/// Where [`Drift`](super::drift::Drift) has a Destination.
pub(super) fn destination(name: &str) -> Place {
    (Box::default(), name.into())
}

fn told(failure: &Failure) -> String {
    match failure {
        Failure::Store(error) => said(error),
        Failure::Layout(text) => text.clone(),
        Failure::Cluster(error) => said(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_asked_while_somebody_found_the_store_closed_asks_again() {
        let (all, name) = (Aggregates::default(), Arc::from("worker"));
        let [one, other] = ["one", "other"].map(|name| Item::Destination(name.into()));
        assert_eq!(all.ask(&name, &one), May::Begin);
        assert_eq!(all.ask(&name, &other), May::WaitForEnd);
        assert_eq!(all.waive(&name, &one), BTreeSet::from([other.clone()]));
        assert_eq!(all.ask(&name, &other), May::Begin, "nobody has the turn any more");
    }
}
