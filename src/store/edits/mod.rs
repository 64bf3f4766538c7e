//! From what shall be to what is to be done: which files a change writes and deletes, given what is there.
//!
//! All stores do it here and alike. Nothing here touches a store; contents that are on the disk are read only where they
//! go into a file of several parts.

mod clash;
mod parts;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{FILE_BYTES_MAX, Trouble, contents};
use crate::core::placement::{Change, Content, Edit, File, PathError, StorePath};

pub use clash::{Entry, with_neighbours};
pub use parts::names as part_names;

/// What must be known of a store before a change of it can be worked out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Folders whose files must be known.
    pub folders: BTreeSet<StorePath>,
    /// Files whose content must be known; they may not be there.
    pub files: BTreeSet<StorePath>,
}

/// What is known of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// All files in the folders of [`Needs`].
    pub listed: BTreeSet<StorePath>,
    /// The content of the files of [`Needs`] that are there.
    pub contents: BTreeMap<StorePath, Vec<u8>>,
}

/// What is to be done, in phases: within one the order does not matter, and each begins after the one before has ended.
///
/// A store that cannot do it all at once may stop anywhere: the same change on what is there then leads to the same
/// end. For a folder that is so because it is listed anew. For files between those of others the state file is what is known, so
/// at no time it lists less than what is there: first it lists what was and what shall be, then files are written, then those
/// no longer wanted are deleted, and only then it lists what remains. (The original deletes first and writes last,
/// contract.md 10.5: who reads the store meanwhile sees objects go and come back.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps {
    /// The phases; none when there is nothing to look at.
    pub phases: Vec<Phase>,
}

/// What may be done in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phase {
    /// Files that are to be there; they may be there already.
    pub puts: Vec<File>,
    /// Files that are not to be there; they may be gone already.
    pub deletes: Vec<StorePath>,
}

impl Steps {
    /// Returns all phases as one, for a store that does it all at once. Puts and deletes have no path in common.
    pub fn at_once(self) -> Phase {
        let mut last: BTreeMap<StorePath, Option<Content>> = BTreeMap::new();
        for phase in self.phases {
            last.extend(phase.deletes.into_iter().map(|path| (path, None)));
            last.extend(phase.puts.into_iter().map(|file| (file.at, Some(file.content))));
        }
        let mut once = Phase::default();
        for (at, content) in last {
            match content {
                Some(content) => once.puts.push(File { at, content }),
                None => once.deletes.push(at),
            }
        }
        once
    }
}

/// Says what must be known before a change can be worked out.
pub fn needs(change: &Change) -> Needs {
    let mut needs = Needs::default();
    for edit in &change.edits {
        match edit {
            Edit::Folder { at, .. } => _ = needs.folders.insert(at.clone()),
            Edit::Listed { state, .. } => _ = needs.files.insert(state.clone()),
            Edit::Part { at, .. } => _ = needs.files.insert(at.clone()),
            Edit::Whole { .. } => {}
        }
    }
    needs
}

/// Works out what is to be done.
///
/// What several edits of one change delete is kept when another one writes it.
///
/// # Errors
/// [`Trouble::Clash`] for files that cannot be beside each other, and for a file that two edits name; [`Trouble::Path`] for a
/// file outside of what its edit is for; [`Trouble::DamagedFile`] for a state file that cannot be read;
/// [`Trouble::TooLarge`] and [`Trouble::Content`] for files of several parts.
pub fn resolve(change: &Change, known: &Known) -> Result<Steps, Trouble> {
    let mut plan = Plan::default();
    for edit in &change.edits {
        match edit {
            Edit::Folder { at, files } => plan.folder(at, files, known)?,
            Edit::Listed { base, state, files } => plan.listed(base, state, files, known)?,
            Edit::Whole { at, content } => plan.named(at, content.clone())?,
            Edit::Part { at, of, content } => plan.part(at, of, content.as_deref(), known)?,
        }
    }
    plan.steps()
}

/// What is worked out so far.
#[derive(Debug, Default)]
struct Plan<'a> {
    /// What edits name: with content, or to be gone.
    named: BTreeMap<StorePath, Option<Content>>,
    /// What was there before and is not named by the edit it belonged to.
    left: BTreeSet<StorePath>,
    /// State files: as they are written first and in the end.
    states: BTreeMap<StorePath, (File, Option<File>)>,
    /// Files of several parts, as they are after the parts so far.
    parted: BTreeMap<StorePath, Option<Vec<u8>>>,
    /// The parts so far.
    parts: BTreeSet<(&'a StorePath, &'a str)>,
}

impl<'a> Plan<'a> {
    /// Takes up a file that an edit names.
    fn named(&mut self, at: &StorePath, content: Option<Content>) -> Result<(), Trouble> {
        if at.is_root() {
            return Err(outside(at, "is the root of the store, no file"));
        }
        let twice = self.states.contains_key(at) || self.parted.contains_key(at);
        if twice || self.named.insert(at.clone(), content).is_some() {
            return Err(clash::clash(at, at, "one change can say only once what is in a file"));
        }
        Ok(())
    }

    fn folder(&mut self, at: &StorePath, files: &[File], known: &Known) -> Result<(), Trouble> {
        if at.is_root() {
            return Err(outside(at, "is the root of the store, which is nobody's own"));
        }
        for file in files {
            self.named_in(at, file)?;
        }
        self.left.extend(known.listed.iter().filter(|path| path.is_in(at)).cloned());
        Ok(())
    }

