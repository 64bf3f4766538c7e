//! Destination selectors: the file, and how its entries combine (contract.md 7.1, 10.1).

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::Node;
use crate::contract::layout::{DESTINATION_SELECTORS_FILE, PROMISE_SCHEDULING_FILE};

/// The directory that stands for everything that no other entry names.
pub const ROOT: &str = ".";

/// Source of a selector that comes from the Promise.
const PROMISE: &str = "promise";
/// Source of a selector that comes from the Promise's own workflow.
const PROMISE_WORKFLOW: &str = "promise-workflow";

/// Labels that a Destination must have, sorted by key.
pub type MatchLabels = BTreeMap<String, String>;

/// One entry of `destination-selectors.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name of a directory at the top of the output folder, or [`ROOT`].
    pub directory: String,
    /// At least one label.
    pub match_labels: MatchLabels,
}

/// One selector of a workload group (contract.md 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// May be empty.
    pub match_labels: MatchLabels,
    /// `promise`, `promise-workflow` or `resource-workflow`.
    pub source: String,
}

/// Why a selectors' file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorsError {
    /// The document is no list.
    #[error("invalid {file}: error unmarshaling JSON: expected a list of entries, found {found}")]
    NotAList {
        /// The file's name.
        file: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A document of an older system that holds no labels.
    #[error("invalid {file}: expected a map of labels, found {found}")]
    NotAMap {
        /// The file's name.
        file: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A directory where an older system knows none.
    #[error(
        "invalid {file}: entry with index {index} names the directory `{directory}`, and the output has none"
    )]
    Directory {
        /// The file's name.
        file: &'static str,
        /// Which entry, from 0.
        index: usize,
        /// The cleaned directory.
        directory: String,
    },
    /// An entry is no map, or one of its values has the wrong type.
    #[error("invalid {file}: error unmarshaling JSON: expected {expected} at {at}, found {found}")]
    WrongType {
        /// The file's name.
        file: &'static str,
        /// Index of the entry and key.
        at: String,
        /// What belongs there.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// An entry selects nothing.
    #[error("invalid {DESTINATION_SELECTORS_FILE}: entry with index {index} has no selectors")]
    NoLabels {
        /// Which one, from 0.
        index: usize,
    },
    /// Two entries for one directory.
    #[error("duplicate entries in {DESTINATION_SELECTORS_FILE}: `{directory}`")]
    Duplicate {
        /// The cleaned directory.
        directory: String,
    },
    /// A directory below another one, or outside the output folder.
    #[error(
        "invalid directory in {DESTINATION_SELECTORS_FILE}: {directory}, sub-directories are not allowed"
    )]
    SubDirectory {
        /// The cleaned directory.
        directory: String,
    },
    /// `/` or `..`, which the original takes (contract.md 12.A).
    #[error(
        "invalid directory in {DESTINATION_SELECTORS_FILE}: {directory} is not inside the output folder"
    )]
    Outside {
        /// The cleaned directory.
        directory: String,
    },
}

impl SelectorsError {
    /// Returns what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotAList { .. } | Self::WrongType { .. } => {
                "write a list of `{matchLabels: {key: value}, directory: name}`; `directory` is optional"
            }
            Self::NotAMap { .. } => "write labels as `key: value`, one a line",
            Self::Directory { .. } => {
                "leave `directory` out: all files are at the root of the output"
            }
            Self::NoLabels { .. } => "give the entry `matchLabels` with at least one label",
            Self::Duplicate { .. } => "put all labels of a directory into one entry",
            Self::SubDirectory { .. } => {
                "name a directory at the top of the output folder; its sub-directories come with it"
            }
            Self::Outside { .. } => {
                "leave `directory` out to select everything that no other entry names"
            }
        }
    }
}

/// Reads `destination-selectors.yaml`. A null document has no entries.
///
/// The checks come in Kratix's order: types, labels, duplicates, directories.
pub fn parse(document: &Node) -> Result<Vec<Entry>, SelectorsError> {
    let entries = entries(DESTINATION_SELECTORS_FILE, document)?;
    if let Some(index) = entries.iter().position(|entry| entry.match_labels.is_empty()) {
        return Err(SelectorsError::NoLabels { index });
    }
    let mut seen = BTreeSet::new();
    if let Some(entry) = entries.iter().find(|entry| !seen.insert(&entry.directory)) {
        return Err(SelectorsError::Duplicate { directory: entry.directory.clone() });
    }
    for entry in &entries {
        let directory = entry.directory.clone();
        match directory.as_str() {
            "/" | ".." => return Err(SelectorsError::Outside { directory }),
            name if name.contains('/') => return Err(SelectorsError::SubDirectory { directory }),
            _ => {}
        }
    }
    Ok(entries)
}

