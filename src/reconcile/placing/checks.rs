//! State stores: opened with what their objects and Secrets say, looked at, and told how they are.
//!
//! A Secret is read when its store is opened, and again whenever the store is looked at: at the interval, and soon after it has
//! failed. So changed credentials are noticed, and no right is needed but to read the Secrets that are named.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use super::super::queue::Outcome;
use super::super::shared::Shared;
use super::Placing;
use super::caches::{Fed, Item, Wake};
use super::carry::{TRIES_MAX, status_of};
use super::stores::{Check, Opened, OpenedWith};
use super::writer::Writer;
use super::writes::said;
use crate::cluster::{Reads as _, chance};
use crate::contract::{Object, ObjectKey};
use crate::core::placement::{StoreHealth, StoreRef, store_status};
use crate::destination::{commits, secret_of};
use crate::effect;
use crate::exit;
use crate::store::Trouble;

/// Longest look at a store. Its own steps are shorter.
const CHECK_TIME_MAX: Duration = Duration::from_secs(120);
/// Shortest interval at which an open store is looked at: a shorter one would be a loop.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Looks at a state store, in a task of its own.
pub(super) fn over(shared: &Arc<Shared>, placing: &Placing, store: &StoreRef) -> Outcome {
    let known = placing.caches().store(store);
    let Some(known) = known.filter(|known| !super::super::known::is_going(known)) else {
        for item in placing.stores.forget(store) {
            placing.add(shared, item);
        }
        placing.add_destinations(shared, store);
        return Outcome::Done(None);
    };
    let object =
        (known.uid().unwrap_or_default().to_owned(), known.generation().unwrap_or_default());
    match placing.stores.begin_check(store, object.clone()) {
        Check::Later(at) => Outcome::Done(at),
        Check::Now(open) => {
            let (task_shared, store) = (Arc::clone(shared), store.clone());
            placing.spawn(async move {
                let look = Look { shared: &task_shared, store, known, object };
                look.run(open).await;
            });
            Outcome::Done(None)
        }
    }
}

/// Why a state store cannot be used.
enum Bad {
    NotOpened(String),
    NotPermitted(String),
    SecretNotFound(String),
    Failed(String),
}

impl Bad {
    fn health(&self) -> StoreHealth<'_> {
        match self {
            Self::NotOpened(why) => StoreHealth::NotOpened(why),
            Self::NotPermitted(why) => StoreHealth::NotPermitted(why),
            Self::SecretNotFound(why) => StoreHealth::SecretNotFound(why),
            Self::Failed(why) => StoreHealth::Failed(why),
        }
    }
}

struct Look<'a> {
    shared: &'a Arc<Shared>,
    store: StoreRef,
    known: Arc<Object>,
    object: (String, i64),
}

