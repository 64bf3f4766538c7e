//! What a run has done: values, and their text for people and for programs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::engine::{End, Tail};
use super::pod::Ran;
use crate::contract::{Object, ObjectKey};
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::unpack::Group;
use crate::exit::{Exit, Fault};

/// What a run has done.
#[derive(Debug)]
pub struct Report {
    /// Name of the Promise.
    pub promise: String,
    /// The object whose workflow ran.
    pub object: ObjectKey,
    /// Whose workflow.
    pub workflow: WorkflowType,
    /// Which list of pipelines.
    pub action: WorkflowAction,
    /// Pipelines that ran, in order.
    pub pipelines: Vec<PipelineReport>,
    /// The pipeline at which an earlier run had stopped, and this one went on.
    pub resumed_at: Option<String>,
    /// How it ended.
    pub ending: Ending,
    /// Works of the object, in the order of the pipelines.
    pub works: Vec<WorkReport>,
    /// Whether there are Destinations in the cluster.
    pub has_destinations: bool,
    /// The status of the object.
    pub status: Map<String, Value>,
    /// What is not as it would be in a cluster, a sentence each.
    pub warnings: Vec<String>,
    /// The folder of the cluster, when it stays.
    pub cluster: Option<PathBuf>,
    /// The folder with the results.
    pub out: Option<PathBuf>,
    /// From start to end.
    pub elapsed: Duration,
}

/// A pipeline that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineReport {
    /// Its name.
    pub name: String,
    /// Users' containers that ran, in order.
    pub stages: Vec<Ran>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ending {
    /// Every pipeline has run.
    Done,
    /// A pipeline asked the workflow to wait.
    Suspended {
        /// What it said; may be empty.
        message: String,
        /// When it wants to be run again; `None` waits for somebody.
        until: Option<Timestamp>,
    },
    /// A stage failed.
    Failed(StageFailed),
}

/// A Work, unpacked.
#[derive(Debug, Clone)]
pub struct WorkReport {
    /// The Work as it is in the cluster.
    pub work: Object,
    /// Name of the pipeline that wrote it.
    pub pipeline: String,
    /// Its groups.
    pub groups: Vec<Placed>,
}

/// A workload group, and where it would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its files.
    pub group: Group,
    /// Destinations in the cluster that match, by name.
    pub destinations: Vec<String>,
}

/// A user's container failed, and with it the run.
#[derive(Debug, thiserror::Error)]
#[error("stage `{stage}` of pipeline `{pipeline}` {end}")]
pub struct StageFailed {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Name of the container.
    pub stage: String,
    /// How it ended.
    pub end: End,
    /// The last lines it wrote.
    #[source]
    pub output: LastLines,
}

/// The last lines of a stage, as the cause of its failure.
#[derive(Debug, thiserror::Error)]
pub struct LastLines(Tail);

impl fmt::Display for LastLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.lines().len() == 0 {
            return write!(f, "it wrote nothing");
        }
        match self.0.dropped() {
            0 => write!(f, "its output:")?,
            dropped => write!(f, "its last lines, after {dropped} others:")?,
        }
        self.0.lines().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl StageFailed {
    pub(super) fn new(pipeline: &str, stage: &Ran) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            stage: stage.name.clone(),
            end: stage.ended.end,
            output: LastLines(stage.ended.tail.clone()),
        }
    }
}

impl Fault for StageFailed {
    fn exit(&self) -> Exit {
        Exit::Stage
    }
}

impl Report {
    /// Returns the stage that failed.
    pub fn failure(&self) -> Option<&StageFailed> {
        match &self.ending {
            Ending::Failed(failure) => Some(failure),
            Ending::Done | Ending::Suspended { .. } => None,
        }
    }

    /// Returns how the program ends after this run.
    pub fn exit(&self) -> Exit {
        self.failure().map_or(Exit::Done, Fault::exit)
    }

    /// Returns the time that stages took themselves.
    pub fn stages_elapsed(&self) -> Duration {
        let stages = self.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
        stages.map(|stage| stage.ended.elapsed).sum()
    }

    /// Returns the time that was spent around the stages.
    pub fn overhead(&self) -> Duration {
        self.elapsed.saturating_sub(self.stages_elapsed())
    }
}