    fn named_in(&mut self, folder: &StorePath, file: &File) -> Result<(), Trouble> {
        if file.at == *folder || !file.at.is_in(folder) {
            return Err(outside(
                &file.at,
                format!("stands outside of `{folder}`, which it is for"),
            ));
        }
        self.named(&file.at, Some(file.content.clone()))
    }

    fn listed(
        &mut self,
        base: &StorePath,
        state: &StorePath,
        files: &[File],
        known: &Known,
    ) -> Result<(), Trouble> {
        let old = match known.contents.get(state) {
            Some(bytes) => state::read(base, state, bytes)?,
            None => BTreeSet::new(),
        };
        for file in files {
            if state::reserved(state, &file.at) {
                let why = "that folder is for the state files of the platform";
                return Err(clash::clash(state, &file.at, why));
            }
            self.named_in(base, file)?;
        }
        if self.named.contains_key(state) || self.states.contains_key(state) {
            return Err(clash::clash(
                state,
                state,
                "one change can say only once what is in a file",
            ));
        }
        let new: BTreeSet<StorePath> = files.iter().map(|file| file.at.clone()).collect();
        let first = state::write(state, &old.union(&new).cloned().collect());
        let last = (!new.is_empty()).then(|| state::write(state, &new));
        if known.contents.contains_key(state) || last.is_some() {
            self.states.insert(state.clone(), (first, last));
        }
        self.left.extend(old);
        Ok(())
    }

    fn part(
        &mut self,
        at: &'a StorePath,
        of: &'a str,
        content: Option<&[Content]>,
        known: &Known,
    ) -> Result<(), Trouble> {
        if at.is_root() {
            return Err(outside(at, "is the root of the store, no file"));
        }
        let twice = self.named.contains_key(at) || self.states.contains_key(at);
        if twice || !self.parts.insert((at, of)) {
            return Err(clash::clash(at, at, "one change can say only once what is in a part"));
        }
        let load = |contents: &[Content]| -> Result<Vec<_>, Trouble> {
            let mut total = 0_u64;
            let mut loaded = Vec::with_capacity(contents.len());
            for content in contents {
                let bytes = contents::load(at, content)?;
                total = total.saturating_add(bytes.len() as u64);
                within_limit(at, total)?;
                loaded.push(bytes);
            }
            Ok(loaded)
        };
        let documents = content.map(load).transpose()?;
        let old = match self.parted.get(at) {
            Some(so_far) => so_far.as_deref(),
            None => known.contents.get(at).map(Vec::as_slice),
        };
        let file = match (old, documents) {
            // Not even a look: somebody else's file without a part of ours.
            (None, None) => None,
            (old, documents) => parts::with(old.unwrap_or_default(), of, documents.as_deref()),
        };
        within_limit(at, file.as_ref().map_or(0, |file| file.len() as u64))?;
        self.parted.insert(at.clone(), file);
        Ok(())
    }

    fn steps(self) -> Result<Steps, Trouble> {
        let mut puts = Vec::new();
        let mut deletes = self.left;
        let parted = self
            .parted
            .into_iter()
            .map(|(at, file)| (at, file.map(|bytes| Content::Bytes(bytes.into()))));
        for (at, content) in self.named.into_iter().chain(parted) {
            deletes.remove(&at);
            match content {
                Some(content) => puts.push(File { at, content }),
                None => _ = deletes.insert(at),
            }
        }
        for state in self.states.keys() {
            deletes.remove(state);
        }
        let remaining = self.states.values().filter_map(|(_, last)| last.as_ref());
        clash::among(puts.iter().chain(remaining).map(|file| &file.at))?;

        let mut first = Phase::default();
        let mut last = Phase::default();
        for (at, (union, remains)) in self.states {
            match remains {
                // Nothing goes: what is written first is what remains.
                Some(remains) if remains == union => first.puts.push(remains),
                Some(remains) => {
                    first.puts.push(union);
                    last.puts.push(remains);
                }
                // Nothing comes: the state file as it is lists all there is.
                None => last.deletes.push(at),
            }
        }
        let (way, deletes) = in_the_way(&puts, deletes);
        let clear = Phase { puts: Vec::new(), deletes: way };
        let write = Phase { puts, deletes: Vec::new() };
        let sweep = Phase { puts: Vec::new(), deletes };
        let phases = [first, clear, write, sweep, last].into_iter();
        Ok(Steps { phases: phases.filter(|phase| *phase != Phase::default()).collect() })
    }
}

/// Splits deletes into those without which a file cannot be written, or that would take it along on a disk that ignores case,
/// and the others.
fn in_the_way(puts: &[File], deletes: BTreeSet<StorePath>) -> (Vec<StorePath>, Vec<StorePath>) {
    if deletes.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let files: BTreeSet<String> = puts.iter().map(|file| file.at.folded()).collect();
    let folders: BTreeSet<&str> = files.iter().flat_map(|path| above(path)).collect();
    deletes.into_iter().partition(|path| {
        let path = path.folded();
        let meets = |folder: &str| files.contains(folder);
        files.contains(&path) || folders.contains(path.as_str()) || above(&path).any(meets)
    })
}

/// Returns the folders above a path, without the root.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn within_limit(at: &StorePath, bytes: u64) -> Result<(), Trouble> {
    if bytes > FILE_BYTES_MAX {
        return Err(Trouble::TooLarge { path: at.to_string(), bytes_max: FILE_BYTES_MAX });
    }
    Ok(())
}

fn outside(path: &StorePath, fault: impl Into<std::borrow::Cow<'static, str>>) -> Trouble {
    Trouble::Path(PathError { path: path.to_string(), fault: fault.into() })
}
