//! Walks an output folder without leaving it, and reads what is in it.
//!
//! What a pipeline leaves there is not to be trusted: it is published. A link may lead to a file inside the folder and
//! nowhere else; devices, pipes, sockets and `.git` are refused; everything has a limit that is checked before a byte
//! is read (contract.md 12.A). No path that is opened goes through a link.

mod beneath;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::FileError;
use crate::exit::{Exit, Fault};
use beneath::Root;

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

impl Tree {
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
        let real = file.target.as_deref().unwrap_or(Path::new(&file.path));
        let handle = root.open_file(real).map_err(failed)?;
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

/// Why an output folder cannot be published. Every variant names the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Something could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The root is no folder.
    #[error("expected a folder at `{}`", shown(path))]
    NotAFolder {
        /// The root.
        path: PathBuf,
    },
    /// A name that no Work can hold: Works are JSON.
    #[error("the name of `{}` is not UTF-8", shown(path))]
    NotUtf8 {
        /// With the bytes that are not UTF-8 as `\xNN`.
        path: PathBuf,
    },
    /// A path that would change how git treats the state store.
    #[error("refused to publish the git folder `{}`", shown(path))]
    Git {
        /// The file or folder named `.git`, in any case.
        path: PathBuf,
    },
    /// No file, folder or link.
    #[error("refused to read `{}`: it is {what}", shown(path))]
    Special {
        /// Which one.
        path: PathBuf,
        /// `a pipe`, `a socket`, `a device`.
        what: &'static str,
    },
    /// A link to nothing, to itself, or to where we may not look.
    #[error("failed to follow the link `{}` to `{}`", shown(path), shown(target))]
    LinkBroken {
        /// The link.
        path: PathBuf,
        /// What stands in it.
        target: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A link out of the folder.
    #[error(
        "refused to follow the link `{}` out of the folder, to `{}`",
        shown(path),
        shown(target)
    )]
    LinkOutside {
        /// The link.
        path: PathBuf,
        /// What stands in it.
        target: PathBuf,
    },
    /// A link to a folder, even inside: its files would be published twice, or for ever.
    #[error("refused to follow the link `{}`: `{}` is a folder", shown(path), shown(target))]
    LinkToFolder {
        /// The link.
        path: PathBuf,
        /// The folder, below the root.
        target: PathBuf,
    },
    /// More than [`Limits::files_max`].
    #[error("more than {max} files and folders in `{}`", shown(root))]
    TooManyFiles {
        /// The root.
        root: PathBuf,
        /// The limit.
        max: u64,
    },
    /// More than [`Limits::file_bytes_max`].
    #[error("`{}` has {bytes} bytes, more than {max}", shown(path))]
    FileTooLarge {
        /// The biggest file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// More than [`Limits::total_bytes_max`].
    #[error("the files in `{}` have {bytes} bytes, more than {max}", shown(root))]
    TotalTooLarge {
        /// The root.
        root: PathBuf,
        /// All sizes.
        bytes: u64,
        /// The limit.
        max: u64,
        /// The five biggest files with their sizes.
        biggest: Vec<(String, u64)>,
    },
}

impl Fault for TreeError {
    fn exit(&self) -> Exit {
        Exit::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::NotAFolder { .. } => "make it a folder".into(),
            Self::NotUtf8 { .. } => "rename the file in the pipeline".into(),
            Self::Git { .. } => "remove it, or write the output with `git archive`".into(),
            Self::Special { .. } => "leave only files and folders in the output folder".into(),
            Self::LinkBroken { .. } | Self::LinkOutside { .. } => {
                "copy the file instead, or make it a relative link to a file inside the folder; \
                 the folder has another path here than in the pipeline's containers"
                    .into()
            }
            Self::LinkToFolder { .. } => "copy the folder instead of linking it".into(),
            Self::TooManyFiles { .. } => "write fewer files, or raise `--max-files`".into(),
            Self::FileTooLarge { .. } => "make it smaller, or raise `--max-file-bytes`".into(),
            Self::TotalTooLarge { biggest, .. } => {
                let list = biggest
                    .iter()
                    .map(|(path, bytes)| format!("\n`{}`: {bytes} bytes", shown(Path::new(path))));
                let list: String = list.collect();
                format!("write less, or raise `--max-total-bytes`; the biggest files are{list}")
            }
        })
    }
}

/// Returns a path for messages: a line break or a byte that is no text cannot pass for something else.
pub fn shown(path: &Path) -> String {
    let quoted = format!("{path:?}");
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(unix)]
fn describe(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "no file",
    }
}

#[cfg(not(unix))]
fn describe(_: fs::FileType) -> &'static str {
    "no file"
}
