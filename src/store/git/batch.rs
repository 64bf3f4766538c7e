//! From changes to commits: each worked out against the tree that the one before it left.

use git2::{ObjectType, Oid, Repository, Tree};

use super::commit::Commits;
use super::tree::{self, Edits, Finder};
use super::trouble::Failure;
use crate::core::placement::{Change, StorePath};
use crate::store::{Applied, FILE_BYTES_MAX, Trouble, Version, contents, edits};

/// Commits that are written, and not yet on the branch.
pub(super) struct Prepared {
    /// Where the branch is.
    pub(super) old: Option<Oid>,
    /// Where it is to be; `None` when nothing is to be done.
    pub(super) new: Option<Oid>,
    /// What became of each change.
    pub(super) outcomes: Vec<Outcome>,
}

/// What became of a change.
pub(super) struct Outcome {
    /// Which one.
    pub(super) change: usize,
    /// What was done, or why nothing was.
    pub(super) result: Result<Applied, Trouble>,
    /// Whether it is in a commit that is not yet on the branch.
    pub(super) commits: bool,
}

impl Prepared {
    /// Adds a commit that changes nothing: what others have begun from the same tip does not go onto it.
    pub(super) fn fenced(
        mut self,
        repository: &Repository,
        commits: &Commits,
    ) -> Result<Self, Failure> {
        if let Some(tip) = self.old {
            let tree = repository.find_commit(tip)?.tree_id();
            self.new = Some(commits.write(repository, tree, self.old, &[])?);
        }
        Ok(self)
    }
}

/// What one change does to a tree.
struct Made {
    tree: Option<Oid>,
    applied: Applied,
}

/// Makes commits of changes on top of `tip`.
///
/// # Errors
/// When the repository on this machine cannot be used. What is wrong with one change is its own outcome.
pub(super) fn prepare(
    repository: &Repository,
    tip: Option<Oid>,
    root: &StorePath,
    commits: &Commits,
    changes: &[(usize, &Change)],
) -> Result<Prepared, Failure> {
    let mut prepared = Prepared { old: tip, new: None, outcomes: Vec::new() };
    let mut at = tip;
    let mut tree = tip.map(|tip| repository.find_commit(tip)?.tree()).transpose()?;
    let mut shared = Vec::new();
    for (index, change) in changes {
        let mut outcome = |result, commits| {
            prepared.outcomes.push(Outcome { change: *index, result, commits });
        };
        let made = match make(repository, tree.as_ref(), root, change) {
            Ok(made) => made,
            Err(failure) if failure.is_damage() => return Err(failure),
            Err(failure) => {
                outcome(Err(failure.told()), false);
                continue;
            }
        };
        let mut applied = made.applied;
        let Some(new) = made.tree else {
            applied.version = at.map(version);
            outcome(Ok(applied), false);
            continue;
        };
        tree = Some(repository.find_tree(new)?);
        let writes = applied.written > 0;
        if commits.together() {
            shared.push((*change, writes));
        } else {
            at = Some(commits.write(repository, new, at, &[(change, writes)])?);
            applied.version = at.map(version);
        }
        outcome(Ok(applied), true);
    }
    if let (false, Some(tree)) = (shared.is_empty(), tree) {
        at = Some(commits.write(repository, tree.id(), tip, &shared)?);
        for outcome in prepared.outcomes.iter_mut().filter(|outcome| outcome.commits) {
            if let Ok(applied) = &mut outcome.result {
                applied.version = at.map(version);
            }
        }
    }
    prepared.new = at.filter(|at| Some(*at) != tip);
    Ok(prepared)
}

/// Names a commit.
pub(super) fn version(commit: Oid) -> Version {
    Version(commit.to_string())
}

/// Works out one change, and writes its files and folders to the object database.
fn make(
    repository: &Repository,
    whole: Option<&Tree<'_>>,
    root: &StorePath,
    change: &Change,
) -> Result<Made, Failure> {
    let tree = below(repository, whole, root)?;
    let tree = tree.as_ref();
    let known = known(repository, tree, change)?;
    let phase = edits::resolve(change, &known)?.at_once();

    let mut finder = Finder::new(repository, tree);
    let mut there = Vec::with_capacity(phase.puts.len());
    let mut new = Vec::new();
    for put in &phase.puts {
        let found = finder.find(&put.at)?;
        if !found.is_some_and(|found| found.is_file) {
            new.push(put.clone());
        }
        there.push(found.filter(|found| found.is_file));
    }
    edits::with_neighbours(&new, &phase.deletes, |folder| {
        tree::names(repository, tree, folder).map_err(|error| Failure::from(error).told())
    })?;

    let mut applied =
        Applied { version: None, written: 0, deleted: 0, unchanged: 0, bytes: 0, attempts: 0 };
    let mut todo = Edits::default();
    let odb = repository.odb()?;
    for (put, there) in phase.puts.iter().zip(there) {
        let bytes = contents::load(&put.at, &put.content)?;
        let id = Oid::hash_object(ObjectType::Blob, &bytes)?;
        if there.is_some_and(|there| there.id == id) {
            applied.unchanged = applied.unchanged.saturating_add(1);
            continue;
        }
        odb.write(ObjectType::Blob, &bytes)?;
        todo.put(&in_root(root, &put.at)?, id);
        applied.written = applied.written.saturating_add(1);
        applied.bytes = applied.bytes.saturating_add(bytes.len() as u64);
    }
    for path in &phase.deletes {
        if finder.find(path)?.is_some_and(|found| !found.is_folder) {
            todo.delete(&in_root(root, path)?);
            applied.deleted = applied.deleted.saturating_add(1);
        }
    }
    if applied.written == 0 && applied.deleted == 0 {
        return Ok(Made { tree: None, applied });
    }
    Ok(Made { tree: Some(todo.apply(repository, whole)?), applied })
}

/// Reads what must be known before a change can be worked out.
fn known(
    repository: &Repository,
    tree: Option<&Tree<'_>>,
    change: &Change,
) -> Result<edits::Known, Failure> {
    let needs = edits::needs(change);
    let mut known = edits::Known::default();
    for folder in &needs.folders {
        let entries = tree::list(repository, tree, folder)?;
        known.listed.extend(entries.into_iter().map(|entry| entry.at));
    }
    for file in needs.files {
        if let Some(id) = tree::file(repository, tree, &file)? {
            let bytes = tree::content(repository, id, &file, FILE_BYTES_MAX)?;
            known.contents.insert(file, bytes);
        }
    }
    Ok(known)
}

/// Returns the folder that is the root of the store; `None` when there is none.
pub(super) fn below<'repo>(
    repository: &'repo Repository,
    whole: Option<&Tree<'repo>>,
    root: &StorePath,
) -> Result<Option<Tree<'repo>>, git2::Error> {
    match tree::find(repository, whole, root)? {
        Some((id, tree::FOLDER)) => Ok(Some(repository.find_tree(id)?)),
        _ => Ok(None),
    }
}

fn in_root(root: &StorePath, path: &StorePath) -> Result<StorePath, Trouble> {
    Ok(root.join(path.as_str())?)
}
