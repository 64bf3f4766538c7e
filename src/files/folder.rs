//! What a folder of files needs beyond reading and writing one: list, lock, remove.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::FileError;

/// Holds the lock of [`lock`]; dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Waits until nobody else, in this process or another, holds the lock file at `path`.
pub fn lock(path: &Path) -> Result<Lock, FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(Lock { _file: file })
}

/// Returns the bytes of a file of at most `bytes_max` bytes, `None` when it is not there. Only a regular file is read:
/// a pipe would block.
pub fn read_if_there(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() > bytes_max => {
            Err(FileError::TooLarge { path: path.to_owned(), bytes: found.len(), bytes_max })
        }
        Ok(found) if found.is_file() => fs::read(path).map(Some).map_err(failed),
        Ok(_) => Err(failed(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Returns the names in a folder, sorted, without hidden ones; none when the folder is not there. A name that is no
/// UTF-8 is left out: nothing of ours has one.
pub fn names(folder: &Path) -> Result<Vec<String>, FileError> {
    let failed = |source| FileError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().into_string();
        names.extend(name.ok().filter(|name| !name.starts_with('.')));
    }
    names.sort();
    Ok(names)
}

/// Makes a folder and those above it.
pub fn make(folder: &Path) -> Result<(), FileError> {
    fs::create_dir_all(folder)
        .map_err(|source| FileError::Write { path: folder.to_owned(), source })
}

/// Whether files can be made in a folder that is there: finds out by making one, and removes it.
pub fn is_writable(folder: &Path) -> bool {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let probe = folder.join(format!(".bookend-probe-{}-{count}", std::process::id()));
    let is_made = OpenOptions::new().create_new(true).write(true).open(&probe).is_ok();
    if is_made {
        let _ = fs::remove_file(probe);
    }
    is_made
}

/// Removes a file; it is no error when it is not there.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(FileError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_hidden_ones_left_out() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b", ".hidden", "a"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        assert_eq!(names(root.path()).unwrap(), ["a", "b"]);
        assert!(names(&root.path().join("absent")).unwrap().is_empty());
        assert!(names(&root.path().join("a")).is_err());
    }

    #[test]
    fn a_folder_that_takes_files_is_told_from_one_that_does_not() {
        let root = tempfile::tempdir().unwrap();
        assert!(is_writable(root.path()));
        assert!(!is_writable(&root.path().join("absent")));
        assert!(!is_writable(Path::new("/proc")));
        assert!(names(root.path()).unwrap().is_empty());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_not_there_is_none_and_a_folder_is_no_file() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read_if_there(&root.path().join("absent"), 9).unwrap(), None);
        assert!(read_if_there(root.path(), 9).is_err());
        fs::write(root.path().join("a"), "x").unwrap();
        assert_eq!(read_if_there(&root.path().join("a"), 1).unwrap().unwrap(), b"x");
        let error = read_if_there(&root.path().join("a"), 0).unwrap_err();
        assert!(matches!(error, FileError::TooLarge { bytes: 1, bytes_max: 0, .. }));
        remove(&root.path().join("a")).unwrap();
        remove(&root.path().join("a")).unwrap();
        assert_eq!(read_if_there(&root.path().join("a"), 1).unwrap(), None);
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/.lock");
        let held = lock(&path).unwrap();
        assert!(File::open(&path).unwrap().try_lock().is_err());
        drop(held);
        assert!(File::open(&path).unwrap().try_lock().is_ok());
    }
}
