//! The API server goes away in the middle of every step, at each of its requests, and the Job completes all the same.

use std::thread;
use std::time::Duration;

use bookend::contract::labels;
use bookend::contract::pod::container;
use jiff::Timestamp;
use serde_json::Value;

use super::crowd::small;
use super::kit::{Flow, Recipe, Started, alone, stage, wait_for};
use super::middle::{Middle, Way};
use super::node::{ApiServer, set_way_to, tell, wait_for_api_server};

/// How long the API server is away, in seconds.
const OUTAGE: u64 = 10;
/// How long a pod may take to get to its place.
const LIMIT: Duration = Duration::from_secs(90);

/// A request in the middle of a step: the step's container, the request's method, and its number among all of the
/// pod's. The reader has one, the writer two, the status two, and a third one when it suspends.
#[derive(Clone, Copy)]
struct Place(&'static str, &'static str, usize);

const PLACES: [Place; 6] = [
    Place(container::READER, "GET", 1),
    Place(container::WORK_WRITER, "GET", 2),
    Place(container::WORK_WRITER, "POST", 3),
    Place(container::STATUS_WRITER, "GET", 4),
    Place(container::STATUS_WRITER, "PUT", 5),
    Place(container::STATUS_WRITER, "PATCH", 4),
];

impl Place {
    /// Whether the pipeline asks its workflow to wait: no Work is written then, and the label is.
    fn suspends(self) -> bool {
        self.1 == "PATCH"
    }

    /// How many requests the pod makes when nothing is in the way.
    fn requests(self) -> usize {
        if self.suspends() { 4 } else { 5 }
    }
}

/// A pod that is held at one of its requests.
struct Held {
    fault: &'static str,
    place: Place,
    flow: Flow,
    middle: Middle,
    started: Started,
}

/// Starts a pod and returns it when it is in its place.
fn hold(fault: &'static str, place: Place) -> Held {
    let Place(container, method, number) = place;
    let files =
        "echo 'a: 1' >/kratix/output/a.yaml; echo 'key: value' >/kratix/metadata/status.yaml";
    let wait = "echo 'retryAfter: 10m' >/kratix/metadata/workflow-control.yaml";
    let script = format!("{files}; {}", if place.suspends() { wait } else { "true" });
    let name = format!("{fault}-{container}-{}", method.to_lowercase());
    let recipe = Recipe {
        name: name.leak(),
        pipelines: vec![vec![stage("work", &script)]],
        ..Recipe::default()
    };
    let flow = recipe.set_up();
    let middle = Middle::holding(number);
    let started = flow.start(middle.lead(small(flow.job(0, 1))));
    let request = middle.held(LIMIT);
    assert!(request.starts_with(method), "{container}: {request}");
    Held { fault, place, flow, middle, started }
}

impl Held {
    /// Asserts that the Job completes, that no container is started twice and that everything is written once.
    fn survives(self) {
        let Self { fault, place, flow, middle, started } = self;
        let Place(container, method, _) = place;
        let run = started.wait().succeeded();
        let what = format!("{fault}: {container} at its {method}");
        let again = middle.requests().len() - place.requests();
        let seconds = seconds(&run.end_of(container));
        println!("{what}: {again} requests made again, the container took {seconds} s");
        assert!(again > 0 || seconds + 1 >= OUTAGE as i64, "{what}: the fault has not met it");
        let object = flow.object();
        assert_eq!(object.0["status"]["key"], "value", "{what}");
        let works = flow.works();
        if place.suspends() {
            assert!(works.is_empty(), "{what}: {works:?}");
            let list = object.at(&["status", "kratix", "workflows", "pipelines"]).unwrap();
            assert_eq!(list[0]["phase"], "Suspended", "{what}: {list}");
            assert_eq!(list[0]["attempts"], 1, "{what}: {list}");
            assert_eq!(object.label(labels::WORKFLOW_SUSPENDED), Some(labels::TRUE), "{what}");
        } else {
            assert_eq!(works.len(), 1, "{what}: {works:?}");
            let files = works[0]["spec"]["workloadGroups"][0]["workloads"].as_array();
            assert_eq!(files.map(Vec::len), Some(1), "{what}");
            let conditions = object.0["status"]["conditions"].as_array();
            assert_eq!(conditions.map(Vec::len), Some(1), "{what}: {}", object.0["status"]);
        }
    }

    /// Address of the pod.
    fn address(&self) -> String {
        let address = || Some(self.started.pod()?["status"]["podIP"].as_str()?.to_owned());
        wait_for("the address of the pod", address)
    }
}

/// How long a container ran, by the kubelet's clock of whole seconds.
fn seconds(end: &Value) -> i64 {
    let time = |field| end[field].as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
    time("finishedAt") - time("startedAt")
}

fn outage() {
    thread::sleep(Duration::from_secs(OUTAGE));
}

fn told(fault: &str, failures: usize) {
    tell(&format!(
        "{fault}: {failures} pods, {failures} failures injected, 0 restarts, 0 lost updates"
    ));
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn an_api_server_that_is_killed_and_started_again_loses_nothing() {
    let _nobody = alone();
    for place in PLACES {
        let held = hold("killed", place);
        let server = ApiServer::find();
        server.kill();
        // The connection is reset, and there is no server for the next one.
        held.middle.release(Way::Reset);
        server.start();
        held.middle.release(Way::Open);
        wait_for_api_server();
        held.survives();
    }
    told("API server killed and started again", PLACES.len());
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn an_api_server_that_stands_still_for_ten_seconds_loses_nothing() {
    let _nobody = alone();
    let writes = PLACES.into_iter().filter(|place| [1, 3, 5].contains(&place.2));
    for place in writes {
        let held = hold("still", place);
        let server = ApiServer::find();
        server.stop();
        held.middle.release(Way::Open);
        outage();
        server.go_on();
        wait_for_api_server();
        held.survives();
    }
    told("API server stopped for 10 s", 3);
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn ten_seconds_of_lost_refused_reset_or_silent_connections_lose_nothing() {
    let _nobody = alone();
    let away = [("refused", Way::Refused), ("reset", Way::Reset), ("silent", Way::Silent)];
    thread::scope(|scope| {
        for place in PLACES {
            for (name, way) in away {
                scope.spawn(move || {
                    let held = hold(name, place);
                    held.middle.release(way);
                    outage();
                    held.middle.release(Way::Open);
                    held.survives();
                });
            }
            scope.spawn(move || {
                let held = hold("lost", place);
                let address = held.address();
                // The request is carried out, and every packet of the answer is lost, and of the next ones.
                set_way_to(&address, false);
                held.middle.release(Way::Open);
                outage();
                set_way_to(&address, true);
                held.survives();
            });
        }
    });
    told("packets lost, connections refused, reset and silent for 10 s", 4 * PLACES.len());
}
