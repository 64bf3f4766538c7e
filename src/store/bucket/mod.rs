//! State stores in buckets: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.
//!
//! A bucket has no commits and no folders. What a change means is worked out as for every store; here it is made one object
//! at a time, in an order in which a crash anywhere is mended by the next run (`store/edits`). An object that is there
//! already with the same content is not written again.

mod body;
mod delete;
mod facts;
mod line;
mod open;
mod page;
mod put;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion};
use ring::digest;
use tokio::sync::Semaphore;

use self::facts::Facts;
use self::page::Strays;
use super::edits;
use super::{Applied, Listed, Listing, Store, StoreError, Trouble, Version};
use crate::core::placement::{Change, Edit, StorePath};

pub use line::Timeouts;
pub use open::BucketOptions;

/// Requests of one kind that are under way at once.
const AT_ONCE: usize = 16;
/// Changes that are made at once, when they have nothing to do with each other.
const CHANGES_AT_ONCE: usize = 8;
/// Most memory for contents under way, in KiB.
const BUDGET_KIB: usize = 16 << 10;
/// How often a change is begun when others write at the same time.
const ATTEMPTS_MAX: u32 = 10;
/// First and longest wait before it is begun again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Name of the object that is begun and never finished to see whether objects can be written.
const PROBE: &str = ".bookend-write-check";

/// A bucket, or what stands below a path in it.
pub struct BucketStore {
    objects: Arc<dyn ObjectStore>,
    /// Its address, for people.
    name: String,
    /// Name of the bucket.
    bucket: String,
    root: StorePath,
    probe: Probe,
    /// How long one request may take.
    request: Duration,
    strays: Arc<Strays>,
    budget: Semaphore,
    /// Whether the server keeps our hash with an object.
    keeps_hashes: AtomicBool,
    /// Whether the server writes on condition.
    knows_conditions: AtomicBool,
    /// Deletes on condition, where the service has that.
    conditional: Option<delete::Conditional>,
    /// Whether the server does so.
    deletes_on_condition: AtomicBool,
}

/// What was done for a change, in all its attempts.
#[derive(Debug, Default)]
struct Made {
    /// Files written, and their sizes.
    written: BTreeMap<StorePath, u64>,
    deleted: usize,
}

/// How it is found out, without a trace, whether objects can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// An upload in parts is begun and given up: no object is there before its end.
    Upload,
    /// A write on a condition that cannot be met. For Azure, where beginning an upload asks nobody.
    Condition,
}

impl fmt::Debug for BucketStore {
    /// Tells its address: what object_store would show of itself holds keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketStore({})", self.name)
    }
}

impl BucketStore {
    /// Returns a store over objects that are had in another way than by [`BucketStore::open`]: in memory, in tests.
    pub fn over(objects: Arc<dyn ObjectStore>, name: String, root: StorePath) -> Self {
        Self {
            objects,
            bucket: name.clone(),
            name,
            root,
            probe: Probe::Upload,
            request: Timeouts::default().request,
            strays: Arc::default(),
            budget: Semaphore::new(BUDGET_KIB),
            keeps_hashes: AtomicBool::new(true),
            knows_conditions: AtomicBool::new(true),
            conditional: None,
            deletes_on_condition: AtomicBool::new(true),
        }
    }

    /// Returns the key of a path.
    fn key(&self, at: &StorePath) -> Result<Path, Trouble> {
        let key = self.root.join(at.as_str())?;
        Path::parse(key.as_str()).map_err(|error| Trouble::Refused(error.to_string()))
    }

    /// Returns the path of a key; `None` for keys that cannot be ours.
    fn at(&self, key: &Path) -> Option<StorePath> {
        let below = match self.root.is_root() {
            true => Some(key.as_ref()),
            false => {
                key.as_ref().strip_prefix(self.root.as_str()).and_then(|key| key.strip_prefix('/'))
            }
        };
        let at = below.and_then(|below| StorePath::exact(below).ok());
        if at.is_none() {
            self.strays.told(key.as_ref());
        }
        at
    }

    fn trouble(&self, error: &Error) -> Trouble {
        trouble::of(error, &self.bucket, self.request)
    }

    fn failed(&self, doing: &'static str, trouble: Trouble) -> StoreError {
        StoreError { doing, store: self.name.clone(), trouble }
    }

