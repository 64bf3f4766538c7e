//! Takes the report out: status.yaml to the status of the object (contract.md 2.3).
//!
//! The status is written before the label. Stopped between the two, the step leaves an entry that says
//! `Suspended` and no label, which the controller does not look at while the Job runs; the next try of the
//! container sets the label. A label without an entry would be a workflow that nothing wakes.

mod error;
mod preview;
pub(super) mod shared;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{info, warn};

use super::backoff::answered;
use super::{Context, observed};
use crate::cluster::{Cluster, ClusterError, Reads};
use crate::contract::{Object, ObjectKey, labels};
use crate::core::control::{self, Control};
use crate::core::status::{self, Decision, Ending, Notice, Refusal, Run};

pub use error::StatusError;
pub use preview::{Preview, preview};

/// Largest status or workflow control file that is read by default, in bytes. The API server takes objects of
/// about 1.5 MiB, with everything else that stands in them.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the status step is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The object that triggered the pipeline.
    pub key: ObjectKey,
    /// `promise` or `resource`.
    pub workflow_type: String,
    /// `configure` or `delete`.
    pub action: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Whether it is the last one of its workflow.
    pub is_last: bool,
    /// Whether this is a dry run.
    pub dry_run: bool,
    /// Largest file that is read, in bytes; [`FILE_BYTES_MAX`] unless told otherwise.
    pub file_bytes_max: u64,
}

/// What the status step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What happens with the workflow.
    pub ending: Ending,
    /// Whether the status was written; false when it stood like that already.
    pub is_written: bool,
    /// Whether the label that stops the workflow was set.
    pub is_labelled: bool,
    /// What was done in another way than asked.
    pub notices: Vec<Notice>,
}

/// Merges the pipeline's report into the object's status, and completes or suspends its workflow.
///
/// Two requests, three for a suspension, one when nothing changed; after a conflict the object is read and
/// merged again until it holds or [`super::backoff::DEADLINE`] is over. A server that is out of reach is waited for by the cluster
/// alone. Fails before anything is written when a file is wrong.
pub async fn run(
    context: &Context,
    cluster: &impl Cluster,
    args: &Status,
) -> Result<Outcome, StatusError> {
    let update = Update::read(context, cluster, args)?;
    let mut tries = shared::Tries::new();
    let mut origin = None;
    loop {
        let result = update.attempt(&mut origin).await;
        if let Some(result) = tries.end(&args.key, result).await {
            return result;
        }
    }
}

/// Which object the run is about, as it was when first seen.
struct Origin {
    uid: Option<String>,
    /// A change of the spec after this is news to the controller, whatever the pipeline did.
    generation: i64,
    /// The same in all tries, so that one finds what another has written.
    now: Timestamp,
}

/// One run of the step.
struct Update<'a, C> {
    cluster: &'a C,
    args: &'a Status,
    /// Where the report comes from, for messages.
    report_path: PathBuf,
    report: Map<String, Value>,
    control: Control,
    context: &'a Context,
}

/// What was seen and decided in one try.
struct Look<'a> {
    object: Object,
    decision: Decision,
    run: Run<'a>,
}

impl<'a, C: Reads> Update<'a, C> {
    /// Reads the files.
    fn read(context: &'a Context, cluster: &'a C, args: &'a Status) -> Result<Self, StatusError> {
        observed::is_about(&args.key);
        observed::is_of("", &args.pipeline);
        let report_path = context.layout.status_path();
        Ok(Self {
            cluster,
            args,
            report: shared::read_report(&report_path, args.file_bytes_max)?,
            report_path,
            control: read_control(&context.layout.workflow_control_path(), args.file_bytes_max)?,
            context,
        })
    }

