//! Why a pod could not be run.

use std::io;
use std::path::PathBuf;

use super::told::StepFailed;
use crate::cluster::ClusterError;
use crate::contract::ObjectKey;
use crate::exit::{Exit, Fault};
use crate::local::engine::EngineError;

/// Why a pod could not be run to its end. A stage that ran and failed is no error here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PodError {
    /// The Job has no pod template that can be read.
    #[error("failed to read the pod template of Job `{job}`")]
    Template {
        /// Name of the Job.
        job: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A ConfigMap or Secret is not in the cluster folder.
    #[error("{user} needs {key}, which is not there")]
    MissingObject {
        /// What needs it.
        user: String,
        /// What is missing.
        key: Box<ObjectKey>,
    },
    /// A ConfigMap or Secret lacks a key.
    #[error("{user} needs the key `{name}` of {key}, which has none of that name")]
    MissingKey {
        /// What needs it.
        user: String,
        /// The object.
        key: Box<ObjectKey>,
        /// The key in its data.
        name: String,
    },
    /// A value that should be text or base64 and is not.
    #[error("{user} needs `{name}` of {key} as {expected}")]
    Value {
        /// What needs it.
        user: String,
        /// The object.
        key: Box<ObjectKey>,
        /// The key in its data.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A field of the pod, or a resource of a container, that cannot be had here.
    #[error("{user} asks for `{field}`, which {problem}")]
    Field {
        /// What asks.
        user: String,
        /// For which field.
        field: String,
        /// Why not.
        problem: &'static str,
    },
    /// A kind of source that the local run does not know.
    #[error("{user} has a source of the kind `{kind}`, which a local run does not have")]
    Source {
        /// The volume or variable.
        user: String,
        /// The kind.
        kind: &'static str,
    },
    /// A mount of a volume that the pod does not declare.
    #[error("container `{container}` mounts the volume `{volume}`, which the pod does not have")]
    UnknownVolume {
        /// The container.
        container: String,
        /// The volume.
        volume: String,
    },
    /// A path that leaves its folder.
    #[error("{user} has the path `{path}`, which is not a relative path without `..`")]
    Path {
        /// The volume or mount.
        user: String,
        /// The path.
        path: String,
    },
    /// A container whose command stands only in its image.
    #[error(
        "container `{container}` has no `command`: what the image `{image}` starts is not known here"
    )]
    NoCommand {
        /// The container.
        container: String,
        /// Its image.
        image: String,
    },
    /// A file of the pod could not be made.
    #[error("failed to make `{}` for the pod", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cluster did not give an object.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A stage could not be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One of the three containers of the platform failed.
    #[error(transparent)]
    Step(#[from] StepFailed),
}

impl Fault for PodError {
    fn exit(&self) -> Exit {
        match self {
            Self::Cluster(error) => error.exit(),
            Self::Engine(error) => error.exit(),
            Self::Step(error) => error.exit(),
            Self::Template { .. } => Exit::Bug,
            _ => Exit::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::MissingObject { key, .. } => Some(format!(
                "add it: `--with FILE` with a {} `{}` in the namespace `{}`, or put it into the folder of `--cluster`",
                key.kind.kind,
                key.name,
                key.namespace.as_deref().unwrap_or_default()
            )),
            Self::NoCommand { container, .. } => Some(format!(
                "say what it starts: `--stage {container}='COMMAND ARGUMENT…'`, or set `command` in the pipeline"
            )),
            Self::Source { .. } => {
                Some("use a ConfigMap or Secret for the local run, given with `--with FILE`".into())
            }
            Self::MissingKey { name, key, .. } => Some(format!(
                "add `{name}` to the {}, or say `optional: true` where it is used",
                key.kind.kind
            )),
            Self::Value { expected, .. } => Some(format!("write it as {expected}")),
            Self::Field { .. } => {
                Some("see the downward API of Kubernetes for the fields that there are".into())
            }
            Self::Path { .. } => Some("leave out `..` and the `/` at the start".into()),
            Self::File { .. } => Some("check space and rights of the folder in `TMPDIR`".into()),
            Self::UnknownVolume { .. } => Some("add it to `spec.volumes` of the pipeline".into()),
            Self::Cluster(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::Step(error) => error.hint(),
            Self::Template { .. } => None,
        }
    }
}
