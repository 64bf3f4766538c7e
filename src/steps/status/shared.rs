//! What every writer of a status does: reads the file, reads the object, writes, and begins again after a conflict.

use std::path::Path;

use serde_json::{Map, Value};
use tracing::debug;

use super::StatusError;
use crate::cluster::{Cluster, ClusterError, Reads};
use crate::contract::{Node, Object, ObjectKey};
use crate::core::status;
use crate::files::read;
use crate::steps::backoff::{Backoff, DEADLINE, answered};

/// Tries against others who write the same object: until one meets no conflict, or [`DEADLINE`] is over.
pub(in crate::steps) struct Tries(Backoff);

impl Tries {
    /// Begins; the time counts from now on.
    pub(in crate::steps) fn new() -> Self {
        Self(Backoff::new(DEADLINE))
    }

    /// Returns how it ended; `None`, after a pause, when the object is to be read and decided on anew.
    pub(in crate::steps) async fn end<T>(
        &mut self,
        key: &ObjectKey,
        result: Result<T, StatusError>,
    ) -> Option<Result<T, StatusError>> {
        let Err(StatusError::Cluster(source @ ClusterError::Conflict { .. })) = result else {
            return Some(result);
        };
        let waited_ms = self.0.waited().as_millis() as u64;
        debug!(object = %key, waited_ms, "somebody else was faster: reading and merging again");
        if self.0.pause().await {
            return None;
        }
        let key = Box::new(key.clone());
        Some(Err(StatusError::GaveUp { key, waited: self.0.waited(), source }))
    }
}

/// Reads the object. One that was there before is gone, not missing.
pub(in crate::steps) async fn get(
    cluster: &impl Reads,
    key: &ObjectKey,
    is_first: bool,
) -> Result<Object, StatusError> {
    let object = answered(|| cluster.get(key)).await?;
    object.ok_or_else(|| {
        let key = Box::new(key.clone());
        if is_first { StatusError::Missing { key } } else { StatusError::Gone { key } }
    })
}

/// Writes the status of the object, and returns what the server made of it.
pub(in crate::steps) async fn replace(
    cluster: &impl Cluster,
    key: &ObjectKey,
    object: &Object,
) -> Result<Object, StatusError> {
    match answered(|| cluster.replace_status(&key.kind, object)).await {
        Err(ClusterError::Missing { .. }) => Err(explain_missing(cluster, key, object).await),
        answer => Ok(answer?),
    }
}

/// Tells an object without a status subresource, which also answers "not found", from one that is gone.
async fn explain_missing(cluster: &impl Reads, key: &ObjectKey, object: &Object) -> StatusError {
    let boxed = Box::new(key.clone());
    match answered(|| cluster.get(key)).await {
        Ok(Some(found)) if found.uid() == object.uid() => {
            StatusError::NoStatusSubresource { key: boxed }
        }
        Ok(_) => StatusError::Gone { key: boxed },
        Err(error) => error.into(),
    }
}

/// Reads what the pipeline reports.
pub(in crate::steps) fn read_report(
    path: &Path,
    bytes_max: u64,
) -> Result<Map<String, Value>, StatusError> {
    status::parse_report(&read_yaml(path, bytes_max)?)
        .map_err(|source| StatusError::Report { path: path.to_owned(), source })
}

/// Reads a file; one that is not there is an empty document.
pub(super) fn read_yaml(path: &Path, bytes_max: u64) -> Result<Node, StatusError> {
    Ok(read::document(path, bytes_max)?.unwrap_or(Node::Null))
}
