//! What the strict decoder accepts, refuses and says.

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::json;

use super::*;

fn pod(value: Value) -> Result<Value, String> {
    decode::<PodSpec>(&value)
        .map(|spec| serde_json::to_value(spec).unwrap())
        .map_err(|error| error.to_string())
}

#[test]
fn an_unknown_field_is_named_with_its_path_and_the_nearest_name() {
    let error =
        decode::<PodSpec>(&json!({"containers": [{"name": "a", "imagee": "b"}]})).unwrap_err();
    assert_eq!(error.to_string(), "unknown field `containers[0].imagee`");
    assert_eq!(error.hint().unwrap(), "write `image`, or remove `containers[0].imagee`");
}

#[test]
fn every_unknown_field_is_told_at_once() {
    let error = pod(json!({"volumez": [], "containers": [{"name": "a", "zzzz": 1}]})).unwrap_err();
    assert_eq!(error, "unknown field `volumez`; unknown field `containers[0].zzzz`");
}

#[test]
fn names_match_whatever_their_case() {
    let found = pod(json!({"CONTAINERS": [{"Name": "a", "imagepullpolicy": "Always"}]}));
    assert_eq!(found.unwrap(), json!({"containers": [{"name": "a", "imagePullPolicy": "Always"}]}));
}

#[test]
fn two_spellings_of_one_field_are_refused() {
    let error = pod(json!({"containers": [{"Name": "a", "name": "b"}]})).unwrap_err();
    assert_eq!(error, "`containers[0].name` repeats the field `name`");
}

#[test]
fn a_wrong_type_is_told_without_the_value() {
    for (value, expected) in [
        (json!([]), "`the document`: expected a map, found a list"),
        (json!({"containers": {}}), "`containers`: expected a list, found a map"),
        (json!({"containers": ["secret"]}), "`containers[0]`: expected a map, found text"),
        (json!({"hostname": 4711}), "`hostname`: expected text, found a number"),
        (
            json!({"priority": "secret"}),
            "`priority`: expected a whole number of 32 bits, found text",
        ),
        (
            json!({"priority": 1.5}),
            "`priority`: expected a whole number of 32 bits, found a number with a fraction",
        ),
        (
            json!({"priority": 3_000_000_000_i64}),
            "`priority`: expected a whole number of 32 bits, found a number",
        ),
        (json!({"hostIPC": "yes"}), "`hostIPC`: expected `true` or `false`, found text"),
        (json!({"nodeSelector": {"a": 1}}), "`nodeSelector.a`: expected text, found a number"),
        (json!({"nodeSelector": ["a"]}), "`nodeSelector`: expected a map, found a list"),
    ] {
        assert_eq!(pod(value).unwrap_err(), expected);
    }
}

#[test]
fn null_counts_as_absent() {
    assert_eq!(pod(Value::Null).unwrap(), json!({"containers": []}));
    assert_eq!(
        pod(json!({"containers": [{"name": null, "args": null, "env": null}], "priority": null}))
            .unwrap(),
        json!({"containers": [{"name": ""}]})
    );
    assert_eq!(
        pod(json!({"containers": [], "nodeSelector": {"a": null}})).unwrap(),
        json!({"containers": [], "nodeSelector": {"a": ""}})
    );
}

#[test]
fn a_quantity_may_be_a_number() {
    let resources = |cpu: Value| {
        let value = json!({"containers": [{"resources": {"limits": {"cpu": cpu}}}]});
        pod(value).map(|spec| spec["containers"][0]["resources"]["limits"]["cpu"].clone())
    };
    assert_eq!(resources(json!(1)).unwrap(), json!("1"));
    assert_eq!(resources(json!(0.5)).unwrap(), json!("0.5"));
    assert_eq!(resources(json!("50m")).unwrap(), json!("50m"));
    assert!(resources(json!(true)).is_err());
}

#[test]
fn a_whole_number_may_be_written_with_a_point() {
    assert_eq!(pod(json!({"priority": 2.0})).unwrap()["priority"], json!(2));
}

#[test]
fn unknown_fields_pass_where_they_may() {
    let value = json!({"containers": [{"name": "a", "zzz": {"deep": []}}]});
    assert!(decode_known::<PodSpec>(&value).is_ok());
    assert!(decode_known::<PodSpec>(&json!({"containers": 1})).is_err());
}

#[test]
fn only_a_near_name_is_suggested() {
    let known = ["image", "imagePullPolicy", "env", "envFrom"];
    for (name, expected) in [
        ("imagee", Some("image")),
        ("imagPullPolicies", Some("imagePullPolicy")),
        ("envfrm", Some("envFrom")),
        ("ports", None),
        ("", None),
    ] {
        assert_eq!(nearest(name, known), expected, "{name}");
    }
}

#[test]
fn a_hint_says_what_to_write() {
    for (value, expect) in [
        (json!({"hostname": 4711}), "put the value of `spec.hostname` in quotes"),
        (json!({"hostname": true}), "put the value of `spec.hostname` in quotes"),
        (json!({"hostname": []}), "change `spec.hostname`"),
        (json!({"hostnam": ""}), "write `hostname`, or remove `spec.hostnam`"),
        (json!({"xyz": ""}), "remove `spec.xyz`"),
        (json!([]), "change `spec`"),
    ] {
        let error = decode::<PodSpec>(&value).unwrap_err();
        assert_eq!(error.below("spec").hint().as_deref(), Some(expect));
    }
}
