//! The ConfigMap that carries the Promise's selectors into the writer (contract.md 4.5).

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::contract::{Object, kinds, labels, pod};
use crate::core::promise::Promise;

/// Returns the name of the scheduling ConfigMap of a Promise.
pub(super) fn config_map_name(promise: &str) -> String {
    format!("{}{promise}", pod::SCHEDULING_PREFIX)
}

/// Builds the scheduling ConfigMap for the Jobs of a Promise in one namespace; both types of workflow share it.
pub fn scheduling_config_map(promise: &Promise, namespace: &str) -> Object {
    let name = config_map_name(&promise.name);
    let mut map = Object::new(&kinds::CONFIG_MAP, Some(namespace), &name);
    map.set_label(labels::PROMISE_NAME, &promise.name);
    map.0.insert("data".into(), json!({pod::SCHEDULING_KEY: selectors_text(promise)}));
    map
}

/// Writes the selectors as YAML, with the original's lower-case `matchlabels`.
fn selectors_text(promise: &Promise) -> String {
    if promise.destination_selectors.is_empty() {
        return "[]\n".into();
    }
    let mut text = String::new();
    for labels in &promise.destination_selectors {
        if labels.is_empty() {
            text.push_str("- matchlabels: {}\n");
        } else {
            text.push_str("- matchlabels:\n");
        }
        for (key, value) in labels {
            let _ = writeln!(text, "    {}: {}", scalar(key), scalar(value));
        }
        let _ = writeln!(text, "  source: {}", pod::SOURCE_PROMISE);
    }
    text
}

/// Writes text so that no reader takes it for anything else: plain where it looks like a word, else quoted.
fn scalar(text: &str) -> String {
    const NOT_TEXT: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(inner)
        && !NOT_TEXT.contains(&text.to_ascii_lowercase().as_str());
    // A JSON string is a double-quoted YAML string.
    if is_word { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn only_words_stay_plain() {
        for (text, expected) in [
            ("dev", "dev"),
            ("a.b/c-d_e", "a.b/c-d_e"),
            ("trueish", "trueish"),
            ("true", "\"true\""),
            ("No", "\"No\""),
            ("Y", "\"Y\""),
            ("null", "\"null\""),
            ("", "\"\""),
            ("1.0", "\"1.0\""),
            ("1e3", "\"1e3\""),
            (".inf", "\".inf\""),
            ("a: b", "\"a: b\""),
            ("a\"b\n", "\"a\\\"b\\n\""),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
