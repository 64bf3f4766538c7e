//! The shapes that a selectors' file has had (contract.md 7.1, 14).

use crate::contract::Node;
use crate::core::selectors::{self, Entry, MatchLabels, ROOT, SelectorsError};

/// Key of the labels in the shape with one.
const MATCH_LABELS: &str = "matchLabels";

/// Reads the selectors' file `file` of an older system into at most one entry, for all of the output.
///
/// Taken are a flat map of labels, a map with `matchLabels`, and today's list without directories. Of a list, all
/// entries hold; of two with one key the first counts.
pub fn parse_selectors(file: &'static str, document: &Node) -> Result<Vec<Entry>, SelectorsError> {
    let match_labels = match document {
        Node::Null => MatchLabels::new(),
        Node::Map(entries) => match document.field(MATCH_LABELS) {
            Some(Node::Map(inner)) => labels(file, inner)?,
            _ => labels(file, entries)?,
        },
        Node::List(_) => listed(file, document)?,
        other => return Err(SelectorsError::NotAMap { file, found: other.describe() }),
    };
    if match_labels.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Entry { directory: ROOT.to_owned(), match_labels }])
}

fn labels(file: &'static str, entries: &[(String, Node)]) -> Result<MatchLabels, SelectorsError> {
    let wrong = |key: &str, value: &Node| SelectorsError::WrongType {
        file,
        at: format!("`{key}`"),
        expected: "text",
        found: value.describe(),
    };
    entries
        .iter()
        .map(|(key, value)| {
            let text = value.text().filter(|_| *value != Node::Null);
            Ok((key.clone(), text.ok_or_else(|| wrong(key, value))?))
        })
        .collect()
}

fn listed(file: &'static str, document: &Node) -> Result<MatchLabels, SelectorsError> {
    let mut all = MatchLabels::new();
    for (index, entry) in selectors::entries(file, document)?.into_iter().enumerate() {
        if entry.directory != ROOT {
            return Err(SelectorsError::Directory { file, index, directory: entry.directory });
        }
        for (key, value) in entry.match_labels {
            all.entry(key).or_insert(value);
        }
    }
    Ok(all)
}
