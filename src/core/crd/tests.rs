//! CRDs of Promises: what is added, what is kept, what is refused, and what is no difference.

use serde_json::{Value, json};

use super::*;
use crate::contract::{kinds, labels};
use crate::core::promise::Api;

fn version(name: &str, storage: bool, schema: Value) -> Value {
    json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}})
}

fn api(versions: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "dbs.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Db", "plural": "dbs"},
            "versions": versions,
        },
    })
}

fn built(crd: &Value) -> Object {
    build("p", &Api::read(crd).unwrap()).unwrap()
}

fn one(schema: Value) -> Value {
    api(json!([version("v1", true, schema)]))
}

/// What an API server returns of what it was given, as far as it matters here.
fn stored(crd: &Object) -> Object {
    let mut stored = crd.clone();
    stored.set_label(labels::PROMISE_NAME, "p");
    let mut value = stored.into_value();
    value["spec"]["names"]["singular"] = "db".into();
    value["spec"]["names"]["listKind"] = "DbList".into();
    value["spec"]["names"].as_object_mut().unwrap().remove("shortNames");
    value["spec"]["names"].as_object_mut().unwrap().remove("categories");
    value["status"] = json!({"storedVersions": ["v1"], "conditions": [
        {"type": "Established", "status": "True"}, {"type": "NamesAccepted", "status": "True"},
    ]});
    Object::from_value(value).unwrap()
}

fn schema(crd: &Object, index: usize) -> Value {
    crd.spec().unwrap()["versions"][index]["schema"]["openAPIV3Schema"].clone()
}

#[test]
fn every_version_limits_the_name_however_its_metadata_is_declared() {
    for (metadata, limit) in [
        (None, 63),
        (Some(json!({"type": "object"})), 63),
        (Some(json!(null)), 63),
        (Some(json!({"type": "object", "properties": null})), 63),
        (Some(json!({"properties": {"name": {"type": "string", "maxLength": 9}}})), 9),
        (Some(json!({"properties": {"name": {"maxLength": 200, "pattern": "^a"}}})), 63),
        (Some(json!({"properties": {"name": true}})), 63),
    ] {
        let mut given = json!({"type": "object", "properties": {}});
        if let Some(metadata) = metadata {
            given["properties"]["metadata"] = metadata;
        }
        let crd =
            built(&api(json!([version("v1", true, given.clone()), version("v2", false, given)])));
        for index in [0, 1] {
            let metadata = &schema(&crd, index)["properties"]["metadata"];
            assert_eq!(metadata["type"], "object");
            assert_eq!(metadata["properties"]["name"]["maxLength"], limit);
            assert_eq!(metadata["properties"]["name"]["type"], "string");
        }
    }
}

#[test]
fn what_was_declared_is_kept() {
    let mut given = one(json!({"type": "object", "properties": {"status": {
        "type": "object",
        "required": ["url"],
        "properties": {
            "url": {"type": "string"},
            "conditions": {"type": "array", "items": {"type": "object", "required": ["x"], "properties": {
                "severity": {"type": "string"}, "type": {"type": "string", "enum": ["Mine"]},
            }}},
        },
    }}}));
    let scale = json!({"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"});
    given["spec"]["versions"][0]["subresources"] = json!({"scale": scale});
    given["spec"]["versions"][0]["additionalPrinterColumns"] =
        json!([{"name": "mine", "type": "string", "jsonPath": ".spec.a"}]);
    given["metadata"]["annotations"] = json!({"a": "b"});
    given["metadata"]["creationTimestamp"] = Value::Null;
    let crd = built(&given);
    let version = &crd.spec().unwrap()["versions"][0];
    assert_eq!(version["subresources"], json!({"scale": scale, "status": {}}));
    assert_eq!(version["additionalPrinterColumns"][0]["name"], "mine");
    assert_eq!(crd.annotation("a"), Some("b"));
    assert_eq!(crd.label(labels::PROMISE_NAME), Some("p"));
    assert_eq!(crd.creation_timestamp(), None);
    let status = &schema(&crd, 0)["properties"]["status"];
    assert_eq!(status["properties"]["url"], json!({"type": "string"}));
    assert_eq!(status["required"], Value::Null, "our first write has no url yet");
    let condition = &status["properties"]["conditions"]["items"];
    assert_eq!(condition["properties"]["severity"], json!({"type": "string"}));
    assert_eq!(condition["properties"]["type"], json!({"type": "string"}), "ours must fit too");
    assert_eq!(condition["required"], Value::Null);
}

