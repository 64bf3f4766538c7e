//! Trees of a repository: looked into and edited where they are, without a checkout. No link is followed.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid, Repository, Tree};

use super::trouble::Failure;
use crate::core::placement::StorePath;
use crate::store::Trouble;
use crate::store::edits::Entry as Name;

/// Mode of a folder.
pub(super) const FOLDER: i32 = 0o040_000;
/// Mode of a file.
const FILE: i32 = 0o100_644;
/// Mode bits that tell what an entry is; in the rest stand the rights of a file.
const KIND: i32 = 0o170_000;
/// Kind of a file.
const KIND_FILE: i32 = 0o100_000;

/// Something in a tree that is no folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it is, below the tree that was looked into.
    pub(super) at: StorePath,
    /// Its content, or for a submodule its commit.
    pub(super) id: Oid,
    /// Whether it is a file, and no link or submodule.
    pub(super) is_file: bool,
}

/// Returns all that is below a folder and is none, in the order of its paths, or what stands in its place and is no folder.
/// What has a name that no path may have is left out.
pub(super) fn list(
    repository: &Repository,
    root: Option<&Tree<'_>>,
    folder: &StorePath,
) -> Result<Vec<Entry>, git2::Error> {
    let mut entries = Vec::new();
    match find(repository, root, folder)? {
        Some((id, FOLDER)) => {
            collect(repository, &repository.find_tree(id)?, folder, &mut entries)?;
        }
        Some((id, mode)) => {
            entries.push(Entry { at: folder.clone(), id, is_file: mode & KIND == KIND_FILE });
        }
        None => {}
    }
    entries.sort_by(|one, other| one.at.cmp(&other.at));
    Ok(entries)
}

fn collect(
    repository: &Repository,
    tree: &Tree<'_>,
    at: &StorePath,
    entries: &mut Vec<Entry>,
) -> Result<(), git2::Error> {
    for entry in tree {
        let Some(at) = entry.name().ok().and_then(|name| at.join(name).ok()) else { continue };
        match entry.kind() {
            // No path is longer than 1,024 bytes, so it cannot go deeper than that.
            Some(ObjectType::Tree) => {
                collect(repository, &repository.find_tree(entry.id())?, &at, entries)?;
            }
            _ => {
                let is_file = entry.filemode() & KIND == KIND_FILE;
                entries.push(Entry { at, id: entry.id(), is_file });
            }
        }
    }
    Ok(())
}

