//! Our check against the answers of a real API server (`fixtures/schema`), and what is ours alone.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

const SERVER: &str = include_str!("../../../fixtures/schema/server.json");

/// What the server says besides the violation itself, or says twice.
fn is_echo(message: &str) -> bool {
    message.contains("(default format)") || message.contains("\"float64\"")
}

/// Returns `field: message`; the server names no field where it names it in the text.
fn shown(field: &str, message: &str) -> String {
    if field == "<nil>" { message.to_owned() } else { format!("{field}: {message}") }
}

/// Leaves out of a refusal what follows from an alternative that was not met: which one is told is a matter of taste.
fn essential(messages: BTreeSet<String>) -> BTreeSet<String> {
    let alternatives: Vec<String> = messages
        .iter()
        .filter(|message| message.contains("(anyOf)") || message.contains("(oneOf)"))
        .filter_map(|message| Some(message.split('"').nth(3)?.to_owned()))
        .collect();
    let follows = |message: &String| {
        alternatives.iter().any(|path| message.starts_with(path.as_str()))
            && !message.contains("integer,string")
    };
    // Of a wrong type, no alternative is tried here.
    let wrong_type = messages.iter().any(|message| message.contains("integer,string"));
    let is_left_out =
        |message: &String| follows(message) || (wrong_type && message.contains("(anyOf)"));
    messages.into_iter().filter(|message| !is_left_out(message)).collect()
}

fn without_field(violation: &Violation) -> String {
    let names_it_itself = violation.message.starts_with("Invalid value: \"\": \"")
        || violation.message.contains("Checked value");
    let field = if names_it_itself { "<nil>" } else { &violation.field };
    shown(field, &violation.message)
}

/// Writes floats without fraction as the server does.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => json!(float as i64),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn requests_fare_as_with_a_real_api_server() {
    let server: Value = serde_json::from_str(SERVER).unwrap();
    let (mut accepted, mut refused, mut left_to_the_server) = (0, 0, 0);
    for case in server["cases"].as_array().unwrap() {
        let crd = &server["crds"][case["crd"].as_str().unwrap()];
        let object = Object::from_value(case["object"].clone()).unwrap();
        let text = case["object"].to_string();
        let result = check(crd, "v1", &object);
        if let Some(stored) = case.get("stored") {
            let checked = result.unwrap_or_else(|error| panic!("{text}: {error}"));
            let spec = checked.object.spec().map_or(Value::Null, normal);
            assert_eq!(spec, normal(stored), "{text}");
            let server: BTreeSet<_> = case["pruned"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|path| path.as_str().unwrap())
                .filter(|path| *path != "status")
                .collect();
            let ours: BTreeSet<_> = checked.pruned.iter().map(String::as_str).collect();
            assert_eq!(ours, server, "{text}");
            accepted += 1;
            continue;
        }
        let violations = match result {
            Err(SchemaError::Invalid { violations }) => violations,
            Ok(checked) if !checked.notes.is_empty() => {
                left_to_the_server += 1;
                continue;
            }
            other => panic!("{text}: the server refuses it, we say {other:?}"),
        };
        refused += 1;
        let Some(causes) = case["causes"].as_array().filter(|causes| !causes.is_empty()) else {
            assert!(case["message"].as_str().unwrap().contains("cannot be handled"), "{text}");
            continue;
        };
        let causes = causes
            .iter()
            .map(|cause| (cause[0].as_str().unwrap(), cause[1].as_str().unwrap()))
            .filter(|(_, message)| !is_echo(message))
            .map(|(field, message)| shown(field, message));
        let ours = violations.iter().map(without_field);
        assert_eq!(essential(ours.collect()), essential(causes.collect()), "{text}");
    }
    assert_eq!((accepted, refused, left_to_the_server), (116, 112, 9));
}

fn crd(schema: Value) -> Value {
    json!({"spec": {"versions": [
        {"name": "v1", "served": true, "schema": {"openAPIV3Schema": schema}},
        {"name": "v0", "served": false, "schema": {"openAPIV3Schema": schema}},
        {"name": "v2"},
    ]}})
}

fn request(spec: Value) -> Object {
    Object::from_value(json!({"metadata": {"name": "mine"}, "spec": spec})).unwrap()
}

