//! The hash a Job is labelled with (contract.md 6.2).

use serde_json::{Map, Value};

use super::{go_json, md5_hex};
use crate::core::control::{format_go_duration, parse_go_duration};

/// Returns the hash of any spec: of its JSON as Go writes it. No spec is hashed as `null`.
pub fn spec(spec: Option<&Value>) -> String {
    let mut text = String::new();
    go_json::write(spec.unwrap_or(&Value::Null), &mut text);
    md5_hex(&text)
}

/// Returns the hash of a Promise's spec, as it passes through Kratix's typed form.
///
/// Fields that Kratix does not know vanish, empty ones too, and `workflows` is always there.
pub fn promise_spec(promise_spec: Option<&Value>) -> String {
    spec(Some(&project(promise_spec.unwrap_or(&Value::Null))))
}

/// Returns the hash of a resource workflow: of its Promise and its request together.
pub fn resource_workflow(promise_hash: &str, request_hash: &str, dry_run: bool) -> String {
    md5_hex(&format!("{promise_hash}-{request_hash}{}", if dry_run { "-dry-run" } else { "" }))
}

fn project(spec: &Value) -> Value {
    let mut typed = Map::new();
    if let Some(api) = spec.get("api").filter(|api| !api.is_null()) {
        typed.insert("api".into(), api.clone());
    }
    insert_list(&mut typed, spec, "dependencies", Value::clone);
    insert_list(&mut typed, spec, "destinationSelectors", |selector| {
        let mut typed = Map::new();
        if let Some(labels) = selector.get("matchLabels").filter(|labels| !is_empty(labels)) {
            typed.insert("matchLabels".into(), labels.clone());
        }
        Value::Object(typed)
    });
    insert_list(&mut typed, spec, "requiredPromises", |required| {
        let mut typed = Map::new();
        for key in ["name", "version"] {
            insert_text(&mut typed, required, key);
        }
        Value::Object(typed)
    });
    typed.insert("workflows".into(), workflows(spec.get("workflows").unwrap_or(&Value::Null)));
    Value::Object(typed)
}

fn workflows(workflows: &Value) -> Value {
    let mut typed = Map::new();
    let mut config = Map::new();
    if let Some(given) = workflows.get("config") {
        insert_text(&mut config, given, "pipelineNamespace");
        insert_text(&mut config, given, "reconciliationInterval");
        if let Some(Value::String(interval)) = config.get_mut("reconciliationInterval")
            && let Ok(parsed) = parse_go_duration(interval)
        {
            *interval = format_go_duration(parsed);
        }
    }
    typed.insert("config".into(), Value::Object(config));
    for workflow in ["promise", "resource"] {
        let mut lists = Map::new();
        if let Some(given) = workflows.get(workflow) {
            insert_list(&mut lists, given, "configure", Value::clone);
            insert_list(&mut lists, given, "delete", Value::clone);
        }
        typed.insert(workflow.into(), Value::Object(lists));
    }
    Value::Object(typed)
}

fn insert_list(
    typed: &mut Map<String, Value>,
    parent: &Value,
    key: &str,
    item: impl Fn(&Value) -> Value,
) {
    if let Some(Value::Array(items)) = parent.get(key).filter(|list| !is_empty(list)) {
        typed.insert(key.into(), items.iter().map(item).collect());
    }
}

fn insert_text(typed: &mut Map<String, Value>, parent: &Value, key: &str) {
    if let Some(Value::String(text)) = parent.get(key).filter(|text| !is_empty(text)) {
        typed.insert(key.into(), text.clone().into());
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn vectors_of_the_contract_hold() {
        let foo = spec(Some(&json!({"foo": "bar"})));
        assert_eq!(foo, "9bb58f26192e4ba00f01e2e7b136bbd8");
        assert_eq!(spec(None), "37a6259cc0c1dae299a7866489dff0bd");
        assert_eq!(resource_workflow(&foo, &foo, false), "8fd95eb563716faab13d601a0a501fc6");
        assert_eq!(resource_workflow(&foo, &foo, true), "0779512f47ecf263750f24c570b4a7a2");
    }

    #[test]
    fn a_promise_is_projected_before_it_is_hashed() {
        let empty = json!({"workflows": {"config": {}, "promise": {}, "resource": {}}});
        for (given, expected) in [
            (json!(null), empty.clone()),
            (
                json!({"api": null, "dependencies": [], "unknown": 1, "destinationSelectors": null,
                    "workflows": {"other": {}, "promise": {"configure": []}}}),
                empty.clone(),
            ),
            (
                json!({"api": {}, "destinationSelectors": [{"matchLabels": {}}, {"x": 1}],
                    "requiredPromises": [{"name": "a", "version": ""}],
                    "workflows": {"config": {"reconciliationInterval": "600m", "pipelineNamespace": "n"}}}),
                json!({"api": {}, "destinationSelectors": [{}, {}],
                    "requiredPromises": [{"name": "a"}],
                    "workflows": {"config": {"reconciliationInterval": "10h0m0s", "pipelineNamespace": "n"},
                        "promise": {}, "resource": {}}}),
            ),
        ] {
            assert_eq!(project(&given), expected);
        }
        assert_eq!(promise_spec(None), spec(Some(&empty)));
    }
}
