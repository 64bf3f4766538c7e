//! Scratch repositories: where objects of a remote repository are while they are worked with.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use git2::{Oid, Repository, RepositoryInitOptions, RepositoryOpenFlags};

use super::trouble::Failure;
use crate::store::Trouble;

/// Start of the names of scratch folders.
const PREFIX: &str = "bookend-git-";
/// The file that is locked while a scratch folder is used.
const LOCK: &str = "lock";
/// The repository in a scratch folder.
const REPOSITORY: &str = "repository.git";
/// The reference that keeps the tip, and which tells the server what is here already.
const TIP: &str = "refs/bookend/tip";
/// Bytes of deltas that are kept while a pack is made. libgit2 takes the same setting for the largest file that it looks for
/// deltas of: two of them are in memory at once, so a larger value is no saving.
const DELTA_BYTES_MAX: i64 = 1 << 20;
/// Bytes of objects that are kept while deltas are looked for.
const WINDOW_BYTES_MAX: i64 = 4 << 20;

/// A scratch repository. Its folder is gone when it is dropped.
pub(super) struct Scratch {
    folder: PathBuf,
    repository: Repository,
    _lock: File,
}

impl Scratch {
    /// Makes one in a folder, and removes those that processes left behind which are gone.
    pub(super) fn new(parent: &Path) -> Result<Self, Failure> {
        sweep(parent);
        let (folder, lock) = new_folder(parent).map_err(|error| Trouble::Disk(error.into()))?;
        match new_repository(&folder.join(REPOSITORY)) {
            Ok(repository) => Ok(Self { folder, repository, _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(Trouble::Disk(error.into()).into())
            }
        }
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Opens it anew: libgit2 keeps up to 256 MiB of the trees and commits that it has seen, and each change has trees of its own
    /// that nobody asks for again.
    pub(super) fn reopen(&mut self) -> Result<(), Failure> {
        let none: [&OsStr; 0] = [];
        let path = self.repository.path();
        let repository = Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, none);
        self.repository = repository.map_err(|error| Trouble::Disk(error.into()))?;
        Ok(())
    }

    /// Whether its folder still is there.
    pub(super) fn is_there(&self) -> bool {
        self.repository.path().join("objects/pack").is_dir()
    }

    /// Returns the tip that is here, if there is one.
    pub(super) fn tip(&self) -> Option<Oid> {
        self.repository.refname_to_id(TIP).ok()
    }

    /// Takes note of the tip: it is what is told to be here at the next fetch, and below it nothing is.
    pub(super) fn set_tip(&self, tip: Oid, fetched: bool) -> Result<(), Failure> {
        self.repository.reference(TIP, tip, true, "")?;
        if fetched {
            // libgit2 adds to this file at each fetch and tells all of it to the server at the next.
            let path = self.repository.path().join("shallow");
            fs::write(path, format!("{tip}\n")).map_err(|error| Trouble::Disk(error.into()))?;
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next one, when the lock is free.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn new_folder(parent: &Path) -> io::Result<(PathBuf, File)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => {
                let lock = File::create(folder.join(LOCK))?;
                lock.try_lock()?;
                return Ok((folder, lock));
            }
            // Of a process with the same id that is gone, or of another container.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

fn new_repository(path: &Path) -> Result<Repository, git2::Error> {
    let mut options = RepositoryInitOptions::new();
    // Without templates: they are the user's, and so are hooks in them.
    options.bare(true).external_template(false).no_reinit(true);
    let repository = Repository::init_opts(path, &options)?;
    let mut config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
    config.set_i64("pack.deltaCacheSize", DELTA_BYTES_MAX)?;
    config.set_i64("pack.windowMemory", WINDOW_BYTES_MAX)?;
    config.set_bool("core.logAllRefUpdates", false)?;
    Ok(repository)
}

/// Removes scratch folders that nobody uses any more. What fails is no matter of ours.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // One that has no lock yet is just being made, or was left in the same moment: leave it.
        let path = entry.path().join(LOCK);
        // In a folder for all, others may have put a pipe there, which would be waited for.
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let Ok(lock) = File::open(path) else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_scratch_folder_is_private_and_goes() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(parent.path()).unwrap();
        let mode = fs::metadata(&scratch.folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(scratch.repository().is_bare());
        let other = Scratch::new(parent.path()).unwrap();
        assert!(scratch.folder.exists(), "one that is used is left alone");
        drop((scratch, other));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_others_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(format!("{PREFIX}1-0"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::create_dir(parent.path().join("mine")).unwrap();
        let odd = parent.path().join(format!("{PREFIX}1-1"));
        fs::create_dir(&odd).unwrap();
        #[cfg(target_os = "linux")]
        nix::unistd::mkfifo(&odd.join(LOCK), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _scratch = Scratch::new(parent.path()).unwrap();
        assert!(!left.exists() && odd.exists() && parent.path().join("mine").exists());
    }

    #[test]
    fn a_scratch_folder_that_cannot_be_is_told() {
        let parent = tempfile::tempdir().unwrap();
        let error = Scratch::new(&parent.path().join("absent")).err().unwrap();
        assert!(matches!(error, Failure::Trouble(Trouble::Disk(_))), "{error:?}");
    }
}
