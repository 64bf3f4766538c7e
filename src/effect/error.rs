//! Why a plan could not be carried out.

use crate::cluster::ClusterError;
use crate::contract::ObjectKey;
use crate::core::pipeline::PipelineError;
use crate::core::rbac::RbacError;
use crate::exit::{Exit, Fault};

/// Why a plan could not be carried out to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EffectError {
    /// The cluster refused something, or could not be reached.
    #[error("failed to {what}")]
    Cluster {
        /// What was to be done, starting with a verb.
        what: &'static str,
        /// Why.
        source: Box<ClusterError>,
    },
    /// There is no Job for the pipeline.
    #[error("failed to make the Job of a pipeline")]
    Pipeline {
        /// Why.
        source: PipelineError,
    },
    /// A pipeline cannot be given its rights.
    #[error("failed to make the rights of a pipeline")]
    Rights {
        /// Why.
        source: RbacError,
    },
    /// The Promise has no API, so there is no request to write to.
    #[error("Promise `{promise}` has no API, so it has no requests")]
    NoApi {
        /// Name of the Promise.
        promise: String,
    },
    /// An object of a kind that nobody here makes.
    #[error("failed to make `{kind}` of `{api_version}`: the kind is not known here")]
    UnknownKind {
        /// Its kind.
        kind: String,
        /// Its API version.
        api_version: String,
    },
    /// The schema of the object's kind drops what its status says of workflows: no progress can be kept.
    #[error("the schema of {} drops what the status of {key} says of its workflows", key.kind)]
    Pruned {
        /// The object.
        key: Box<ObjectKey>,
    },
}

impl EffectError {
    /// Whether somebody else changed an object meanwhile: it has to be read anew, and nothing is wrong.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Cluster { source, .. } if matches!(**source, ClusterError::Conflict { .. }))
    }

    /// Whether the cluster could not be reached, so that nothing can be said in a status either.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Cluster { source, .. } if matches!(**source, ClusterError::Unreachable { .. }))
    }

    pub(super) fn cluster(what: &'static str) -> impl FnOnce(ClusterError) -> Self {
        move |source| Self::Cluster { what, source: Box::new(source) }
    }
}

impl From<PipelineError> for EffectError {
    fn from(source: PipelineError) -> Self {
        Self::Pipeline { source }
    }
}

impl From<RbacError> for EffectError {
    fn from(source: RbacError) -> Self {
        Self::Rights { source }
    }
}

impl Fault for EffectError {
    fn exit(&self) -> Exit {
        match self {
            Self::Cluster { source, .. } => source.exit(),
            Self::Pipeline { .. } | Self::Rights { .. } | Self::NoApi { .. } => Exit::Input,
            Self::UnknownKind { .. } => Exit::Bug,
            Self::Pruned { .. } => Exit::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster { source, .. } => source.hint(),
            Self::Pipeline { source } => source.hint(),
            Self::Rights { source } => source.hint(),
            Self::NoApi { .. } => Some("give the Promise `spec.api`".into()),
            Self::UnknownKind { .. } => None,
            Self::Pruned { key } => Some(format!(
                "renew the CRD {}: the one in the cluster is older than this program",
                key.kind
            )),
        }
    }
}
