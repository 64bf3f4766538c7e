//! Creates the Work, or replaces the one that is there.

use tracing::{debug, warn};

use super::super::backoff::{Backoff, DEADLINE};
use super::WriterError;
use crate::cluster::{Cluster, ClusterError};
use crate::contract::Object;
use crate::contract::kinds::WORK;
use crate::core::work::{self, Identity, Place, Trace};

/// What became of the Work.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) created: bool,
    pub(super) name: String,
}

/// A refusal, and what it means for the next try.
enum Refusal {
    /// The Work changed, came or went meanwhile: look again.
    Raced(ClusterError),
    /// The name for a new Work is taken: look again, and if it is not ours choose another.
    Taken(ClusterError),
    /// Trying again does not help.
    Final(WriterError),
}

/// Puts the Work, in two requests when nobody else is at it.
pub(super) async fn put(
    cluster: &impl Cluster,
    identity: &Identity,
    trace: Trace<'_>,
    mut work: Object,
    bytes: u64,
) -> Result<Put, WriterError> {
    let mut backoff = Backoff::new(DEADLINE);
    let (mut tries, mut taken, mut renamed) = (0_u32, false, 0_u32);
    loop {
        tries = tries.saturating_add(1);
        let existing = find(cluster, identity).await?;
        if existing.is_none() && taken {
            renamed = renamed.saturating_add(1);
        }
        let refusal = match &existing {
            Some(existing) => {
                work::place(&mut work, identity, trace, Place::Existing(existing));
                cluster.replace(&WORK, &work).await.map_err(|error| on_replace(error, &work, bytes))
            }
            None => {
                let name = identity.name(renamed)?;
                work::place(&mut work, identity, trace, Place::New(&name));
                cluster.create(&WORK, &work).await.map_err(|error| on_create(error, &work, bytes))
            }
        };
        let source = match refusal {
            Ok(_) => {
                return Ok(Put { created: existing.is_none(), name: work.name().to_owned() });
            }
            Err(Refusal::Final(error)) => return Err(error),
            Err(Refusal::Raced(error)) => {
                taken = false;
                error
            }
            Err(Refusal::Taken(error)) => {
                taken = true;
                error
            }
        };
        debug!(work = work.name(), tries, "somebody else was faster");
        if !backoff.pause().await {
            let (key, waited) = (Box::new(work.key(&WORK)), backoff.waited());
            return Err(WriterError::Contended { key, tries, waited, source });
        }
    }
}

/// Returns the metadata of the Work that has exactly our labels, of several the newest.
async fn find(cluster: &impl Cluster, identity: &Identity) -> Result<Option<Object>, WriterError> {
    let works = cluster
        .list_metadata(&WORK, Some(&identity.namespace), &identity.selector())
        .await
        .map_err(WriterError::Cluster)?;
    let Some((chosen, ignored)) = work::newest(works) else { return Ok(None) };
    if !ignored.is_empty() {
        warn!(
            work = chosen.name(),
            ignored = ignored.join(", "),
            "several works have the same labels: the newest is updated, delete the others"
        );
    }
    Ok(Some(chosen))
}

fn on_replace(error: ClusterError, work: &Object, bytes: u64) -> Refusal {
    match error {
        ClusterError::Conflict { .. } | ClusterError::Missing { .. } => Refusal::Raced(error),
        other => last(other, work, bytes),
    }
}

fn on_create(error: ClusterError, work: &Object, bytes: u64) -> Refusal {
    match error {
        ClusterError::Exists { .. } => Refusal::Taken(error),
        other => last(other, work, bytes),
    }
}

fn last(error: ClusterError, work: &Object, bytes: u64) -> Refusal {
    Refusal::Final(match error {
        ClusterError::TooLarge { .. } => {
            let biggest = work::biggest(work, bytes);
            WriterError::RefusedAsTooLarge { bytes, biggest, source: error }
        }
        other => WriterError::Cluster(other),
    })
}
