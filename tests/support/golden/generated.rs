//! What stands for a text that is too long to keep: `$repeat`, `$list`, `$random`, `$base64` and `$same`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::case::Case;

/// Generates every text and list of the case, so that nobody else needs to know.
pub(crate) fn expand(case: &mut Case) {
    let files: BTreeMap<String, Vec<u8>> = case
        .work_creator_files
        .iter()
        .filter(|(_, node)| node.is_string() || is_generator(node))
        .map(|(path, node)| (path.clone(), bytes(node)))
        .collect();
    let all =
        case.objects.values_mut().chain(case.created.values_mut()).chain(case.changed.values_mut());
    for object in all {
        expand_value(object, &files);
    }
}

/// Returns the bytes of a file: a text, or what generates it.
pub(crate) fn bytes(node: &Value) -> Vec<u8> {
    if let Some(text) = node.as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(text) = node["$base64"].as_str() {
        return STANDARD.decode(text).unwrap();
    }
    if let Some(count) = node["$random"].as_u64() {
        return random(count);
    }
    let part = node["$repeat"].as_str().unwrap_or_else(|| panic!("not a text: {node}"));
    let times = usize::try_from(node["times"].as_u64().unwrap()).unwrap();
    let [prefix, suffix] = ["prefix", "suffix"].map(|key| node[key].as_str().unwrap_or_default());
    [prefix, &part.repeat(times), suffix].concat().into_bytes()
}

/// A text as such, other bytes as `{"$base64": …}`: how contents are compared and shown.
pub(crate) fn text_or_base64(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "$base64": STANDARD.encode(bytes) }),
    }
}

fn is_generator(node: &Value) -> bool {
    node.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with('$')))
}

fn expand_value(value: &mut Value, files: &BTreeMap<String, Vec<u8>>) {
    if let Some(path) = value["$same"].as_str() {
        *value = text_or_base64(&files[path]);
    } else if value.get("$repeat").is_some() {
        *value = text_or_base64(&bytes(value));
    } else if let Some(count) = value.get("$list").and_then(Value::as_u64) {
        *value = (0..count).map(|index| numbered(&value["item"], index)).collect();
    } else {
        match value {
            Value::Object(map) => map.values_mut().for_each(|inner| expand_value(inner, files)),
            Value::Array(list) => list.iter_mut().for_each(|inner| expand_value(inner, files)),
            _ => {}
        }
    }
}

/// Puts the index in: the whole text `$index` is the number, within a text it is the digits.
fn numbered(item: &Value, index: u64) -> Value {
    let entries = item.as_object().unwrap().iter().map(|(key, value)| {
        let value = match value.as_str() {
            Some("$index") => json!(index),
            Some(text) => json!(text.replace("$index", &index.to_string())),
            None => value.clone(),
        };
        (key.clone(), value)
    });
    Value::Object(entries.collect())
}

/// Bytes that do not compress, the same in every run (xorshift, seeded with the count).
fn random(count: u64) -> Vec<u8> {
    let mut state = count | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect()
}
