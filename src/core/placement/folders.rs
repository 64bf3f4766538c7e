//! Folders of WorkPlacements below the path of a Destination (contract.md 10.4): no two have the same.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;

use super::name::short_id;
use super::path::{PathError, StorePath};
use super::seen::PlacementSeen;
use crate::contract::placement::file;
use crate::core::hash::md5_hex;

/// Length of the hash at the end of a folder that nothing else tells from another.
const HASH_LEN: usize = 5;

/// What files are of, which says where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed<'a> {
    /// Name of the WorkPlacement; for who writes without one, a name of its own.
    pub name: &'a str,
    /// Its namespace; for who writes without one, that of the request.
    pub namespace: &'a str,
    /// Namespace of the request.
    pub request_namespace: &'a str,
    /// Name of the Promise.
    pub promise: &'a str,
    /// Name of the request; empty for the files of a Promise.
    pub resource: &'a str,
    /// Name of the Pipeline; empty for static dependencies.
    pub pipeline: &'a str,
    /// Id of the workload group.
    pub group: &'a str,
    /// Annotation `bookend/folder`.
    pub folder: Option<&'a str>,
}

/// Why there is no folder for something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A name cannot be that of a folder.
    #[error("the {what} `{}` of `{of}` cannot be the name of a folder", .found.escape_debug())]
    Segment {
        /// Name of the WorkPlacement.
        of: String,
        /// Which name.
        what: &'static str,
        /// The name.
        found: String,
    },
    /// All names together are too long, or hold what no path may hold.
    #[error("the names of `{of}` make no folder")]
    Path {
        /// Name of the WorkPlacement.
        of: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// The annotation names a folder that is not one of its own.
    #[error("`{of}` says `bookend/folder: {}`, which is no folder of its own", .found.escape_debug())]
    Foreign {
        /// Name of the WorkPlacement.
        of: String,
        /// What it says.
        found: String,
    },
    /// Others have all folders that it could have.
    #[error("all folders that `{of}` could have belong to others")]
    AllTaken {
        /// Name of the WorkPlacement.
        of: String,
    },
}

impl FolderError {
    /// Returns what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Segment { .. } | Self::Path { .. } => {
                "give the Promise, the request, the Pipeline and the directory shorter names, of letters, digits, `-` and `.`"
            }
            Self::Foreign { .. } => "take the annotation off; the folder is chosen anew",
            Self::AllTaken { .. } => {
                "look for Works that are there twice, and delete those that are not needed"
            }
        }
    }
}

impl Placed<'_> {
    /// Returns its folder below the path of the Destination: the one that is recorded, else that of contract.md 10.4.
    pub fn folder(&self) -> Result<StorePath, FolderError> {
        let Some(recorded) = self.folder else { return self.plain_folder() };
        let foreign =
            || FolderError::Foreign { of: self.name.to_owned(), found: recorded.to_owned() };
        // Only what could have been chosen is believed: an annotation must not lead into the folder of somebody else.
        let own = self.folders()?.into_iter().find(|one| one.as_str() == recorded);
        own.ok_or_else(foreign)
    }

    /// Returns the folder of contract.md 10.4.
    pub fn plain_folder(&self) -> Result<StorePath, FolderError> {
        self.folder_of(self.resource, short_id(self.group))
    }

    /// Returns all folders that it could have, the usual one first.
    fn folders(&self) -> Result<Vec<StorePath>, FolderError> {
        let hash = &md5_hex(&format!("{}/{}", self.namespace, self.name))[..HASH_LEN];
        let (short, long) = (short_id(self.group), self.group);
        let mut all = vec![self.plain_folder()?];
        // The others need not fit: there are more.
        let mut add = |resource: &str, id: &str| all.extend(self.folder_of(resource, id));
        if self.resource.is_empty() {
            add("", long);
            add("", &format!("{long}--{hash}"));
        } else {
            let of_namespace = format!("{}--{}", self.resource, self.request_namespace);
            add(&of_namespace, short);
            add(self.resource, long);
            add(&of_namespace, long);
            add(&format!("{of_namespace}--{hash}"), short);
        }
        Ok(all)
    }

    fn folder_of(&self, resource: &str, id: &str) -> Result<StorePath, FolderError> {
        let segment = |what, found: &str| {
            if found.is_empty() || found.contains('/') || StorePath::exact(found).is_err() {
                let found = found.to_owned();
                return Err(FolderError::Segment { of: self.name.to_owned(), what, found });
            }
            Ok(found.to_owned())
        };
        let mut names = Vec::with_capacity(6);
        if self.resource.is_empty() {
            names.push(file::DEPENDENCIES.to_owned());
            names.push(segment("Promise", self.promise)?);
            if !self.pipeline.is_empty() {
                names.push(segment("Pipeline", self.pipeline)?);
            }
        } else {
            names.push(file::RESOURCES.to_owned());
            names.push(segment("namespace", self.namespace)?);
            names.push(segment("Promise", self.promise)?);
            names.push(segment("request", resource)?);
            if !self.pipeline.is_empty() {
                names.push(segment("Pipeline", self.pipeline)?);
            }
        }
        names.push(segment("group", id)?);
        StorePath::exact(&names.join("/"))
            .map_err(|source| FolderError::Path { of: self.name.to_owned(), source })
    }
}

/// Which WorkPlacement has which folder. Whoever plans a WorkPlacement notes it at once, before it is created: the next plan
/// must know of it.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// By Destination and folder (without case and form), who is there, the first one first.
    by_folder: BTreeMap<(String, String), Vec<Owner>>,
    /// By namespace and name of a WorkPlacement, where it is.
    of: BTreeMap<(String, String), (String, String)>,
}

