//! Many status steps at once on one object, while somebody else changes its labels: nothing is lost, nobody fails.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{api, path};
use crate::support::case::{Case, made_up};
use crate::support::pod::{Cluster, Pod};

const AT_ONCE: usize = 8;
const ROUNDS: usize = 100;
/// A busy controller, not one in a loop: about as often as a step reads and writes.
const BETWEEN_LABELS: Duration = Duration::from_millis(20);

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn eight_status_steps_at_once_lose_nothing() {
    let api = api();
    let object = api.create(&json!({
        "apiVersion": "gold.example.com/v1", "kind": "Widget",
        "metadata": { "name": "sample", "namespace": "team-a" },
        "spec": { "a": 1 },
        "status": { "kratix": { "workflows": { "pipelines": [{ "name": "pipe-0", "phase": "Running" }] } } },
    }));
    let kubeconfig = PathBuf::from(std::env::var_os("KUBECONFIG").unwrap());
    let (is_over, labels) = (AtomicBool::new(false), AtomicUsize::new(0));
    let started = Instant::now();
    let failures: Vec<String> = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let number = labels.fetch_add(1, Ordering::Relaxed);
                let patch = json!({ "metadata": { "labels": { "changed": number.to_string() } } });
                assert_eq!(api.ask("PATCH", &path(&object), &patch).0, 200);
                thread::sleep(BETWEEN_LABELS);
            }
        });
        let mut failures = Vec::new();
        for round in 0..ROUNDS {
            let steps: Vec<_> = (0..AT_ONCE)
                .map(|step| {
                    let cluster = Cluster::Kubeconfig(kubeconfig.clone());
                    scope.spawn(move || add_key(&format!("r{round}s{step}"), &cluster))
                })
                .collect();
            failures.extend(steps.into_iter().filter_map(|step| step.join().unwrap()));
        }
        is_over.store(true, Ordering::Relaxed);
        failures
    });
    let status = api.get(&object)["status"].clone();
    let is_lost = |key: &String| status[key] != true;
    let keys =
        (0..ROUNDS).flat_map(|round| (0..AT_ONCE).map(move |step| format!("r{round}s{step}")));
    let lost: Vec<String> = keys.filter(is_lost).collect();
    println!(
        "{} runs in {:.1?}, {} label changes: {} lost, {} failed",
        ROUNDS * AT_ONCE,
        started.elapsed(),
        labels.load(Ordering::Relaxed),
        lost.len(),
        failures.len()
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(labels.load(Ordering::Relaxed) > ROUNDS, "somebody else was at work");
}

/// Runs the step with one key to add; returns what it said when it failed.
fn add_key(key: &str, cluster: &Cluster) -> Option<String> {
    let case = status_case(key);
    let run = Pod::lay_out(&case).run(&case, cluster);
    (run.code != Some(0)).then(|| format!("{key}: {:?}\n{}", run.code, run.stderr))
}

fn status_case(key: &str) -> Case {
    let file: Value = json!(format!("{key}: true\n"));
    made_up(
        json!({ "command": "update-status", "work-creator-files": { "metadata/status.yaml": file } }),
    )
}
