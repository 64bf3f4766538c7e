//! The comparison itself, tried on the recordings: no cluster is needed.

use std::collections::BTreeMap;
use std::fs;

use serde_json::json;

use super::compare::{State, differences, fits};
use crate::steps::case::{Case, carried, fixtures};
use crate::steps::{meaning, record};

/// Writes `fixtures/steps` anew: `cargo test --test cluster -- --ignored carry_steps`.
#[test]
#[ignore = "writes into fixtures/"]
fn carry_steps_into_fixtures() {
    let folder = record::folder().expect("the recordings stand beside the project");
    for case in record::all(&folder).iter().filter(|case| !case.is_foreign()) {
        fs::write(fixtures().join(format!("{}.json", case.name)), case.to_text()).unwrap();
    }
}

#[test]
#[ignore = "needs ../shared/golden; .ci/run runs it where that is"]
fn what_is_carried_is_what_was_recorded() {
    let folder = record::folder().expect("shared/golden stands beside the project");
    let mut carried: BTreeMap<String, Case> = by_name(carried());
    for (name, case) in by_name(record::all(&folder)) {
        let found = carried.remove(&name);
        assert_eq!(found.is_none(), case.is_foreign(), "{name}");
        assert!(found.is_none_or(|found| found == case), "{name} is carried as it no longer is");
    }
    assert_eq!(carried.into_keys().collect::<Vec<_>>(), Vec::<String>::new());
}

fn by_name(cases: Vec<Case>) -> BTreeMap<String, Case> {
    cases.into_iter().map(|case| (case.name.clone(), case)).collect()
}

#[test]
fn every_change_of_a_recorded_state_is_found() {
    let cases = carried();
    let steps: usize = cases.iter().map(|case| case.steps.len()).sum();
    assert!(cases.len() > 30 && steps > 150, "{} {steps}", cases.len());
    for step in cases.iter().filter_map(|case| case.steps.get(1)) {
        let state = State { objects: step.objects.clone(), events: step.events.clone() };
        assert_eq!(differences("c s", &state, &state), []);
        for key in state.objects.keys() {
            let mut other = state.clone();
            let label = &mut other.objects.get_mut(key).unwrap()["metadata"]["labels"]["new"];
            *label = json!("x");
            let found = differences("c s", &state, &other);
            assert!(
                found.iter().all(|it| it.place.starts_with(&format!("c s {key}/metadata/labels")))
            );
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(differences("c s", &other, &state).len(), 1);
            other.objects.remove(key);
            assert_eq!(differences("c s", &state, &other)[0].what, "is missing");
            assert_eq!(differences("c s", &other, &state)[0].what, "should not be there");
        }
        let mut other = state.clone();
        other.events.insert("Normal New X/-/x: told".into());
        assert_eq!(differences("c s", &state, &other).len(), 1);
        assert_eq!(differences("c s", &other, &state)[0].what, "was not told");
    }
}

#[test]
fn what_chance_and_time_give_is_no_difference_and_what_counts_is() {
    let request = |generation: i64, observed: i64, time: &str, phase: &str| {
        json!({
            "apiVersion": "gold.example.com/v1", "kind": "Thing",
            "metadata": {
                "name": "a", "namespace": "b", "uid": time, "resourceVersion": time,
                "generation": generation, "annotations": { "bookend/run": time },
                "finalizers": ["kratix.io/work-cleanup", "kratix.io/resource-binding-cleanup"],
            },
            "status": {
                "observedGeneration": observed,
                "conditions": [{
                    "type": "C", "status": "True", "reason": "R", "lastTransitionTime": time,
                    "message": "not ready: [b,a]",
                }],
                "kratix": { "workflows": { "run": generation, "pipelines": [{
                    "name": "one", "phase": phase, "hash": time, "lastTransitionTime": time,
                }] } },
            },
        })
    };
    let first = meaning::meaning(&request(2, 2, "2026-01-01T00:00:00Z", "Running"));
    let other = meaning::meaning(&request(3, 3, "2026-02-01T00:00:09Z", "Running"));
    assert_eq!(first, other);
    assert_ne!(first, meaning::meaning(&request(3, 2, "2026-02-01T00:00:09Z", "Running")));
    assert_ne!(first, meaning::meaning(&request(3, 3, "2026-02-01T00:00:09Z", "Failed")));
    let first = first.unwrap();
    assert_eq!(first["status"]["conditions"]["C"]["message"], "not ready: [a,b]");
    assert_eq!(first["metadata"], json!({ "finalizers": ["kratix.io/work-cleanup"] }));
    let out = json!({ "kind": "PromiseRevision", "metadata": { "name": "a" } });
    assert_eq!(meaning::meaning(&out), None);
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, text, is_fit) in [
        ("a b", "a b", true),
        ("a b", "a b c", false),
        ("a *", "a b c", true),
        ("* 01-request Job/*/x/metadata*", "case 01-request Job/default/x/metadata/labels", true),
        ("* 01-request Job/*/x/metadata", "case 01-request Job/default/x/metadata/labels", false),
        ("a * a", "a a", false),
    ] {
        assert_eq!(fits(pattern, text), is_fit, "{pattern} {text}");
    }
}
