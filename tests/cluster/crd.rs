//! CRDs of Promises on a real API server: it takes them, the name of a request is limited in every version, and what it
//! stores is no difference to what was applied, so nothing is applied again and again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bookend::contract::Object;
use bookend::core::crd;
use bookend::core::promise::Api as PromiseApi;
use serde_json::{Value, json};

use crate::api::{Api, api};
use crate::steps::case::carried;
use crate::steps::record;

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Applies a CRD as the reconciler does, and returns it as stored once it is served.
fn apply(api: &Api, crd: &Object) -> Object {
    let path = format!("{CRDS}/{}?fieldManager=bookend&force=true", crd.name());
    let headers = [("content-type", "application/apply-patch+yaml")];
    let reply = api.send("PATCH", &path, &headers, serde_json::to_vec(crd).unwrap());
    assert!(reply.status < 300, "{}: {}", crd.name(), String::from_utf8_lossy(&reply.body));
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let stored = api.must("GET", &format!("{CRDS}/{}", crd.name()), &Value::Null);
        let stored = Object::from_value(stored).unwrap();
        if crd::is_established(&stored) {
            return stored;
        }
        assert!(Instant::now() < end, "{} is not served", crd.name());
    }
}

/// Applies a CRD, and looks whether the API server sees anything to do in the same once more.
fn settles(api: &Api, crd: &Object) -> Object {
    let first = apply(api, crd);
    assert_eq!(crd::difference(crd, &first), None, "{}", crd.name());
    let second = apply(api, crd);
    // Not the version: the server goes on with the conditions by itself.
    let said = |crd: &Object| {
        (crd.generation(), crd.spec().cloned(), crd.at(&["metadata", "labels"]).cloned())
    };
    assert_eq!(said(&first), said(&second), "{}: applied twice", crd.name());
    second
}

fn remove(api: &Api, crd: &Object) {
    api.must("DELETE", &format!("{CRDS}/{}", crd.name()), &Value::Null);
}

fn declared(plural: &str, versions: Value) -> Object {
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.limits.example.com")},
        "spec": {
            "group": "limits.example.com", "scope": "Namespaced",
            "names": {"kind": plural, "plural": plural},
            "versions": versions,
        },
    });
    crd::build("limits", &PromiseApi::read(&crd).unwrap()).unwrap()
}

#[test]
#[ignore = "needs tests/cluster/run"]
fn a_name_of_64_characters_is_refused_in_every_version_however_metadata_is_declared() {
    let api = api();
    for (plural, metadata) in [
        ("nones", None),
        ("bares", Some(json!({"type": "object"}))),
        (
            "longs",
            Some(
                json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 200}}}),
            ),
        ),
    ] {
        let mut schema = json!({"type": "object", "properties": {"spec": {"type": "object"}}});
        if let Some(metadata) = metadata {
            schema["properties"]["metadata"] = metadata;
        }
        let version = |name: &str, storage: bool| json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}});
        let crd = declared(plural, json!([version("v1", true), version("v2", false)]));
        settles(api, &crd);
        for version in ["v1", "v2"] {
            let path =
                format!("/apis/limits.example.com/{version}/namespaces/team-a/{plural}?dryRun=All");
            let named = |length: usize| {
                json!({
                    "apiVersion": format!("limits.example.com/{version}"), "kind": plural,
                    "metadata": {"name": "a".repeat(length)},
                })
            };
            let end = Instant::now() + Duration::from_secs(30);
            while api.ask("POST", &path, &named(1)).0 == 404 {
                assert!(Instant::now() < end, "{path} is not served");
            }
            assert_eq!(api.ask("POST", &path, &named(63)).0, 201, "{plural} {version}");
            let (status, answer) = api.ask("POST", &path, &named(64));
            assert_eq!(status, 422, "{plural} {version}: {answer}");
            assert!(answer.to_string().contains("metadata.name"), "{answer}");
        }
        remove(api, &crd);
    }
}

#[test]
#[ignore = "needs tests/cluster/run"]
fn what_is_stored_is_no_difference_and_what_is_taken_out_goes() {
    let api = api();
    let full = json!([{
        "name": "v1", "served": true, "storage": true, "deprecated": false,
        "subresources": {"scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}},
        "additionalPrinterColumns": [{"name": "n", "type": "integer", "jsonPath": ".spec.n", "priority": 0}],
        "schema": {"openAPIV3Schema": {
            "type": "object", "required": [], "description": "",
            "properties": {
                "spec": {
                    "type": "object", "default": {}, "nullable": false,
                    "x-kubernetes-validations": [{"rule": "!has(self.n) || self.n < 9", "message": ""}],
                    "properties": {
                        "n": {"type": "integer", "maximum": 10, "minimum": 0, "exclusiveMaximum": false},
                        "any": {"type": "object", "additionalProperties": true},
                        "map": {"type": "object", "additionalProperties": {"type": "string", "enum": ["", "a"]}},
                        "either": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                        "list": {"type": "array", "items": {"type": "string", "default": ""}},
                    },
                },
                "status": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
            },
        }},
    }]);
    let mut crd = declared("fulls", full);
    crd.0["spec"]["names"]["shortNames"] = json!(["fl"]);
    let stored = settles(api, &crd).into_value();
    let version = &stored["spec"]["versions"][0];
    assert_eq!(version["subresources"]["scale"]["specReplicasPath"], ".spec.n");
    assert_eq!(version["subresources"]["status"], json!({}));
    let status = &version["schema"]["openAPIV3Schema"]["properties"]["status"];
    assert_eq!(status["properties"]["n"]["type"], "integer");

    let poor = declared(
        "fulls",
        json!([{
            "name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object"}},
        }]),
    );
    assert!(crd::difference(&poor, &Object::from_value(stored).unwrap()).is_some());
    let stored = settles(api, &poor).into_value();
    assert_eq!(stored["spec"]["names"]["shortNames"], Value::Null);
    remove(api, &poor);
}

/// Promises of the recordings, of Kratix's own examples and of its marketplace.
#[test]
#[ignore = "needs tests/cluster/run"]
fn the_apis_of_all_recorded_promises_settle() {
    let api = api();
    let cases = record::folder().map_or_else(carried, |folder| record::all(&folder));
    // A name is free again only some time after its CRD was removed: each is tried once.
    let mut tried = BTreeSet::new();
    for case in cases.iter().filter(|case| case.promise["spec"]["api"].is_object()) {
        let name = case.promise_name();
        let of_promise = PromiseApi::read(&case.promise["spec"]["api"]).unwrap();
        let crd = crd::build(name, &of_promise).unwrap();
        if tried.insert(crd.name().to_owned()) {
            settles(api, &crd);
            remove(api, &crd);
        }
    }
    let count = tried.len();
    println!("{count} APIs of recorded Promises settle");
    assert!(count > 20, "there are recordings in the project");
}
