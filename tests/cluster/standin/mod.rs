//! A stand-in for the kubelet and the Job controller: it watches the Jobs of pipelines, and some time after each has
//! appeared it runs the real status step and says in the Job's status how it ended.
//!
//! It writes down every Job that it ever saw and every start, so that who counts runs need not ask who makes them.
//! Used by the tests of this folder and by `benches/load`.

mod ending;
mod pod;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bookend::cluster::live::{LiveCluster, RetryPolicy};
use bookend::contract::labels;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

pub(crate) use ending::Ending;

/// Jobs that are finished at the same time; the others wait for their turn, as pods wait for a node.
const AT_ONCE: usize = 24;

/// How the stand-in treats Jobs.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Time between a Job's appearance and the start of its status container.
    pub(crate) delay: Duration,
    /// How a Job ends.
    pub(crate) ending: fn(&Run) -> Ending,
}

impl Default for Settings {
    /// As in the measurements of the original: all end well, 1.5 s after they have appeared.
    fn default() -> Self {
        Self { delay: Duration::from_millis(1500), ending: |_| Ending::Complete }
    }
}

/// What a Job is a run of. No two Jobs may ever have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity {
    /// Name of the Promise.
    pub(crate) promise: String,
    /// Namespace of the request; empty for a Promise.
    pub(crate) namespace: String,
    /// Name of the request or Promise.
    pub(crate) name: String,
    /// `configure` or `delete`.
    pub(crate) action: String,
    /// Name of the pipeline.
    pub(crate) pipeline: String,
    /// What it was made from.
    pub(crate) hash: String,
    /// Number of the run; empty when it has none.
    pub(crate) run: String,
}

/// One Job that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) uid: String,
    pub(crate) job: String,
    /// Namespace of the Job.
    pub(crate) namespace: String,
    pub(crate) identity: Identity,
    pub(crate) appeared: Instant,
    /// Whether its status container was started.
    pub(crate) is_started: bool,
    /// When it was told to have ended, and how.
    pub(crate) ended: Option<(Instant, Ending)>,
    pub(crate) is_stopped: bool,
    /// When it was seen to be gone.
    pub(crate) gone: Option<Instant>,
    /// What its status step said when it failed for good.
    pub(crate) fault: Option<String>,
}

/// A running stand-in; it ends when it is dropped.
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    watching: JoinHandle<()>,
}

struct Shared {
    client: Client,
    cluster: LiveCluster,
    settings: Mutex<Settings>,
    runs: Mutex<HashMap<String, Run>>,
    changed: Notify,
    places: Semaphore,
}

impl StandIn {
    /// Starts one for all Jobs of pipelines that there are and will be. Needs a tokio runtime and `KUBECONFIG`.
    pub(crate) async fn start(client: Client, settings: Settings) -> Self {
        let cluster = LiveCluster::connect(RetryPolicy::default()).await.unwrap();
        let shared = Arc::new(Shared {
            client,
            cluster,
            settings: Mutex::new(settings),
            runs: Mutex::default(),
            changed: Notify::new(),
            places: Semaphore::new(AT_ONCE),
        });
        let watching = tokio::spawn(Arc::clone(&shared).watch());
        Self { shared, watching }
    }

    /// Treats Jobs in another way from now on.
    pub(crate) fn set(&self, settings: Settings) {
        *self.shared.settings.lock().unwrap() = settings;
    }

    /// Every Job that was ever seen, in no order.
    pub(crate) fn runs(&self) -> Vec<Run> {
        self.shared.runs().values().cloned().collect()
    }