/// Returns the id and mode of what stands at a path; the root itself is not asked for.
pub(super) fn find(
    repository: &Repository,
    root: Option<&Tree<'_>>,
    path: &StorePath,
) -> Result<Option<(Oid, i32)>, git2::Error> {
    let mut found = match root {
        Some(root) => (root.id(), FOLDER),
        None => return Ok(None),
    };
    for name in path.names() {
        if found.1 != FOLDER {
            return Ok(None);
        }
        match repository.find_tree(found.0)?.get_name(name) {
            Some(entry) => found = (entry.id(), entry.filemode()),
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

/// Returns the file at a path; `None` when there is none, or something else.
pub(super) fn file(
    repository: &Repository,
    root: Option<&Tree<'_>>,
    path: &StorePath,
) -> Result<Option<Oid>, git2::Error> {
    let found = find(repository, root, path)?;
    Ok(found.and_then(|(id, mode)| (mode & KIND == KIND_FILE).then_some(id)))
}

/// Returns what is in a file that is there.
pub(super) fn content(
    repository: &Repository,
    id: Oid,
    path: &StorePath,
    bytes_max: u64,
) -> Result<Vec<u8>, Failure> {
    let odb = repository.odb()?;
    if odb.read_header(id)?.0 as u64 > bytes_max {
        return Err(Trouble::TooLarge { path: path.to_string(), bytes_max }.into());
    }
    Ok(odb.read(id)?.data().to_vec())
}

/// Returns the names in a folder; none when there is no such folder.
pub(super) fn names(
    repository: &Repository,
    root: Option<&Tree<'_>>,
    folder: &StorePath,
) -> Result<Vec<Name>, git2::Error> {
    let Some((id, FOLDER)) = find(repository, root, folder)? else { return Ok(Vec::new()) };
    let tree = repository.find_tree(id)?;
    let name = |entry: git2::TreeEntry<'_>| {
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        Name { name, is_folder: entry.filemode() == FOLDER }
    };
    Ok(tree.iter().map(name).collect())
}

/// Something that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Its id.
    pub(super) id: Oid,
    /// Whether it is a file.
    pub(super) is_file: bool,
    /// Whether it is a folder.
    pub(super) is_folder: bool,
}

/// Finds many paths, one after the other: a folder is read once for all files in it.
pub(super) struct Finder<'repo, 'root> {
    repository: &'repo Repository,
    root: Option<&'root Tree<'repo>>,
    folder: Option<(StorePath, Option<Tree<'repo>>)>,
}

impl<'repo, 'root> Finder<'repo, 'root> {
    pub(super) fn new(repository: &'repo Repository, root: Option<&'root Tree<'repo>>) -> Self {
        Self { repository, root, folder: None }
    }

    pub(super) fn find(&mut self, path: &StorePath) -> Result<Option<Found>, git2::Error> {
        let Some((folder, name)) = path.split() else { return Ok(None) };
        if self.folder.as_ref().is_none_or(|(at, _)| *at != folder) {
            let tree = match find(self.repository, self.root, &folder)? {
                Some((id, FOLDER)) => Some(self.repository.find_tree(id)?),
                _ => None,
            };
            self.folder = Some((folder, tree));
        }
        let Some((_, Some(tree))) = &self.folder else { return Ok(None) };
        Ok(tree.get_name(name).map(|entry| Found {
            id: entry.id(),
            is_file: entry.filemode() & KIND == KIND_FILE,
            is_folder: entry.filemode() == FOLDER,
        }))
    }
}

/// What is to be done in a tree.
#[derive(Debug, Default)]
pub(super) struct Edits {
    here: Option<Here>,
    below: BTreeMap<Box<str>, Self>,
}

#[derive(Debug, Clone, Copy)]
enum Here {
    Put(Oid),
    Gone,
}

impl Edits {
    /// Puts a file at a path.
    pub(super) fn put(&mut self, path: &StorePath, content: Oid) {
        self.at(path).here = Some(Here::Put(content));
    }

    /// Deletes what stands at a path, unless it is a folder.
    pub(super) fn delete(&mut self, path: &StorePath) {
        self.at(path).here.get_or_insert(Here::Gone);
    }

    fn at(&mut self, path: &StorePath) -> &mut Self {
        let mut edits = self;
        for name in path.names() {
            edits = edits.below.entry(name.into()).or_default();
        }
        edits
    }

    /// Writes the tree that a tree becomes; an empty one when nothing is left. What is not named stays as it is, with its mode.
    ///
    /// # Errors
    /// [`Trouble::Clash`] when a file would stand where a folder stays, or below something that stays and is no folder.
    pub(super) fn apply(
        &self,
        repository: &Repository,
        root: Option<&Tree<'_>>,
    ) -> Result<Oid, Failure> {
        match self.tree(repository, root.map(Tree::id), &StorePath::root())? {
            Some(id) => Ok(id),
            None => Ok(repository.treebuilder(None)?.write()?),
        }
    }

    /// Writes the tree that a tree becomes, `None` when it would be empty.
    fn tree(
        &self,
        repository: &Repository,
        old: Option<Oid>,
        at: &StorePath,
    ) -> Result<Option<Oid>, Failure> {
        let old = old.map(|id| repository.find_tree(id)).transpose()?;
        let mut builder = repository.treebuilder(old.as_ref())?;
        for (name, edits) in &self.below {
            let was = builder.get(&**name)?.map(|entry| (entry.id(), entry.filemode()));
            match edits.entry(repository, was, at, name)? {
                Some((id, mode)) if was != Some((id, mode)) => {
                    builder.insert(&**name, id, mode)?;
                }
                None if was.is_some() => builder.remove(&**name)?,
                _ => {}
            }
        }
        Ok(if builder.is_empty() { None } else { Some(builder.write()?) })
    }

    /// Returns what an entry becomes.
    fn entry(
        &self,
        repository: &Repository,
        was: Option<(Oid, i32)>,
        folder: &StorePath,
        name: &str,
    ) -> Result<Option<(Oid, i32)>, Failure> {
        let folder_was = was.filter(|(_, mode)| *mode == FOLDER).map(|(id, _)| id);
        let at = folder.join(name).map_err(Trouble::from)?;
        let below = match (self.below.is_empty(), folder_was) {
            (true, id) => id,
            (false, id) => self.tree(repository, id, &at)?,
        };
        let clash = |why| Trouble::Clash { one: at.to_string(), other: format!("{at}/"), why };
        match self.here {
            Some(Here::Put(_)) if below.is_some() => {
                Err(clash("one is a file, the other a folder that stays").into())
            }
            Some(Here::Put(id)) => {
                let mode = was.map(|(_, mode)| mode).filter(|mode| mode & KIND == KIND_FILE);
                Ok(Some((id, mode.unwrap_or(FILE))))
            }
            // A link, a submodule or a file that nobody named stays, and nothing goes through it.
            None if was.is_some() && folder_was.is_none() => match below {
                Some(_) => Err(clash("the first is there already and is no folder").into()),
                None => Ok(was),
            },
            _ => Ok(below.map(|id| (id, FOLDER))),
        }
    }
}
