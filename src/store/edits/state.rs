//! State files: which files between those of others are ours (contract.md 10.4, mode `none`).

use std::collections::BTreeSet;

use serde_json::json;

use super::super::Trouble;
use crate::contract::Node;
use crate::core::placement::{Content, File, StorePath};
use crate::files::yaml;

/// Key of the list in a state file.
const FILES: &str = "files";

/// Reads a state file: the files it lists below `base`.
///
/// A path that is none, leads out of `base` or into the folder of the state files is left out: whoever can write to the
/// store could have put it there, and nothing but files of the Destination is ever deleted. Older state files list paths
/// without that of the Destination; it is added. A file that is empty lists nothing.
///
/// # Errors
/// [`Trouble::DamagedFile`] when it is no such YAML. To take it for empty would leave the files it meant behind for good, so
/// somebody has to look.
pub(super) fn read(
    base: &StorePath,
    state: &StorePath,
    bytes: &[u8],
) -> Result<BTreeSet<StorePath>, Trouble> {
    let damaged = |why: String| Trouble::DamagedFile(format!("the state file `{state}`: {why}"));
    let document = yaml::parse(bytes).map_err(|error| damaged(error.to_string()))?;
    let listed = match &document {
        Node::Null => return Ok(BTreeSet::new()),
        Node::Map(_) => document.field(FILES).unwrap_or(&Node::Null),
        other => return Err(damaged(format!("{} where a map was expected", other.describe()))),
    };
    let items = match listed {
        Node::Null => return Ok(BTreeSet::new()),
        Node::List(items) => items,
        other => return Err(damaged(format!("`files` is {}, no list", other.describe()))),
    };
    let mut files = BTreeSet::new();
    for item in items {
        let Some(text) = item.text() else {
            return Err(damaged(format!("`files` lists {}, no path", item.describe())));
        };
        files.extend(place(base, state, &text));
    }
    Ok(files)
}

/// Returns the path that a line of a state file means, `None` when it must not be touched.
fn place(base: &StorePath, state: &StorePath, text: &str) -> Option<StorePath> {
    let path = StorePath::of_setting(text).ok()?;
    let path = if path.is_in(base) { path } else { base.join(path.as_str()).ok()? };
    (path != *base && !reserved(state, &path)).then_some(path)
}

/// Whether a path stands where state files do, in whatever spelling: a pipeline that could write there could have files of
/// others deleted.
pub(super) fn reserved(state: &StorePath, path: &StorePath) -> bool {
    let folder = state.split().map(|(folder, _)| folder).unwrap_or_default();
    let (folder, path) = (folder.folded(), path.folded());
    // A state file that stands in the root reserves itself only.
    if folder.is_empty() {
        return path == state.folded();
    }
    path.strip_prefix(&folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the state file that lists these files.
pub(super) fn write(state: &StorePath, files: &BTreeSet<StorePath>) -> File {
    let files: Vec<&str> = files.iter().map(StorePath::as_str).collect();
    let text = yaml::write(&json!({ FILES: files }));
    File { at: state.clone(), content: Content::Bytes(text.into_bytes().into()) }
}
