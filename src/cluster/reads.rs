//! The verbs that change nothing: what a dry run is given instead of a cluster.

use jiff::Timestamp;

use super::{Cluster, ClusterError, Selector};
use crate::contract::{Kind, Object, ObjectKey};

/// A cluster that can only be looked at. Every [`Cluster`] is one.
///
/// What takes this instead of a [`Cluster`] cannot write: the compiler says so.
pub trait Reads: Sync {
    /// As [`Cluster::get`].
    fn get(
        &self,
        key: &ObjectKey,
    ) -> impl Future<Output = Result<Option<Object>, ClusterError>> + Send;

    /// As [`Cluster::list`].
    fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> impl Future<Output = Result<Vec<Object>, ClusterError>> + Send;

    /// As [`Cluster::list_metadata`].
    fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> impl Future<Output = Result<Vec<Object>, ClusterError>> + Send;

    /// As [`Cluster::time`].
    fn time(&self) -> Option<Timestamp>;
}

impl<C: Cluster> Reads for C {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        Cluster::get(self, key).await
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        Cluster::list(self, kind, namespace, labels).await
    }

    async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        Cluster::list_metadata(self, kind, namespace, labels).await
    }

    fn time(&self) -> Option<Timestamp> {
        Cluster::time(self)
    }
}
