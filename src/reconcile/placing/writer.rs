//! A state store that is open: writes to it go together.

use std::fmt;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::metrics::Metrics;
use super::super::shared::Shared;
use crate::contract::Object;
use crate::core::placement::{self, Change, Setup, Site, StoreRef};
use crate::destination::{self, commits};
use crate::exit::{self, Fault};
use crate::store::group::{Batch, Group, Limits};
use crate::store::open::{AnyStore, Options, open};
use crate::store::{Applied, Store, StoreError, Trouble};

/// Most changes in one batch.
const BATCH_MAX: usize = 256;
/// Most packed contents that are held for one store, in KiB. Those whose contents do not fit are read when it is their turn.
const CONTENT_KIB_MAX: u32 = 16 << 10;

/// A state store that is open.
pub(super) struct Writer<S: Store = AnyStore> {
    group: Group<S>,
    room: Semaphore,
    /// Where it writes to, as [`placement::address`] tells of a state store.
    address: String,
}

impl<S: Store> fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl<S: Store + 'static> Writer<S> {
    /// Begins to write what it is given, one batch after the other, for as long as anybody has it.
    pub(super) fn over(
        store: S,
        metrics: Metrics,
        name: String,
        address: String,
        may_go_on: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let limits = Limits { changes_max: BATCH_MAX, ..Limits::default() };
        let told = move |batch: Batch| metrics.store_batch(&name, batch.changes, batch.took);
        let group = Group::over(store, limits, may_go_on, told);
        Self { group, room: Semaphore::new(CONTENT_KIB_MAX as usize), address }
    }

    /// Makes a change, with those of others.
    pub(super) async fn write(&self, change: Change) -> Result<Applied, StoreError> {
        self.group.submit(change).await
    }

    /// Returns where the files of a Destination come that it writes.
    pub(super) fn site(&self, setup: &Setup) -> Site {
        Site::of(setup, &self.address)
    }

    /// Waits for room for contents of that size.
    pub(super) async fn room(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        self.room.acquire_many(kib(bytes)).await.ok()
    }

    /// Whether there is room for contents of that size now.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.room.available_permits() >= kib(bytes) as usize
    }

    /// Begins nothing more, and returns once nothing is under way.
    pub(super) async fn finish(&self) {
        self.group.finish().await;
    }

    /// Makes sure that it can be written.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.group.store().check().await
    }
}

/// What contents of that size take of the room: at least as much as a small file, at most all of it.
fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX).clamp(4, CONTENT_KIB_MAX)
}

/// Whether what goes wrong is wrong with the store, and not with what it was given.
pub(super) fn is_of_store(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Unreachable(_)
            | Trouble::Late(_)
            | Trouble::Untrusted(_)
            | Trouble::Credentials(_)
            | Trouble::Disk(_)
            | Trouble::Damaged(_)
    )
}

/// Whether what goes wrong may be wrong with the store or with what it was given alone: a bucket forbids one key, one folder, or
/// to delete what is locked, in the words in which it forbids everything. A look at the store tells.
pub(super) fn is_in_doubt(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Forbidden(_) | Trouble::Missing(_))
}

impl Writer {
    /// Opens what a state store and its Secret name; commits are signed with the key in the other Secret, if there is one.
    pub(super) fn open(
        shared: &Shared,
        named: &StoreRef,
        store: &Object,
        [secret, signer]: [Option<&Object>; 2],
    ) -> Result<Self, Box<dyn Fault + Send + Sync>> {
        let place = destination::place(named, store.clone(), secret).map_err(boxed)?;
        let key = signer.map(commits::signing_key).transpose().map_err(boxed)?;
        let commits = commits::commits(&shared.config().commits, store, key);
        let scratch = shared.settings.placement.as_ref().map(|one| one.scratch.clone());
        // What is begun in this term does not go on in the next: others may have written meanwhile.
        let term = shared.tenure.term();
        let options = Options {
            fence: term.is_contested(),
            fetch_interval: shared.config().git_fetch_interval.unsigned_abs(),
            ..Options::new(
                scratch.unwrap_or_default(),
                commits.map_err(|error| {
                    boxed(StoreError {
                        doing: "open",
                        store: place.address.to_string(),
                        trouble: Trouble::Other(exit::chain(&error)),
                    })
                })?,
            )
        };
        let opened = open(&place.address, &place.credentials, &options).map_err(boxed)?;
        let may_go_on = move || term.holds();
        Ok(Self::over(
            opened,
            shared.metrics.clone(),
            named.to_string(),
            placement::address(store),
            may_go_on,
        ))
    }
}

fn boxed(error: impl Fault + Send + Sync + 'static) -> Box<dyn Fault + Send + Sync> {
    Box::new(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_that_is_bad_or_forbidden_does_not_close_the_store() {
        let text = String::new;
        for (trouble, of_store, in_doubt) in [
            (Trouble::DamagedFile(text()), false, false),
            (Trouble::Refused(text()), false, false),
            (Trouble::Forbidden(text()), false, true),
            (Trouble::Missing(text()), false, true),
            (Trouble::Damaged(text()), true, false),
            (Trouble::Credentials(text()), true, false),
            (Trouble::Unreachable(text().into()), true, false),
        ] {
            assert_eq!(is_of_store(&trouble), of_store, "{trouble:?}");
            assert_eq!(is_in_doubt(&trouble), in_doubt, "{trouble:?}");
        }
    }
}
