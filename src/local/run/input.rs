//! What a run is given: the Promise, the request, and objects that shall be there before.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::RunError;
use crate::cluster::folder::FolderCluster;
use crate::contract::{Kind, Object, kinds};
use crate::core::promise::Promise;
use crate::files::{FileError, yaml};

/// Largest file with objects, in bytes; an API server takes none of a tenth of it.
const BYTES_MAX: u64 = 64 << 20;

/// Reads a stream of objects from a file; `-` is stdin.
pub fn objects(path: &Path) -> Result<Vec<Object>, RunError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    // Any kind of file will do: it is the user who names it, and a pipe (`<(…)`) is fine.
    let bytes = if path == Path::new("-") {
        read(io::stdin().lock()).map_err(failed)?
    } else {
        File::open(path).and_then(read).map_err(failed)?
    };
    yaml::parse_objects(&bytes).map_err(|source| RunError::Yaml { path: path.to_owned(), source })
}

fn read(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(BYTES_MAX).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
    }
    Ok(bytes)
}

/// Takes the one object that `is_it` out of a file's objects.
pub(in crate::local) fn take_one(
    path: &Path,
    what: &str,
    objects: &mut Vec<Object>,
    is_it: impl Fn(&Object) -> bool,
) -> Result<Object, RunError> {
    let found = objects.iter().filter(|object| is_it(object)).count();
    match objects.iter().position(is_it) {
        Some(index) if found == 1 => Ok(objects.remove(index)),
        _ => {
            let others = objects.iter().map(described).collect();
            Err(RunError::NotOne { path: path.to_owned(), what: what.to_owned(), found, others })
        }
    }
}

/// Names an object by what it says it is.
fn described(object: &Object) -> String {
    let or_none = |text: &str| if text.is_empty() { "none".into() } else { format!("`{text}`") };
    format!("kind {} of apiVersion {}", or_none(object.kind()), or_none(object.api_version()))
}

/// Whether an object is a Promise.
pub(in crate::local) fn is_promise(object: &Object) -> bool {
    object.kind() == kinds::PROMISE.kind && group(object) == kinds::PROMISE.group
}

/// Puts an object into the cluster, its status included: what it lacks of a namespace is `default`.
pub(super) fn add(
    cluster: &FolderCluster,
    promise: Option<&Promise>,
    object: &Object,
) -> Result<(), RunError> {
    let kind = kind_of(promise, object);
    let mut object = object.clone();
    if kind.namespaced && object.namespace().is_none() {
        object.set_metadata("namespace", "default");
    }
    cluster.put(&kind, &object)?;
    Ok(())
}

/// Kinds without namespace that somebody may want in a local cluster.
const CLUSTER_SCOPED: [&str; 9] = [
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "PersistentVolume",
    "StorageClass",
    "Promise",
    "GitStateStore",
    "BucketStateStore",
];

/// Returns the kind of an object; there is no API server to ask for its plural.
fn kind_of(promise: Option<&Promise>, object: &Object) -> Kind {
    let known = [kinds::CONFIG_MAP, kinds::SECRET, kinds::DESTINATION, kinds::WORK, kinds::JOB];
    let own = promise.and_then(Promise::request_kind).cloned();
    let same = |kind: &Kind| kind.kind == object.kind() && kind.group == group(object);
    known.into_iter().chain(own).find(same).unwrap_or_else(|| guessed(object))
}

fn guessed(object: &Object) -> Kind {
    let lower = object.kind().to_lowercase();
    let plural = match lower.as_bytes() {
        [start @ .., b'y'] if start.last().is_some_and(|c| !b"aeiou".contains(c)) => {
            format!("{}ies", lower.trim_end_matches('y'))
        }
        [.., b's' | b'x'] | [.., b'c' | b's', b'h'] => format!("{lower}es"),
        _ => format!("{lower}s"),
    };
    let version = object.api_version().rsplit('/').next().unwrap_or_default();
    Kind {
        group: group(object).to_owned().into(),
        version: version.to_owned().into(),
        kind: object.kind().to_owned().into(),
        plural: plural.into(),
        namespaced: !CLUSTER_SCOPED.contains(&object.kind()),
    }
}

fn group(object: &Object) -> &str {
    object.api_version().split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_guessed_as_kubernetes_makes_them() {
        for (kind, expect) in [
            ("ServiceAccount", "serviceaccounts"),
            ("NetworkPolicy", "networkpolicies"),
            ("Gateway", "gateways"),
            ("Ingress", "ingresses"),
            ("", "s"),
        ] {
            let mut object = Object::default();
            object.0.insert("kind".into(), kind.into());
            assert_eq!(kind_of(None, &object).plural, expect);
        }
    }
}