#[test]
fn a_version_that_is_not_served_is_refused() {
    let crd = crd(json!({}));
    for version in ["v0", "v3", ""] {
        let error = check(&crd, version, &request(json!({}))).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the API has no version `{version}`, only `v1`, `v2`")
        );
        assert_eq!(error.hint().unwrap(), "use version `v1`");
    }
    assert!(check(&json!({}), "v1", &request(json!({}))).is_err());
}

#[test]
fn a_version_without_schema_takes_anything() {
    let object = request(json!({"a": [null]}));
    assert_eq!(check(&crd(json!({})), "v2", &object).unwrap().object, object);
}

#[test]
fn the_status_is_left_alone() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object"}}});
    let mut object = request(json!({}));
    object.0.insert("status".into(), json!({"any": 1}));
    let checked = check(&crd(schema), "v1", &object).unwrap();
    assert_eq!(checked.object, object);
    assert!(checked.pruned.is_empty());
}

#[test]
fn a_name_must_fit_a_label() {
    let mut object = request(json!({}));
    object.set_metadata("name", "a".repeat(64));
    let error = check(&crd(json!({})), "v1", &object).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request does not fit the API: metadata.name: Too long: may not be more than 63 bytes"
    );
    assert_eq!(error.hint().unwrap(), "change `metadata.name`");
}

#[test]
fn what_is_not_checked_is_said() {
    let schema = json!({"properties": {"spec": {"properties": {
        "mail": {"type": "string", "format": "email"},
        "cel": {"type": "string", "x-kubernetes-validations": [{"rule": "true"}]},
        "word": {"type": "string", "pattern": "^\\pL$"},
        "absent": {"type": "string", "format": "uri"},
    }}}});
    let spec = json!({"mail": "m", "cel": "c", "word": "w"});
    assert_eq!(
        check(&crd(schema), "v1", &request(spec)).unwrap().notes,
        [
            "the format `email` at `spec.mail` is not checked",
            "the pattern at `spec.word` is not checked: `^\\pL$`",
            "the rules in CEL at `spec.cel` are not checked",
        ]
    );
}

#[test]
fn an_odd_schema_never_stops_the_check() {
    for odd in [json!(null), json!([]), json!("x"), json!(1), json!({"x": null})] {
        let keys = [
            "type",
            "properties",
            "items",
            "additionalProperties",
            "required",
            "enum",
            "minimum",
            "multipleOf",
            "maxLength",
            "pattern",
            "format",
            "minItems",
            "maxProperties",
            "default",
            "nullable",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "x-kubernetes-list-type",
            "x-kubernetes-list-map-keys",
            "x-kubernetes-int-or-string",
        ];
        let all: serde_json::Map<_, _> =
            keys.iter().map(|key| ((*key).to_owned(), odd.clone())).collect();
        for value in [json!({"a": 1}), json!([1, "x"]), json!("x"), json!(1.5), json!(null)] {
            let schema = json!({"properties": {"spec": all.clone(), "top": odd}});
            let _ = check(&crd(schema), "v1", &request(value));
        }
    }
}

#[test]
fn names_and_labels_are_checked_as_the_server_does() {
    let crd = json!({"spec": {"versions": [{"name": "v1"}]}});
    let fields = |metadata: Value| {
        let object = json!({"apiVersion": "a/v1", "kind": "A", "metadata": metadata});
        match check(&crd, "v1", &Object::from_value(object).unwrap()) {
            Ok(_) => Vec::new(),
            Err(SchemaError::Invalid { violations }) => {
                violations.into_iter().map(|violation| violation.field).collect()
            }
            Err(error) => panic!("{error}"),
        }
    };
    for (metadata, expect) in [
        (json!({"name": "a.b-c", "namespace": "d-e", "labels": {"x/y": "Z_1", "e": ""}}), vec![]),
        (json!({"name": "Bad_Name"}), vec!["metadata.name"]),
        (json!({"name": "../../x"}), vec!["metadata.name"]),
        (json!({"name": "a".repeat(64)}), vec!["metadata.name"]),
        (json!({"name": "a", "namespace": "../x"}), vec!["metadata.namespace"]),
        (json!({"name": "a", "namespace": "a.b"}), vec!["metadata.namespace"]),
        (json!({"name": "a", "labels": {"a b": "c"}}), vec!["metadata.labels"]),
        (json!({"name": "a", "labels": {"a": "b c"}}), vec!["metadata.labels.a"]),
    ] {
        assert_eq!(fields(metadata), expect);
    }
}