    /// Returns once what was seen is so; panics when it takes longer than that.
    pub(crate) async fn wait(&self, limit: Duration, is_so: impl Fn(&[Run]) -> bool) {
        let end = tokio::time::Instant::now() + limit;
        loop {
            let changed = self.shared.changed.notified();
            let runs = self.runs();
            if is_so(&runs) {
                return;
            }
            if tokio::time::timeout_at(end, changed).await.is_err() {
                panic!("not after {limit:?}: {runs:#?}");
            }
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Shared {
    fn runs(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        self.runs.lock().unwrap()
    }

    /// Follows the Jobs for ever; a watch that breaks is taken up again.
    async fn watch(self: Arc<Self>) {
        let jobs: Api<Job> = Api::all(self.client.clone());
        let selector = format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_KRATIX);
        let config = watcher::Config::default().labels(&selector);
        let mut events = watch(jobs, config).default_backoff().into_stream().boxed();
        let mut listed = Vec::new();
        loop {
            // Whatever breaks, a server that restarts among it, the watch begins anew.
            match events.try_next().await {
                Ok(Some(Event::Init)) => listed.clear(),
                Ok(Some(Event::InitApply(job))) => {
                    listed.extend(job.uid());
                    self.see(&job);
                }
                Ok(Some(Event::InitDone)) => {
                    let mut runs = self.runs();
                    for run in runs.values_mut().filter(|run| !listed.contains(&run.uid)) {
                        run.gone.get_or_insert_with(Instant::now);
                    }
                }
                Ok(Some(Event::Apply(job))) => self.see(&job),
                Ok(Some(Event::Delete(job))) => self.forget(&job),
                Ok(None) => return,
                Err(_) => {}
            }
        }
    }

    fn see(self: &Arc<Self>, job: &Job) {
        let uid = job.uid().unwrap_or_default();
        let wants_to_stop = job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true);
        let mut runs = self.runs();
        let is_new = !runs.contains_key(&uid);
        let run = runs.entry(uid.clone()).or_insert_with(|| Run::new(job));
        let has_ended = ending::has_ended(job);
        if is_new && !has_ended && !wants_to_stop {
            tokio::spawn(Arc::clone(self).live(uid, job.clone()));
        } else if wants_to_stop && !run.is_stopped && !has_ended && run.ended.is_none() {
            run.is_stopped = true;
            tokio::spawn(Arc::clone(self).end(uid, Ending::Stopped));
        }
        drop(runs);
        self.changed.notify_waiters();
    }

    fn forget(&self, job: &Job) {
        if let Some(run) = self.runs().get_mut(&job.uid().unwrap_or_default()) {
            run.gone = Some(Instant::now());
        }
        self.changed.notify_waiters();
    }

    /// Lives through the life of a Job's pod.
    async fn live(self: Arc<Self>, uid: String, job: Job) {
        let delay = self.settings.lock().unwrap().delay;
        tokio::time::sleep(delay).await;
        let Ok(_place) = self.places.acquire().await else { return };
        let ending = {
            let ending = self.settings.lock().unwrap().ending;
            let mut runs = self.runs();
            let Some(run) = runs.get_mut(&uid).filter(|run| run.is_alive()) else { return };
            run.is_started = true;
            ending(run)
        };
        let ending = match ending {
            Ending::Complete => match pod::report(&self.cluster, &job).await {
                Ok(()) => Ending::Complete,
                Err(fault) => {
                    if let Some(run) = self.runs().get_mut(&uid) {
                        run.fault = Some(fault);
                    }
                    Ending::Failed
                }
            },
            Ending::Never => return,
            other => other,
        };
        if self.runs().get(&uid).is_some_and(Run::is_alive) {
            Arc::clone(&self).end(uid, ending).await;
        }
    }

    /// Says in the Job's status how it has ended.
    async fn end(self: Arc<Self>, uid: String, ending: Ending) {
        let Some(run) = self.runs().get(&uid).cloned() else { return };
        // The time before the answer: who watches may know of it before we do.
        let now = Instant::now();
        let told = ending::tell(&self.client, &run, ending).await;
        if let Some(run) = self.runs().get_mut(&uid) {
            match told {
                Ok(true) => run.ended = Some((now, ending)),
                Ok(false) => {}
                Err(fault) => run.fault = Some(fault),
            }
        }
        self.changed.notify_waiters();
    }
}

impl Run {
    fn new(job: &Job) -> Self {
        let label = |key| job.labels().get(key).cloned().unwrap_or_default();
        let annotation = |key| job.annotations().get(key).cloned().unwrap_or_default();
        Self {
            uid: job.uid().unwrap_or_default(),
            job: job.name_any(),
            namespace: job.namespace().unwrap_or_default(),
            identity: Identity {
                promise: label(labels::PROMISE_NAME),
                namespace: annotation(labels::JOB_RESOURCE_NAMESPACE),
                name: annotation(labels::JOB_RESOURCE_NAME),
                action: label(labels::WORKFLOW_ACTION),
                pipeline: label(labels::PIPELINE_NAME),
                hash: label(labels::HASH),
                run: annotation(labels::RUN),
            },
            appeared: Instant::now(),
            is_started: false,
            ended: None,
            is_stopped: false,
            gone: None,
            fault: None,
        }
    }

    /// Whether its pod would still run.
    fn is_alive(&self) -> bool {
        self.gone.is_none() && !self.is_stopped && self.ended.is_none()
    }
}
