//! Creates the Work, or replaces the one that is there.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::WriterError;
use crate::cluster::{Cluster, ClusterError};
use crate::contract::Object;
use crate::contract::kinds::WORK;
use crate::core::work::{self, Identity, Place, Trace};

/// First pause between two tries; every further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

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
    contend_max: Duration,
) -> Result<Put, WriterError> {
    let started = Instant::now();
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
        let (pause, waited) = (pause(tries), started.elapsed());
        if waited.saturating_add(pause) > contend_max {
            let key = Box::new(work.key(&WORK));
            return Err(WriterError::Contended { key, tries, waited, source });
        }
        debug!(work = work.name(), tries, "somebody else was faster, trying again");
        sleep(pause).await;
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

/// Returns a pause that doubles with every try and differs between two writers that started together.
fn pause(tries: u32) -> Duration {
    let longest = PAUSE_MIN.saturating_mul(1 << tries.min(10)).min(PAUSE_MAX);
    let percent = u32::try_from(RandomState::new().hash_one(tries) % 100).unwrap_or_default();
    longest / 2 + longest * percent / 200
}
