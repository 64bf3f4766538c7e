//! Reads one file, with a limit and only if it is a file.
//!
//! Users' containers can put anything at the path: a pipe must not block the step, a device must not be touched,
//! and a link must not make it read what the container could not publish itself.

use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::beneath::Root;
use super::{FileError, yaml};
use crate::contract::Node;

/// Returns the content of a file of at most `bytes_max` bytes, `None` when there is none.
///
/// A link is followed when it leads to a file below its own folder, as in a mounted ConfigMap; one that leads
/// nowhere counts as no file (contract.md 17, seen).
///
/// # Errors
/// Every [`FileError`] but `Write` and `Parse`, naming the path.
pub fn limited(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let Some((folder, below)) = place(path)? else { return Ok(None) };
    let found = fs::symlink_metadata(folder.join(&below)).map_err(failed)?;
    refuse_other_types(path, found.file_type())?;

    let opened = Root::open(&folder).and_then(|mut root| root.open_file(&below));
    let file = opened.map_err(failed)?;
    // Looked at again: it may have been exchanged meanwhile.
    let found = file.metadata().map_err(failed)?;
    refuse_other_types(path, found.file_type())?;
    let too_large = |bytes| FileError::TooLarge { path: path.to_owned(), bytes, bytes_max };
    if found.len() > bytes_max {
        return Err(too_large(found.len()));
    }
    let bytes = read_at_most(file, bytes_max.saturating_add(1)).map_err(failed)?;
    match u64::try_from(bytes.len()) {
        Ok(read) if read <= bytes_max => Ok(Some(bytes)),
        _ => Err(too_large(bytes_max.saturating_add(1))),
    }
}

/// Returns the first document of a file of at most `bytes_max` bytes, `None` when there is no file.
///
/// # Errors
/// Those of [`limited`], and [`FileError::Parse`].
pub fn document(path: &Path, bytes_max: u64) -> Result<Option<Node>, FileError> {
    let Some(bytes) = limited(path, bytes_max)? else { return Ok(None) };
    let parsed = yaml::parse(&bytes);
    parsed.map(Some).map_err(|source| FileError::Parse { path: path.to_owned(), source })
}

/// Returns the folder of a path and what lies below it once links are followed, `None` where nothing is.
fn place(path: &Path) -> Result<Option<(PathBuf, PathBuf)>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    };
    let folder = fs::canonicalize(folder).map_err(failed)?;
    match target.strip_prefix(&folder) {
        Ok(below) => Ok(Some((folder, below.to_owned()))),
        Err(_) => Err(FileError::LinkOut { path: path.to_owned(), target }),
    }
}

fn refuse_other_types(path: &Path, found: FileType) -> Result<(), FileError> {
    let found = match found {
        found if found.is_file() => return Ok(()),
        found if found.is_dir() => "a folder",
        found if found.is_fifo() => "a pipe",
        found if found.is_socket() => "a socket",
        found if found.is_symlink() => "a link",
        _ => "a device",
    };
    Err(FileError::NotAFile { path: path.to_owned(), found })
}

fn read_at_most(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

// Linux: making a pipe needs `nix`.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Reads `name` in a folder that holds one of everything.
    fn check(name: &str, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join("metadata").join(name);
        fs::create_dir_all(at("folder")).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        for (name, content) in [("file", "text"), ("empty", ""), ("full", "12345678")] {
            fs::write(at(name), content).unwrap();
        }
        fs::write(at("large"), "123456789").unwrap();
        File::create(at("sparse")).unwrap().set_len(1 << 30).unwrap();
        fs::write(at("folder/key"), "key").unwrap();
        for (name, target) in [
            ("link", "file"),
            ("link-to-link", "link"),
            ("link-below", "folder/key"),
            ("..data", "folder"),
            ("config-map-key", "..data/key"),
            ("dangling", "nowhere"),
            ("dangling-out", "/nowhere/at/all"),
            ("out", "../secret"),
            ("out-and-in", "../metadata/file"),
            ("loop", "loop"),
            ("link-to-pipe", "pipe"),
            ("link-to-folder", "folder"),
            ("device", "/dev/zero"),
        ] {
            symlink(target, at(name)).unwrap();
        }
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();

        let seen = match limited(&at(name), 8) {
            Ok(None) => "none".to_owned(),
            Ok(Some(bytes)) => format!("text {}", String::from_utf8(bytes).unwrap()),
            Err(error) => error.to_string().replace(&dir.path().display().to_string(), ""),
        };
        assert_eq!(seen, expected, "{name}");
    }

    #[test]
    fn files_are_read_up_to_the_limit() {
        check("file", "text text");
        check("empty", "text ");
        check("full", "text 12345678");
        check("large", "failed to read `/metadata/large`: 9 bytes, and the limit is 8");
        check("sparse", "failed to read `/metadata/sparse`: 1073741824 bytes, and the limit is 8");
    }

    #[test]
    fn no_file_is_none() {
        check("absent", "none");
        check("no/folder", "none");
        check("dangling", "none");
        check("dangling-out", "none");
    }

    #[test]
    fn links_are_followed_below_their_folder_only() {
        check("link", "text text");
        check("link-to-link", "text text");
        check("link-below", "text key");
        check("config-map-key", "text key");
        check("out-and-in", "text text");
        let out = "failed to read `/metadata/out`: the link leads out of its folder to `/secret`";
        check("out", out);
        check("loop", "failed to read `/metadata/loop`");
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        check("folder", "failed to read `/metadata/folder`: it is a folder, not a file");
        check("pipe", "failed to read `/metadata/pipe`: it is a pipe, not a file");
        check("socket", "failed to read `/metadata/socket`: it is a socket, not a file");
        check("link-to-pipe", "failed to read `/metadata/link-to-pipe`: it is a pipe, not a file");
        check(
            "link-to-folder",
            "failed to read `/metadata/link-to-folder`: it is a folder, not a file",
        );
        check(
            "device",
            "failed to read `/metadata/device`: the link leads out of its folder to `/dev/zero`",
        );
        let error = limited(Path::new("/dev/zero"), 8).unwrap_err();
        assert_eq!(error.to_string(), "failed to read `/dev/zero`: it is a device, not a file");
    }

    #[test]
    fn a_document_says_which_file_is_wrong_and_where() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("status.yaml");
        assert_eq!(document(&path, 100).unwrap(), None);
        fs::write(&path, "a: {").unwrap();
        let error = document(&path, 100).unwrap_err();
        assert!(matches!(&error, FileError::Parse { path: named, .. } if *named == path));
        fs::write(&path, "").unwrap();
        assert_eq!(document(&path, 100).unwrap(), Some(Node::Null));
    }
}
