//! The only room that touches the disk.

pub mod folder;
pub mod read;
pub mod tree;
pub mod write;
pub mod yaml;

use std::io;
use std::path::PathBuf;

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
}

impl Fault for FileError {
    fn exit(&self) -> Exit {
        Exit::Input
    }
}