    /// Reads the object and decides, and writes nothing.
    async fn look(&self, origin: &mut Option<Origin>) -> Result<Look<'a>, StatusError> {
        let is_first = origin.is_none();
        let object = shared::get(self.cluster, &self.args.key, is_first).await?;
        if is_first {
            observed::joins_trace_of(&object);
        }
        let origin = origin.get_or_insert_with(|| Origin {
            uid: object.uid().map(str::to_owned),
            generation: object.generation().unwrap_or_default(),
            now: self.context.time(self.cluster),
        });
        if object.uid() != origin.uid.as_deref() {
            return Err(StatusError::Replaced { key: self.key() });
        }
        let run = self.describe(origin);
        let decision = status::decide(&object, &self.report, &self.control, &run)
            .map_err(|source| self.refused(source))?;
        if is_first {
            decision.notices.iter().for_each(|notice| warn!("{notice}"));
        }
        Ok(Look { object, decision, run })
    }

    fn describe(&self, origin: &Origin) -> Run<'a> {
        Run {
            workflow_type: &self.args.workflow_type,
            action: &self.args.action,
            pipeline: &self.args.pipeline,
            is_last: self.args.is_last,
            dry_run: self.args.dry_run,
            generation: origin.generation,
            now: origin.now,
        }
    }

    fn refused(&self, source: Refusal) -> StatusError {
        match source {
            Refusal::NoEntry { .. } => StatusError::NotPrepared { key: self.key(), source },
            _ => StatusError::Report { path: self.report_path.clone(), source },
        }
    }

    fn key(&self) -> Box<ObjectKey> {
        Box::new(self.args.key.clone())
    }
}

impl<C: Cluster> Update<'_, C> {
    /// Reads, decides and writes once.
    async fn attempt(&self, origin: &mut Option<Origin>) -> Result<Outcome, StatusError> {
        let Look { object, decision, run } = self.look(origin).await?;
        let uid = object.uid().map(str::to_owned);
        self.write(object, &decision, &run).await?;
        tell(&self.args.key, &decision);
        if decision.label {
            self.label(uid.as_deref()).await?;
        }
        Ok(Outcome {
            ending: decision.ending,
            is_written: decision.status.is_some(),
            is_labelled: decision.label,
            notices: decision.notices,
        })
    }

    /// Writes the status, when there is anything to write, and looks at what the server made of it.
    async fn write(
        &self,
        mut object: Object,
        decision: &Decision,
        run: &Run<'_>,
    ) -> Result<(), StatusError> {
        let Some(status) = &decision.status else { return Ok(()) };
        object.0.insert("status".into(), Value::Object(status.clone()));
        let answer = shared::replace(self.cluster, &self.args.key, &object).await?;
        let is_kept = status::workflows_were_kept(status, &answer);
        let is_suspended = matches!(decision.ending, Ending::Suspended { .. });
        if is_suspended && !status::suspension_was_kept(&answer, run) {
            return Err(StatusError::Dropped { key: self.key() });
        }
        if !is_kept {
            warn!("the cluster has dropped a part of `status.kratix.workflows`: its schema is old");
        }
        Ok(())
    }

    async fn label(&self, uid: Option<&str>) -> Result<(), StatusError> {
        let key = &self.args.key;
        let (label, value) = (labels::WORKFLOW_SUSPENDED, labels::TRUE);
        match answered(|| self.cluster.set_label(key, uid, label, value)).await {
            Err(ClusterError::Missing { .. }) => Err(StatusError::Gone { key: self.key() }),
            result => result.map_err(StatusError::from),
        }?;
        info!(object = %key, label, "set the label");
        Ok(())
    }
}

/// One line for the status; the label has its own.
fn tell(object: &ObjectKey, decision: &Decision) {
    let ending = ending_text(decision.ending);
    match decision.status {
        Some(_) => info!(%object, ending, "wrote the status"),
        None => info!(%object, ending, "the status stands like that already"),
    }
}

fn ending_text(ending: Ending) -> &'static str {
    match ending {
        Ending::GoesOn => "goes on",
        Ending::Completed => "completed",
        Ending::Suspended { .. } => "suspended",
    }
}

fn read_control(path: &Path, bytes_max: u64) -> Result<Control, StatusError> {
    control::parse(&shared::read_yaml(path, bytes_max)?)
        .map_err(|source| StatusError::Control { path: path.to_owned(), source })
}
