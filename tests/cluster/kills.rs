//! A step that is killed after any of its requests, and then run again, ends where one ends that was let be.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{Api, api};
use crate::proxy::Proxy;
use crate::support::case::{Case, Objects, made_up};
use crate::support::objects::{comparable, decoded, encoded};
use crate::support::pod::{Cluster, Pod};

const FILES: &str = "work-creator-files";
const LIMIT: Duration = Duration::from_secs(30);

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_killed_status_step_ends_the_same_when_it_runs_again() {
    let api = api();
    let reported = json!({ "metadata/status.yaml": "url: http://a\nconditions: [{type: Up, status: \"True\"}]\n" });
    let suspended = json!({
        "metadata/status.yaml": "url: http://a\n",
        "metadata/workflow-control.yaml": "retryAfter: 1m\nmessage: wait\n",
    });
    for attempts in [0, 3] {
        let cases = [
            ("completes", json!({ "IS_LAST_PIPELINE": "true" }), &reported),
            ("suspends", json!({}), &suspended),
        ];
        for (name, env, files) in cases {
            let case = made_up(json!({
                "command": "update-status", "env": env, FILES: files,
                "objects": { "Widget/team-a/sample": widget(attempts) },
            }));
            kill_everywhere(api, name, &case);
        }
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_killed_writer_ends_the_same_when_it_runs_again() {
    let api = api();
    let files = json!({ "input/a.yaml": "a: 1\n", "input/b/c.yaml": "c: 2\n" });
    let case = made_up(json!({ "command": "work-creator", FILES: files }));
    let created = kill_everywhere(api, "creates", &case);
    let mut case =
        made_up(json!({ "command": "work-creator", FILES: { "input/a.yaml": "a: 2\n" } }));
    case.objects = created;
    kill_everywhere(api, "replaces", &case);
}

fn widget(attempts: u32) -> Value {
    let mut entry = json!({ "name": "pipe-0", "phase": "Running" });
    if attempts > 0 {
        entry["attempts"] = json!(attempts);
        entry["nextRetryAt"] = json!("2026-01-01T00:00:00Z");
    }
    json!({
        "apiVersion": "gold.example.com/v1", "kind": "Widget",
        "metadata": { "name": "sample", "namespace": "team-a" },
        "spec": { "a": 1 },
        "status": { "message": "Pending", "kratix": { "workflows": { "pipelines": [entry] } } },
    })
}

/// Runs the case once in peace, then once for each of its requests with a kill after it and a second run.
/// Returns what was there in the end.
fn kill_everywhere(api: &'static Api, name: &str, case: &Case) -> Objects {
    let requests = {
        prepare(api, case);
        let proxy = Proxy::start(api, case);
        run_to_the_end(case, &proxy, "in peace");
        proxy.requests()
    };
    let left = api.objects();
    let end = timeless(left.clone());
    assert!(requests.len() >= 2, "{name}: {requests:?}");
    for (index, request) in requests.iter().enumerate() {
        prepare(api, case);
        let proxy = Proxy::stopping(api, case, index + 1);
        let pod = Pod::lay_out(case);
        let mut step = pod.start(case, &Cluster::Server(proxy.address()));
        assert!(proxy.has_stopped(LIMIT), "{name}: {request} is made again");
        step.kill().unwrap();
        assert!(!step.wait().unwrap().success(), "{name}: killed");
        run_to_the_end(case, &Proxy::start(api, case), request);
        assert_eq!(timeless(api.objects()), end, "{name}, killed after {request}");
    }
    println!("{name}: killed after each of {requests:?}");
    left.into_iter().map(|(key, object)| (key, comparable(&decoded(&object)))).collect()
}

fn prepare(api: &Api, case: &Case) {
    api.remove_all();
    for object in case.objects.values() {
        api.create(&encoded(object));
    }
}

fn run_to_the_end(case: &Case, proxy: &Proxy, when: &str) {
    let run = Pod::lay_out(case).run(case, &Cluster::Server(proxy.address()));
    assert_eq!(run.code, Some(0), "{when}: {}", run.stderr);
}

/// The objects without what differs between two runs at two times.
fn timeless(objects: Objects) -> Objects {
    objects
        .into_iter()
        .map(|(key, object)| (key, without_times(comparable(&decoded(&object)))))
        .collect()
}

fn without_times(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().map(|(key, inner)| (key, without_times(inner))).collect()
        }
        Value::Array(list) => list.into_iter().map(without_times).collect(),
        Value::String(text) if text.parse::<Timestamp>().is_ok() => json!("<TIME>"),
        other => other,
    }
}
