//! A folder of YAML files that behaves like a cluster.
//!
//! One file for each object, `<root>/<namespace or _cluster>/<plural>.<group>/<name>.yaml`, as `kubectl apply -f`
//! takes it. What is modelled is what the steps can tell: versions and conflicts, the status subresource,
//! generations, uids, missing namespaces (once the folder holds Namespaces at all), etcd's limit of size. What is
//! not: schemas, defaults, finalizers and deletion in two steps, owner references, watches, kinds without status
//! subresource.

mod merge;
mod place;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::name::check_selector;
use super::{Cluster, ClusterError, Reads, Selector, chance, selects};
use crate::contract::kinds::NAMESPACE;
use crate::contract::object::{OBJECT_BYTES_MAX, map_entry};
use crate::contract::{Kind, Object, ObjectKey};
use crate::files::{folder, write, yaml};

/// Largest file that is read. The YAML of an object that etcd takes is a fraction of it, whoever indented it.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Held while an object is read and written again.
const LOCK_FILE: &str = ".lock";

/// A cluster whose objects are files. Safe for several processes at once.
///
/// The resourceVersion of an object is made from the bytes of its file and does not stand in it: an edit by hand is
/// a change like any other, and the files can be applied to a real cluster.
pub struct FolderCluster {
    root: PathBuf,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// An object as it lies there, with the version it is given out under.
struct Stored {
    object: Object,
    version: String,
}

impl FolderCluster {
    /// Returns the cluster in a folder, which is made with the first object.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), now: Box::new(Timestamp::now) }
    }

