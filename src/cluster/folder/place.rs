//! Where an object lies in a folder cluster.

use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};

use crate::cluster::ClusterError;
use crate::cluster::name::{NamePart, bad, check_key, check_scope};
use crate::contract::{Kind, ObjectKey};

/// Folder of the objects without namespace. No namespace can have this name.
pub(super) const CLUSTER_SCOPE: &str = "_cluster";
/// End of every object's file.
pub(super) const ENDING: &str = ".yaml";
/// Longest name that a file is named after. File systems take 255 bytes, and an ending and the mark of a temporary
/// file come to it; Kubernetes allows names of 253.
const NAME_BYTES_MAX: usize = 200;

/// Returns `<root>/<namespace or _cluster>/<plural>.<group>/<name>.yaml`.
pub(super) fn path(root: &Path, key: &ObjectKey) -> Result<PathBuf, ClusterError> {
    check_key(key)?;
    let folder = folder(root, &key.kind, key.namespace.as_deref())?;
    visible(NamePart::Name, &key.name)?;
    Ok(folder.join(file_name(&key.name)))
}

/// Returns the folder of a kind's objects in a namespace, or of those without.
pub(super) fn folder(
    root: &Path,
    kind: &Kind,
    namespace: Option<&str>,
) -> Result<PathBuf, ClusterError> {
    check_scope(kind, namespace)?;
    let scope = namespace.filter(|_| kind.namespaced).unwrap_or(CLUSTER_SCOPE);
    visible(NamePart::Namespace, scope)?;
    visible(NamePart::Plural, &kind.plural)?;
    Ok(root.join(scope).join(kind.to_string()))
}

fn visible(what: NamePart, name: &str) -> Result<(), ClusterError> {
    if name.starts_with('.') {
        return Err(bad(what, name, "it starts with `.`"));
    }
    Ok(())
}

/// A longer name is cut and made unique with its hash, after a character that no name has.
fn file_name(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return format!("{name}{ENDING}");
    }
    let start: String = name
        .char_indices()
        .take_while(|(at, _)| *at < NAME_BYTES_MAX - 40)
        .map(|(_, character)| character)
        .collect();
    format!("{start}~{:016x}{ENDING}", number_of(name.as_bytes()))
}

/// Returns the first 64 bits of the MD5 of some bytes.
pub(super) fn number_of(bytes: &[u8]) -> u64 {
    Md5::digest(bytes).iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kinds::{CONFIG_MAP, PROMISE, WORK};

    fn placed(key: &ObjectKey) -> Option<String> {
        path(Path::new("r"), key).ok().map(|path| path.display().to_string())
    }

    #[test]
    fn a_path_names_namespace_kind_and_name() {
        let at = |key: ObjectKey| placed(&key).unwrap();
        assert_eq!(at(WORK.object(Some("a"), "w")), "r/a/works.platform.kratix.io/w.yaml");
        assert_eq!(at(PROMISE.object(None, "p")), "r/_cluster/promises.platform.kratix.io/p.yaml");
        assert_eq!(at(CONFIG_MAP.object(Some("a"), "c")), "r/a/configmaps/c.yaml");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", ".lock", "a\0", "a\\b"] {
            assert_eq!(placed(&WORK.object(Some("n"), name)), None, "{name:?}");
            assert_eq!(placed(&WORK.object(Some(name), "n")), None, "{name:?}");
        }
    }

    #[test]
    fn long_names_get_short_files_of_their_own() {
        let (a, b) = ("x".repeat(253), "x".repeat(252) + "y");
        assert!(file_name(&a).len() <= NAME_BYTES_MAX && file_name(&a) != file_name(&b));
        assert!(file_name(&"ä".repeat(150)).ends_with(ENDING));
    }
}
