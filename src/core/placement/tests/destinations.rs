//! Destinations as they may be written, and those that get into each other's way.

use serde_json::json;

use super::*;

fn read(spec: Value) -> Result<Setup, DestinationError> {
    let metadata = json!({"name": "d"});
    DestinationSeen::from_object(&object(json!({"metadata": metadata, "spec": spec}))).setup
}

fn complete(more: Value) -> Value {
    let mut spec = json!({"path": "a", "stateStoreRef": {"kind": "GitStateStore", "name": "git"}});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

#[test]
fn defaults_are_those_of_the_contract() {
    let setup = read(complete(json!({}))).unwrap();
    let store = StoreRef { is_bucket: false, name: "git".into() };
    let base = StorePath::exact("a").unwrap();
    let expect = Setup { store, base, mode: Mode::Nested, canaries: true, cleanup: false };
    assert_eq!(setup, expect);
    assert_eq!(setup.store.to_string(), "GitStateStore/git");
    let setup = read(complete(json!({
        "path": "/", "filepath": {"mode": "aggregatedYAML"}, "cleanup": "all",
        "initWorkloads": {"enabled": false}, "stateStoreRef": {"kind": "BucketStateStore", "name": "b"},
    })))
    .unwrap();
    assert!(setup.base.is_root() && setup.cleanup && !setup.canaries && setup.store.is_bucket);
    assert_eq!(setup.mode, Mode::Aggregated { file: StorePath::exact("aggregated.yaml").unwrap() });
    let named = json!({"filepath": {"mode": "aggregatedYAML", "filename": "x/all.yaml"}});
    let mode = read(complete(named)).unwrap().mode;
    assert_eq!(mode, Mode::Aggregated { file: StorePath::exact("x/all.yaml").unwrap() });
    assert_eq!(read(complete(json!({"filepath": {"mode": "none"}}))).unwrap().mode, Mode::Plain);
}

#[test]
fn what_cannot_be_followed_is_an_error_with_a_hint() {
    let long = "a/".repeat(200);
    for (spec, expect) in [
        (json!(null), "Destination `d` has no `spec.stateStoreRef.kind`"),
        (json!([1]), "Destination `d` has no `spec.stateStoreRef.kind`"),
        (
            complete(json!({"stateStoreRef": null})),
            "Destination `d` has no `spec.stateStoreRef.kind`",
        ),
        (
            complete(json!({"stateStoreRef": {"kind": "GitStateStore"}})),
            "Destination `d` has no `spec.stateStoreRef.name`",
        ),
        (
            complete(json!({"stateStoreRef": {"kind": "Git", "name": "x"}})),
            "Destination `d` has `spec.stateStoreRef.kind: Git`",
        ),
        (complete(json!({"path": ""})), "Destination `d` has no `spec.path`"),
        (complete(json!({"path": 7})), "Destination `d` has no `spec.path`"),
        (
            complete(json!({"path": "../b"})),
            "Destination `d` has a `spec.path` that cannot be used",
        ),
        (
            complete(json!({"path": "a/.git"})),
            "Destination `d` has a `spec.path` that cannot be used",
        ),
        (complete(json!({"path": long})), "Destination `d` has a `spec.path` that cannot be used"),
        (
            complete(json!({"filepath": {"mode": "flat"}})),
            "Destination `d` has `spec.filepath.mode: flat`",
        ),
        (
            complete(json!({"filepath": {"mode": "aggregatedYAML", "filename": "../x"}})),
            "Destination `d` has a `spec.filepath.filename` that cannot be used",
        ),
    ] {
        let error = read(spec).unwrap_err();
        assert_eq!(error.to_string(), expect);
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn one_path_belongs_to_one_destination() {
    let at = |name: &str, path: &str, created: &str| {
        let mut one = destination(name, &[], json!({"path": path}));
        one.created = created.parse().ok();
        one
    };
    let (first, then) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    for (path, other, expect) in [
        ("a", "b", None),
        ("a", "ab", None),
        ("a", "a", Some("same")),
        ("a", "a/", Some("same")),
        ("a", "./a", Some("same")),
        ("a", "A", Some("same")),
        (".", "/", Some("same")),
        ("a", "a/b", Some("nested")),
        ("a/b", "a", Some("nested")),
        (".", "a", Some("nested")),
    ] {
        let all = [at("a-later", other, then), at("z-first", path, first)];
        let found = clashes(&all);
        let kind = found.get("a-later").map(|clash| match clash {
            Clash::Same { with, .. } if with == "z-first" => "same",
            Clash::Nested { with, .. } if with == "z-first" => "nested",
            other => panic!("{other:?}"),
        });
        assert_eq!(kind, expect, "{path} {other}");
        assert!(!found.contains_key("z-first"), "who was first is told nothing");
    }
    // Another store is another place.
    let elsewhere = json!({"path": "a", "stateStoreRef": {"kind": "GitStateStore", "name": "x"}});
    assert_eq!(clashes(&[at("a", "a", first), destination("b", &[], elsewhere)]).len(), 0);
}

#[test]
fn only_what_matters_for_placement_is_a_change() {
    let one = env("a", "dev");
    let mut same = one.clone();
    same.status.insert("conditions".into(), json!([]));
    same.generation = Some(7);
    assert!(one.places_like(&same));
    let mut other = one.clone();
    other.is_strict = true;
    assert!(!one.places_like(&other) && !one.places_like(&env("a", "prod")));
}
