//! The requests as they are seen from outside: which of them are settled, and since when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::Notify;

use super::documents::Ask;

/// Kind and name of a request, and when it was settled.
pub(crate) type Settled = HashMap<(String, String), Instant>;

/// The requests of all kinds.
pub(crate) struct Requests {
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    settled: Mutex<Settled>,
    changed: Notify,
}

impl Requests {
    /// Watches all kinds; returns once each watch runs.
    pub(crate) async fn watch(client: &Client, ask: &Ask) -> Self {
        let seen = Arc::new(Seen::default());
        for kind in ask.kinds() {
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &ask.namespace, &kind);
            let config = watcher::Config::default();
            let mut events = watch(api, config).default_backoff().into_stream().boxed();
            while !matches!(events.try_next().await, Ok(Some(Event::InitDone))) {}
            let (seen, kind) = (Arc::clone(&seen), kind.kind);
            tokio::spawn(async move {
                loop {
                    if let Ok(Some(Event::Apply(request) | Event::InitApply(request))) =
                        events.try_next().await
                    {
                        seen.look(&kind, &request);
                    }
                }
            });
        }
        Self { seen }
    }

    /// Returns once so many are settled; one that has been settled counts, whatever becomes of it.
    pub(crate) async fn wait(&self, number: usize) {
        loop {
            let changed = self.seen.changed.notified();
            if self.seen.settled.lock().unwrap().len() >= number {
                return;
            }
            changed.await;
        }
    }

    /// Those that are settled, each with the time when it was first seen so.
    pub(crate) fn settled(&self) -> Settled {
        self.seen.settled.lock().unwrap().clone()
    }
}

impl Seen {
    fn look(&self, kind: &str, request: &DynamicObject) {
        let status = &request.data["status"];
        let conditions = status["conditions"].as_array();
        let reconciled = conditions.into_iter().flatten().find(|one| one["type"] == "Reconciled");
        // True: all is well. False: a pipeline has failed, which is as settled as it gets.
        let is_settled = reconciled.is_some_and(|one| match one["status"].as_str() {
            Some("True") => status["observedGeneration"].as_i64() == request.metadata.generation,
            Some("False") => true,
            _ => false,
        });
        if is_settled {
            let key = (kind.to_owned(), request.name_any());
            self.settled.lock().unwrap().entry(key).or_insert_with(Instant::now);
            self.changed.notify_waiters();
        }
    }
}
