//! What all tasks of a reconciler share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::info;

use super::Settings;
use super::cache::Source;
use super::feeds;
use super::granting::Granting;
use super::metrics::{Metrics, RunLabels};
use super::placing::{PlacementFeed, Placing};
use super::queue::{Priority, Queue};
use super::running::Running;
use super::store::{Feed, Store, Wake};
use super::target::Target;
use super::tenure::Tenure;
use crate::cluster::Reads as _;
use crate::cluster::live::LiveCluster;
use crate::cluster::live::watch::Heard;
use crate::contract::Object;
use crate::core::config::Config;
use crate::core::promise::WorkflowType;

/// No object is left alone for longer.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What all tasks share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) cluster: LiveCluster,
    pub(super) metrics: Metrics,
    pub(super) tenure: Tenure,
    pub(super) running: Running,
    pub(super) granting: Granting,
    /// Places Works, unless somebody else does.
    pub(super) placing: Option<Placing>,
    /// Tells the task that begins and ends watches of requests.
    pub(super) apis: Notify,
    /// Tells whoever waits for the caches.
    filled: Notify,
    is_config_known: AtomicBool,
    /// Whether anybody takes from the queues. Whoever only stands by queues nothing: it would never be taken.
    is_working: AtomicBool,
    store: Mutex<Store>,
    config: Mutex<Arc<Config>>,
    promises: Queue<Target>,
    requests: Queue<Target>,
}

impl Shared {
    pub(super) fn new(
        settings: Settings,
        cluster: LiveCluster,
        metrics: Metrics,
        tenure: Tenure,
    ) -> Self {
        let running = Running::at_most(settings.running_max);
        let placing = settings.placement.is_some().then(Placing::default);
        Self {
            settings,
            cluster,
            metrics,
            tenure,
            running,
            granting: Granting::default(),
            placing,
            apis: Notify::new(),
            filled: Notify::new(),
            is_config_known: AtomicBool::new(false),
            is_working: AtomicBool::new(false),
            store: Mutex::default(),
            config: Mutex::default(),
            promises: Queue::default(),
            requests: Queue::default(),
        }
    }

    /// What is known of the cluster. Nobody waits while holding it.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settings of the installation, as they are now.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes new settings; every object is looked at again when they differ.
    pub(super) fn set_config(&self, config: Config) {
        let mut known = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if **known == config {
            return;
        }
        *known = Arc::new(config);
        drop(known);
        info!("new settings of the installation");
        self.wake_all();
        if let Some(placing) = self.placing.as_ref().filter(|_| self.is_working()) {
            placing.look_at_all();
        }
    }

    /// The queue of Promises, or that of requests.
    pub(super) fn queue(&self, workflow: WorkflowType) -> &Queue<Target> {
        match workflow {
            WorkflowType::Promise => &self.promises,
            WorkflowType::Resource => &self.requests,
        }
    }

    /// Asks for an object to be looked at.
    pub(super) fn add(&self, target: Target, priority: Priority) {
        if self.is_working() {
            self.queue(target.workflow()).add(target, priority);
        }
    }

    /// Whether we lead, and act.
    pub(super) fn is_working(&self) -> bool {
        self.is_working.load(Ordering::Acquire)
    }

    /// Asks for every object to be looked at.
    pub(super) fn wake_all(&self) {
        let targets = self.store().targets();
        for target in targets {
            self.add(target, Priority::Ordinary);
        }
    }

    /// Takes what a watch has said.
    pub(super) fn hear(&self, feed: &Feed, heard: Heard) {
        let is_complete = heard == Heard::Listed;
        let wakes = {
            let mut store = self.store();
            match heard {
                Heard::Listing => {
                    store.begin_list(feed);
                    return;
                }
                Heard::There(object) | Heard::Changed(object) => {
                    store.put(Source::Watch, feed, object)
                }
                Heard::Gone(object) => store.remove(feed, &object),
                Heard::Listed => store.end_list(feed),
            }
        };
        self.wake(wakes);
        if is_complete {
            self.filled.notify_waiters();
        }
    }

