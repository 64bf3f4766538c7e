//! Why an output folder cannot be published, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Fault};
use crate::files::FileError;

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
    /// More than [`super::Limits::files_max`].
    #[error("more than {max} files and folders in `{}`", shown(root))]
    TooManyFiles {
        /// The root.
        root: PathBuf,
        /// The limit.
        max: u64,
    },
    /// More than [`super::Limits::file_bytes_max`].
    #[error("`{}` has {bytes} bytes, more than {max}", shown(path))]
    FileTooLarge {
        /// The biggest file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// More than [`super::Limits::total_bytes_max`].
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
