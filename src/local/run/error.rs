//! Why a run came to no report.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cluster::ClusterError;
use crate::core::pipeline::PipelineError;
use crate::core::promise::{Finding, PromiseError};
use crate::core::schema::SchemaError;
use crate::core::unpack::UnpackError;
use crate::effect::EffectError;
use crate::exit::{Exit, Fault};
use crate::files::FileError;
use crate::files::yaml::YamlError;
use crate::local::pod::PodError;

/// Why a run came to no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is no YAML.
    #[error("failed to parse {} as Kubernetes objects", named(path))]
    Yaml {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: YamlError,
    },
    /// A file does not hold the one object that is needed.
    #[error("failed to find {what} in {}: {}", named(path), holds(*found, others))]
    NotOne {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: String,
        /// How many it holds.
        found: usize,
        /// What else it holds.
        others: Vec<String>,
    },
    /// A path that should be a folder, or nothing yet.
    #[error("failed to use `{}` as the folder of `{flag}`: it is no folder", path.display())]
    NotAFolder {
        /// The flag that names it.
        flag: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The Promise cannot be used.
    #[error("failed to read the Promise in {}", named(path))]
    Promise {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<PromiseError>,
    },
    /// A cluster would refuse the Promise.
    #[error("failed to accept the Promise in {}", named(path))]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Findings,
    },
    /// A resource workflow needs a request.
    #[error("a resource workflow needs a request")]
    NoRequest,
    /// The Promise has no API, so nothing can be requested.
    #[error("Promise `{promise}` has no API, so there can be no request")]
    NoApi {
        /// Name of the Promise.
        promise: String,
    },
    /// The request has no name.
    #[error("the request in {} has no `metadata.name`", named(path))]
    NoName {
        /// The file.
        path: PathBuf,
    },
    /// The request does not fit the schema of the Promise's API.
    #[error("failed to accept the request `{request}` for Promise `{promise}`")]
    Schema {
        /// Name of the request.
        request: String,
        /// Name of the Promise.
        promise: String,
        /// Why.
        source: SchemaError,
    },
    /// There is nothing to run.
    #[error("Promise `{promise}` has no {workflow} {action} pipeline")]
    NoPipeline {
        /// Name of the Promise.
        promise: String,
        /// `promise` or `resource`.
        workflow: &'static str,
        /// `configure` or `delete`.
        action: &'static str,
        /// What can be run instead, as arguments.
        known: Vec<String>,
        /// Fields of the Promise that mean nothing: one of them may be the misspelled workflow.
        unknown_fields: Vec<String>,
    },
    /// A command was given for a stage that does not exist.
    #[error("no container is called `{name}` in this workflow")]
    NoStage {
        /// The name that was given.
        name: String,
        /// Names that there are.
        known: String,
    },
    /// The Job of a pipeline cannot be made.
    #[error(transparent)]
    Job(#[from] PipelineError),
    /// The pod of a pipeline cannot be run.
    #[error("failed to run pipeline `{pipeline}`")]
    Pod {
        /// Name of the pipeline.
        pipeline: String,
        /// Why.
        source: Box<PodError>,
    },
    /// The folder cluster refused something.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// What was planned could not be done.
    #[error(transparent)]
    Effect(#[from] EffectError),
    /// Plan after plan, and no Job runs: something that lies in the cluster is in the way.
    #[error("the workflow of {object} comes to no end: no Job runs after {plans} plans in a row")]
    NoEnd {
        /// Whose workflow.
        object: String,
        /// How many plans.
        plans: u32,
    },
    /// A Work holds a path that leaves its folder; none of ours does.
    #[error("failed to write `{path}` of a Work: it is not a relative path without `..`")]
    OutsidePath {
        /// The path.
        path: String,
    },
    /// A Work cannot be read back.
    #[error(transparent)]
    Work(#[from] UnpackError),
}

/// Everything for which a cluster would refuse a Promise; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl std::error::Error for Findings {}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(|found| format!("`{}`: {}", found.path, found.message));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

fn named(path: &Path) -> String {
    if path == Path::new("-") { "stdin".into() } else { format!("`{}`", path.display()) }
}

/// Objects of a file that are named at most.
const OTHERS_MAX: usize = 5;

fn holds(found: usize, others: &[String]) -> String {
    match (found, others) {
        (0, []) => "it holds no object".into(),
        (0, others) => {
            let more = if others.len() > OTHERS_MAX { ", …" } else { "" };
            let some = others.iter().take(OTHERS_MAX).cloned().collect::<Vec<_>>().join(", ");
            format!("it holds {some}{more}")
        }
        (found, _) => format!("it holds {found} of them, and one is needed"),
    }
}

impl Fault for RunError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Pod { source, .. } => source.exit(),
            // The name stands in a file here, not in a variable.
            Self::Cluster(ClusterError::BadName { .. }) => Exit::Input,
            Self::Cluster(error) => error.exit(),
            Self::Effect(error) => error.exit(),
            Self::NoRequest
            | Self::NoApi { .. }
            | Self::NoPipeline { .. }
            | Self::NotAFolder { .. }
            | Self::NoStage { .. } => Exit::Usage,
            Self::Yaml { .. }
            | Self::NotOne { .. }
            | Self::Promise { .. }
            | Self::Refused { .. }
            | Self::NoName { .. }
            | Self::Schema { .. }
            | Self::Job(_)
            | Self::NoEnd { .. }
            | Self::OutsidePath { .. }
            | Self::Work(_) => Exit::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint().or_else(|| file_hint(error)),
            Self::Pod { source, .. } => source.hint(),
            Self::Cluster(ClusterError::BadName { .. }) => {
                Some("change the name in the file that holds it".into())
            }
            Self::Cluster(error) => error.hint(),
            Self::Effect(error) => error.hint(),
            Self::Yaml { source, .. } => Some(source.hint().map_or_else(
                || "write Kubernetes objects, each with `apiVersion`, `kind` and `metadata`".into(),
                str::to_owned,
            )),
            Self::Promise { source, .. } => source.hint(),
            Self::Refused { source, .. } => {
                source.0.first().map(|found| format!("change `{}`", found.path))
            }
            Self::Schema { source, .. } => source.hint(),
            Self::Job(error) => error.hint(),
            Self::NoRequest => Some(
                "name a file with a request after that of the Promise, or use `--type promise`"
                    .into(),
            ),
            Self::NoApi { .. } => Some("leave out the request and use `--type promise`".into()),
            Self::NoName { .. } => Some("set `metadata.name`".into()),
            Self::NoPipeline { known, unknown_fields, .. } => {
                Some(no_pipeline_hint(known, unknown_fields))
            }
            Self::NotAFolder { flag, .. } => Some(format!("give `{flag}` the name of a folder")),
            Self::NoStage { known, .. } => Some(format!("choose one of {known}")),
            Self::NotOne { found: 0, .. } => Some(
                "check `apiVersion` and `kind`, and give the Promise first, then its request"
                    .into(),
            ),
            Self::NotOne { .. } => Some("keep one of them in the file".into()),
            Self::NoEnd { .. } | Self::OutsidePath { .. } | Self::Work(_) => {
                Some("run it again with another folder for `--cluster`".into())
            }
        }
    }
}

fn file_hint(error: &FileError) -> Option<String> {
    let FileError::Read { source, .. } = error else { return None };
    Some(match source.kind() {
        ErrorKind::NotFound => "check the path".into(),
        ErrorKind::IsADirectory => "name a file in it".into(),
        _ => return None,
    })
}

fn no_pipeline_hint(known: &[String], unknown_fields: &[String]) -> String {
    match (known, unknown_fields) {
        (_, [first, ..]) => format!("check `{first}`: no Promise has this field"),
        ([], []) => "add pipelines below `spec.workflows`".into(),
        (known, []) => format!("run one that it has: {}", known.join(" or ")),
    }
}
