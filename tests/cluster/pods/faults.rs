//! The API server goes away in the middle of every step, at each of its requests, and the Job completes all the same.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::kit::{Flow, Recipe, Started, alone, stage};
use super::middle::{Middle, Way};
use super::node::{ApiServer, wait_for_api_server, without_network};

/// How long the API server is away.
const OUTAGE: Duration = Duration::from_secs(10);
/// How long a pod may take to get to its place.
const LIMIT: Duration = Duration::from_secs(90);

/// A pod that is held at one of its requests.
struct Place {
    what: &'static str,
    method: &'static str,
    suspends: bool,
    /// Number of the request among all of the pod's.
    number: usize,
}

/// Every request of every step: with that of the reader one, of the writer two, of the status two or three.
const PLACES: [Place; 6] = [
    Place { what: "reader get", method: "GET", suspends: false, number: 1 },
    Place { what: "writer list", method: "GET", suspends: false, number: 2 },
    Place { what: "writer create", method: "POST", suspends: false, number: 3 },
    Place { what: "status get", method: "GET", suspends: false, number: 4 },
    Place { what: "status update", method: "PUT", suspends: false, number: 5 },
    Place { what: "status label", method: "PATCH", suspends: true, number: 4 },
];

/// A pod in its place.
struct Held {
    place: &'static Place,
    flow: Flow,
    middle: Middle,
    started: Started,
}

/// Starts a pod for each place and returns them when all are held there.
fn hold_everywhere(name: &str) -> Vec<Held> {
    let held: Vec<_> = PLACES
        .iter()
        .map(|place| {
            let files = "echo 'a: 1' >/kratix/output/a.yaml; echo 'key: value' >/kratix/metadata/status.yaml";
            let wait = "; echo 'retryAfter: 10m' >/kratix/metadata/workflow-control.yaml";
            let script = format!("{files}{}", if place.suspends { wait } else { "" });
            let name = format!("{name}-{}", place.what.replace(' ', "-"));
            let recipe = Recipe {
                name: name.leak(),
                pipelines: vec![vec![stage("work", &script)]],
                ..Recipe::default()
            };
            let flow = recipe.set_up();
            let middle = Middle::holding(place.number);
            let started = flow.start(middle.lead(flow.job(0, "1")));
            Held { place, flow, middle, started }
        })
        .collect();
    for pod in &held {
        let request = pod.middle.held(LIMIT);
        assert!(request.starts_with(pod.place.method), "{}: {request}", pod.place.what);
    }
    held
}

/// Asserts that every Job is complete, that no container was started twice and that everything was written once.
fn nothing_is_lost(fault: &str, held: Vec<Held>) {
    let pods = held.len();
    for Held { place, flow, middle, started } in held {
        started.wait().succeeded();
        let requests = middle.requests();
        let what = place.what;
        println!("{fault}, {what}: {} requests: {requests:?}", requests.len());
        assert!(requests.len() >= place.number, "{what}");
        let object = flow.object();
        assert_eq!(object.0["status"]["key"], "value", "{what}");
        let works = flow.works();
        if place.suspends {
            assert!(works.is_empty(), "{what}: {works:?}");
            let entry =
                object.at(&["status", "kratix", "workflows", "pipelines"]).unwrap()[0].clone();
            assert_eq!(
                (&entry["phase"], &entry["attempts"]),
                (&json!("Suspended"), &json!(1)),
                "{what}"
            );
            assert_eq!(object.label(bookend::contract::labels::WORKFLOW_SUSPENDED), Some("true"));
        } else {
            assert_eq!(works.len(), 1, "{what}: {works:?}");
            let files = works[0]["spec"]["workloadGroups"][0]["workloads"].as_array().map(Vec::len);
            assert_eq!(files, Some(1), "{what}");
            let conditions = object.0["status"]["conditions"].as_array().map(Vec::len);
            assert_eq!(conditions, Some(1), "{what}: {}", object.0["status"]);
        }
    }
    println!("{fault}: {pods} pods, {pods} failures injected, 0 lost updates");
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn an_api_server_that_is_killed_and_started_again_loses_nothing() {
    let _nobody = alone();
    let held = hold_everywhere("killed");
    let server = ApiServer::find();
    server.kill();
    // Their connections are reset, and there is no server for the next ones.
    held.iter().for_each(|pod| pod.middle.release(Way::Reset));
    server.start();
    held.iter().for_each(|pod| pod.middle.release(Way::Open));
    wait_for_api_server();
    nothing_is_lost("API server killed and started again", held);
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn an_api_server_that_stands_still_for_ten_seconds_loses_nothing() {
    let _nobody = alone();
    let held = hold_everywhere("still");
    let server = ApiServer::find();
    thread::scope(|scope| {
        scope.spawn(|| server.stand_still(OUTAGE));
        held.iter().for_each(|pod| pod.middle.release(Way::Open));
    });
    wait_for_api_server();
    nothing_is_lost("API server stopped for 10 s", held);
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn ten_seconds_without_a_network_lose_nothing() {
    let _nobody = alone();
    let held = hold_everywhere("network");
    thread::scope(|scope| {
        scope.spawn(|| without_network(OUTAGE));
        held.iter().for_each(|pod| pod.middle.release(Way::Open));
    });
    nothing_is_lost("pods without a network for 10 s", held);
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn ten_seconds_of_refused_reset_and_silent_connections_lose_nothing() {
    let _nobody = alone();
    for (name, way) in [("refused", Way::Refused), ("reset", Way::Reset), ("silent", Way::Silent)] {
        let held = hold_everywhere(name);
        held.iter().for_each(|pod| pod.middle.release(way));
        thread::sleep(OUTAGE);
        held.iter().for_each(|pod| pod.middle.release(Way::Open));
        nothing_is_lost(&format!("connections {name} for 10 s"), held);
    }
}