/// Reads the list of entries in a file; only its types are checked.
pub(super) fn entries(file: &'static str, document: &Node) -> Result<Vec<Entry>, SelectorsError> {
    let mut entries = Vec::new();
    for (index, item) in items(file, document)?.iter().enumerate() {
        let fields = Fields::of(file, index, item)?;
        entries.push(Entry {
            directory: clean(&fields.text("directory")?),
            match_labels: fields.labels()?,
        });
    }
    Ok(entries)
}

/// Reads the Promise's selectors as the controller mounts them: at most one of each source, in the order of a Work.
///
/// Of two entries with the same source and key the first wins; entries of other sources are dropped.
pub fn parse_promise(document: &Node) -> Result<Vec<Selector>, SelectorsError> {
    let file = PROMISE_SCHEDULING_FILE;
    let mut squashed: BTreeMap<String, MatchLabels> = BTreeMap::new();
    for (index, item) in items(file, document)?.iter().enumerate() {
        let fields = Fields::of(file, index, item)?;
        let labels = squashed.entry(fields.text("source")?).or_default();
        for (key, value) in fields.labels()? {
            labels.entry(key).or_insert(value);
        }
    }
    let selector = |source: &str| {
        squashed
            .get(source)
            .map(|labels| Selector { match_labels: labels.clone(), source: source.to_owned() })
    };
    Ok([PROMISE_WORKFLOW, PROMISE].into_iter().filter_map(selector).collect())
}

/// Returns the directories whose labels contradict the Promise's, each with the first such key.
///
/// Kratix does not apply a Promise's selectors to directories (contract.md 10.1), so the directory wins: worth saying.
pub fn contradictions<'a>(entries: &'a [Entry], promise: &[Selector]) -> Vec<(&'a str, &'a str)> {
    let differs = |key: &str, value: &str| {
        promise.iter().any(|selector| selector.match_labels.get(key).is_some_and(|v| v != value))
    };
    let first = |entry: &'a Entry| {
        entry.match_labels.iter().find(|(key, value)| differs(key, value)).map(|(key, _)| key)
    };
    entries
        .iter()
        .filter(|entry| entry.directory != ROOT)
        .filter_map(|entry| Some((entry.directory.as_str(), first(entry)?.as_str())))
        .collect()
}

fn items<'a>(file: &'static str, document: &'a Node) -> Result<&'a [Node], SelectorsError> {
    match document {
        Node::Null => Ok(&[]),
        Node::List(items) => Ok(items),
        other => Err(SelectorsError::NotAList { file, found: other.describe() }),
    }
}

/// The fields of one entry, by Go's rules: names in any case, read in the bytewise order of their spellings.
struct Fields<'a> {
    file: &'static str,
    index: usize,
    entries: &'a [(String, Node)],
}

impl<'a> Fields<'a> {
    fn of(file: &'static str, index: usize, item: &'a Node) -> Result<Self, SelectorsError> {
        match item {
            Node::Null => Ok(Self { file, index, entries: &[] }),
            Node::Map(entries) => Ok(Self { file, index, entries }),
            other => {
                let at = format!("index {index}");
                let (expected, found) = ("an entry", other.describe());
                Err(SelectorsError::WrongType { file, at, expected, found })
            }
        }
    }

    fn spellings(&self, name: &str) -> impl Iterator<Item = &'a Node> {
        let mut found: Vec<_> =
            self.entries.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
        found.sort_by_key(|(key, _)| key);
        found.into_iter().map(|(_, value)| value)
    }

    fn wrong(&self, key: &str, expected: &'static str, found: &Node) -> SelectorsError {
        let (file, at) = (self.file, format!("`{key}` of index {}", self.index));
        SelectorsError::WrongType { file, at, expected, found: found.describe() }
    }

    /// The text under `name`; null counts as absent, and absent is empty.
    fn text(&self, name: &str) -> Result<String, SelectorsError> {
        let mut last = String::new();
        for value in self.spellings(name).filter(|value| **value != Node::Null) {
            last = value.text().ok_or_else(|| self.wrong(name, "text", value))?;
        }
        Ok(last)
    }

    /// The labels under every spelling, merged; null takes back those before it.
    fn labels(&self) -> Result<MatchLabels, SelectorsError> {
        const NAME: &str = "matchLabels";
        let mut labels = MatchLabels::new();
        for value in self.spellings(NAME) {
            match value {
                Node::Null => labels.clear(),
                Node::Map(entries) => {
                    for (key, value) in entries {
                        let text = value
                            .text()
                            .ok_or_else(|| self.wrong(&format!("{NAME}.{key}"), "text", value))?;
                        labels.insert(key.clone(), text);
                    }
                }
                other => return Err(self.wrong(NAME, "a map of labels", other)),
            }
        }
        Ok(labels)
    }
}

/// Returns the shortest path that is lexically the same, as Go's `path.Clean` does.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if rooted => {}
            part => kept.push(part),
        }
    }
    match (rooted, kept.is_empty()) {
        (true, _) => format!("/{}", kept.join("/")),
        (false, true) => ROOT.to_owned(),
        (false, false) => kept.join("/"),
    }
}

#[cfg(test)]
mod tests;
