//! Reads, writes and removes files below a folder by paths that go through no link.
//!
//! Between a look and the reading a process of the pod may put a link where a folder was; the kernel refuses to pass
//! it, because every component is opened on its own.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU32, Ordering};

use super::FileError;

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::Root;
#[cfg(target_os = "linux")]
pub use linux::Root;

/// Returns the content of a file of at most `bytes_max` bytes at `relative` below the folder `root`.
///
/// # Errors
/// [`FileError::TooLarge`], else [`FileError::Read`]: also for what is no plain file, and for a path that leaves the folder or
/// goes through a link.
pub fn read(root: &Path, relative: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
    let (file, found) = open(root, relative)?;
    let too_large = |bytes| FileError::TooLarge { path: root.join(relative), bytes, bytes_max };
    if found > bytes_max {
        return Err(too_large(found));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found).unwrap_or_default());
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::Read { path: root.join(relative), source })?;
    let read = bytes.len() as u64;
    if read > bytes_max { Err(too_large(read)) } else { Ok(bytes) }
}

/// Opens a file at `relative` below the folder `root`, for whoever reads it part by part; also returns its size.
///
/// # Errors
/// [`FileError::Read`]: also for what is no plain file, and for a path that leaves the folder or goes through a link.
pub fn open(root: &Path, relative: &Path) -> Result<(File, u64), FileError> {
    let failed = |source| FileError::Read { path: root.join(relative), source };
    let stays = relative.components().all(|name| matches!(name, Component::Normal(_)));
    if !stays {
        return Err(failed(io::ErrorKind::InvalidFilename.into()));
    }
    let file = Root::open(root).and_then(|mut root| root.open_file(relative)).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file")));
    }
    Ok((file, found.len()))
}

/// What stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; those that are no UTF-8 are not told.
    pub name: String,
    /// What it is.
    pub sort: Sort,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// A link, which is never followed, or a pipe, socket or device.
    Other,
}

/// Returns a name for a file that is not yet what it shall be.
fn temporary(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{}-{number}", std::process::id())
}

/// Puts a new file in place of another: written aside, then moved.
fn put(mut file: File, bytes: &[u8], moved: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    file.write_all(bytes)?;
    drop(file);
    moved()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_replaced_and_removed_beneath_a_folder_only() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("real")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        symlink("..", root.join("out")).unwrap();
        symlink("../secret", root.join("link")).unwrap();
        let mut beneath = Root::open(&root).unwrap();

        beneath.replace(Path::new("a/b/c"), b"1", ".tmp-").unwrap();
        beneath.replace(Path::new("a/b/c"), b"2", ".tmp-").unwrap();
        assert_eq!(fs::read(root.join("a/b/c")).unwrap(), b"2");
        assert!(beneath.replace(Path::new("out/x"), b"1", ".tmp-").is_err());
        assert!(beneath.remove(Path::new("out/secret")).is_err());
        assert!(beneath.entries(Path::new("out")).is_err());
        beneath.replace(Path::new("link"), b"3", ".tmp-").unwrap();
        assert_eq!(fs::read(root.join("link")).unwrap(), b"3");
        assert_eq!(fs::read(outer.path().join("secret")).unwrap(), b"secret");
        assert!(beneath.replace(Path::new("real"), b"1", ".tmp-").is_err());

        let mut names = beneath.entries(Path::new("")).unwrap().unwrap();
        names.sort_by(|one, other| one.name.cmp(&other.name));
        let entry = |name: &str, sort| Entry { name: name.to_owned(), sort };
        let expect = [
            ("a", Sort::Folder),
            ("link", Sort::File),
            ("out", Sort::Other),
            ("real", Sort::Folder),
        ];
        assert_eq!(names, expect.map(|(name, sort)| entry(name, sort)), "nothing is left behind");

        assert!(beneath.remove(Path::new("a/b/c")).unwrap());
        assert!(!beneath.remove(Path::new("a/b/c")).unwrap());
        assert!(!beneath.remove(Path::new("no/such")).unwrap());
        assert!(beneath.remove_empty(Path::new("a/b")).unwrap());
        assert!(beneath.remove_empty(Path::new("a")).unwrap());
        assert!(!beneath.remove_empty(Path::new("a")).unwrap());
        assert_eq!(beneath.entries(Path::new("a/b")).unwrap(), None);
        beneath.replace(Path::new("a/b/c"), b"1", ".tmp-").unwrap();
        assert!(!beneath.remove_empty(Path::new("a/b")).unwrap(), "it is not empty");
    }
}
