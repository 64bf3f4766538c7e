//! The only room that touches the disk.

pub mod beneath;
pub mod folder;
pub mod read;
pub mod tree;
pub mod write;
pub mod yaml;

use std::io;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Fault};

/// Why a file could not be used. Every variant names the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file or folder could not be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder, pipe, socket or device where a file is needed.
    #[error("failed to read `{}`: it is {found}, not a file", path.display())]
    NotAFile {
        /// Which one.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A link that leads out of its folder.
    #[error("failed to read `{}`: the link leads out of its folder to `{}`", path.display(), target.display())]
    LinkOut {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A file larger than the limit.
    #[error("failed to read `{}`: {bytes} bytes, and the limit is {bytes_max}", path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The file is not the YAML we need.
    #[error("failed to parse `{}` as YAML", path.display())]
    Parse {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: yaml::YamlError,
    },
}

impl Fault for FileError {
    fn exit(&self) -> Exit {
        Exit::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(format!("let this user read `{}`", path.display()))
            }
            Self::Read { path, source } if source.kind() == io::ErrorKind::NotFound => Some(
                format!("check that `{}` is there, and mounted where it should be", path.display()),
            ),
            Self::Read { .. } => None,
            Self::Write { path, source } => write_hint(path, source),
            Self::NotAFile { path, .. } => {
                Some(format!("put a plain file at `{}`, or nothing", path.display()))
            }
            Self::LinkOut { .. } => Some("copy the file instead of linking to it".to_owned()),
            Self::TooLarge { .. } => Some("write less into the file".to_owned()),
            Self::Parse { source, .. } => source.hint().map(str::to_owned),
        }
    }
}

/// Returns what can be done about a failed write.
fn write_hint(path: &Path, source: &io::Error) -> Option<String> {
    // The parent of `a` is nothing: it is the folder that the program runs in.
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    };
    let folder = folder.display();
    Some(match source.kind() {
        io::ErrorKind::NotFound => format!("create the folder `{folder}`"),
        io::ErrorKind::NotADirectory => format!("make `{folder}` a folder"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("let this user write to the folder `{folder}`")
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => {
            format!("remove the folder `{}`", path.display())
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("free space on the volume of `{folder}`")
        }
        _ => return None,
    })
}
