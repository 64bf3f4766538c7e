//! Runs Promises and requests with no other controller: watches, caches and a queue around the pure
//! `core::workflow`, whose plans `effect` carries out.
//!
//! Caches are filled by everybody; only who leads acts. Everything that is decided is decided from what is seen, so a
//! reconciler that is killed anywhere is followed by one that goes on where it was.

mod acting;
mod cache;
mod error;
mod feeds;
mod granting;
mod health;
mod known;
mod leader;
mod metrics;
mod pass;
mod placing;
mod queue;
mod running;
mod shared;
mod store;
mod target;
mod tenure;
mod trouble;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::cluster::live::{LiveCluster, RetryPolicy};
use crate::core::pipeline::Adapter;
use crate::core::promise::WorkflowType;
use crate::core::rbac::Rights;
use crate::core::workflow::Layout;
use leader::Election;
use shared::Shared;
use tenure::Tenure;

pub use error::ReconcileError;
pub use leader::Times;
pub use metrics::Metrics;
pub use placing::Placement;

/// How long a graceful end waits for what is being done.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// What a reconciler is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Namespace of the installation: Jobs of promise workflows, the ConfigMap `kratix`, the Lease.
    pub namespace: String,
    /// Where the three containers around the user's own come from.
    pub adapter: Adapter,
    /// How statuses are laid out.
    pub layout: Layout,
    /// How much the pods of every pipeline may do.
    pub rights: Rights,
    /// How many Promises are looked at at once.
    pub promise_workers: usize,
    /// How many requests are looked at at once.
    pub request_workers: usize,
    /// How many workflows run at once; those that run already count, and go on.
    pub running_max: usize,
    /// How Works are placed; `None` when somebody else does that.
    pub placement: Option<Placement>,
    /// Name of the Lease; `None` for the only reconciler there is.
    pub lease: Option<String>,
    /// How long the Lease holds; `None` for what the ConfigMap of the installation says, or our own.
    pub times: Option<Times>,
    /// Where `/healthz`, `/readyz` and `/metrics` are answered; `None` for nowhere.
    pub listen: Option<SocketAddr>,
    /// Our name: that of the pod or machine.
    pub instance: String,
}

/// How long an API server is waited for within one action: the queue tries again anyway, and by the time somebody
/// else may lead nothing of ours may be under way.
pub fn retry_policy() -> RetryPolicy {
    RetryPolicy {
        tries_max: 3,
        pause_max: Duration::from_millis(500),
        try_time_max: Duration::from_secs(4),
        total_time_max: Duration::from_secs(2),
        refusal_time_max: Duration::ZERO,
        ..RetryPolicy::default()
    }
}

/// Reconciles until `stop` ends, which is a good end.
///
/// Whoever has lost the Lease, as every one does while the API server is away, waits for it again, with all that it knows.
///
/// # Errors
/// When the address to listen at is taken.
pub async fn run(
    settings: Settings,
    cluster: LiveCluster,
    metrics: Metrics,
    stop: impl Future<Output = &'static str>,
) -> Result<(), ReconcileError> {
    let times = match settings.times {
        Some(times) => times,
        None => feeds::times(&cluster, &settings.namespace).await,
    };
    let mut election = settings.lease.as_deref().map(|lease| {
        let identity = format!("{}_{:016x}", settings.instance, crate::cluster::chance::number());
        Election::new(cluster.clone(), &settings.namespace, lease, identity, times)
    });
    let tenure = election.as_ref().map_or_else(Tenure::ever, Election::tenure);
    let shared = Arc::new(Shared::new(settings, cluster, metrics, tenure));
    let mut helpers = JoinSet::new();
    if let Some(address) = shared.settings.listen {
        let listener = health::listen(address)
            .await
            .map_err(|source| ReconcileError::Listen { address, source })?;
        helpers.spawn(health::serve(listener, Arc::clone(&shared)));
    }
    feeds::follow_fixed(&shared, &mut helpers);
    helpers.spawn(feeds::follow_config(Arc::clone(&shared)));
    helpers.spawn(feeds::follow_apis(Arc::clone(&shared)));

    let mut workers = JoinSet::new();
    let end = {
        tokio::pin!(stop);
        tokio::select! {
            biased;
            signal = &mut stop => End::Asked(signal),
            end = lead(&shared, election.as_mut(), &mut workers) => end,
            // A cache that nobody keeps true is worse than none.
            Some(_) = helpers.join_next() => End::Broken,
        }
    };
    shared.queue(WorkflowType::Promise).close();
    shared.queue(WorkflowType::Resource).close();
    if let Some(placing) = &shared.placing {
        placing.close_queue();
    }
    if let End::Asked(signal) = end {
        info!(signal, "stopping");
        let drain = async {
            while workers.join_next().await.is_some() {}
            if let Some(placing) = &shared.placing {
                placing.drain().await;
            }
        };
        tokio::select! {
            _ = timeout(END_TIME_MAX, drain) => {}
            () = keep(election.as_mut()) => {}
        }
    }
    // What is left would act without being asked.
    workers.shutdown().await;
    if let Some(election) = &mut election {
        election.release().await;
    }
    match end {
        End::Asked(_) => Ok(()),
        End::Broken => Err(ReconcileError::Broken),
    }
}