#[test]
fn the_status_has_both_layouts_and_keeps_the_rest() {
    let crd = built(&one(json!({"type": "object"})));
    let status = &schema(&crd, 0)["properties"]["status"];
    assert_eq!(status["x-kubernetes-preserve-unknown-fields"], true);
    let workflows = &status["properties"]["kratix"]["properties"]["workflows"];
    assert_eq!(workflows["x-kubernetes-preserve-unknown-fields"], true);
    for holder in
        [workflows, &workflows["properties"]["configure"], &workflows["properties"]["delete"]]
    {
        let properties = &holder["properties"];
        assert_eq!(properties["run"]["type"], "integer");
        assert_eq!(properties["trigger"]["type"], "string");
        let entry = &properties["pipelines"]["items"]["properties"];
        assert_eq!(
            (&entry["hash"]["type"], &entry["run"]["type"]),
            (&json!("string"), &json!("integer"))
        );
    }
    assert_eq!(
        crd.spec().unwrap()["versions"][0]["additionalPrinterColumns"][0]["name"],
        "message"
    );
}

#[test]
fn no_shape_panics_and_unusable_ones_are_refused_with_a_hint() {
    let good = json!({"type": "object"});
    for (versions, expected) in [
        (json!([version("v1", false, good.clone())]), "0 versions in"),
        (
            json!([version("v1", true, good.clone()), version("v2", true, good.clone())]),
            "2 versions in",
        ),
        (
            json!([version("v1", true, good.clone()), version("v1", false, good.clone())]),
            "`spec.api.spec.versions[1]` has the name",
        ),
        (json!([version("v1", true, good.clone()), 1]), "`spec.api.spec.versions[1]` has no name"),
        (json!([{"name": "v1", "storage": true}]), "`spec.api.spec.versions[0]` has no schema"),
        (
            json!([{"name": "v1", "storage": true, "schema": {"openAPIV3Schema": null}}]),
            "`spec.api.spec.versions[0]` has no schema",
        ),
        (
            json!([{"name": "v1", "storage": true, "schema": {"openAPIV3Schema": {}}}]),
            "no version in",
        ),
    ] {
        let error = build("p", &Api::read(&api(versions)).unwrap()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!error.hint().is_empty());
    }
    let mut odd = one(json!({"properties": 7}));
    odd["spec"]["names"]["shortNames"] = json!(1);
    odd["metadata"]["labels"] = json!([]);
    built(&odd);
    for (pointer, value, expected) in [
        (
            "/metadata/name",
            json!("x"),
            "`spec.api.metadata.name` is `x`, it must be `dbs.example.com`",
        ),
        (
            "/spec/scope",
            json!("Cluster"),
            "`spec.api.spec.scope` is `Cluster`: requests need a namespace",
        ),
        (
            "/spec/group",
            json!(kinds::KRATIX_GROUP),
            "`spec.api.spec.group` is `platform.kratix.io`, which is Kratix's own",
        ),
    ] {
        let mut crd = one(good.clone());
        *crd.pointer_mut(pointer).unwrap() = value;
        assert_eq!(build("p", &Api::read(&crd).unwrap()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_the_api_server_makes_of_it_is_no_difference() {
    let mut given = one(
        json!({"type": "object", "required": [], "description": "", "properties": {
            "spec": {"type": "object", "properties": {}, "x-kubernetes-validations": [], "nullable": false},
            "n": {"type": "integer", "maximum": 10, "default": 0},
        }}),
    );
    given["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "conversionReviewVersions": ["v1"], "clientConfig": {"service": {"name": "a", "namespace": "b"}},
    }});
    let wanted = built(&given);
    let mut existing = stored(&wanted).into_value();
    let root = "/spec/versions/0/schema/openAPIV3Schema";
    let at = |path: &str| format!("{root}{path}");
    existing
        .pointer_mut(root)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !["required", "description"].contains(&key.as_str()));
    *existing.pointer_mut(&at("/properties/spec")).unwrap() = json!({"type": "object"});
    *existing.pointer_mut(&at("/properties/n/maximum")).unwrap() = json!(10.0);
    existing["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["port"] = 443.into();
    existing["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"] = "x".into();
    existing["metadata"]["labels"]["other"] = "x".into();
    let existing = Object::from_value(existing).unwrap();
    assert_eq!(difference(&wanted, &existing), None);
}

#[test]
fn every_change_is_a_difference() {
    let wanted = built(&one(
        json!({"type": "object", "properties": {"a": {"type": "string", "default": ""}}}),
    ));
    let same = stored(&wanted).into_value();
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties";
    let promise_name = format!("metadata.labels.{}", labels::PROMISE_NAME);
    for (pointer, key, value, expected) in [
        (
            schema,
            "a",
            json!({"type": "string"}),
            "spec.versions[0].schema.openAPIV3Schema.properties.a.default",
        ),
        (
            schema,
            "b",
            json!({"type": "string"}),
            "spec.versions[0].schema.openAPIV3Schema.properties.b",
        ),
        ("/spec/versions/0", "served", json!(false), "spec.versions[0].served"),
        ("/spec/versions/0", "subresources", json!({}), "spec.versions[0].subresources"),
        ("/spec/versions/0", "deprecated", json!(true), "spec.versions[0].deprecated"),
        ("/spec/names", "shortNames", json!(["d"]), "spec.names.shortNames"),
        ("/spec", "conversion", json!({"strategy": "Webhook"}), "spec.conversion.strategy"),
        ("/metadata/labels", labels::PROMISE_NAME, json!("q"), promise_name.as_str()),
    ] {
        let mut changed = same.clone();
        changed.pointer_mut(pointer).unwrap()[key] = value;
        let changed = Object::from_value(changed).unwrap();
        assert_eq!(difference(&wanted, &changed).as_deref(), Some(expected));
    }
    assert_eq!(difference(&wanted, &Object::default()), Some(promise_name));
}

#[test]
fn a_change_that_would_lose_requests_is_refused() {
    let wanted = built(&one(json!({"type": "object"})));
    let existing = stored(&wanted);
    let check = |existing: &Object, wanted: Option<&Object>| {
        check_change("p", wanted, std::slice::from_ref(existing)).map_err(|error| {
            assert!(!error.hint().is_empty());
            error.to_string()
        })
    };
    assert_eq!(check(&existing, Some(&wanted)), Ok(()));
    let with = |pointer: &str, value: Value| {
        let mut changed = existing.clone().into_value();
        *changed.pointer_mut(pointer).unwrap() = value;
        Object::from_value(changed).unwrap()
    };
    for (pointer, value, expected) in [
        (
            "/spec/scope",
            json!("Cluster"),
            "`spec.api.spec.scope` is `Namespaced`, but the API in the cluster has `Cluster`",
        ),
        (
            "/spec/names/kind",
            json!("Old"),
            "`spec.api.spec.names.kind` is `Db`, but the API in the cluster has `Old`",
        ),
        (
            "/status/storedVersions",
            json!(["v0", "v1"]),
            "`spec.api.spec.versions` lacks `v0`, in which requests are stored",
        ),
        (
            "/metadata/labels",
            json!({}),
            "the API `dbs.example.com` is in the cluster already and belongs to no Promise",
        ),
        (
            "/metadata/labels",
            json!({labels::PROMISE_NAME: "q"}),
            "the API `dbs.example.com` belongs to Promise `q`",
        ),
        (
            "/metadata/name",
            json!("olds.example.com"),
            "`spec.api` is now `dbs.example.com`, but the API `olds.example.com` is in the cluster",
        ),
    ] {
        assert_eq!(check(&with(pointer, value), Some(&wanted)), Err(expected.to_owned()));
    }
    let gone = "`spec.api` is gone, but the API `dbs.example.com` is in the cluster";
    assert_eq!(check(&existing, None), Err(gone.to_owned()));
    assert_eq!(check(&with("/metadata/labels", json!({labels::PROMISE_NAME: "q"})), None), Ok(()));
}

#[test]
fn established_is_what_the_api_server_says() {
    let crd = stored(&built(&one(json!({"type": "object"}))));
    assert!(is_established(&crd));
    assert!(!is_established(&Object::default()));
    assert_eq!(names_refused(&crd), None);
    let refused = json!({"status": {"conditions": [
        {"type": "NamesAccepted", "status": "False", "message": "taken"},
        {"type": "Established", "status": "False"},
    ]}});
    let refused = Object::from_value(refused).unwrap();
    assert!(!is_established(&refused));
    assert_eq!(names_refused(&refused), Some("taken"));
}

#[test]
fn our_own_kinds_have_a_status_and_a_column() {
    let own = own();
    let names: Vec<_> = own.iter().map(Object::name).collect();
    let kinds = [
        "promises",
        "works",
        "workplacements",
        "destinations",
        "gitstatestores",
        "bucketstatestores",
    ];
    assert_eq!(names, kinds.map(|plural| format!("{plural}.platform.kratix.io")));
    for crd in &own {
        let version = &crd.spec().unwrap()["versions"][0];
        assert_eq!(version["subresources"]["status"], json!({}));
        assert!(!version["additionalPrinterColumns"].as_array().unwrap().is_empty());
        assert_eq!(crd.spec().unwrap()["names"]["categories"], json!(["kratix"]));
    }
    assert_eq!(kinds::PROMISE.to_string(), names[0]);
}
