//! State stores in Git repositories: no checkout, trees are edited in the object database (decision 14).
//!
//! A [`GitStore`] knows one branch. Of a remote repository it has the tip and nothing older, in a scratch repository of its
//! own; one on this machine is edited where it is. Changes become commits on top of the tip that was seen last, and are
//! pushed. When others were there first the same changes are made again of what is there then, so nothing is ever forced and
//! nothing of others is lost. After a push the tip is known: the next changes need no fetch.

mod apply;
mod batch;
mod branch;
mod commit;
mod remote;
mod scratch;
mod template;
#[cfg(test)]
mod tests;
pub mod transport;
mod tree;
mod trouble;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::branch::{Age, Branch};
use self::remote::Way;
use self::trouble::Failure;
use super::{Applied, Listed, Listing, Store, StoreError, Trouble};
use crate::core::placement::{Change, StorePath};

pub use commit::{CommitError, CommitSettings, Commits, SigningKey};
pub use template::{Template, TemplateError};

/// How a [`GitStore`] works.
#[derive(Debug, Clone)]
pub struct GitOptions {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The folder in the repository below which the store is.
    pub root: StorePath,
    /// Whether a branch that is missing is created in a repository that has others. In an empty one it always is.
    pub create: bool,
    /// How commits are made.
    pub commits: Commits,
    /// The folder for scratch repositories.
    pub scratch: PathBuf,
    /// How old what is known of the branch may be for a look at it, or for saying that nothing is to be done (contract.md
    /// 11, `git.minimumFetchInterval`). A change is never lost by it: a push to a branch that has moved is not taken.
    pub fetch_interval: Duration,
    /// How often a change is begun at most when others write at the same time.
    pub attempts_max: u32,
    /// How long it is tried at most.
    pub time_max: Duration,
}

impl GitOptions {
    /// Returns the options for a branch, all others as documented.
    pub fn new(branch: impl Into<String>, root: StorePath, commits: Commits) -> Self {
        Self {
            branch: branch.into(),
            root,
            create: false,
            commits,
            scratch: std::env::temp_dir(),
            fetch_interval: Duration::from_secs(5),
            attempts_max: 20,
            time_max: Duration::from_secs(120),
        }
    }
}

/// A state store in a branch of a Git repository.
pub struct GitStore {
    /// Its address and branch, for errors.
    shown: String,
    options: Arc<GitOptions>,
    branch: Arc<Mutex<Branch>>,
    /// Ends what a thread still waits for when nobody wants it any more.
    stopper: Option<transport::Stopper>,
    /// Held by one `apply` at a time: two would take the branch away from each other.
    turn: tokio::sync::Mutex<()>,
}

impl GitStore {
    /// Makes a store of a remote repository; `shown` is its address without credentials, for errors. Nothing is connected yet.
    pub fn remote(shown: impl Into<String>, line: transport::Line, options: GitOptions) -> Self {
        let stopper = line.stopper();
        let mut store = Self::over(shown.into(), Way::Line(line), options);
        store.stopper = Some(stopper);
        store
    }

    fn over(shown: String, way: Way, options: GitOptions) -> Self {
        let (name, scratch) = (options.branch.clone(), options.scratch.clone());
        Self::new(shown, Branch::remote(name, options.create, way, scratch), options)
    }

    /// Makes a store of a bare repository on this machine; `shown` is its address. Its hooks do not run. Nothing is opened yet.
    pub fn here(shown: impl Into<String>, path: impl Into<PathBuf>, options: GitOptions) -> Self {
        let branch = Branch::here(options.branch.clone(), options.create, path.into());
        Self::new(shown.into(), branch, options)
    }

    fn new(shown: String, branch: Branch, options: GitOptions) -> Self {
        Self {
            shown,
            options: Arc::new(options),
            branch: Arc::new(Mutex::new(branch)),
            stopper: None,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Returns what was carried over the network so far, for a remote repository.
    pub fn traffic(&self) -> Option<transport::Traffic> {
        self.branch.lock().unwrap_or_else(PoisonError::into_inner).traffic()
    }

    /// Runs what blocks on a thread for that. What is damaged on this machine is fetched again, once.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Branch, &GitOptions) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (branch, options) = (self.branch.clone(), self.options.clone());
        let done = tokio::task::spawn_blocking(move || {
            let mut branch = branch.lock().unwrap_or_else(PoisonError::into_inner);
            match work(&mut branch, &options) {
                Err(failure) if failure.is_damage() && branch.forget_all() => {
                    tracing::warn!("the scratch repository is damaged and is fetched again");
                    work(&mut branch, &options)
                }
                done => done,
            }
        });
        match done.await {
            Ok(done) => done.map_err(Failure::told),
            Err(_) => Err(Trouble::Stopped),
        }
    }

    fn error(&self, doing: &'static str, trouble: Trouble) -> StoreError {
        StoreError { doing, store: self.shown.clone(), trouble }
    }
}

impl fmt::Debug for GitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitStore({})", self.shown)
    }
}

impl Drop for GitStore {
    fn drop(&mut self) {
        if let Some(stopper) = &self.stopper {
            stopper.stop();
        }
    }
}

impl Store for GitStore {
    async fn list(&self, folder: &StorePath) -> Result<Listing, StoreError> {
        let folder = folder.clone();
        let listed = self.on_thread(move |branch, options| {
            let (repository, tip) = branch.tip(Age::AtMost(options.fetch_interval))?;
            let whole = tip.map(|tip| repository.find_commit(tip)?.tree()).transpose()?;
            let root = batch::below(repository, whole.as_ref(), &options.root)?;
            let odb = repository.odb()?;
            let mut files = Vec::new();
            for entry in tree::list(repository, root.as_ref(), &folder)? {
                if entry.is_file && entry.at != folder {
                    let bytes = odb.read_header(entry.id)?.0 as u64;
                    files.push(Listed { at: entry.at, bytes });
                }
            }
            Ok(Listing { version: tip.map(batch::version), files })
        });
        listed.await.map_err(|trouble| self.error("read from", trouble))
    }

    async fn read(&self, path: &StorePath, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let path = path.clone();
        let read = self.on_thread(move |branch, options| {
            let (repository, tip) = branch.tip(Age::AtMost(options.fetch_interval))?;
            let whole = tip.map(|tip| repository.find_commit(tip)?.tree()).transpose()?;
            let root = batch::below(repository, whole.as_ref(), &options.root)?;
            match tree::file(repository, root.as_ref(), &path)? {
                Some(id) => tree::content(repository, id, &path, bytes_max).map(Some),
                None => Ok(None),
            }
        });
        read.await.map_err(|trouble| self.error("read from", trouble))
    }

    async fn apply(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Vec<Result<Applied, StoreError>> {
        let _turn = self.turn.lock().await;
        let results = apply::apply(self, changes, may_go_on).await;
        let told = |result: Result<Applied, Trouble>| {
            result.map_err(|trouble| self.error("write to", trouble))
        };
        results.into_iter().map(told).collect()
    }

    /// Fetches the branch. Where it is then is looked at again when it is written.
    async fn prefetch(&self) {
        let _ = self.on_thread(|branch, _| branch.prefetch()).await;
    }

    /// Looks where the branch is. Whether it may be pushed to is not known before it is done: Git has no question for that
    /// that leaves no trace. (The one for the list of references to push to is asked, and most servers refuse it.)
    async fn check(&self) -> Result<(), StoreError> {
        let checked = self.on_thread(|branch, _| {
            branch.tip(Age::AtMost(Duration::ZERO))?;
            branch.may_push()
        });
        checked.await.map_err(|trouble| self.error("check", trouble))
    }
}
