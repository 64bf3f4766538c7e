//! Walks an output folder without leaving it, and reads what is in it.
//!
//! What a pipeline leaves there is not to be trusted: it is published. A link may lead to a file inside the folder and
//! nowhere else; devices, pipes, sockets and `.git` are refused; everything has a limit that is checked before a byte
//! is read (contract.md 12.A). No path that is opened goes through a link.

mod error;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::FileError;
use super::beneath::Root;

pub use error::{TreeError, shown};

/// How much an output folder may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most files and folders. 10,000: twenty times the largest output seen, and quick to refuse.
    pub files_max: u64,
    /// Largest file, in bytes. 16 MiB: more than any Work can hold, even well compressed.
    pub file_bytes_max: u64,
    /// Most bytes in all files. 64 MiB: what fits a Work when it compresses to a fortieth.
    pub total_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { files_max: 10_000, file_bytes_max: 16 << 20, total_bytes_max: 64 << 20 }
    }
}

/// What an output folder holds, without the contents.
#[derive(Debug)]
pub struct Tree {
    /// Every file, in lexical order of its path's components, as Kratix lists them.
    pub files: Vec<TreeFile>,
    /// Names of the folders directly below the root.
    pub folders: BTreeSet<String>,
    root: PathBuf,
    canonical: PathBuf,
    limits: Limits,
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Path below the root, with `/` between the components.
    pub path: String,
    /// Size when the folder was walked.
    pub bytes: u64,
    /// For a link: the path below the root of the file that it leads to.
    target: Option<PathBuf>,
}

/// Lists what is below `root`.
pub fn walk(root: &Path, limits: Limits) -> Result<Tree, TreeError> {
    let failed = |source| FileError::Read { path: root.to_owned(), source };
    let canonical = fs::canonicalize(root).map_err(failed)?;
    if !fs::metadata(&canonical).map_err(failed)?.is_dir() {
        return Err(TreeError::NotAFolder { path: root.to_owned() });
    }
    let (files, folders) = (Vec::new(), BTreeSet::new());
    let mut tree = Tree { files, folders, root: root.to_owned(), canonical, limits };
    // Not sorted while walking: that would read a whole folder before the limit on their number is seen.
    for (count, entry) in (0_u64..).zip(WalkDir::new(&tree.canonical).min_depth(1)) {
        if count >= limits.files_max {
            return Err(TreeError::TooManyFiles { root: tree.root, max: limits.files_max });
        }
        let entry = entry.map_err(|error| tree.walk_failed(error))?;
        tree.add(&entry)?;
    }
    tree.files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
    tree.check_sizes()?;
    Ok(tree)
}

impl TreeFile {
    /// Returns the path below [`Tree::canonical_root`] of the bytes: for a link, that of the file that it leads to.
    pub fn real_path(&self) -> &Path {
        self.target.as_deref().unwrap_or(Path::new(&self.path))
    }
}

impl Tree {
    /// Returns the root by the path that has no links in it.
    pub fn canonical_root(&self) -> &Path {
        &self.canonical
    }

