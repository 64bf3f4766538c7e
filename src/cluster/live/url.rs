//! Addresses of objects on an API server.

use std::fmt::Write as _;

use crate::cluster::Selector;
use crate::contract::Kind;

/// Returns the path of a kind's objects, in one namespace or in all.
pub(super) fn collection(kind: &Kind, namespace: Option<&str>) -> String {
    let mut path = if kind.group.is_empty() {
        format!("/api/{}", encode(&kind.version))
    } else {
        format!("/apis/{}/{}", encode(&kind.group), encode(&kind.version))
    };
    if let Some(namespace) = namespace.filter(|_| kind.namespaced) {
        let _ = write!(path, "/namespaces/{}", encode(namespace));
    }
    let _ = write!(path, "/{}", encode(&kind.plural));
    path
}

/// Returns the path of one object.
pub(super) fn object(kind: &Kind, namespace: Option<&str>, name: &str) -> String {
    format!("{}/{}", collection(kind, namespace), encode(name))
}

/// Returns a label selector as it stands in a query: `k=v` and `!k`, joined by commas, encoded.
pub(super) fn selector(labels: &Selector<'_>) -> String {
    let terms: Vec<String> = labels
        .iter()
        .map(|(key, value)| match value {
            Some(value) => format!("{key}={value}"),
            None => format!("!{key}"),
        })
        .collect();
    encode(&terms.join(","))
}

/// Percent-encodes all but the characters that mean themselves everywhere in a URL.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kinds;

    #[test]
    fn addresses_are_those_of_the_api() {
        assert_eq!(object(&kinds::CONFIG_MAP, Some("a"), "b"), "/api/v1/namespaces/a/configmaps/b");
        assert_eq!(
            object(&kinds::PROMISE, None, "p"),
            "/apis/platform.kratix.io/v1alpha1/promises/p"
        );
        assert_eq!(object(&kinds::PROMISE, Some("x"), "p"), object(&kinds::PROMISE, None, "p"));
        assert_eq!(collection(&kinds::WORK, None), "/apis/platform.kratix.io/v1alpha1/works");
        assert_eq!(
            object(&kinds::CONFIG_MAP, Some("a"), "sys:ä b"),
            "/api/v1/namespaces/a/configmaps/sys%3A%C3%A4%20b"
        );
    }

    #[test]
    fn labels_are_selected_by_value_and_by_absence() {
        assert_eq!(
            selector(&[("a/b", Some("c")), ("d", Some("")), ("e", None)]),
            "a%2Fb%3Dc%2Cd%3D%2C%21e"
        );
        assert_eq!(selector(&[]), "");
    }
}
