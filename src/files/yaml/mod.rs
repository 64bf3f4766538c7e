//! YAML: read as Kratix's parser reads it, written so that every parser reads it the same.
//!
//! Only this folder names the YAML crate (`docs/decisions/0001-yaml.md`). What a file means stands in [`scalar`]
//! and `read`, because it is the contract's and no crate's choice; the crate splits text into events.

mod decode;
mod read;
pub mod scalar;
mod style;
mod write;

use std::fmt;

pub use read::{parse, parse_objects};
pub use write::write;

/// Deepest nesting of lists and maps. Far beyond what people write, and small enough that no walk of a document
/// can use up the stack.
pub const DEPTH_MAX: usize = 500;

/// Most memory that aliases and merge keys of one document may add to it, in bytes. A few hundred bytes of
/// aliases of aliases can stand for more than any machine has.
pub const ALIAS_BYTES_MAX: usize = 32 << 20;

/// A place in a document; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Character in the line.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum YamlError {
    /// The bytes are no text.
    #[error("{at}: the file is not {encoding} text")]
    Encoding {
        /// Where the text ends.
        at: Position,
        /// What it was taken for.
        encoding: &'static str,
    },
    /// A character that YAML allows only as an escape.
    #[error("{at}: control character U+{code:04X}")]
    ControlCharacter {
        /// Where it stands.
        at: Position,
        /// Which one.
        code: u32,
    },
    /// The text is no YAML.
    #[error("{at}: {problem}")]
    Syntax {
        /// Where it goes wrong.
        at: Position,
        /// What is wrong.
        problem: String,
    },
    /// Lists and maps are nested deeper than [`DEPTH_MAX`].
    #[error("{at}: nested deeper than {DEPTH_MAX} lists and maps")]
    TooDeep {
        /// Where the limit is passed.
        at: Position,
    },
    /// Aliases stand for more than [`ALIAS_BYTES_MAX`].
    #[error("{at}: aliases expand to more than {} MiB", ALIAS_BYTES_MAX >> 20)]
    TooManyAliases {
        /// The alias that passes the limit.
        at: Position,
    },
    /// An alias inside the very value that it names.
    #[error("{at}: an alias inside its own anchor")]
    AliasOfItself {
        /// Where it stands.
        at: Position,
    },
    /// A key that cannot be text.
    #[error("{at}: a key must be text, found {found}")]
    Key {
        /// Where it stands.
        at: Position,
        /// What it is.
        found: &'static str,
    },
    /// A merge key with something to merge that is no map.
    #[error("{at}: `<<` needs a map or a list of maps, found {found}")]
    Merge {
        /// Where the value stands.
        at: Position,
        /// What it is.
        found: &'static str,
    },
    /// A scalar that is not what its tag says.
    #[error("{at}: `{text}` is no {tag}")]
    Tag {
        /// Where it stands.
        at: Position,
        /// The tag, as in `!!int`.
        tag: &'static str,
        /// The start of the scalar.
        text: String,
    },
    /// A document of a stream of objects that is no map.
    #[error("document {number}: expected a map, found {found}")]
    NotAnObject {
        /// Which document, from 1; empty ones count.
        number: usize,
        /// What it is.
        found: &'static str,
    },
    /// Infinity or NaN where JSON is needed.
    #[error("document {number}: infinity and NaN cannot stand in an object")]
    NotJson {
        /// Which document, from 1; empty ones count.
        number: usize,
    },
}

impl YamlError {
    /// Returns what to do next, starting with a verb.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Encoding { .. } => Some("save the file as UTF-8"),
            Self::ControlCharacter { .. } => {
                Some("write it as an escape in double quotes, as in \"\\u0001\"")
            }
            Self::TooManyAliases { .. } => Some("write the values out instead of nesting aliases"),
            Self::Key { .. } => Some("put the key in quotes"),
            Self::NotJson { .. } => Some("put the value in quotes"),
            Self::Syntax { .. } => Some("check the indentation and the quotes there"),
            Self::TooDeep { .. }
            | Self::AliasOfItself { .. }
            | Self::Merge { .. }
            | Self::Tag { .. }
            | Self::NotAnObject { .. } => None,
        }
    }
}