    /// Returns what reads the files of this tree, one at a time.
    pub fn reader(&self) -> Result<Reader<'_>, TreeError> {
        let root = Root::open(&self.canonical)
            .map_err(|source| FileError::Read { path: self.root.clone(), source })?;
        Ok(Reader { tree: self, root, buffer: Vec::new(), total: 0 })
    }

    /// Returns how many bytes all files have together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    fn add(&mut self, entry: &DirEntry) -> Result<(), TreeError> {
        let relative = entry.path().strip_prefix(&self.canonical).unwrap_or(entry.path());
        let path = self.root.join(relative);
        let Some(name) = relative.to_str() else { return Err(TreeError::NotUtf8 { path }) };
        if entry.file_name().eq_ignore_ascii_case(OsStr::new(".git")) {
            return Err(TreeError::Git { path });
        }
        let kind = entry.file_type();
        if kind.is_dir() {
            if entry.depth() == 1 {
                self.folders.insert(name.to_owned());
            }
            return Ok(());
        }
        let (target, found) = if kind.is_symlink() {
            let target = self.follow(&path, entry.path())?;
            let found = fs::symlink_metadata(self.canonical.join(&target));
            (Some(target), found)
        } else {
            (None, entry.metadata().map_err(io::Error::from))
        };
        let found = found.map_err(|source| FileError::Read { path: path.clone(), source })?;
        match target {
            Some(target) if found.is_dir() => return Err(TreeError::LinkToFolder { path, target }),
            _ if !found.is_file() => {
                return Err(TreeError::Special { path, what: describe(found.file_type()) });
            }
            target => {
                self.files.push(TreeFile { path: name.to_owned(), bytes: found.len(), target });
            }
        }
        Ok(())
    }

    /// Returns where a link leads, below the root.
    fn follow(&self, path: &Path, link: &Path) -> Result<PathBuf, TreeError> {
        let (path, target) = (path.to_owned(), fs::read_link(link).unwrap_or_default());
        match fs::canonicalize(link) {
            Err(source) => Err(TreeError::LinkBroken { path, target, source }),
            Ok(end) => match end.strip_prefix(&self.canonical) {
                Ok(inside) => Ok(inside.to_owned()),
                Err(_) => Err(TreeError::LinkOutside { path, target }),
            },
        }
    }

    fn check_sizes(&self) -> Result<(), TreeError> {
        let biggest = self.files.iter().max_by_key(|file| file.bytes);
        if let Some(file) = biggest.filter(|file| file.bytes > self.limits.file_bytes_max) {
            return Err(self.file_too_large(file, file.bytes));
        }
        if self.bytes() > self.limits.total_bytes_max {
            return Err(self.total_too_large());
        }
        Ok(())
    }

    fn file_too_large(&self, file: &TreeFile, bytes: u64) -> TreeError {
        let max = self.limits.file_bytes_max;
        TreeError::FileTooLarge { path: self.root.join(&file.path), bytes, max }
    }

    fn total_too_large(&self) -> TreeError {
        let mut biggest: Vec<_> =
            self.files.iter().map(|file| (file.path.clone(), file.bytes)).collect();
        biggest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        biggest.truncate(5);
        let (bytes, max) = (self.bytes(), self.limits.total_bytes_max);
        TreeError::TotalTooLarge { root: self.root.clone(), bytes, max, biggest }
    }

    /// Names the path as the caller knows it, not as it is after links above the root.
    fn walk_failed(&self, error: walkdir::Error) -> TreeError {
        let below = error.path().and_then(|path| path.strip_prefix(&self.canonical).ok());
        let path = below.map_or_else(|| self.root.clone(), |below| self.root.join(below));
        FileError::Read { path, source: error.into() }.into()
    }
}

/// Reads the files of a tree into one buffer.
#[derive(Debug)]
pub struct Reader<'a> {
    tree: &'a Tree,
    root: Root,
    buffer: Vec<u8>,
    total: u64,
}

impl Reader<'_> {
    /// Returns the content of a file.
    ///
    /// The limits hold for what is read, whatever the sizes were when the folder was walked.
    pub fn read(&mut self, file: &TreeFile) -> Result<&[u8], TreeError> {
        let Self { tree, root, buffer, total } = self;
        let path = || tree.root.join(&file.path);
        let failed = |source| FileError::Read { path: path(), source };
        let handle = root.open_file(file.real_path()).map_err(failed)?;
        let found = handle.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(TreeError::Special { path: path(), what: describe(found.file_type()) });
        }
        let max = tree.limits.file_bytes_max;
        if found.len() > max {
            return Err(tree.file_too_large(file, found.len()));
        }
        buffer.clear();
        let read = handle.take(max.saturating_add(1)).read_to_end(buffer).map_err(failed)? as u64;
        *total = total.saturating_add(read);
        if read > max {
            return Err(tree.file_too_large(file, read));
        }
        if *total > tree.limits.total_bytes_max {
            return Err(tree.total_too_large());
        }
        Ok(buffer)
    }
}

fn describe(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "no file",
    }
}
