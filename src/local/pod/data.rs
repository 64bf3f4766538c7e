//! ConfigMaps and Secrets that a pod uses.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::PodError;
use crate::cluster::Cluster;
use crate::contract::kinds::{CONFIG_MAP, SECRET};
use crate::contract::{Kind, Object, ObjectKey};

/// The data of a ConfigMap or Secret.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Data {
    pub(super) key: ObjectKey,
    pub(super) entries: BTreeMap<String, Vec<u8>>,
}

impl Data {
    /// Returns an entry as text.
    pub(super) fn text(&self, user: &str, name: &str) -> Result<Option<String>, PodError> {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone());
        self.entries.get(name).map(text).transpose().map_err(|_| PodError::Value {
            user: user.to_owned(),
            key: Box::new(self.key.clone()),
            name: name.to_owned(),
            expected: "text",
        })
    }
}

/// Which of the two, for [`fetch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl Holder {
    fn kind(self) -> Kind {
        match self {
            Self::ConfigMap => CONFIG_MAP,
            Self::Secret => SECRET,
        }
    }
}

/// Gets the data of an object; `None` when it is optional and not there.
pub(super) async fn fetch(
    cluster: &impl Cluster,
    user: &str,
    holder: Holder,
    (namespace, name): (&str, &str),
    optional: bool,
) -> Result<Option<Data>, PodError> {
    let key = holder.kind().object(Some(namespace), name);
    match cluster.get(&key).await? {
        Some(object) => read(user, key, &object).map(Some),
        None if optional => Ok(None),
        None => Err(PodError::MissingObject { user: user.to_owned(), key: Box::new(key) }),
    }
}

/// Reads all forms of data, also `stringData`: a folder has no API server that turns it into `data`.
fn read(user: &str, key: ObjectKey, object: &Object) -> Result<Data, PodError> {
    let is_secret = key.kind == SECRET;
    let mut entries = BTreeMap::new();
    for (field, encoded) in [("data", is_secret), ("binaryData", true), ("stringData", false)] {
        let Some(Value::Object(map)) = object.at(&[field]) else { continue };
        for (name, value) in map {
            let text = value.as_str().unwrap_or_default();
            let bytes = if encoded {
                // A Secret written by hand often has line breaks in it; the API server takes them, too.
                let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                STANDARD.decode(packed).ok()
            } else {
                value.as_str().map(|text| text.as_bytes().to_vec())
            };
            let bytes = bytes.ok_or_else(|| PodError::Value {
                user: user.to_owned(),
                key: Box::new(key.clone()),
                name: name.clone(),
                expected: if encoded { "base64" } else { "text" },
            })?;
            entries.insert(name.clone(), bytes);
        }
    }
    Ok(Data { key, entries })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: &Kind, object: Value) -> Result<Vec<(String, Vec<u8>)>, String> {
        let object = Object::from_value(object).unwrap();
        read("volume `v`", kind.object(Some("default"), "it"), &object)
            .map(|data| data.entries.into_iter().collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_is_decoded_and_string_data_wins() {
        let object = json!({"data": {"a": "aGkg\nIQ==", "b": "eA=="}, "stringData": {"b": "y"}});
        let expect = vec![("a".to_owned(), b"hi !".to_vec()), ("b".to_owned(), b"y".to_vec())];
        assert_eq!(check(&SECRET, object), Ok(expect));
    }

    #[test]
    fn a_config_map_is_text_and_binary_data() {
        let object = json!({"data": {"a": "hi"}, "binaryData": {"b": "/w=="}});
        let expect = vec![("a".to_owned(), b"hi".to_vec()), ("b".to_owned(), vec![0xff])];
        assert_eq!(check(&CONFIG_MAP, object), Ok(expect));
    }

    #[test]
    fn wrong_values_are_named() {
        let expect = Err("volume `v` needs `a` of secrets default/it as base64".to_owned());
        assert_eq!(check(&SECRET, json!({"data": {"a": "%"}})), expect);
        let expect = Err("volume `v` needs `a` of configmaps default/it as text".to_owned());
        assert_eq!(check(&CONFIG_MAP, json!({"data": {"a": 1}})), expect);
    }
}
