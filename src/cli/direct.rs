//! `writer --to` and `--destination`: finds the store, waits for its turn, publishes, and tells what has come of it.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::warn;

use super::args::{self, Common, WorkOutput};
use super::dispatch::print;
use super::{AnyFault, settings, step, stores};
use crate::cluster::Cluster;
use crate::cluster::folder::FolderCluster;
use crate::cluster::live::LiveCluster;
use crate::contract::layout;
use crate::core::promise::WorkflowAction;
use crate::destination::{self, lease};
use crate::exit::Exit;
use crate::files::yaml;
use crate::report;
use crate::steps::writer::direct::{self, Ask, Published, To};
use crate::steps::writer::{self, Writer};
use crate::steps::{self, Context};
use crate::store::Store;

/// How long a write may still take after it was asked to stop: what is half sent is sent, or given up by its own rules.
const GRACE: Duration = Duration::from_secs(10);
/// And how long the cluster may then take to hear that we wait no more, or that the next one may go.
const GRACE_LEASE: Duration = Duration::from_secs(3);

/// What the command says, read.
struct Job<'a> {
    common: &'a Common,
    args: &'a args::Writer,
    context: Context,
    writer: Writer,
    ask: Ask,
}

/// Publishes the output, or tells what that would do; `stop` asks it to end.
pub(super) async fn run(
    common: &Common,
    args: &args::Writer,
    stop: impl Future<Output = &'static str>,
) -> Result<Exit, AnyFault> {
    let (layout, writer) = settings::direct_writer(common, args)?;
    let action = match args.direct.workflow_action.as_str() {
        word if word == WorkflowAction::Delete.as_str() => WorkflowAction::Delete,
        _ => WorkflowAction::Configure,
    };
    let ask = Ask { action, status_key: args.direct.version_status.clone() };
    let job = Job { common, args, context: step::context(layout), writer, ask };
    let (stopped, is_stopped) = watch::channel(false);
    let is_stopped = Stop(is_stopped);
    let work = job.in_place(&is_stopped);
    tokio::pin!(work);
    let done = tokio::select! {
        done = &mut work => done,
        signal = stop => {
            warn!(signal, "asked to stop");
            let _ = stopped.send(true);
            // Each of its waits ends now, or soon.
            work.await
        }
    };
    done.map(|done| {
        done.unwrap_or_else(|| {
            warn!("stopped before the end; the next run mends what is left");
            Exit::Terminated
        })
    })
}

/// Whether we were asked to stop.
struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Ends so long after it was asked for, or never.
    async fn asked(&self, since: Duration) {
        let mut stop = self.0.clone();
        if stop.wait_for(|stopped| *stopped).await.is_err() {
            return std::future::pending().await;
        }
        tokio::time::sleep(since).await;
    }

    /// Does what may take so long after it was asked for; `None` when it has not come to its end.
    async fn within<T>(&self, since: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.asked(since) => None,
        }
    }
}

