//! What is known of a bucket before and while it is changed.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt as _, StreamExt as _, stream};
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetResult, ObjectMeta, ObjectStoreExt as _,
    UpdateVersion,
};

use super::put::HASH;
use super::{AT_ONCE, BucketStore, trouble};
use crate::core::placement::StorePath;
use crate::store::edits::{Known, Needs, Steps};
use crate::store::{FILE_BYTES_MAX, Trouble};

/// So many objects are asked for one by one; more are looked for in a listing first.
const ASKED_ONE_BY_ONE: usize = 32;
/// For each object that is looked for in a listing, as many others are passed over at most: a page has 1,000, and costs as
/// much as some requests for one.
const PASSED_OVER: usize = 100;

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub bytes: u64,
    /// Its ETag, without quotes; empty when the server gives none.
    pub tag: String,
    /// Which version of it, to write on the condition that it is still this one.
    pub version: Option<UpdateVersion>,
    /// Our hash of its content, as kept with it; `None` while nobody has asked.
    pub hash: Option<Option<String>>,
}

impl Seen {
    fn listed(meta: ObjectMeta) -> Self {
        Self { bytes: meta.size, tag: tag(meta.e_tag.as_deref()), version: None, hash: None }
    }

    fn asked(meta: ObjectMeta, attributes: &Attributes) -> Self {
        let hash =
            attributes.get(&Attribute::Metadata(HASH.into())).map(|hash| hash.as_ref().to_owned());
        let tag = tag(meta.e_tag.as_deref());
        let version = Some(UpdateVersion { e_tag: meta.e_tag, version: meta.version });
        Self { bytes: meta.size, tag, version, hash: Some(hash) }
    }
}

/// Returns an ETag as it is the same in listings and answers.
pub(super) fn tag(tag: Option<&str>) -> String {
    let tag = tag.unwrap_or_default();
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
}

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Facts {
    known: Known,
    /// Files that were read, and are written only if they are still the same.
    read: BTreeSet<StorePath>,
    there: BTreeMap<StorePath, Seen>,
    folders: BTreeSet<StorePath>,
}

impl Facts {
    /// Looks at what must be known to work out a change.
    pub(super) async fn of(store: &BucketStore, needs: &Needs) -> Result<Self, Trouble> {
        let mut facts = Self { folders: needs.folders.clone(), ..Self::default() };
        let lists: Vec<_> =
            needs.folders.iter().map(|folder| list(store, folder).boxed()).collect();
        let mut lists = stream::iter(lists).buffer_unordered(AT_ONCE);
        while let Some(found) = lists.next().await {
            for (at, seen) in found? {
                facts.known.listed.insert(at.clone());
                facts.there.insert(at, seen);
            }
        }
        for at in &needs.files {
            facts.read.insert(at.clone());
            if let Some((bytes, seen)) = read(store, at, FILE_BYTES_MAX).await? {
                facts.known.contents.insert(at.clone(), bytes);
                facts.there.insert(at.clone(), seen);
            }
        }
        Ok(facts)
    }

    /// Looks at all that is to be written or deleted and is not known yet.
    pub(super) async fn look_at(
        &mut self,
        store: &BucketStore,
        steps: &Steps,
    ) -> Result<(), Trouble> {
        let phases = steps.phases.iter();
        let paths =
            phases.flat_map(|phase| phase.puts.iter().map(|file| &file.at).chain(&phase.deletes));
        let known = |at: &StorePath| {
            self.read.contains(at) || self.folders.iter().any(|folder| at.is_in(folder))
        };
        let unknown: BTreeSet<&StorePath> = paths.filter(|at| !known(at)).collect();
        if unknown.len() > ASKED_ONE_BY_ONE
            && let Some(found) = look_for(store, &unknown).await?
        {
            self.there.extend(found);
            return Ok(());
        }
        let asked = unknown.into_iter().map(|at| {
            async move { Ok::<_, Trouble>((at.clone(), head(store, at).await?)) }.boxed()
        });
        let asked: Vec<_> = asked.collect();
        let mut asked = stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some(found) = asked.next().await {
            if let (at, Some(seen)) = found? {
                self.there.insert(at, seen);
            }
        }
        Ok(())
    }

