//! Without the kernel's help: a laptop, where nobody but the user could put a link in the way between look and use.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Entry, Sort, put, temporary};

/// The folder.
#[derive(Debug)]
pub struct Root(PathBuf);

impl Root {
    /// Opens the folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path)?.is_dir() {
            true => Ok(Self(path.to_owned())),
            false => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens the file for reading.
    pub fn open_file(&mut self, relative: &Path) -> io::Result<File> {
        let path = self.place(relative)?;
        if fs::symlink_metadata(&path)?.is_symlink() {
            return Err(ErrorKind::InvalidInput.into());
        }
        File::open(path)
    }

    /// Returns what stands in a folder, in no order; `None` when there is no such folder.
    pub fn entries(&mut self, relative: &Path) -> io::Result<Option<Vec<Entry>>> {
        let listed = match self.checked(relative).and_then(fs::read_dir) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut entries = Vec::new();
        for entry in listed {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let sort = match entry.file_type()? {
                found if found.is_file() => Sort::File,
                found if found.is_dir() => Sort::Folder,
                _ => Sort::Other,
            };
            entries.push(Entry { name, sort });
        }
        Ok(Some(entries))
    }

    /// Puts a file in place, whole or not at all, and makes the folders above it. What is not yet whole stands in the root, under a
    /// name that begins with `prefix`.
    pub fn replace(&mut self, relative: &Path, bytes: &[u8], prefix: &str) -> io::Result<()> {
        let mut folder = self.0.clone();
        for name in relative.parent().into_iter().flatten() {
            folder.push(name);
            match fs::symlink_metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(ErrorKind::NotADirectory.into()),
                Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir(&folder)?,
                Err(error) => return Err(error),
            }
        }
        let (path, aside) = (self.place(relative)?, self.0.join(temporary(prefix)));
        let _ = fs::remove_file(&aside);
        let file = OpenOptions::new().write(true).create_new(true).open(&aside)?;
        let done = put(file, bytes, || fs::rename(&aside, path));
        if done.is_err() {
            // What failed is worth telling, not that the rest of it is still there.
            let _ = fs::remove_file(&aside);
        }
        done
    }

    /// Removes a file, or a link itself; `false` when there was none.
    pub fn remove(&mut self, relative: &Path) -> io::Result<bool> {
        there(self.place(relative).and_then(fs::remove_file))
    }

    /// Removes a folder if it is empty; `false` when it is not, or not there.
    pub fn remove_empty(&mut self, relative: &Path) -> io::Result<bool> {
        match self.place(relative).and_then(fs::remove_dir) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(false),
            other => there(other),
        }
    }

    fn place(&self, relative: &Path) -> io::Result<PathBuf> {
        let name = relative.file_name().ok_or(ErrorKind::InvalidFilename)?;
        Ok(self.checked(relative.parent().unwrap_or(Path::new("")))?.join(name))
    }

    /// Returns the path of a folder when no part of it below the root is a link.
    fn checked(&self, relative: &Path) -> io::Result<PathBuf> {
        let mut path = self.0.clone();
        for name in relative {
            path.push(name);
            if !fs::symlink_metadata(&path)?.is_dir() {
                return Err(ErrorKind::NotADirectory.into());
            }
        }
        Ok(path)
    }
}

/// Takes it for no error that nothing is there.
fn there(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