/// Why it has ended.
enum End {
    /// Somebody has asked, with this signal.
    Asked(&'static str),
    /// A worker has ended, or who keeps a cache true.
    Broken,
}

/// Works whenever we lead.
async fn lead(
    shared: &Arc<Shared>,
    mut election: Option<&mut Election<LiveCluster>>,
    workers: &mut JoinSet<()>,
) -> End {
    loop {
        if let Some(election) = &mut election {
            election.win().await;
        }
        shared.metrics.leads.set(1);
        let end = tokio::select! {
            biased;
            () = keep(election.as_deref_mut()) => None,
            end = work(shared, workers) => Some(end),
        };
        shared.metrics.leads.set(0);
        if let Some(end) = end {
            return end;
        }
        // Nothing of what they do may go on; whatever they did is seen by whoever leads next.
        workers.shutdown().await;
        shared.stand_by().await;
        warn!("lost the lease: somebody else may lead now");
    }
}

/// Returns when we lead no more.
async fn keep(election: Option<&mut Election<LiveCluster>>) {
    match election {
        Some(election) => election.keep().await,
        None => std::future::pending().await,
    }
}

/// Works, once everything is known.
async fn work(shared: &Arc<Shared>, workers: &mut JoinSet<()>) -> End {
    shared.filled().await;
    shared.begin_anew().await;
    let counts = [
        (WorkflowType::Promise, shared.settings.promise_workers),
        (WorkflowType::Resource, shared.settings.request_workers),
    ];
    for (workflow, count) in counts {
        for _ in 0..count.max(1) {
            workers.spawn(worker(Arc::clone(shared), workflow));
        }
    }
    let placement = shared.settings.placement.as_ref().map_or(0, |placement| placement.workers);
    for _ in 0..placement {
        workers.spawn(placing::worker(Arc::clone(shared)));
    }
    info!(promises = counts[0].1, requests = counts[1].1, placement, "reconciling");
    // They do not end by themselves.
    workers.join_next().await;
    End::Broken
}

async fn worker(shared: Arc<Shared>, workflow: WorkflowType) {
    let queue = shared.queue(workflow);
    while let Some(target) = queue.next().await {
        let outcome = pass::over(&shared, &target).await;
        queue.done(target, outcome);
    }
}

impl health::Told for Shared {
    fn missing(&self) -> Vec<String> {
        Self::missing(self)
    }

    fn metrics(&self) -> String {
        for workflow in WorkflowType::ALL {
            let depth = self.queue(workflow).depth();
            self.metrics.depth.get_or_create(&workflow.into()).set(depth as i64);
        }
        let (promises, requests) = {
            let store = self.store();
            (store.promises.len(), store.requests_len())
        };
        let objects = &self.metrics.objects;
        objects.get_or_create(&WorkflowType::Promise.into()).set(promises as i64);
        objects.get_or_create(&WorkflowType::Resource.into()).set(requests as i64);
        self.metrics.running.set(self.running.count() as i64);
        if let Some(placing) = &self.placing {
            let (depth, counts) = placing.counts();
            self.metrics.placing(depth, counts);
        }
        self.metrics.text()
    }
}
