//! What is asked of a state store: edits below its root, by whom and on whose behalf.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::StorePath;

/// One change of a state store. Stores that can make it whole or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Who asks, for people: the name of a WorkPlacement or Work, or `kratix-canary` (contract.md 10.6).
    pub name: String,
    /// What templates of commit messages may say: `promise`, `resource`, `namespace`, `pipeline`, `destination` and
    /// whatever else is known of the request.
    pub about: BTreeMap<String, String>,
    /// What is to be as given, in this order.
    pub edits: Vec<Edit>,
}

/// One edit. All paths are those below the root of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A folder that holds exactly these files afterwards, and nothing else; without files it is gone.
    Folder {
        /// The folder; never the root.
        at: StorePath,
        /// All its files, wherever below it.
        files: Vec<File>,
    },
    /// Files between those of others. A state file lists them; what it listed before and is not given is deleted
    /// (contract.md 10.4, mode `none`). Without files the state file is gone too. A state file that is missing lists
    /// nothing.
    Listed {
        /// The Destination's own folder: no file outside it is touched, whatever a state file says.
        base: StorePath,
        /// The state file.
        state: StorePath,
        /// All files.
        files: Vec<File>,
    },
    /// One file, whole; `None` when it is to be gone.
    Whole {
        /// The file.
        at: StorePath,
        /// What is in it.
        content: Option<Content>,
    },
    /// A part of a file of YAML documents that others write to as well: the parts stand in the order of their names, each
    /// after a line that names it. `None` when the part is to be gone; a file without parts is gone too.
    Part {
        /// The file.
        at: StorePath,
        /// Name of the part: one line, and no two writers have the same.
        of: String,
        /// The documents.
        content: Option<Vec<Content>>,
    },
}

/// A file that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub at: StorePath,
    /// What is in it.
    pub content: Content,
}

/// What is in a file. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// Packed as in a Work: base64 of gzip (contract.md 6.3). Unpacked when it is written, up to the limit of a file.
    Packed(Arc<str>),
    /// A file of the output folder, opened without following links and read when it is written.
    Disk {
        /// The folder below which links lead nowhere.
        root: Arc<PathBuf>,
        /// Path below it.
        path: PathBuf,
        /// Size when it was seen.
        bytes: u64,
    },
}

impl std::fmt::Debug for Content {
    /// Tells sizes only: what is in a file is nobody's business in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Packed(text) => write!(f, "Packed({})", text.len()),
            Self::Disk { path, bytes, .. } => write!(f, "Disk({}, {bytes})", path.display()),
        }
    }
}
