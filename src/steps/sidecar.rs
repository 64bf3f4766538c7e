//! Publishes what stages have written to status.yaml while they still run, and which stage has failed.
//!
//! It runs beside the stages of one pod and never fails it: what cannot be written now is tried at the next turn. Once
//! the status step has begun it writes nothing more, so the two never disagree about the end.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::backoff::answered;
use super::status::{StatusError, shared};
use super::{Context, observed};
use crate::cluster::Cluster;
use crate::contract::ObjectKey;
use crate::core::sidecar::{PodSeen, StageFailure, Words, look};
use crate::core::status;
use crate::exit;

/// Time from one look to the next by default. A stage writes its status a few times in its life.
pub const EVERY: Duration = Duration::from_secs(2);
/// For how long the pod is asked for its failed stage after the signal to stop: the kubelet tells the cluster of it a
/// moment after the stage has ended. Less than the 30 s that a pod has to end.
const LAST_MAX: Duration = Duration::from_secs(5);

/// What the sidecar is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// The object that triggered the pipeline.
    pub key: ObjectKey,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The own pod; without it, no failed stage is known.
    pub pod: Option<ObjectKey>,
    /// What is told of a failed stage's last words.
    pub words: Words,
    /// Time from one look to the next.
    pub every: Duration,
    /// Largest file that is read, in bytes.
    pub file_bytes_max: u64,
}

/// Publishes until it is told to stop, or nothing more will come. A file is published once it stands still for a turn.
pub async fn run(
    context: &Context,
    cluster: &impl Cluster,
    args: &Sidecar,
    stop: impl Future<Output = ()>,
) {
    observed::is_about(&args.key);
    observed::is_of("", &args.pipeline);
    let mut watch = Watch {
        context,
        cluster,
        args,
        uid: None,
        seen: None,
        published: None,
        last_trouble: String::new(),
    };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return watch.last().await,
            turn = watch.turn(false) => if turn == Turn::Over { break },
        }
        tokio::select! {
            biased;
            () = &mut stop => return watch.last().await,
            () = sleep(args.every) => {}
        }
    }
    // Kubernetes starts a sidecar that ends again.
    stop.await;
}

/// What a look has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// More may come.
    GoesOn,
    /// A failed stage has been told.
    Failed,
    /// Nothing more is to be written: the status step has begun, the pod goes, or the object is gone.
    Over,
}

/// What was published last.
#[derive(Debug, Clone, PartialEq)]
struct Published {
    report: Map<String, Value>,
    failure: Option<StageFailure>,
}

struct Watch<'a, C> {
    context: &'a Context,
    cluster: &'a C,
    args: &'a Sidecar,
    /// Uid of the object as first seen.
    uid: Option<Option<String>>,
    /// The report of the look before.
    seen: Option<Map<String, Value>>,
    published: Option<Published>,
    /// The trouble that was told last: the same is not told at every turn.
    last_trouble: String,
}

impl<C: Cluster> Watch<'_, C> {
    /// Looks once, and publishes what is new.
    async fn turn(&mut self, is_last: bool) -> Turn {
        let pod = match self.pod().await {
            Some(pod) => pod,
            // Without a word of the pod the status step may have been here.
            None if is_last => return Turn::Over,
            None => PodSeen::default(),
        };
        if pod.is_through || pod.is_going {
            return Turn::Over;
        }
        let report = self.report(is_last);
        let failure = pod.failure;
        let turn = if failure.is_some() { Turn::Failed } else { Turn::GoesOn };
        let wanted = Published { report, failure };
        if self.published.as_ref() == Some(&wanted) {
            return turn;
        }
        match self.publish(&wanted).await {
            Ok(()) => {
                self.published = Some(wanted);
                turn
            }
            Err(
                StatusError::Missing { .. }
                | StatusError::Gone { .. }
                | StatusError::Replaced { .. },
            ) => {
                info!(object = %self.args.key, "the object is gone");
                Turn::Over
            }
            Err(error) => {
                self.trouble(&error);
                Turn::GoesOn
            }
        }
    }

    /// Looks until it is known how the stages ended, for a short time: the pod ends.
    async fn last(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < LAST_MAX {
            if self.turn(true).await != Turn::GoesOn {
                break;
            }
            sleep(self.args.every.min(LAST_MAX / 20)).await;
        }
    }

    async fn pod(&mut self) -> Option<PodSeen> {
        let key = self.args.pod.as_ref()?;
        match answered(|| self.cluster.get(key)).await {
            Ok(Some(pod)) => Some(look(&pod, self.args.words)),
            Ok(None) => Some(PodSeen { is_going: true, ..PodSeen::default() }),
            Err(error) => {
                self.trouble(&error);
                None
            }
        }
    }

    /// Returns what the stages report so far: the file as it is when it has stood still, else what was published.
    fn report(&mut self, is_last: bool) -> Map<String, Value> {
        let published = self.published.as_ref().map(|one| one.report.clone()).unwrap_or_default();
        let path = self.context.layout.status_path();
        let report = match shared::read_report(&path, self.args.file_bytes_max) {
            Ok(report) => report,
            // Half written, or wrong; the status step will say so if it stays like that.
            Err(error) => {
                debug!("status.yaml cannot be published: {error}");
                return published;
            }
        };
        let stands_still = is_last || self.seen.as_ref() == Some(&report);
        self.seen = Some(report.clone());
        if stands_still { report } else { published }
    }

    async fn publish(&mut self, wanted: &Published) -> Result<(), StatusError> {
        let mut tries = shared::Tries::new();
        let is_written = loop {
            let result = self.attempt(wanted).await;
            if let Some(result) = tries.end(&self.args.key, result).await {
                break result?;
            }
        };
        if is_written {
            let failed_stage = wanted.failure.as_ref().map(|failure| failure.stage.as_str());
            info!(object = %self.args.key, failed_stage, "published the status");
        }
        Ok(())
    }

    /// Reads, decides and writes once; returns whether there was anything to write.
    async fn attempt(&mut self, wanted: &Published) -> Result<bool, StatusError> {
        let key = &self.args.key;
        let mut object = shared::get(self.cluster, key, self.uid.is_none()).await?;
        let found = object.uid().map(str::to_owned);
        if *self.uid.get_or_insert_with(|| found.clone()) != found {
            return Err(StatusError::Replaced { key: Box::new(key.clone()) });
        }
        let failure = wanted.failure.as_ref();
        let decision = status::publish(&object, &wanted.report, failure, &self.args.pipeline)
            .map_err(|source| {
                let path = self.context.layout.status_path();
                StatusError::Report { path, source }
            })?;
        let Some(status) = decision.status else { return Ok(false) };
        object.0.insert("status".into(), Value::Object(status));
        shared::replace(self.cluster, key, &object).await.map(|_| true)
    }

    /// Tells of a trouble, once as long as it stays the same.
    fn trouble(&mut self, error: &dyn Error) {
        let text = exit::chain(error);
        if text != self.last_trouble {
            warn!("not published, and tried again: {text}");
            self.last_trouble = text;
        }
    }
}
