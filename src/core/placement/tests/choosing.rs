//! One of several: even, stable, and elsewhere when something is known to be bad.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn request(number: usize) -> WorkSeen {
    WorkSeen { resource: format!("request-{number}"), ..work(&[group("g", "dev")]) }
}

fn chosen(work: WorkSeen, destinations: &[DestinationSeen], chooser: Chooser) -> String {
    let mut scene = Scene::new(work, destinations);
    scene.chooser = chooser;
    scene.plan().creates[0].destination.clone()
}

fn many(count: usize) -> Vec<DestinationSeen> {
    (0..count).map(|number| env(&format!("worker-{number}"), "dev")).collect()
}

/// How far from even: chi-squared over its degrees of freedom, about 1 for what is even.
fn unevenness(counts: &BTreeMap<String, usize>, bins: usize) -> f64 {
    let all: usize = counts.values().sum();
    let expect = all as f64 / bins as f64;
    let found = counts.values().map(|count| (*count as f64 - expect).powi(2) / expect);
    let missing = (bins - counts.len()) as f64 * expect;
    (found.sum::<f64>() + missing) / (bins - 1) as f64
}

#[test]
fn requests_are_spread_evenly() {
    for count in [2, 5, 20] {
        let destinations = many(count);
        for random in [false, true] {
            let mut counts = BTreeMap::new();
            for number in 0..2_000 {
                let chance = Chooser::Random(20_000 + number as u64);
                let chooser = if random { chance } else { Chooser::Stable };
                *counts.entry(chosen(request(number), &destinations, chooser)).or_insert(0) += 1;
            }
            let unevenness = unevenness(&counts, count);
            // Four times as far as chance goes on average.
            let limit = 1.0 + 4.0 * (2.0 / (count - 1) as f64).sqrt();
            assert!(unevenness < limit, "{count} {random}: {unevenness} {counts:?}");
        }
    }
}

#[test]
fn who_comes_takes_its_share_and_nothing_else_moves() {
    let (before, after) = (many(9), many(10));
    let mut moved = 0;
    for number in 0..1_000 {
        let old = chosen(request(number), &before, Chooser::Stable);
        let new = chosen(request(number), &after, Chooser::Stable);
        assert!(old == new || new == "worker-9", "{old} -> {new}");
        moved += usize::from(old != new);
    }
    assert!((60..150).contains(&moved), "a tenth, not {moved}");
}

#[test]
fn what_is_made_anew_comes_back_in_whatever_order_things_are_seen() {
    let destinations = many(7);
    let mut turned = destinations.clone();
    turned.reverse();
    for number in 0..50 {
        let mut anew = request(number);
        anew.uid = "another".into();
        anew.name = "another-name".into();
        anew.generation = 9;
        let first = chosen(request(number), &destinations, Chooser::Stable);
        assert_eq!(chosen(anew, &turned, Chooser::Stable), first);
        let chance = Chooser::Random(42);
        assert_eq!(
            chosen(request(number), &destinations, chance),
            chosen(request(number), &turned, chance)
        );
    }
}

#[test]
fn with_pipeline_namespace_the_namespace_of_the_request_decides() {
    let destinations = many(50);
    let of = |namespace: &str| {
        let mut work = request(1);
        work.labels.insert(labels::RESOURCE_NAMESPACE.into(), namespace.into());
        chosen(work, &destinations, Chooser::Stable)
    };
    let all: std::collections::BTreeSet<_> = ["a", "b", "c", "d"].map(of).into();
    assert!(all.len() > 1);
}

#[test]
fn something_new_goes_to_what_is_bad_only_when_all_is() {
    let with = |name: &str, status: &str, reason: &str| {
        let mut one = env(name, "dev");
        let condition = json!({"type": "Ready", "status": status, "reason": reason});
        one.status = object(json!({"conditions": [condition]})).0;
        one
    };
    let not_yet = || with("new", "False", "DestinationNotReady");
    let bad = || with("bad", "False", "StateStoreNotReady");
    let odd = || destination("odd", &[("env", "dev")], json!({"path": "../x"}));
    for number in 0..20 {
        let of = |all: &[DestinationSeen]| chosen(request(number), all, Chooser::Stable);
        assert_eq!(of(&[bad(), with("good", "True", "DestinationReady"), odd()]), "good");
        assert_eq!(of(&[bad(), not_yet()]), "new", "it is not known to be bad");
        assert_eq!(of(&[bad()]), "bad");
    }
    // A Promise goes everywhere.
    let mut scene = Scene::new(dependency(&[group("g", "dev")]), &[bad(), not_yet()]);
    assert_eq!(scene.plan().creates.len(), 2);
    // What is placed stays.
    scene = Scene::new(work(&[group("g", "dev")]), &[env("bad", "dev")]);
    scene.settle();
    scene.destinations = vec![bad(), not_yet()];
    assert!(scene.plan().is_empty());
}
