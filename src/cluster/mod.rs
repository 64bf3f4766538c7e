//! The seam to Kubernetes: the few verbs that the steps need, on an API server or on a folder.

pub mod failing;
pub mod folder;
pub mod live;

use std::time::Duration;

use crate::contract::{Kind, Object, ObjectKey};
use crate::exit::{Exit, Fault};

/// What a list is narrowed to: labels that must have a value (`Some`) or must be absent (`None`).
pub type Selector<'a> = [(&'a str, Option<&'a str>)];

/// The Kubernetes verbs that the steps need. Nothing else in the crate talks to an API server.
///
/// Every implementation honours `metadata.resourceVersion`, keeps the status out of [`Cluster::replace`] and
/// everything but the status out of [`Cluster::replace_status`], as the API server does for a kind with a status
/// subresource. Calls that change something are not repeated by the implementation where a repetition could do
/// harm: the steps decide that.
pub trait Cluster: Sync {
    /// Returns the object, `None` when it is not there.
    fn get(
        &self,
        key: &ObjectKey,
    ) -> impl Future<Output = Result<Option<Object>, ClusterError>> + Send;

    /// Returns the objects with these labels, in one namespace or (`None`) in all, sorted by namespace and name.
    fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> impl Future<Output = Result<Vec<Object>, ClusterError>> + Send;

    /// Like [`Cluster::list`], with `apiVersion`, `kind` and `metadata` only: a Work can be megabytes.
    fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> impl Future<Output = Result<Vec<Object>, ClusterError>> + Send;

    /// Creates an object and returns it as stored; [`ClusterError::Exists`] when the name is taken.
    fn create(
        &self,
        kind: &Kind,
        object: &Object,
    ) -> impl Future<Output = Result<Object, ClusterError>> + Send;

    /// Replaces all but the status; [`ClusterError::Conflict`] when the resourceVersion is not the current one.
    fn replace(
        &self,
        kind: &Kind,
        object: &Object,
    ) -> impl Future<Output = Result<Object, ClusterError>> + Send;

    /// Replaces the status; [`ClusterError::Conflict`] when the resourceVersion is not the current one.
    fn replace_status(
        &self,
        kind: &Kind,
        object: &Object,
    ) -> impl Future<Output = Result<Object, ClusterError>> + Send;

    /// Sets one label, whatever else changes meanwhile; `uid`, when given, must be that of the object.
    fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// Deletes the object; it is no error when it is not there.
    fn delete(&self, key: &ObjectKey) -> impl Future<Output = Result<(), ClusterError>> + Send;
}

/// Why the cluster did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No way to an API server: no in-cluster configuration and no kubeconfig that works.
    #[error("failed to find a cluster: {attempts}")]
    NotConfigured {
        /// Every place that was tried, with what was wrong there.
        attempts: String,
    },
    /// The object, or its kind, is not there.
    #[error("{key} not found")]
    Missing {
        /// What was asked for.
        key: Box<ObjectKey>,
        /// The server's own words, which tell a missing kind from a missing object.
        detail: String,
    },
    /// The object changed since it was read.
    #[error("{key} has been changed by somebody else meanwhile")]
    Conflict {
        /// The object.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// The name is taken.
    #[error("{key} exists already")]
    Exists {
        /// The object.
        key: Box<ObjectKey>,
    },
    /// The service account lacks a right.
    #[error("not allowed to {verb} {key}")]
    Forbidden {
        /// `get`, `list`, `create`, `update`, `patch` or `delete`.
        verb: &'static str,
        /// The object, or any name of its kind.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// The object does not fit its schema or a policy.
    #[error("{key} was refused: {detail}")]
    Invalid {
        /// The object.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// The object is larger than the server takes.
    #[error("{key} is too large for the cluster: {detail}")]
    TooLarge {
        /// The object.
        key: Box<ObjectKey>,
        /// The server's own words.
        detail: String,
    },
    /// No answer, or only "later", until our retries were used up.
    #[error(
        "failed to {verb} {key}: no usable answer from the cluster after {tries} tries in {waited:?}"
    )]
    Unreachable {
        /// What was asked.
        verb: &'static str,
        /// For what.
        key: Box<ObjectKey>,
        /// How often.
        tries: u32,
        /// For how long.
        waited: Duration,
        /// The last failure.
        detail: String,
    },
    /// An answer that is not what Kubernetes says.
    #[error("failed to {verb} {key}: the answer cannot be understood")]
    Malformed {
        /// What was asked.
        verb: &'static str,
        /// For what.
        key: Box<ObjectKey>,
        /// What is wrong with it.
        detail: String,
    },
    /// A file of a folder cluster.
    #[error(transparent)]
    File(#[from] crate::files::FileError),
}

impl Fault for ClusterError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotConfigured { .. } | Self::Unreachable { .. } | Self::Malformed { .. } => {
                Exit::Unreachable
            }
            Self::Missing { .. }
            | Self::Conflict { .. }
            | Self::Exists { .. }
            | Self::Forbidden { .. }
            | Self::Invalid { .. }
            | Self::TooLarge { .. } => Exit::Refused,
            Self::File(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            _ => None,
        }
    }
}
