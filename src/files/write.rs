//! Writes a file whole or not at all.
//!
//! What reads the file sees the old content or the new, never a part; a link at its place is replaced and not
//! followed. There is no fsync: a machine that goes down takes the pod and its volumes with it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::FileError;

/// Mode of a new file: everybody may read it, as users' containers run as other users.
const MODE: u32 = 0o644;

/// Puts a file with this content at `path`, in a folder that is there.
///
/// The mode of a regular file that was there is kept, as the original keeps it (contract.md 17.2, 2.1).
///
/// # Errors
/// [`FileError::Write`] names the path; nothing is left behind and what was there stays as it was.
pub fn atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace(path, bytes).map_err(|source| FileError::Write { path: path.to_owned(), source })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let permissions = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if found.is_file() => found.permissions(),
        _ => readable(),
    };
    let temporary = temporary_beside(path)?;
    let file = create(&temporary)?;
    let written = fill(file, bytes, permissions).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What failed is worth telling, not that the rest of it is still there.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Returns a name beside `path` that nobody else in this process uses.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(format!(".{}-{number}.tmp", std::process::id()));
    Ok(path.with_file_name(name))
}

/// Makes a new file, never through a link.
fn create(path: &Path) -> io::Result<File> {
    let create_new = || OpenOptions::new().write(true).create_new(true).open(path);
    match create_new() {
        // The rest of a run that was killed: process ids start over in every container.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_new()
        }
        other => other,
    }
}

fn fill(mut file: File, bytes: &[u8], permissions: Permissions) -> io::Result<()> {
    file.write_all(bytes)?;
    file.set_permissions(permissions)
}

fn readable() -> Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(MODE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::exit::Fault as _;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| name(entry).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_readable_by_all_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("object.yaml");
        atomic(&path, b"a").unwrap();
        atomic(&path, b"b").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"b");
        assert_eq!(mode(&path), 0o644);
        assert_eq!(names(dir.path()), ["object.yaml"]);
    }

    #[test]
    fn the_mode_of_a_file_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("object.yaml");
        for kept in [0o666, 0o600, 0o444] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            atomic(&path, b"new").unwrap();
            assert_eq!((mode(&path), fs::read(&path).unwrap()), (kept, b"new".to_vec()));
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, target) = (dir.path().join("object.yaml"), dir.path().join("target"));
        fs::write(&target, "old").unwrap();
        for target in [target.as_path(), Path::new("/nowhere"), Path::new("object.yaml")] {
            symlink(target, &path).unwrap();
            atomic(&path, b"new").unwrap();
            assert_eq!(mode(&path), 0o644);
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read(&target).unwrap(), b"old");
    }

    #[test]
    fn what_is_in_the_way_is_named_with_a_hint_and_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        for (name, hint) in [
            ("folder", "remove the folder `ROOT/folder`"),
            ("none/object.yaml", "create the folder `ROOT/none`"),
            ("file/object.yaml", "make `ROOT/file` a folder"),
        ] {
            let error = atomic(&dir.path().join(name), b"new").unwrap_err();
            let root = dir.path().display().to_string();
            assert_eq!(error.to_string(), format!("failed to write `{root}/{name}`"));
            assert_eq!(error.hint().unwrap().replace(&root, "ROOT"), hint);
        }
        assert_eq!(names(dir.path()), ["file", "folder"]);
        assert_eq!(names(&folder), Vec::<String>::new());
        assert!(atomic(Path::new("/"), b"").is_err());
        assert!(atomic(Path::new(".."), b"").is_err());
    }

    #[test]
    fn the_rest_of_a_killed_run_is_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".object.yaml.1-0.tmp");
        fs::write(dir.path().join("target"), "old").unwrap();
        symlink("target", &path).unwrap();
        create(&path).unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read(dir.path().join("target")).unwrap(), b"old");
    }
}
