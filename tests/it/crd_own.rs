//! The kinds of an installation beside those that Kratix ships: every difference is listed, and its objects fit ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bookend::contract::Object;
use bookend::core::{crd, schema};
use bookend::files::yaml;
use serde_json::{Map, Value, json};

/// Kind, start of the path in the schema of its version, and why ours differs there.
const DIFFERENCES: [(&str, &str, &str); 9] = [
    (
        "works",
        "spec.properties.lastExecutionTimestamp.nullable",
        "a time that is not known is written as null",
    ),
    ("promises", "spec.properties.api.nullable", "an API that is null is none"),
    (
        "promises",
        "spec.properties.workflows",
        "what holds a pipeline is left open once, not at each level",
    ),
    ("promises", "spec.properties.xaas", "the form before `workflows`"),
    ("promises", "spec.properties.workerClusterResources", "the form before `workflows`"),
    ("promises", "spec.properties.clusterSelector", "the form before `workflows`"),
    (
        "promises",
        "status.properties.conditions",
        "the one schema of conditions for Promises and requests",
    ),
    (
        "promises",
        "status.properties.kratix",
        "ours: number and cause of a run, and the keyed layout",
    ),
    (
        "promises",
        "status.",
        "what a promise workflow publishes is kept, and counters need not be there",
    ),
];

/// Something that others made, wherever `shared` is.
fn shared(name: &str) -> PathBuf {
    let places = ["../shared", "../../shared"];
    let places = places.map(|place| Path::new(env!("CARGO_MANIFEST_DIR")).join(place).join(name));
    places.into_iter().find(|place| place.exists()).expect("shared stands beside the project")
}

/// The documents of a file; none when it is no YAML of objects.
fn documents(path: &Path) -> Vec<Object> {
    yaml::parse_objects(&fs::read(path).unwrap()).unwrap_or_default()
}

/// All YAML files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "yaml") {
            found.push(path);
        }
    }
    found
}

/// Takes away what only people read, and sorts what has no order.
fn plain(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| key != "description" || !value.is_string());
            if let Some(Value::Array(required)) = map.get_mut("required") {
                required.sort_by_key(ToString::to_string);
            }
            map.values_mut().for_each(plain);
        }
        Value::Array(list) => list.iter_mut().for_each(plain),
        _ => {}
    }
}