impl Look<'_> {
    async fn run(self, open: Option<Opened>) {
        let Some(placing) = &self.shared.placing else { return };
        let looked = timeout(CHECK_TIME_MAX, self.look(open)).await;
        let looked = looked
            .unwrap_or_else(|_| Err(Bad::Failed(format!("no answer within {CHECK_TIME_MAX:?}"))));
        let again = match &looked {
            Ok(open) => {
                let interval = self.shared.config().state_store_interval;
                let next = interval.map(|one| Instant::now() + jittered(one.unsigned_abs()));
                // What was written elsewhere is not in it.
                if placing.drift.opened(&self.store, &self.known) {
                    info!(store = %self.store, "it is another place now; all is written to it");
                    placing.wake(self.shared, vec![Wake::Works]);
                }
                let waiting = placing.stores.opened(&self.store, open.clone(), next);
                debug!(store = %self.store, waiting = waiting.len(), "the state store is ready");
                for item in waiting {
                    placing.add(self.shared, item);
                }
                next
            }
            Err(_) => Some(placing.stores.refused(&self.store, self.object.clone())),
        };
        if let Some(at) = again {
            placing.queue.add_at(Item::Store(self.store.clone()), at);
        }
        let health = looked.as_ref().map_or_else(Bad::health, |_| StoreHealth::Ready);
        self.tell(health).await;
        placing.add_destinations(self.shared, &self.store);
        // It may have changed while it was looked at.
        placing.add(self.shared, Item::Store(self.store.clone()));
    }

    /// Opens it, unless it is open with the same, and looks at it.
    async fn look(&self, open: Option<Opened>) -> Result<Opened, Bad> {
        let (secret, signer) = (self.secret().await?, self.signer().await?);
        let version = |secret: &Object| {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            (text(secret.uid()), text(secret.resource_version()))
        };
        let secrets = [&secret, &signer].map(|secret| secret.as_ref().map(version));
        let config = self.shared.config();
        let settings = format!("{:?} {:?}", config.git_fetch_interval, config.commits);
        let with = OpenedWith { object: self.object.clone(), secrets, settings };
        let open = match open.filter(|open| open.with == with) {
            Some(open) => open,
            None => {
                info!(store = %self.store, "opening the state store");
                let secrets = [secret.as_ref(), signer.as_ref()];
                let opened = Writer::open(self.shared, &self.store, &self.known, secrets);
                let writer = Arc::new(opened.map_err(|error| Bad::NotOpened(said(&*error)))?);
                Opened { writer, with }
            }
        };
        match open.writer.check().await {
            Ok(()) => Ok(open),
            Err(error) => Err(match error.trouble {
                Trouble::Credentials(_) | Trouble::Forbidden(_) | Trouble::Refused(_) => {
                    Bad::NotPermitted(said(&error))
                }
                _ => Bad::Failed(said(&error)),
            }),
        }
    }

    /// Reads the Secret that it names.
    async fn secret(&self) -> Result<Option<Object>, Bad> {
        let named = secret_of(&self.store, &self.known);
        let Some(key) = named.map_err(|error| Bad::NotOpened(said(&error)))? else {
            return Ok(None);
        };
        self.read(&key).await
    }

    /// Reads the Secret with the key that signs commits.
    async fn signer(&self) -> Result<Option<Object>, Bad> {
        let namespace = &self.shared.settings.namespace;
        let named = commits::signing_secret(&self.shared.config().commits, namespace);
        match named.filter(|_| !self.store.is_bucket) {
            Some(key) => self.read(&key).await,
            None => Ok(None),
        }
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<Object>, Bad> {
        match self.shared.cluster.get(key).await {
            Ok(Some(secret)) => Ok(Some(secret)),
            Ok(None) => Err(Bad::SecretNotFound(format!("{key} not found"))),
            Err(error) => Err(Bad::Failed(said(&error))),
        }
    }

    /// Says in its status how it is.
    async fn tell(&self, health: StoreHealth<'_>) {
        let Some(placing) = &self.shared.placing else { return };
        for _ in 0..TRIES_MAX {
            let known = placing.caches().store(&self.store);
            let Some(known) = known.filter(|_| self.shared.tenure.holds()) else { return };
            let empty = Map::new();
            let before = known.status().and_then(Value::as_object).unwrap_or(&empty);
            let generation = Some(self.object.1);
            let Some((status, event)) = store_status(before, generation, health, self.shared.now())
            else {
                return;
            };
            match status_of(self.shared, Fed::of_store(&self.store), &known, &status).await {
                Ok(Some(_)) => {
                    if let Some(event) = event {
                        let instance = &self.shared.settings.instance;
                        let now = self.shared.now();
                        effect::tell(&self.shared.cluster, &known, &event, instance, now).await;
                    }
                    return;
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(store = %self.store, "failed to say how it is: {}", exit::chain(&error));
                    return;
                }
            }
        }
    }
}

/// An interval, a tenth of which is left to chance: not all are looked at at once.
fn jittered(interval: Duration) -> Duration {
    interval.max(INTERVAL_MIN).mul_f64(0.95 + (chance::number() % 1024) as f64 / 10_240.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_would_be_a_loop_is_not_kept_to() {
        for (interval, least) in [(1, 950), (2_000, 1_900)] {
            let next = jittered(Duration::from_millis(interval));
            let least = Duration::from_millis(least);
            assert!(least <= next && next <= least.mul_f64(1.2), "{next:?}");
        }
    }
}
