//! The seam to state stores: a folder of this machine, a Git repository, a bucket.
//!
//! What is asked of a store is a [`Change`], which says how files shall be afterwards and never how they were: whoever loses a
//! race reads again and makes the same change of what is there now.

pub mod address;
pub mod bucket;
pub mod contents;
pub mod credentials;
pub mod dir;
pub mod edits;
mod error;
pub mod failing;
pub mod foresee;
pub mod git;
pub mod group;
pub mod open;
mod tls;

use std::fmt;

use crate::core::placement::{Change, StorePath};

pub use error::{Cause, StoreError, Trouble};

/// Most bytes of one file that is written or read.
pub const FILE_BYTES_MAX: u64 = 512 << 20;

/// A state store. All paths are below its root: what a URL or `spec.path` of a state store names stands above it.
///
/// Every implementation refuses, before it changes anything, files of one change that are one file on a disk that ignores
/// case or Unicode form, or where one is the folder of another ([`Trouble::Clash`]). Stores that have folders refuse what
/// would meet a neighbour that stays, too. None follows links. None writes what is there already: a change of nothing has no version of its
/// own, so it makes no commit and no put.
pub trait Store: Send + Sync {
    /// Returns all files in a folder, wherever below it, in the order of their paths; none when there is no such folder.
    fn list(&self, folder: &StorePath) -> impl Future<Output = Result<Listing, StoreError>> + Send;

    /// Returns what is in a file; `None` when there is none. [`Trouble::TooLarge`] when it is more than `bytes_max`.
    fn read(
        &self,
        path: &StorePath,
        bytes_max: u64,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// Makes changes, in this order, and answers for each. A change that fails leaves nothing of itself where the store can do
    /// that (a folder and a bucket cannot; there the next try mends it), and does not keep the others from being made.
    ///
    /// `may_go_on` is asked before every step that others can see; when it says no, what is left is
    /// [`Trouble::Stopped`].
    fn apply(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> impl Future<Output = Vec<Result<Applied, StoreError>>> + Send;

    /// Gets ahead what takes long and does not depend on what others write meanwhile, for who has to wait before [`Store::apply`].
    /// What fails here fails again then, and is told then.
    fn prefetch(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Makes sure, as far as that can be told without a trace in the store, that it is there and that it can be written.
    fn check(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Names a state of a store: the id of a commit, or for stores without commits a hash over what was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(pub String);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The state of the store that was looked at, if it has such names.
    pub version: Option<Version>,
    /// Its files.
    pub files: Vec<Listed>,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where.
    pub at: StorePath,
    /// Its size.
    pub bytes: u64,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The state of the store that holds it: also when nothing was to be done. `None` for a store without such names, in
    /// which nothing was written.
    pub version: Option<Version>,
    /// Files written.
    pub written: usize,
    /// Files deleted.
    pub deleted: usize,
    /// Files that were there already.
    pub unchanged: usize,
    /// Bytes of the files written.
    pub bytes: u64,
    /// How often it was begun: more than once when others wrote at the same time.
    pub attempts: u32,
}