    /// Returns the same cluster with another clock for `creationTimestamp`.
    pub fn with_clock(self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), ..self }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Path of an object's file, whether it is there or not.
    pub fn path(&self, key: &ObjectKey) -> Result<PathBuf, ClusterError> {
        place::path(&self.root, key)
    }

    /// Creates an object, or changes all but its status to what is given, as `kubectl apply` does: labels and
    /// annotations that others have set stay.
    pub fn put(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        let _lock = self.lock()?;
        let Some(stored) = self.read(&key)? else { return self.create_locked(kind, object) };
        let mut next = stored.object.clone();
        next.0.retain(|field, _| matches!(field.as_str(), "metadata" | "status"));
        for (field, value) in &object.0 {
            if !matches!(field.as_str(), "metadata" | "status") {
                next.0.insert(field.clone(), value.clone());
            }
        }
        for map in ["labels", "annotations"] {
            if let Some(Value::Object(given)) = object.at(&["metadata", map]) {
                map_entry(next.metadata_mut(), map).extend(given.clone());
            }
        }
        merge::renew_generation(&stored.object, &mut next);
        self.write(&key, next)
    }

    /// Writes an object as it is, status, uid and times included: for fixtures, and for what another cluster held.
    pub fn place(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let _lock = self.lock()?;
        self.write(&object.key(kind), object.clone())
    }

    fn lock(&self) -> Result<folder::Lock, ClusterError> {
        Ok(folder::lock(&self.root.join(LOCK_FILE))?)
    }

    fn read(&self, key: &ObjectKey) -> Result<Option<Stored>, ClusterError> {
        let path = self.path(key)?;
        let Some(bytes) = folder::read_if_there(&path, FILE_BYTES_MAX)? else { return Ok(None) };
        let object = parse(&path, &bytes, key.namespace.as_deref())?;
        if object.name() != key.name || object.namespace() != key.namespace.as_deref() {
            let (name, namespace) = (object.name(), object.namespace().unwrap_or_default());
            let why = format!("it holds `{namespace}/{name}` and its path says {key}");
            return Err(ClusterError::BadFile { path, why });
        }
        Ok(Some(Stored { object, version: version_of(&bytes) }))
    }

    fn stored(&self, key: &ObjectKey) -> Result<Stored, ClusterError> {
        self.read(key)?.ok_or_else(|| ClusterError::Missing {
            key: Box::new(key.clone()),
            detail: String::new(),
        })
    }

    /// Writes the file, unless it already says the same, and returns the object under its new version.
    fn write(&self, key: &ObjectKey, mut object: Object) -> Result<Object, ClusterError> {
        let path = self.path(key)?;
        object.metadata_mut().remove("resourceVersion");
        let size = object.json_bytes();
        if size > OBJECT_BYTES_MAX {
            let detail = format!("{size} bytes, and {OBJECT_BYTES_MAX} are allowed");
            return Err(ClusterError::TooLarge { key: Box::new(key.clone()), detail });
        }
        let value = object.into_value();
        let text = yaml::write(&value);
        if folder::read_if_there(&path, FILE_BYTES_MAX)?.as_deref() != Some(text.as_bytes()) {
            if let Some(parent) = path.parent() {
                folder::make(parent)?;
            }
            write::atomic(&path, text.as_bytes())?;
        }
        let object = Object::from_value(value).unwrap_or_default();
        Ok(Stored { object, version: version_of(text.as_bytes()) }.under_version())
    }

    fn create_locked(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        self.check_namespace(&key)?;
        if self.read(&key)?.is_some() {
            return Err(ClusterError::Exists { key: Box::new(key) });
        }
        let mut object = object.clone();
        object.0.remove("status");
        if object.kind().is_empty() {
            object.0.insert("kind".into(), kind.kind.as_ref().into());
        }
        let now = (self.now)();
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        object.set_metadata("creationTimestamp", now.to_string());
        object.set_metadata("generation", 1);
        object.set_metadata("uid", new_uid());
        self.write(&key, object)
    }

    /// A folder that holds no Namespaces at all knows nothing about them and takes any.
    fn check_namespace(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        let Some(namespace) = &key.namespace else { return Ok(()) };
        let known = folder::names(&place::folder(&self.root, &NAMESPACE, None)?)?;
        if known.is_empty() || known.contains(&format!("{namespace}{}", place::ENDING)) {
            return Ok(());
        }
        let detail = format!("namespaces \"{namespace}\" not found");
        Err(ClusterError::Missing { key: Box::new(key.clone()), detail })
    }

    /// Puts `change` between reading and writing an object whose version must be that of `given`.
    fn replace_with(
        &self,
        kind: &Kind,
        given: &Object,
        change: impl FnOnce(&Object) -> Object,
    ) -> Result<Object, ClusterError> {
        let key = given.key(kind);
        let _lock = self.lock()?;
        let stored = self.stored(&key)?;
        let Some(version) = given.resource_version() else {
            let detail = "metadata.resourceVersion: must be specified for an update".to_owned();
            return Err(ClusterError::Invalid { key: Box::new(key), detail });
        };
        if version != stored.version {
            return Err(ClusterError::Conflict { key: Box::new(key), detail: String::new() });
        }
        check_uid(&key, given.uid(), &stored.object)?;
        self.write(&key, change(&stored.object))
    }

    fn find(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        check_selector(labels)?;
        let scopes = match namespace {
            Some(namespace) if kind.namespaced => vec![namespace.to_owned()],
            _ if kind.namespaced => folder::names(&self.root)?,
            _ => vec![place::CLUSTER_SCOPE.to_owned()],
        };
        let mut found = Vec::new();
        for scope in scopes {
            let namespace = Some(scope.as_str()).filter(|scope| *scope != place::CLUSTER_SCOPE);
            if namespace.is_none() == kind.namespaced {
                continue;
            }
            let at = place::folder(&self.root, kind, namespace)?;
            for name in folder::names(&at)?.iter().filter(|name| name.ends_with(place::ENDING)) {
                let path = at.join(name);
                // Another process may have deleted it since.
                let Some(bytes) = folder::read_if_there(&path, FILE_BYTES_MAX)? else { continue };
                let object = parse(&path, &bytes, namespace)?;
                if selects(labels, &object) {
                    found.push(Stored { object, version: version_of(&bytes) }.under_version());
                }
            }
        }
        found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        Ok(found)
    }
}

