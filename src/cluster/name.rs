//! Which names a URL of the API server, or a path of a folder cluster, can hold.

use std::fmt;

use super::{ClusterError, Selector};
use crate::contract::{Kind, ObjectKey, env, labels};

/// What a name stands for in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamePart {
    /// The name of an object.
    Name,
    /// The namespace of an object.
    Namespace,
    /// The plural of a kind.
    Plural,
    /// The version of a kind.
    Version,
    /// The group of a kind.
    Group,
    /// The key of a label.
    LabelKey,
    /// The value of a label.
    LabelValue,
}

impl NamePart {
    /// Returns the variable that gives it to a container of the platform, if one does.
    pub(super) fn variable(self) -> Option<&'static str> {
        match self {
            Self::Name => Some(env::OBJECT_NAME),
            Self::Namespace => Some(env::OBJECT_NAMESPACE),
            Self::Plural => Some(env::CRD_PLURAL),
            Self::Version => Some(env::OBJECT_VERSION),
            Self::Group => Some(env::OBJECT_GROUP),
            Self::LabelKey | Self::LabelValue => None,
        }
    }
}

impl fmt::Display for NamePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name of an object",
            Self::Namespace => "the namespace of an object",
            Self::Plural => "the plural of a kind",
            Self::Version => "the version of a kind",
            Self::Group => "the group of a kind",
            Self::LabelKey => "the key of a label",
            Self::LabelValue => "the value of a label",
        })
    }
}

/// Refuses an object's key that would ask for something else than it says.
pub(super) fn check_key(key: &ObjectKey) -> Result<(), ClusterError> {
    check_scope(&key.kind, key.namespace.as_deref())?;
    if key.kind.namespaced && key.namespace.is_none() {
        return Err(bad(NamePart::Namespace, "", "it is empty"));
    }
    check(NamePart::Name, &key.name)
}

/// Refuses a kind or a namespace that would ask for something else than it says.
pub(super) fn check_scope(kind: &Kind, namespace: Option<&str>) -> Result<(), ClusterError> {
    check(NamePart::Plural, &kind.plural)?;
    check(NamePart::Version, &kind.version)?;
    if !kind.group.is_empty() {
        check(NamePart::Group, &kind.group)?;
    }
    namespace.map_or(Ok(()), |namespace| check(NamePart::Namespace, namespace))
}

/// Refuses labels to select by that are none: a comma in a value would select something else.
pub(super) fn check_selector(selector: &Selector<'_>) -> Result<(), ClusterError> {
    for (key, value) in selector {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.is_empty() || !key.chars().all(is_allowed) {
            let why =
                "only letters, digits, `-`, `_`, `.` and `/` are allowed, and one at the least";
            return Err(bad(NamePart::LabelKey, key, why));
        }
        let value = value.unwrap_or_default();
        if let Some(why) = labels::value_fault(value) {
            return Err(bad(NamePart::LabelValue, value, why));
        }
    }
    Ok(())
}

/// The rule of the API server for a segment of a path, and no control characters.
fn check(what: NamePart, name: &str) -> Result<(), ClusterError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name == "." || name == ".." {
        "it is a step in a path"
    } else if name.contains('/') {
        "it holds `/`"
    } else if name.contains('%') {
        "it holds `%`"
    } else if name.contains(|c: char| c.is_control() || c == '\\') {
        "it holds a control character or `\\`"
    } else {
        return Ok(());
    };
    Err(bad(what, name, why))
}

pub(super) fn bad(what: NamePart, name: &str, why: &'static str) -> ClusterError {
    ClusterError::BadName { what, name: name.escape_debug().collect(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kinds;

    #[test]
    fn names_that_would_ask_for_something_else_are_refused() {
        for name in ["", ".", "..", "a/b", "a%2fb", "a\nb", "a\\b", "a\0b"] {
            assert!(check_key(&kinds::WORK.object(Some("n"), name)).is_err(), "{name:?}");
            assert!(check_key(&kinds::WORK.object(Some(name), "n")).is_err(), "{name:?}");
        }
        for name in ["a", "system:node", "a.b", "...", "ä b"] {
            assert!(check_key(&kinds::WORK.object(Some("n"), name)).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_namespaced_object_needs_a_namespace() {
        assert!(check_key(&kinds::WORK.object(None, "a")).is_err());
        assert!(check_key(&kinds::PROMISE.object(None, "a")).is_ok());
    }

    #[test]
    fn only_the_core_group_may_be_empty() {
        let kind = |group: &str, version: &str, plural: &str| Kind {
            group: group.to_owned().into(),
            version: version.to_owned().into(),
            kind: "K".into(),
            plural: plural.to_owned().into(),
            namespaced: true,
        };
        assert!(check_scope(&kind("", "v1", "pods"), None).is_ok());
        assert!(check_scope(&kind("g", "", "pods"), None).is_err());
        assert!(check_scope(&kind("g", "v1", ""), None).is_err());
        assert!(check_scope(&kind("../g", "v1", "pods"), None).is_err());
    }

    #[test]
    fn a_selector_cannot_be_widened_by_its_values() {
        let ok = |value: &str| check_selector(&[("k.io/a", Some(value))]).is_ok();
        assert!(ok("") && ok("a") && ok("a-b_c.d") && ok(&"a".repeat(63)));
        assert!(!ok("a,b=c") && !ok("a b") && !ok("-a") && !ok("a.") && !ok(&"a".repeat(64)));
        assert!(check_selector(&[("", None)]).is_err());
        assert!(check_selector(&[("k", None)]).is_ok());
    }
}
