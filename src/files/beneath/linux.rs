//! With the kernel's help: every component of a path is opened on its own and may be no link.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{Entry, Sort, put, temporary};

/// The folder, and the folder below it that was used last.
#[derive(Debug)]
pub struct Root {
    root: OwnedFd,
    last: Option<(PathBuf, OwnedFd)>,
}

impl Root {
    /// Opens the folder, which is no link itself.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = open(path, folder_flags(), Mode::empty())?;
        Ok(Self { root, last: None })
    }

    /// Opens the file for reading. A pipe does not block, and a terminal does not become ours.
    pub fn open_file(&mut self, relative: &Path) -> io::Result<File> {
        let (folder, name) = self.place(relative)?;
        let flags = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        Ok(openat(folder, name, flags, Mode::empty())?.into())
    }

    /// Returns what stands in a folder, in no order; `None` when there is no such folder.
    pub fn entries(&mut self, relative: &Path) -> io::Result<Option<Vec<Entry>>> {
        let folder = match self.folder(relative) {
            Ok(folder) => folder,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut entries = Vec::new();
        for entry in Dir::openat(folder, ".", flags, Mode::empty())?.iter() {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let sort = match entry.file_type() {
                Some(Type::File) => Sort::File,
                Some(Type::Directory) => Sort::Folder,
                Some(_) => Sort::Other,
                // Some file systems do not tell.
                None => match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                    Ok(found) => match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
                        SFlag::S_IFREG => Sort::File,
                        SFlag::S_IFDIR => Sort::Folder,
                        _ => Sort::Other,
                    },
                    Err(Errno::ENOENT) => continue,
                    Err(error) => return Err(error.into()),
                },
            };
            entries.push(Entry { name: name.to_owned(), sort });
        }
        Ok(Some(entries))
    }

    /// Puts a file in place, whole or not at all, and makes the folders above it. What is not yet whole stands in the root, under a
    /// name that begins with `prefix`.
    pub fn replace(&mut self, relative: &Path, bytes: &[u8], prefix: &str) -> io::Result<()> {
        self.make_folders(relative.parent().unwrap_or(Path::new("")))?;
        let aside = temporary(prefix);
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o644);
        let file: File = match openat(&self.root, aside.as_str(), flags, mode) {
            // The rest of a run that was killed: process ids start over in every container.
            Err(Errno::EEXIST) => {
                unlinkat(&self.root, aside.as_str(), UnlinkatFlags::NoRemoveDir)?;
                openat(&self.root, aside.as_str(), flags, mode)?
            }
            other => other?,
        }
        .into();
        let moved = || {
            let (folder, name) = self.place(relative)?;
            // The borrow of the folder ends here: the root is needed beside it.
            let folder = folder.try_clone()?;
            Ok(renameat(&self.root, aside.as_str(), folder, name)?)
        };
        let done = put(file, bytes, moved);
        if done.is_err() {
            // What failed is worth telling, not that the rest of it is still there.
            _ = unlinkat(&self.root, aside.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        done
    }

    /// Removes a file, or a link itself; `false` when there was none.
    pub fn remove(&mut self, relative: &Path) -> io::Result<bool> {
        let unlink = |root: &mut Self| -> io::Result<()> {
            let (folder, name) = root.place(relative)?;
            Ok(unlinkat(folder, name, UnlinkatFlags::NoRemoveDir)?)
        };
        there(unlink(self))
    }

    /// Removes a folder if it is empty; `false` when it is not, or not there.
    pub fn remove_empty(&mut self, relative: &Path) -> io::Result<bool> {
        let unlink = |root: &mut Self| -> io::Result<()> {
            let (folder, name) = root.place(relative)?;
            Ok(unlinkat(folder, name, UnlinkatFlags::RemoveDir)?)
        };
        let removed = unlink(self);
        // What is kept open is no folder of the tree any more.
        self.last = None;
        match removed {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(false),
            other => there(other),
        }
    }

    /// Makes a folder and those above it.
    fn make_folders(&mut self, relative: &Path) -> io::Result<()> {
        if self.last.as_ref().is_some_and(|(path, _)| path == relative) {
            return Ok(());
        }
        let mut at = PathBuf::new();
        for name in relative {
            let made = mkdirat(self.folder(&at)?, name, Mode::from_bits_truncate(0o755));
            if let Err(error) = made
                && error != Errno::EEXIST
            {
                return Err(error.into());
            }
            at.push(name);
        }
        Ok(())
    }

    /// Returns the folder that a path stands in, and its name there.
    fn place<'a, 'b>(
        &'a mut self,
        relative: &'b Path,
    ) -> io::Result<(&'a OwnedFd, &'b std::ffi::OsStr)> {
        let name = relative.file_name().ok_or(ErrorKind::InvalidFilename)?;
        Ok((self.folder(relative.parent().unwrap_or(Path::new("")))?, name))
    }

    /// Returns a folder at or below the root.
    fn folder(&mut self, relative: &Path) -> io::Result<&OwnedFd> {
        if relative.as_os_str().is_empty() {
            return Ok(&self.root);
        }
        if self.last.as_ref().is_none_or(|(path, _)| path != relative) {
            let mut folder = None;
            for name in relative {
                let at = folder.as_ref().unwrap_or(&self.root);
                folder = Some(openat(at, name, folder_flags(), Mode::empty())?);
            }
            self.last = folder.map(|folder| (relative.to_owned(), folder));
        }
        Ok(self.last.as_ref().map_or(&self.root, |(_, folder)| folder))
    }
}

/// `O_PATH`: a folder that may be passed through need not be one that may be listed.
fn folder_flags() -> OFlag {
    OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

/// Takes it for no error that nothing is there.
fn there(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