/// Who has a folder. Who was there first keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Owner {
    /// One that is not created yet comes last.
    is_planned: bool,
    created: Option<Timestamp>,
    uid: String,
    namespace: String,
    name: String,
}

impl Folders {
    /// Notes a WorkPlacement that is there, in place of what was known of it.
    pub fn note(&mut self, placement: &PlacementSeen) {
        self.forget(&placement.namespace, &placement.name);
        // One without a folder of its own is told when it is to be written.
        let Ok(folder) = placement.placed().folder() else { return };
        let owner = Owner {
            is_planned: placement.uid.is_empty(),
            created: placement.created,
            uid: placement.uid.clone(),
            namespace: placement.namespace.clone(),
            name: placement.name.clone(),
        };
        self.add(&placement.destination, &folder, owner);
    }

    /// Notes one that is going to be created.
    pub fn plan(&mut self, destination: &str, placed: &Placed<'_>) {
        self.forget(placed.namespace, placed.name);
        let Ok(folder) = placed.folder() else { return };
        let owner = Owner {
            is_planned: true,
            created: None,
            uid: String::new(),
            namespace: placed.namespace.to_owned(),
            name: placed.name.to_owned(),
        };
        self.add(destination, &folder, owner);
    }

    fn add(&mut self, destination: &str, folder: &StorePath, owner: Owner) {
        let key = (destination.to_owned(), folder.folded());
        self.of.insert((owner.namespace.clone(), owner.name.clone()), key.clone());
        let owners = self.by_folder.entry(key).or_default();
        let at = owners.partition_point(|other| *other < owner);
        owners.insert(at, owner);
    }

    /// Forgets a WorkPlacement that is gone, or was not created after all.
    pub fn forget(&mut self, namespace: &str, name: &str) {
        let Some(key) = self.of.remove(&(namespace.to_owned(), name.to_owned())) else { return };
        let Some(owners) = self.by_folder.get_mut(&key) else { return };
        owners.retain(|owner| (owner.namespace.as_str(), owner.name.as_str()) != (namespace, name));
        if owners.is_empty() {
            self.by_folder.remove(&key);
        }
    }

    /// Returns the folder that something is to have at a Destination: its own one as long as nobody else was there before it,
    /// else the first that is free. `planned` are those of the same plan.
    pub(super) fn choose(
        &self,
        planned: &Self,
        destination: &str,
        placed: &Placed<'_>,
    ) -> Result<StorePath, FolderError> {
        // A folder that is not its own is none: it is chosen anew.
        let own = placed.folder().or_else(|error| match error {
            FolderError::Foreign { .. } => placed.plain_folder(),
            other => Err(other),
        })?;
        let me = (placed.namespace, placed.name);
        if !self.is_behind(destination, &own, me) && !planned.is_taken(destination, &own, me) {
            return Ok(own);
        }
        let is_free = |one: &StorePath| {
            !self.is_taken(destination, one, me) && !planned.is_taken(destination, one, me)
        };
        let free = placed.folders()?.into_iter().find(is_free);
        free.ok_or_else(|| FolderError::AllTaken { of: placed.name.to_owned() })
    }

    /// Whether a WorkPlacement may write to its folder: nobody was there before it. One that may not gets another folder by the
    /// next plan of its Work. Only in mode `nestedByMetadata` there are folders.
    pub fn may_write(&self, placement: &PlacementSeen) -> bool {
        let me = (placement.namespace.as_str(), placement.name.as_str());
        let folder = placement.placed().folder();
        folder.is_ok_and(|folder| !self.is_behind(&placement.destination, &folder, me))
    }

    /// Whether somebody else has the folder of a WorkPlacement, too: nothing in it may be deleted when that one goes.
    pub fn is_shared(&self, placement: &PlacementSeen) -> bool {
        let me = (placement.namespace.as_str(), placement.name.as_str());
        let folder = placement.placed().folder();
        folder.is_ok_and(|folder| self.is_taken(&placement.destination, &folder, me))
    }

    /// Whether somebody else was before us in a folder, in one around it or in one inside it.
    fn is_behind(&self, destination: &str, folder: &StorePath, me: (&str, &str)) -> bool {
        let mine = self.owners(destination, folder).find(|owner| owner.is(me)).cloned();
        self.owners(destination, folder)
            .any(|other| !other.is(me) && mine.as_ref().is_none_or(|mine| other < mine))
    }

    fn is_taken(&self, destination: &str, folder: &StorePath, me: (&str, &str)) -> bool {
        self.owners(destination, folder).any(|other| !other.is(me))
    }

    /// Returns who has a folder, one around it or one inside it.
    fn owners<'a>(
        &'a self,
        destination: &str,
        folder: &StorePath,
    ) -> impl Iterator<Item = &'a Owner> {
        let folded = folder.folded();
        let key = |folder: &str| (destination.to_owned(), folder.to_owned());
        let around: Vec<_> = folded
            .match_indices('/')
            .filter_map(|(at, _)| self.by_folder.get(&key(&folded[..at])))
            .collect();
        // `0` is the character after `/`.
        let inside = (
            Bound::Included(key(&format!("{folded}/"))),
            Bound::Excluded(key(&format!("{folded}0"))),
        );
        let inside = self.by_folder.range(inside).map(|(_, owners)| owners);
        around.into_iter().chain(self.by_folder.get(&key(&folded))).chain(inside).flatten()
    }
}

impl Owner {
    fn is(&self, (namespace, name): (&str, &str)) -> bool {
        (self.namespace.as_str(), self.name.as_str()) == (namespace, name)
    }
}
