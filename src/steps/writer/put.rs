//! Creates the Work, or replaces the one that is there.

use tracing::{debug, warn};

use super::{Draft, WriterError};
use crate::cluster::{Cluster, ClusterError, Reads};
use crate::contract::kinds::WORK;
use crate::contract::{Kind, Object};
use crate::core::work::{self, Identity, Place, Trace};
use crate::steps::backoff::{Backoff, DEADLINE, answered};

/// In a place of its own, so that a call can be made twice.
const KIND: &Kind = &WORK;

/// What became of the Work.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) created: bool,
    pub(super) name: String,
}

/// Puts the Work, in two requests when nobody else is at it.
pub(super) async fn put(
    cluster: &impl Cluster,
    draft: Draft,
    trace: Trace<'_>,
) -> Result<Put, WriterError> {
    let Draft { identity, mut work, bytes, .. } = draft;
    let mut backoff = Backoff::new(DEADLINE);
    let (mut tries, mut taken, mut renamed) = (0_u32, false, 0_u32);
    loop {
        tries = tries.saturating_add(1);
        let Found { existing, others } = find(cluster, &identity).await?;
        if tries == 1 {
            warn_of(existing.as_ref(), &others);
            if let Some(time) = cluster.time() {
                work::date(&mut work, &time.to_string());
            }
        }
        if existing.is_none() && taken {
            // The name is taken, and not by a Work of ours.
            renamed = renamed.saturating_add(1);
        }
        aim(&mut work, &identity, trace, existing.as_ref(), renamed)?;
        let answer = match &existing {
            Some(_) => answered(|| cluster.replace(KIND, &work)).await,
            None => answered(|| cluster.create(KIND, &work)).await,
        };
        let Err(error) = answer else {
            return Ok(Put { created: existing.is_none(), name: work.name().to_owned() });
        };
        if !raced(&error, existing.is_some()) {
            return Err(refused(error, &work, bytes));
        }
        taken = matches!(error, ClusterError::Exists { .. });
        let waited_ms = backoff.waited().as_millis() as u64;
        debug!(work = work.name(), tries, waited_ms, "somebody else was faster");
        if !backoff.pause().await {
            let (key, waited) = (Box::new(work.key(KIND)), backoff.waited());
            return Err(WriterError::Contended { key, tries, waited, source: error });
        }
    }
}

/// Gives the Work its metadata: those of the Work that is there, or a name of its own.
pub(super) fn aim(
    work: &mut Object,
    identity: &Identity,
    trace: Trace<'_>,
    existing: Option<&Object>,
    renamed: u32,
) -> Result<(), WriterError> {
    match existing {
        Some(existing) => work::place(work, identity, trace, Place::Existing(existing)),
        None => work::place(work, identity, trace, Place::New(&identity.name(renamed)?)),
    }
    Ok(())
}

/// The Works that are there.
pub(super) struct Found {
    /// The metadata of the one to replace.
    pub(super) existing: Option<Object>,
    /// Names of others with the same labels.
    pub(super) others: Vec<String>,
}

/// Returns the metadata of the Work that has exactly our labels, of several the newest, and the names of the others.
pub(super) async fn find(cluster: &impl Reads, identity: &Identity) -> Result<Found, WriterError> {
    let (namespace, labels) = (Some(identity.namespace.as_str()), identity.selector());
    let works = answered(|| cluster.list_metadata(KIND, namespace, &labels))
        .await
        .map_err(WriterError::Cluster)?;
    let (existing, others) = work::newest(works).unzip();
    Ok(Found { existing, others: others.unwrap_or_default() })
}

pub(super) fn warn_of(chosen: Option<&Object>, others: &[String]) {
    if others.is_empty() {
        return;
    }
    warn!(
        work = chosen.map(Object::name),
        ignored = others.join(", "),
        "several works have the same labels: the newest is updated, delete the others"
    );
}

/// Whether the Work changed, came or went since it was looked for.
fn raced(error: &ClusterError, replacing: bool) -> bool {
    match error {
        // For a new Work, too: a quota that changed while it was counted.
        ClusterError::Conflict { .. } => true,
        ClusterError::Missing { .. } => replacing,
        ClusterError::Exists { .. } => !replacing,
        _ => false,
    }
}

fn refused(error: ClusterError, work: &Object, bytes: u64) -> WriterError {
    match error {
        ClusterError::TooLarge { .. } => {
            let biggest = work::biggest(work, bytes);
            WriterError::RefusedAsTooLarge { bytes, biggest, source: error }
        }
        other => WriterError::Cluster(other),
    }
}