    /// Looks again whether the folders hold what they shall: a writer that died can have sent what comes in only now.
    pub(super) async fn still_so(&self, store: &BucketStore) -> Result<bool, Trouble> {
        for folder in &self.folders {
            let found = list(store, folder).await?;
            let known = self.there.keys().filter(|at| at.is_in(folder)).count();
            let same = |(at, seen): (&StorePath, &Seen)| {
                let known = self.there.get(at);
                known.is_some_and(|known| {
                    known.bytes == seen.bytes && (known.tag == seen.tag || known.tag.is_empty())
                })
            };
            if found.len() != known || !found.iter().all(same) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Returns an object, if it is there.
    pub(super) fn seen(&self, at: &StorePath) -> Option<&Seen> {
        self.there.get(at)
    }

    /// Returns what was read from a file, until it is written.
    pub(super) fn content(&self, at: &StorePath) -> Option<&[u8]> {
        self.known.contents.get(at).map(Vec::as_slice)
    }

    /// Whether what is written to a file hangs on what was read from it.
    pub(super) fn was_read(&self, at: &StorePath) -> bool {
        self.read.contains(at)
    }

    /// Notes that an object was written, or is as it shall be.
    pub(super) fn is_now(&mut self, at: StorePath, seen: Seen) {
        self.known.contents.remove(&at);
        self.there.insert(at, seen);
    }

    /// Notes that an object was deleted.
    pub(super) fn is_gone(&mut self, at: &StorePath) {
        self.known.contents.remove(at);
        self.there.remove(at);
    }
}

/// Returns all objects below a folder, in the order of their paths.
pub(super) async fn list(
    store: &BucketStore,
    folder: &StorePath,
) -> Result<BTreeMap<StorePath, Seen>, Trouble> {
    let mut found = BTreeMap::new();
    let prefix = store.key(folder)?;
    let mut objects = store.objects.list(Some(&prefix));
    while let Some(meta) = objects.next().await {
        let meta = meta.map_err(|error| store.trouble(&error))?;
        if let Some(at) = store.at(&meta.location)
            && at != *folder
            && at.is_in(folder)
        {
            found.insert(at, Seen::listed(meta));
        }
    }
    Ok(found)
}

/// Looks for objects in a listing of the folder they have in common; `None` when too many others stand between them.
async fn look_for(
    store: &BucketStore,
    paths: &BTreeSet<&StorePath>,
) -> Result<Option<BTreeMap<StorePath, Seen>>, Trouble> {
    let mut folder =
        paths.first().and_then(|at| at.split()).map(|(folder, _)| folder).unwrap_or_default();
    while !paths.iter().all(|at| at.is_in(&folder)) {
        folder = folder.split().map(|(above, _)| above).unwrap_or_default();
    }
    let mut others = paths.len().saturating_mul(PASSED_OVER);
    let mut found = BTreeMap::new();
    let mut objects = store.objects.list(Some(&store.key(&folder)?));
    while let Some(meta) = objects.next().await {
        let meta = meta.map_err(|error| store.trouble(&error))?;
        match store.at(&meta.location).filter(|at| paths.contains(at)) {
            Some(at) => _ = found.insert(at, Seen::listed(meta)),
            None => others = others.saturating_sub(1),
        }
        if others == 0 {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// Makes sure that the bucket is there and can be listed.
pub(super) async fn any(store: &BucketStore) -> Result<(), Trouble> {
    let mut objects = store.objects.list(Some(&store.key(&StorePath::root())?));
    match objects.next().await {
        Some(Err(error)) => Err(store.trouble(&error)),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// Returns an object without its content.
pub(super) async fn head(store: &BucketStore, at: &StorePath) -> Result<Option<Seen>, Trouble> {
    let options = GetOptions { head: true, ..GetOptions::default() };
    let found = store.objects.get_opts(&store.key(at)?, options).await;
    Ok(there(store, found)?.map(|found| Seen::asked(found.meta, &found.attributes)))
}

/// Returns an object and its content.
pub(super) async fn read(
    store: &BucketStore,
    at: &StorePath,
    bytes_max: u64,
) -> Result<Option<(Vec<u8>, Seen)>, Trouble> {
    if at.is_root() {
        return Ok(None);
    }
    let found = store.objects.get(&store.key(at)?).await;
    let Some(found) = there(store, found)? else {
        return Ok(None);
    };
    if found.meta.size > bytes_max {
        return Err(Trouble::TooLarge { path: at.to_string(), bytes_max });
    }
    let seen = Seen::asked(found.meta.clone(), &found.attributes);
    let bytes = found.bytes().await.map_err(|error| store.trouble(&error))?;
    Ok(Some((bytes.to_vec(), seen)))
}

/// Tells an object that is not there from a bucket that is not.
fn there(
    store: &BucketStore,
    found: Result<GetResult, Error>,
) -> Result<Option<GetResult>, Trouble> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if trouble::is_absent(&error) => Ok(None),
        Err(error) => Err(store.trouble(&error)),
    }
}
