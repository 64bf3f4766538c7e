//! Which files cannot be beside each other: on a disk that ignores case or Unicode form they would be one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::Trouble;
use crate::core::placement::{File, StorePath};

const SAME: &str = "on a disk that ignores case or Unicode form they are one file";
const FOLDER: &str = "one is the folder of the other";

/// Makes sure that the files of one change can be beside each other.
pub(super) fn among<'a>(paths: impl IntoIterator<Item = &'a StorePath>) -> Result<(), Trouble> {
    let mut folded: BTreeMap<String, &StorePath> = BTreeMap::new();
    for path in paths {
        if let Some(other) = folded.insert(path.folded(), path) {
            return Err(clash(other, path, SAME));
        }
    }
    for (text, path) in &folded {
        for (at, _) in text.match_indices('/') {
            if let Some(other) = folded.get(&text[..at]) {
                return Err(clash(other, path, FOLDER));
            }
        }
    }
    Ok(())
}

/// A name in a folder of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// Makes sure that files can stand beside those that are in a store and stay.
///
/// `entries` returns what is in a folder of the store; it is asked once for each folder, and only for those on the way to a
/// file that is new. Folders whose names differ by case only may be beside each other: their files decide.
///
/// # Errors
/// [`Trouble::Clash`], and whatever `entries` says.
pub fn with_neighbours(
    puts: &[File],
    deletes: &[StorePath],
    mut entries: impl FnMut(&StorePath) -> Result<Vec<Entry>, Trouble>,
) -> Result<(), Trouble> {
    let deleted: BTreeSet<&StorePath> = deletes.iter().collect();
    let mut seen: BTreeMap<StorePath, Folder> = BTreeMap::new();
    for file in puts {
        // Folders that a disk without case takes for the one that the file is in.
        let mut folders = vec![StorePath::root()];
        let mut names = file.at.names().peekable();
        while let Some(name) = names.next() {
            let is_last = names.peek().is_none();
            let mut next = Vec::new();
            for folder in folders {
                if !seen.contains_key(&folder) {
                    seen.insert(folder.clone(), Folder::of(entries(&folder)?));
                }
                let Some(found) = seen.get(&folder) else { continue };
                for entry in found.names.get(&*fold(name)).into_iter().flatten() {
                    let at = folder.join(&entry.name)?;
                    match (is_last, entry.is_folder) {
                        (true, true) if gone(&at, &deleted, &mut entries)? => {}
                        (false, false) if deleted.contains(&at) => {}
                        (true, false) if at == file.at || deleted.contains(&at) => {}
                        (true, true) | (false, false) => return Err(clash(&at, &file.at, FOLDER)),
                        (true, false) => return Err(clash(&at, &file.at, SAME)),
                        (false, true) => next.push(at),
                    }
                }
            }
            folders = next;
        }
    }
    Ok(())
}

/// The entries of a folder by their folded names.
struct Folder {
    names: BTreeMap<String, Vec<Entry>>,
}

impl Folder {
    fn of(entries: Vec<Entry>) -> Self {
        let mut names: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            names.entry(fold(&entry.name).into_owned()).or_default().push(entry);
        }
        Self { names }
    }
}

/// Whether all files in a folder are deleted, which leaves no folder.
fn gone(
    folder: &StorePath,
    deleted: &BTreeSet<&StorePath>,
    entries: &mut impl FnMut(&StorePath) -> Result<Vec<Entry>, Trouble>,
) -> Result<bool, Trouble> {
    let mut left = vec![folder.clone()];
    while let Some(folder) = left.pop() {
        for entry in entries(&folder)? {
            let at = folder.join(&entry.name)?;
            match entry.is_folder {
                true => left.push(at),
                false if deleted.contains(&at) => {}
                false => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// Returns the folded form of one name.
fn fold(name: &str) -> Cow<'_, str> {
    if name.is_ascii() && !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    // A name that is in a store already may be one that we would not write; it meets none of ours.
    StorePath::exact(name).map_or(Cow::Borrowed(name), |path| Cow::Owned(path.folded()))
}

pub(super) fn clash(one: &StorePath, other: &StorePath, why: &'static str) -> Trouble {
    Trouble::Clash { one: one.to_string(), other: other.to_string(), why }
}
