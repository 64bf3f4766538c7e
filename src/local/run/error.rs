//! Why a run came to no report.

use std::path::PathBuf;

use crate::cluster::ClusterError;
use crate::core::pipeline::PipelineError;
use crate::core::promise::PromiseError;
use crate::core::schema::SchemaError;
use crate::core::unpack::UnpackError;
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
    #[error("failed to parse `{}` as Kubernetes objects", path.display())]
    Yaml {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: YamlError,
    },
    /// A file does not hold the one object that is needed.
    #[error("failed to find {what} in `{}`: it holds {found} of them, and one is needed", path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: String,
        /// How many it holds.
        found: usize,
    },
    /// The Promise cannot be used.
    #[error("failed to read the Promise in `{}`", path.display())]
    Promise {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<PromiseError>,
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
    #[error("the request in `{}` has no `metadata.name`", path.display())]
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

impl Fault for RunError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Pod { source, .. } => source.exit(),
            Self::Cluster(error) => error.exit(),
            Self::NoRequest
            | Self::NoApi { .. }
            | Self::NoPipeline { .. }
            | Self::NoStage { .. } => Exit::Usage,
            Self::Yaml { .. }
            | Self::NotOne { .. }
            | Self::Promise { .. }
            | Self::NoName { .. }
            | Self::Schema { .. }
            | Self::Job(_)
            | Self::OutsidePath { .. }
            | Self::Work(_) => Exit::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Pod { source, .. } => source.hint(),
            Self::Cluster(error) => error.hint(),
            Self::Yaml { source, .. } => source.hint().map(str::to_owned),
            Self::Promise { source, .. } => source.hint(),
            Self::Schema { source, .. } => source.hint(),
            Self::Job(error) => error.hint(),
            Self::NoRequest => Some(
                "name a file with a request after that of the Promise, or use `--type promise`"
                    .into(),
            ),
            Self::NoApi { .. } => Some("leave out the request and use `--type promise`".into()),
            Self::NoStage { known, .. } => Some(format!("choose one of {known}")),
            Self::NotOne { found: 0, .. } => Some("check `kind` and `apiVersion`".into()),
            Self::NotOne { .. } => Some("keep one of them in the file".into()),
            _ => None,
        }
    }
}