impl Job<'_> {
    /// Finds the store, with or without a cluster; `None` when it was stopped before the end.
    async fn in_place(&self, is_stopped: &Stop) -> Result<Option<Exit>, AnyFault> {
        let direct = &self.args.direct;
        let lease = direct.lease_namespace().filter(|_| !self.args.preview.preview);
        if direct.destination.is_none() && lease.is_none() {
            return self.by_url(None::<(&FolderCluster, &str)>, is_stopped).await;
        }
        match &self.common.cluster {
            Some(folder) => self.on(&FolderCluster::new(folder), lease, is_stopped).await,
            None => {
                let policy = settings::retry_policy(self.common, self.args.preview.preview);
                let connected = is_stopped.within(Duration::ZERO, LiveCluster::connect(policy));
                let Some(cluster) = connected.await else { return Ok(None) };
                self.on(&cluster?, lease, is_stopped).await
            }
        }
    }

    async fn on(
        &self,
        cluster: &impl Cluster,
        lease: Option<&str>,
        is_stopped: &Stop,
    ) -> Result<Option<Exit>, AnyFault> {
        let lease = lease.map(|namespace| (cluster, namespace));
        let Some(name) = &self.args.direct.destination else {
            return self.by_url(lease, is_stopped).await;
        };
        let found = is_stopped.within(Duration::ZERO, destination::find(cluster, name));
        let Some(found) = found.await else { return Ok(None) };
        let found = found?;
        let scratch = stores::scratch(&self.args.direct.store, &self.context.layout);
        let store = stores::open_place(&found.place, &self.args.direct.store, &scratch)?;
        let contended = found.place.address.contended();
        let to = To {
            store: &store,
            shown: found.place.address.to_string(),
            base: found.setup.base.clone(),
            mode: found.setup.mode.clone(),
            destination: Some(found.destination),
        };
        self.write(to, lease.map(|lease| (lease, contended)), is_stopped).await
    }

    async fn by_url<C: Cluster>(
        &self,
        lease: Option<(&C, &str)>,
        is_stopped: &Stop,
    ) -> Result<Option<Exit>, AnyFault> {
        let direct = &self.args.direct;
        let scratch = stores::scratch(&direct.store, &self.context.layout);
        let url = direct.to.as_deref().unwrap_or_default();
        let opened = stores::open_url(url, &direct.files, &direct.store, &scratch)?;
        let to = To {
            store: &opened.store,
            shown: opened.shown,
            base: opened.base,
            mode: opened.mode,
            destination: None,
        };
        self.write(to, lease.map(|lease| (lease, opened.contended)), is_stopped).await
    }

    async fn write<S: Store, C: Cluster>(
        &self,
        to: To<'_, S>,
        lease: Option<((&C, &str), String)>,
        is_stopped: &Stop,
    ) -> Result<Option<Exit>, AnyFault> {
        let Self { context, writer, ask, .. } = self;
        if self.args.preview.preview {
            let survey = direct::survey(context, writer, ask, &to);
            let surveyed = is_stopped.within(Duration::ZERO, survey).await;
            let Some(published) = surveyed.transpose()? else { return Ok(None) };
            print(&told(&published, &to, self.args.output))?;
            return Ok(Some(Exit::Done));
        }
        let may_go_on = || !*is_stopped.0.borrow();
        let publish = direct::publish(context, writer, ask, &to, &may_go_on);
        let publish = is_stopped.within(GRACE, steps::within("writer", publish));
        let published = match lease {
            None => publish.await,
            Some(((cluster, namespace), contended)) => {
                let name = lease::name_of(&contended);
                let times = lease::Times::default();
                let instance = stores::instance();
                let mut queue = lease::Queue::new(cluster, namespace, &name, &instance, times);
                let turn = queue.take(to.store.prefetch());
                if is_stopped.within(Duration::ZERO, turn).await.is_none() {
                    let _ = tokio::time::timeout(GRACE_LEASE, queue.leave()).await;
                    return Ok(None);
                }
                // The Lease is given back whatever becomes of the write: nobody is to wait for one who is gone.
                let turn =
                    is_stopped.within(GRACE.saturating_add(GRACE_LEASE), queue.with(publish));
                turn.await.flatten()
            }
        };
        let Some(published) = published.transpose()? else { return Ok(None) };
        if let Published::Done(applied) = &published {
            let path = step::in_pod(self.common, OsStr::new(layout::TERMINATION_LOG));
            report::tell_result(&to.result(applied).to_string(), Path::new(&path));
        }
        Ok(Some(Exit::Done))
    }
}

/// Says what would be done, for people or for programs.
fn told<S>(published: &Published, to: &To<'_, S>, output: WorkOutput) -> String {
    match output {
        WorkOutput::Text => match published {
            Published::Stopped(control) => writer::stopped(control, "nothing"),
            Published::Foreseen(foreseen) => {
                format!("would write into {}\n{}", to.shown, foreseen.lines())
            }
            Published::Done(_) => String::new(),
        },
        WorkOutput::Json => format!("{:#}\n", value(published, to)),
        WorkOutput::Yaml => yaml::write(&value(published, to)),
    }
}

fn value<S>(published: &Published, to: &To<'_, S>) -> Value {
    let Published::Foreseen(foreseen) = published else { return Value::Null };
    let files: Vec<Value> = foreseen
        .differences
        .iter()
        .map(|one| json!({"path": one.at.as_str(), "what": one.what()}))
        .collect();
    json!({"store": to.shown, "files": files, "unchanged": foreseen.unchanged})
}
