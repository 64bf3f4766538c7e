//! The verbs that change nothing: what a dry run is given.

use jiff::Timestamp;

use super::{ClusterError, Selector};
use crate::contract::{Kind, Object, ObjectKey};

/// A cluster that can only be looked at. What takes this instead of a [`Cluster`](super::Cluster) cannot write: the
/// compiler says so.
pub trait Reads: Sync {
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

    /// Like [`Reads::list`], with `apiVersion`, `kind` and `metadata` only: a Work can be megabytes. Unless an
    /// implementation can be asked for less, the rest is dropped.
    fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> impl Future<Output = Result<Vec<Object>, ClusterError>> + Send {
        async move {
            let mut found = self.list(kind, namespace, labels).await?;
            for object in &mut found {
                object.0.retain(|field, _| {
                    matches!(field.as_str(), "apiVersion" | "kind" | "metadata")
                });
            }
            Ok(found)
        }
    }

    /// Returns the time in whole seconds by the clock of the cluster, `None` when no answer has told it yet.
    ///
    /// Controllers compare what a step writes with their own time, and the clock of a pod's node may be wrong. Asks
    /// nobody: an API server tells its time with every answer, a folder has none but the machine's.
    fn time(&self) -> Option<Timestamp>;
}

/// Whether an object has the labels that a list is narrowed to.
pub fn selects(labels: &Selector<'_>, object: &Object) -> bool {
    labels.iter().all(|(key, value)| object.label(key) == *value)
}
