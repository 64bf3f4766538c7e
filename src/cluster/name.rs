//! Which names a URL of the API server, or a path of a folder cluster, can hold.

use super::{ClusterError, Selector};
use crate::contract::{Kind, ObjectKey};

/// Refuses an object's key that would ask for something else than it says.
pub(super) fn check_key(key: &ObjectKey) -> Result<(), ClusterError> {
    check_scope(&key.kind, key.namespace.as_deref())?;
    if key.kind.namespaced && key.namespace.is_none() {
        return Err(bad("the namespace of an object", "", "it is empty"));
    }
    check("the name of an object", &key.name)
}

/// Refuses a kind or a namespace that would ask for something else than it says.
pub(super) fn check_scope(kind: &Kind, namespace: Option<&str>) -> Result<(), ClusterError> {
    check("the plural of a kind", &kind.plural)?;
    check("the version of a kind", &kind.version)?;
    if !kind.group.is_empty() {
        check("the group of a kind", &kind.group)?;
    }
    namespace.map_or(Ok(()), |namespace| check("the namespace of an object", namespace))
}

/// Refuses labels to select by that are none: a comma in a value would select something else.
pub(super) fn check_selector(labels: &Selector<'_>) -> Result<(), ClusterError> {
    for (key, value) in labels {
        if key.is_empty() || !key.chars().all(|c| is_label_character(c) || c == '/') {
            return Err(bad("the key of a label", key, LABEL_RULE));
        }
        let value = value.unwrap_or_default();
        let ends = [value.chars().next(), value.chars().next_back()];
        let ends_well = ends.iter().flatten().all(char::is_ascii_alphanumeric);
        if value.len() > 63 || !value.chars().all(is_label_character) || !ends_well {
            return Err(bad("the value of a label", value, LABEL_RULE));
        }
    }
    Ok(())
}

const LABEL_RULE: &str = "a label has at most 63 letters, digits, `-`, `_` and `.`, and starts and ends with a letter \
                          or digit";

fn is_label_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// The rule of the API server for a segment of a path, and no control characters.
fn check(what: &'static str, name: &str) -> Result<(), ClusterError> {
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

fn bad(what: &'static str, name: &str, why: &'static str) -> ClusterError {
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
