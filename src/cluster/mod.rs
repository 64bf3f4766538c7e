//! The seam to Kubernetes: the few verbs that the steps need, on an API server or on a folder.

pub mod chance;
mod error;
pub mod failing;
pub mod folder;
pub mod given;
pub mod live;
mod name;
mod reads;

use serde_json::Value;

use crate::contract::{Kind, Object, ObjectKey};

pub use error::ClusterError;
pub use name::NamePart;
pub use reads::{Reads, selects};

/// What a list is narrowed to: labels that must have a value (`Some`) or must be absent (`None`).
pub type Selector<'a> = [(&'a str, Option<&'a str>)];

/// The Kubernetes verbs that the steps need: those of [`Reads`], and those that change something. Nothing else in the
/// crate talks to an API server.
///
/// Every implementation refuses a name that would ask for something else than it says, before it asks
/// ([`ClusterError::BadName`]). Every one honours `metadata.resourceVersion`, keeps the status out of [`Cluster::replace`] and
/// everything but the status out of [`Cluster::replace_status`], as the API server does for a kind with a status
/// subresource. A cluster that can be out of reach waits for itself to come back, as
/// [`live::RetryPolicy`] says; [`ClusterError::Unreachable`] is its last word.
pub trait Cluster: Reads {
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

    /// Changes all but the status by a merge patch (RFC 7396) and returns the object as stored, whatever else changes
    /// meanwhile. `metadata.uid` and `metadata.resourceVersion` in the patch are conditions:
    /// [`ClusterError::Conflict`] when they are not those of the object.
    fn patch(
        &self,
        key: &ObjectKey,
        patch: &Value,
    ) -> impl Future<Output = Result<Object, ClusterError>> + Send;

    /// Makes the fields that are given be as given, and returns the object as stored; creates it when it is not there.
    /// Fields that were applied before and are given no more go, all others stay (server-side apply, under our name, by
    /// force). A folder keeps no record of who set what: there, lists are replaced and no field goes.
    fn apply(
        &self,
        kind: &Kind,
        object: &Object,
    ) -> impl Future<Output = Result<Object, ClusterError>> + Send;

    /// Deletes the object; it is no error when it is not there.
    fn delete(&self, key: &ObjectKey) -> impl Future<Output = Result<(), ClusterError>> + Send;
}