    /// Makes one change, unless it is too late for that.
    async fn answer(
        &self,
        change: &Change,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Applied, StoreError> {
        let result = match may_go_on() {
            true => self.change(change, may_go_on).await,
            false => Err(Trouble::Stopped),
        };
        result.map_err(|trouble| self.failed("write to", trouble))
    }

    /// Makes one change, again when others were first.
    async fn change(
        &self,
        change: &Change,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Applied, Trouble> {
        let mut wait = AGAIN.0;
        let mut made = Made::default();
        for attempts in 1..=ATTEMPTS_MAX {
            if attempts > 1 {
                tokio::time::sleep(jittered(wait)).await;
                wait = wait.saturating_mul(2).min(AGAIN.1);
            }
            match self.once(change, &mut made, may_go_on).await {
                Err(put::Stop::Raced) => {}
                Err(put::Stop::Trouble(trouble)) => return Err(trouble),
                Ok((files, version)) => {
                    made.written.retain(|at, _| files.contains(at));
                    return Ok(Applied {
                        version: Some(version),
                        written: made.written.len(),
                        deleted: made.deleted,
                        unchanged: files.len().saturating_sub(made.written.len()),
                        bytes: made.written.values().sum(),
                        attempts,
                    });
                }
            }
        }
        Err(Trouble::Raced { attempts: ATTEMPTS_MAX })
    }

    /// Makes a change of what is there now; returns its files and what names their state.
    async fn once(
        &self,
        change: &Change,
        made: &mut Made,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<(BTreeSet<StorePath>, Version), put::Stop> {
        let needs = edits::needs(change);
        let mut facts = Facts::of(self, &needs).await?;
        let steps = edits::resolve(change, facts.known())?;
        facts.look_at(self, &steps).await?;

        let mut files = BTreeSet::new();
        let mut is_changed = false;
        for phase in steps.phases {
            files.extend(phase.puts.iter().map(|file| file.at.clone()));
            for (at, put) in self.put_all(phase.puts, &facts, may_go_on).await? {
                if put.written {
                    is_changed = true;
                    made.written.insert(at.clone(), put.seen.bytes);
                }
                facts.is_now(at, put.seen);
            }
            let there: Vec<StorePath> =
                phase.deletes.into_iter().filter(|at| facts.seen(at).is_some()).collect();
            self.delete_all(&there, &facts, may_go_on).await?;
            is_changed |= !there.is_empty();
            made.deleted = made.deleted.saturating_add(there.len());
            for at in there {
                files.remove(&at);
                facts.is_gone(&at);
            }
        }
        if is_changed && !facts.still_so(self).await? {
            return Err(put::Stop::Raced);
        }
        let version = version(files.iter().map(|at| (at, facts.seen(at))));
        Ok((files, version))
    }

    /// Begins to write, in a way that leaves nothing.
    async fn probe(&self) -> Result<(), Trouble> {
        let key = self.key(&StorePath::root().join(PROBE)?)?;
        match self.probe {
            Probe::Upload => {
                let mut upload =
                    self.objects.put_multipart(&key).await.map_err(|error| self.trouble(&error))?;
                upload.abort().await.map_err(|error| self.trouble(&error))
            }
            Probe::Condition => {
                let never = UpdateVersion { e_tag: Some("\"0x0\"".to_owned()), version: None };
                let options = PutMode::Update(never).into();
                match self.objects.put_opts(&key, Vec::new().into(), options).await {
                    Ok(_) | Err(Error::Precondition { .. } | Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(self.trouble(&error)),
                }
            }
        }
    }
}

impl Store for BucketStore {
    async fn list(&self, folder: &StorePath) -> Result<Listing, StoreError> {
        let found = facts::list(self, folder).await;
        let found = found.map_err(|trouble| self.failed("list", trouble))?;
        let version = version(found.iter().map(|(at, seen)| (at, Some(seen))));
        let files = found.into_iter().map(|(at, seen)| Listed { at, bytes: seen.bytes }).collect();
        Ok(Listing { version: Some(version), files })
    }

    async fn read(&self, path: &StorePath, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let found = facts::read(self, path, bytes_max).await;
        let found = found.map_err(|trouble| self.failed("read from", trouble))?;
        Ok(found.map(|(bytes, _)| bytes))
    }

    async fn apply(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Vec<Result<Applied, StoreError>> {
        let mut results = Vec::with_capacity(changes.len());
        let mut rest = changes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(apart(rest));
            let work: Vec<_> =
                now.iter().map(|change| self.answer(change, may_go_on).boxed()).collect();
            let mut done = stream::iter(work).buffered(CHANGES_AT_ONCE);
            while let Some(result) = done.next().await {
                results.push(result);
            }
            rest = later;
        }
        results
    }

    async fn check(&self) -> Result<(), StoreError> {
        let there = facts::any(self).await;
        there.map_err(|trouble| self.failed("list", trouble))?;
        self.probe().await.map_err(|trouble| self.failed("write to", trouble))
    }
}

/// Returns how many changes, from the first on, have nothing to do with each other: their order is of no matter.
fn apart(changes: &[Change]) -> usize {
    let mut taken: Vec<&StorePath> = Vec::new();
    for (count, change) in changes.iter().enumerate() {
        let grounds = change.edits.iter().map(|edit| match edit {
            Edit::Folder { at, .. } | Edit::Whole { at, .. } | Edit::Part { at, .. } => at,
            Edit::Listed { base, .. } => base,
        });
        let grounds: Vec<_> = grounds.collect();
        let meet = |one: &StorePath, other: &StorePath| one.is_in(other) || other.is_in(one);
        if count > 0 && grounds.iter().any(|one| taken.iter().any(|other| meet(one, other))) {
            return count;
        }
        taken.extend(grounds);
    }
    changes.len()
}

/// Names the state of files: a hash over their paths and ETags. Equal as long as none of them is written.
fn version<'a>(files: impl Iterator<Item = (&'a StorePath, Option<&'a facts::Seen>)>) -> Version {
    let mut hash = digest::Context::new(&digest::SHA256);
    for (at, seen) in files {
        hash.update(at.as_str().as_bytes());
        hash.update(&[0]);
        hash.update(seen.map_or("", |seen| seen.tag.as_str()).as_bytes());
        hash.update(&[0]);
    }
    Version(body::hex(hash.finish().as_ref()))
}

/// Returns half of a wait, and a part of the other half, so that those who met do not meet again.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0];
    // Without randomness there is none: nothing else hangs on it.
    _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random);
    let half = wait / 2;
    half.saturating_add(half.saturating_mul(u32::from(random[0])) / 255)
}