    /// Takes what a watch has said that placement needs.
    pub(super) fn hear_placing(&self, fed: PlacementFeed, heard: &Heard) {
        if let Some(placing) = &self.placing {
            placing.hear(self, fed, heard);
        }
        if *heard == Heard::Listed {
            self.filled.notify_waiters();
        }
    }

    /// Notes that the settings of the installation are known.
    pub(super) fn config_is_known(&self) {
        self.is_config_known.store(true, Ordering::Release);
        self.filled.notify_waiters();
    }

    /// What is not known yet, by kind.
    pub(super) fn missing(&self) -> Vec<String> {
        let store = self.store();
        let unknown = feeds::fixed().into_iter().filter(|(feed, _)| !store.is_filled(feed));
        let mut missing: Vec<String> =
            unknown.map(|(_, watch)| format!("{} are not known yet", watch.kind)).collect();
        if !self.is_config_known.load(Ordering::Acquire) {
            missing.push("the settings are not known yet".to_owned());
        }
        drop(store);
        missing.extend(self.placing.iter().flat_map(Placing::missing));
        missing
    }

    /// Waits until everything is known that was there when we began.
    pub(super) async fn filled(&self) {
        loop {
            let mut news = std::pin::pin!(self.filled.notified());
            news.as_mut().enable();
            if self.missing().is_empty() {
                return;
            }
            news.await;
        }
    }

    /// Takes what the cluster has answered to a write of ours.
    pub(super) fn note(&self, feed: &Feed, object: Object) {
        let wakes = self.store().put(Source::Write, feed, object);
        self.wake(wakes);
    }

    /// Asks for all of these to be looked at.
    pub(super) fn wake(&self, wakes: Vec<Wake>) {
        for wake in wakes {
            match wake {
                Wake::One(target, priority) => self.add(target, priority),
                Wake::Soon(_) | Wake::Ended { .. } if !self.is_working() => {}
                Wake::Soon(target) => self.queue(target.workflow()).add_soon(target),
                Wake::RequestsOf(promise) => {
                    let requests = self.store().requests_of(&promise);
                    for (target, _) in requests {
                        self.add(target, Priority::Ordinary);
                    }
                }
                Wake::Apis => self.apis.notify_one(),
                Wake::Ended { of, action, is_well } => {
                    let labels = RunLabels {
                        workflow: of.workflow().as_str(),
                        action: action.map_or("", |action| action.as_str()),
                        outcome: if is_well { "succeeded" } else { "failed" },
                    };
                    self.metrics.runs.get_or_create(&labels).inc();
                }
            }
        }
    }

    /// The time now, by the clock of the cluster.
    pub(super) fn now(&self) -> Timestamp {
        self.cluster.time().unwrap_or_else(Timestamp::now)
    }

    /// The moment at which the clock of the cluster says this, or a day from now if that is earlier: a pipeline may ask for
    /// any time.
    pub(super) fn instant_of(&self, time: Timestamp) -> Instant {
        let wait = time.duration_since(self.now()).max(jiff::SignedDuration::ZERO);
        Instant::now() + wait.unsigned_abs().min(WAIT_MAX)
    }

    /// Begins anew with what is known: after somebody else has led, perhaps.
    pub(super) async fn begin_anew(&self) {
        for workflow in WorkflowType::ALL {
            self.queue(workflow).clear();
        }
        self.running.clear();
        let (running, targets) = {
            let store = self.store();
            (store.running(), store.targets().into_iter().collect::<HashSet<_>>())
        };
        // A Job may run of an object that is gone: nobody would ever say that it has ended.
        for target in running.into_iter().filter(|target| targets.contains(target)) {
            self.running.runs(target);
        }
        self.is_working.store(true, Ordering::Release);
        self.wake_all();
        if let Some(placing) = &self.placing {
            placing.begin_anew().await;
        }
    }

    /// Forgets who was to be looked at: somebody else may lead now.
    pub(super) async fn stand_by(&self) {
        self.is_working.store(false, Ordering::Release);
        if let Some(placing) = &self.placing {
            placing.stand_by().await;
        }
        for workflow in WorkflowType::ALL {
            self.queue(workflow).clear();
        }
    }
}