fn differences(path: &str, ours: &Value, theirs: &Value, found: &mut BTreeSet<String>) {
    match (ours, theirs) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let at = |map: &Map<String, Value>, key| map.get(key).cloned().unwrap_or_default();
            for key in keys {
                differences(&format!("{path}.{key}"), &at(left, key), &at(right, key), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (ours, theirs) in left.iter().zip(right) {
                differences(path, ours, theirs, found);
            }
        }
        _ if ours == theirs => {}
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
#[ignore = "needs ../shared/golden/crds, which is not ours to carry; .ci/run runs it where that is"]
fn our_kinds_differ_from_those_of_others_only_where_it_is_meant() {
    const SCHEMA: &str = ".versions.schema.openAPIV3Schema.properties.";
    let mut used = BTreeSet::new();
    for ours in crd::own() {
        let plural = ours.spec().unwrap()["names"]["plural"].as_str().unwrap();
        let file = shared(&format!("golden/crds/platform.kratix.io_{plural}.yaml"));
        let (mut ours, mut theirs) =
            (ours.spec().unwrap().clone(), documents(&file)[0].spec().unwrap().clone());
        plain(&mut ours);
        plain(&mut theirs);
        let mut found = BTreeSet::new();
        differences("", &ours, &theirs, &mut found);
        for path in std::mem::take(&mut found) {
            let at = path.strip_prefix(SCHEMA).unwrap_or_default();
            let is_it =
                |(kind, start, _): &&(&str, &str, &str)| *kind == plural && at.starts_with(start);
            match DIFFERENCES.iter().find(is_it) {
                Some(known) => used.insert(known),
                None => found.insert(path),
            };
        }
        assert!(found.is_empty(), "{plural}: {found:#?}");
    }
    assert_eq!(used.len(), DIFFERENCES.len(), "only these come up: {used:#?}");
}

/// What an API server makes of an object with our schema.
fn stored(object: &Object) -> Result<schema::Checked, schema::SchemaError> {
    let crd =
        crd::own().into_iter().find(|crd| crd.spec().unwrap()["names"]["kind"] == object.kind());
    // The limit for names of requests is none of theirs.
    let mut object = object.clone();
    object.0["metadata"]["name"] = "a".into();
    schema::check(&crd.unwrap().into_value(), "v1alpha1", &object)
}

#[test]
#[ignore = "needs ../shared, a part of which is not ours to carry; .ci/run runs it where that is"]
fn objects_of_others_fit_our_kinds_whole() {
    let kinds = ["Work", "WorkPlacement", "Destination", "GitStateStore", "BucketStateStore"];
    let mut count = 0;
    for folder in ["inputs", "golden/manager"] {
        for file in files(&shared(folder)) {
            for mut object in documents(&file) {
                if !kinds.contains(&object.kind())
                    || !object.api_version().starts_with("platform.kratix.io/")
                {
                    continue;
                }
                // A recording says `<TIME>` where there was one.
                let text = serde_json::to_string(&object)
                    .unwrap()
                    .replace("<TIME>", "2026-11-21T12:00:00Z");
                object = serde_json::from_str(&text).unwrap();
                let checked = stored(&object).unwrap_or_else(|error| panic!("{file:?}: {error}"));
                assert!(checked.pruned.is_empty(), "{file:?}: {:?}", checked.pruned);
                count += 1;
            }
        }
    }
    println!("{count} objects");
    assert!(count > 100, "{count} objects");
}

#[test]
fn defaults_are_those_of_the_contract() {
    for (kind, spec, expected) in [
        (
            "Destination",
            json!({"path": "w1"}),
            json!({
                "path": "w1", "cleanup": "none",
                "filepath": {"mode": "nestedByMetadata"}, "initWorkloads": {"enabled": true},
            }),
        ),
        (
            "Destination",
            json!({"path": ".", "filepath": {"mode": "aggregatedYAML"}, "initWorkloads": {"enabled": false}}),
            json!({
                "path": ".", "cleanup": "none",
                "filepath": {"mode": "aggregatedYAML"}, "initWorkloads": {"enabled": false},
            }),
        ),
        (
            "GitStateStore",
            json!({"gitAuthor": {"email": "a@b"}}),
            json!({"gitAuthor": {"email": "a@b"}, "authMethod": "basicAuth", "branch": "main"}),
        ),
        (
            "GitStateStore",
            json!({}),
            json!({"gitAuthor": {"name": "kratix"}, "authMethod": "basicAuth", "branch": "main"}),
        ),
        (
            "BucketStateStore",
            json!({"bucketName": "b", "endpoint": "e"}),
            json!({"bucketName": "b", "endpoint": "e", "authMethod": "accessKey"}),
        ),
    ] {
        let object = object(kind, spec);
        assert_eq!(stored(&object).unwrap().object.spec(), Some(&expected), "{kind}");
    }
}

#[test]
fn what_the_contract_forbids_is_refused() {
    for (kind, spec, field) in [
        ("Destination", json!({}), "spec.path"),
        ("Destination", json!({"path": "a", "cleanup": "some"}), "spec.cleanup"),
        ("Destination", json!({"path": "a", "filepath": {"mode": "flat"}}), "spec.filepath.mode"),
        (
            "Destination",
            json!({"path": "a", "stateStoreRef": {"name": "a"}}),
            "spec.stateStoreRef.kind",
        ),
        (
            "Destination",
            json!({"path": "a", "stateStoreRef": {"kind": "Secret", "name": "a"}}),
            "spec.stateStoreRef.kind",
        ),
        ("GitStateStore", json!({"authMethod": "IAM"}), "spec.authMethod"),
        ("BucketStateStore", json!({"endpoint": "e"}), "spec.bucketName"),
        ("BucketStateStore", json!({"bucketName": "b"}), "spec.endpoint"),
        (
            "BucketStateStore",
            json!({"bucketName": "b", "endpoint": "e", "authMethod": "ssh"}),
            "spec.authMethod",
        ),
    ] {
        let error = stored(&object(kind, spec)).unwrap_err();
        let schema::SchemaError::Invalid { violations } = &error else { panic!("{error}") };
        let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, [field], "{kind}: {error}");
    }
}

fn object(kind: &str, spec: Value) -> Object {
    let value = json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": kind, "metadata": {}, "spec": spec,
    });
    Object::from_value(value).unwrap()
}