impl Reads for FolderCluster {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        Ok(self.read(key)?.map(Stored::under_version))
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        self.find(kind, namespace, labels)
    }

    fn time(&self) -> Option<Timestamp> {
        None
    }
}

impl Cluster for FolderCluster {
    async fn create(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        if object.resource_version().is_some() {
            let detail = "resourceVersion should not be set on objects to be created".to_owned();
            return Err(ClusterError::Invalid { key: Box::new(object.key(kind)), detail });
        }
        let _lock = self.lock()?;
        self.create_locked(kind, object)
    }

    async fn replace(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.replace_with(kind, object, |stored| {
            let mut next = object.clone();
            put_or_remove(&mut next.0, "status", stored.status());
            for field in ["uid", "creationTimestamp", "generation", "deletionTimestamp"] {
                put_or_remove(next.metadata_mut(), field, stored.at(&["metadata", field]));
            }
            merge::renew_generation(stored, &mut next);
            next
        })
    }

    async fn replace_status(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.replace_with(kind, object, |stored| {
            let mut next = stored.clone();
            put_or_remove(&mut next.0, "status", object.status());
            next
        })
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        let _lock = self.lock()?;
        let mut object = self.stored(key)?.object;
        check_uid(key, uid, &object)?;
        object.set_label(label, value);
        self.write(key, object).map(|_| ())
    }

    async fn patch(&self, key: &ObjectKey, patch: &Value) -> Result<Object, ClusterError> {
        let _lock = self.lock()?;
        let stored = self.stored(key)?;
        let at = |field: &str| patch.get("metadata")?.get(field)?.as_str();
        check_uid(key, at("uid"), &stored.object)?;
        if at("resourceVersion").is_some_and(|version| version != stored.version) {
            return Err(ClusterError::Conflict {
                key: Box::new(key.clone()),
                detail: String::new(),
            });
        }
        self.write(key, merge::patched(&stored.object, patch))
    }

    async fn apply(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        let _lock = self.lock()?;
        match self.read(&key)? {
            None => self.create_locked(kind, object),
            Some(stored) => self.write(&key, merge::patched(&stored.object, &merge::of(object))),
        }
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        let path = self.path(key)?;
        let _lock = self.lock()?;
        Ok(folder::remove(&path)?)
    }
}

impl Stored {
    fn under_version(mut self) -> Object {
        self.object.set_metadata("resourceVersion", self.version);
        self.object
    }
}

/// Reads the one object of a file. A version in it, from another cluster, means nothing here.
fn parse(path: &Path, bytes: &[u8], namespace: Option<&str>) -> Result<Object, ClusterError> {
    let bad = |why: String| ClusterError::BadFile { path: path.to_owned(), why };
    let mut objects = yaml::parse_objects(bytes).map_err(|error| bad(error.to_string()))?;
    let count = objects.len();
    let Some(mut object) = objects.pop().filter(|_| count == 1) else {
        return Err(bad(format!("it holds {count} objects, not one")));
    };
    object.metadata_mut().remove("resourceVersion");
    if object.name().is_empty() {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        object.set_metadata("name", stem.unwrap_or_default());
    }
    if let Some(namespace) = namespace.filter(|_| object.namespace().is_none()) {
        object.set_metadata("namespace", namespace);
    }
    Ok(object)
}

fn version_of(bytes: &[u8]) -> String {
    // Digits only, as an API server's versions are; some tools insist on it.
    place::number_of(bytes).to_string()
}

fn check_uid(key: &ObjectKey, uid: Option<&str>, stored: &Object) -> Result<(), ClusterError> {
    if uid.is_some() && uid != stored.uid() {
        let detail = "it was deleted and made again".to_owned();
        return Err(ClusterError::Conflict { key: Box::new(key.clone()), detail });
    }
    Ok(())
}

fn put_or_remove(map: &mut serde_json::Map<String, Value>, field: &str, value: Option<&Value>) {
    match value {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

/// Returns a random uid in the form of RFC 9562, version 4.
fn new_uid() -> String {
    let (high, low) = (chance::number(), chance::number());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}
