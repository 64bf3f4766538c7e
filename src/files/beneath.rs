//! Opens files below a folder by paths that go through no link.
//!
//! Between a look and the reading a process of the pod may put a link where a folder was; the kernel refuses to pass
//! it, because every component is opened on its own.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path};

use super::FileError;

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::Root;
#[cfg(target_os = "linux")]
pub(super) use linux::Root;

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

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;

    use nix::fcntl::{OFlag, open, openat};
    use nix::sys::stat::Mode;

    use super::{File, Path, io};

    /// The folder, and the folder below it that was used last.
    #[derive(Debug)]
    pub(in super::super) struct Root {
        root: OwnedFd,
        last: Option<(PathBuf, OwnedFd)>,
    }

    impl Root {
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            let root = open(path, folder_flags(), Mode::empty())?;
            Ok(Self { root, last: None })
        }

        /// Opens the file for reading. A pipe does not block, and a terminal does not become ours.
        pub(in super::super) fn open_file(&mut self, relative: &Path) -> io::Result<File> {
            let name = relative.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
            let parent = relative.parent().unwrap_or(Path::new(""));
            let flags = OFlag::O_RDONLY
                | OFlag::O_NOFOLLOW
                | OFlag::O_NONBLOCK
                | OFlag::O_NOCTTY
                | OFlag::O_CLOEXEC;
            let file = match self.folder(parent)? {
                Some(folder) => openat(folder, name, flags, Mode::empty())?,
                None => openat(&self.root, name, flags, Mode::empty())?,
            };
            Ok(file.into())
        }

        /// Returns a folder below the root, `None` for the root itself.
        fn folder(&mut self, relative: &Path) -> io::Result<Option<&OwnedFd>> {
            if self.last.as_ref().is_none_or(|(path, _)| path != relative) {
                let mut folder = None;
                for name in relative {
                    let at = folder.as_ref().unwrap_or(&self.root);
                    folder = Some(openat(at, name, folder_flags(), Mode::empty())?);
                }
                self.last = folder.map(|folder| (relative.to_owned(), folder));
            }
            Ok(self.last.as_ref().map(|(_, folder)| folder))
        }
    }

    /// `O_PATH`: a folder that may be passed through need not be one that may be listed.
    fn folder_flags() -> OFlag {
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
    }
}

/// Without the kernel's help: a laptop, where nobody but the user could put a link in the way.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::path::PathBuf;

    use super::{File, Path, io};

    #[derive(Debug)]
    pub(in super::super) struct Root(PathBuf);

    impl Root {
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(path.to_owned()))
        }

        pub(in super::super) fn open_file(&mut self, relative: &Path) -> io::Result<File> {
            File::open(self.0.join(relative))
        }
    }
}
