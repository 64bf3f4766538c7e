//! Why the status step failed, with exit code and hint.

use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::ClusterError;
use crate::contract::ObjectKey;
use crate::core::control::ControlError;
use crate::core::status::Refusal;
use crate::exit::{Exit, Fault};
use crate::files::FileError;

/// Why the status could not be updated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// A metadata file could not be read, or is no YAML.
    #[error(transparent)]
    File(#[from] FileError),
    /// The status file holds what cannot be reported.
    #[error("failed to use `{}` as a status", path.display())]
    Report {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: Refusal,
    },
    /// The workflow control file cannot be used.
    #[error("failed to use `{}` as workflow control", path.display())]
    Control {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: ControlError,
    },
    /// The object has no place for a suspension.
    #[error("the status of {key} is not prepared for this pipeline; nothing was written")]
    NotPrepared {
        /// The object.
        key: Box<ObjectKey>,
        /// What is missing.
        source: Refusal,
    },
    /// The object is not there.
    #[error("failed to find {key}")]
    Missing {
        /// The object.
        key: Box<ObjectKey>,
    },
    /// The object was deleted while its status was updated.
    #[error("{key} was deleted meanwhile")]
    Gone {
        /// The object.
        key: Box<ObjectKey>,
    },
    /// Another object with the same name was made while its status was updated.
    #[error("{key} was replaced by a new object with the same name meanwhile; it is left alone")]
    Replaced {
        /// The object.
        key: Box<ObjectKey>,
    },
    /// The kind does not keep a status of its own.
    #[error("{key} has no status subresource; nothing was written")]
    NoStatusSubresource {
        /// The object.
        key: Box<ObjectKey>,
    },
    /// The server took the status and threw the suspension away.
    #[error("the cluster has dropped the suspension from the status of {key}; it is not labelled")]
    Dropped {
        /// The object.
        key: Box<ObjectKey>,
    },
    /// Conflicts until the time was over.
    #[error("failed to update the status of {key} within {waited:.1?}")]
    GaveUp {
        /// The object.
        key: Box<ObjectKey>,
        /// For how long.
        waited: Duration,
        /// The last conflict.
        source: ClusterError,
    },
    /// The cluster said no, or nothing.
    #[error("failed to update the status")]
    Cluster(#[from] ClusterError),
}

impl Fault for StatusError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Report { .. } | Self::Control { .. } => Exit::Input,
            Self::NotPrepared { .. }
            | Self::Missing { .. }
            | Self::Gone { .. }
            | Self::Replaced { .. }
            | Self::NoStatusSubresource { .. }
            | Self::Dropped { .. } => Exit::Refused,
            Self::GaveUp { source, .. } | Self::Cluster(source) => source.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::File(error) => return error.hint(),
            Self::Report { source, .. } | Self::NotPrepared { source, .. } => return source.hint(),
            Self::Control { source, .. } => return source.hint(),
            Self::Cluster(source) => return source.hint(),
            Self::Missing { .. } => {
                "check the object's name and namespace, and whether it was deleted"
            }
            Self::Gone { .. } | Self::Replaced { .. } => return None,
            Self::NoStatusSubresource { .. } => {
                "add `subresources: {status: {}}` to the version in the object's CRD"
            }
            Self::Dropped { .. } => {
                "update the object's CRD: its status schema must know `kratix.workflows`"
            }
            Self::GaveUp { .. } => {
                "find out who keeps changing the object, and stop it for a moment"
            }
        };
        Some(fixed.to_owned())
    }
}
