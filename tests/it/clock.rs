//! Which clock the times are from that a step writes: the API server's, where it tells its own.

use std::sync::{Arc, Mutex};

use bookend::cluster::live::{LiveCluster, RetryPolicy};
use bookend::contract::kinds::WORK;
use bookend::contract::{Kind, Layout, ObjectKey};
use bookend::steps::status::{self, FILE_BYTES_MAX, Status};
use bookend::steps::{Clock, Context};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::double::Double;
use crate::pod::Pod;
use crate::support::http::{Backend, Reply, Request, listen};

/// An API server with one object, and a clock of its own.
struct Server {
    /// What it tells for now; `None` tells nothing.
    date: Box<dyn Fn() -> Option<String> + Send + Sync>,
    object: Mutex<Value>,
    requests: Mutex<Vec<String>>,
}

impl Backend for Server {
    fn answer(&self, request: &Request) -> Option<Reply> {
        self.requests.lock().unwrap().push(request.method.clone());
        let mut object = self.object.lock().unwrap();
        if request.method == "PUT" {
            *object = serde_json::from_slice(&request.body).unwrap();
        }
        let body = serde_json::to_vec(&*object).unwrap();
        Some(Reply { status: 200, content_type: "application/json".into(), body })
    }

    fn date(&self) -> Option<String> {
        (self.date)()
    }
}

impl Server {
    fn start(date: impl Fn() -> Option<String> + Send + Sync + 'static) -> (Arc<Self>, String) {
        let object = json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": {"name": "sample", "namespace": "team-a", "uid": "u1", "generation": 7},
            "status": {"kratix": {"workflows": {"pipelines": [{"name": "main", "phase": "Running"}]}}},
        });
        let (object, requests) = (Mutex::new(object), Mutex::default());
        let server = Arc::new(Self { date: Box::new(date), object, requests });
        let address = listen(server.clone());
        (server, address)
    }

    /// Runs the status step of the last pipeline and returns the status that it leaves.
    async fn run(&self, address: &str, control: &str) -> Value {
        let pod = tempfile::tempdir().unwrap();
        let metadata = pod.path().join("metadata");
        std::fs::create_dir(&metadata).unwrap();
        std::fs::write(metadata.join("status.yaml"), "a: 1\n").unwrap();
        std::fs::write(metadata.join("workflow-control.yaml"), control).unwrap();
        let context = Context { layout: Layout::writer_root(pod.path()), clock: Clock::System };
        let cluster = LiveCluster::at(address, RetryPolicy::default()).unwrap();
        status::run(&context, &cluster, &args()).await.unwrap();
        self.object.lock().unwrap()["status"].clone()
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

fn key() -> ObjectKey {
    let kind = Kind {
        group: "example.com".into(),
        version: "v1".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        namespaced: true,
    };
    kind.object(Some("team-a"), "sample")
}

fn args() -> Status {
    Status {
        key: key(),
        workflow_type: "resource".into(),
        action: "configure".into(),
        pipeline: "main".into(),
        is_last: true,
        dry_run: false,
        file_bytes_max: FILE_BYTES_MAX,
    }
}

fn date(time: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap()
}

/// How many seconds after `time` a written time is.
fn seconds_after(time: Timestamp, written: &Value) -> i64 {
    let written: Timestamp = written.as_str().unwrap().parse().unwrap();
    written.as_second() - time.as_second()
}

const ENTRY: &str = "/kratix/workflows/pipelines/0/nextRetryAt";
const CONDITION: &str = "/conditions/0/lastTransitionTime";

#[tokio::test]
async fn times_are_those_of_the_server_with_no_request_more() {
    for hours in [-1, 0, 1] {
        let offset = SignedDuration::from_hours(hours);
        let (server, address) = Server::start(move || Some(date(Timestamp::now() + offset)));
        let there = Timestamp::now() + offset;
        let status = server.run(&address, "retryAfter: 10m\n").await;
        let after = seconds_after(there, status.pointer(ENTRY).unwrap());
        assert!((600..=660).contains(&after), "{hours} h: {after} s");
        assert_eq!(server.requests(), ["GET", "PUT", "PATCH"]);

        let (server, address) = Server::start(move || Some(date(Timestamp::now() + offset)));
        let status = server.run(&address, "").await;
        let after = seconds_after(there, status.pointer(CONDITION).unwrap());
        assert!((0..=60).contains(&after), "{hours} h: {after} s");
        assert_eq!(server.requests(), ["GET", "PUT"]);
    }
}

#[tokio::test]
async fn a_server_that_tells_no_time_leaves_it_to_the_pods_clock() {
    for told in [None, Some("an hour ago"), Some("2026-01-01T00:00:00Z"), Some("")] {
        let (server, address) = Server::start(move || told.map(str::to_owned));
        let status = server.run(&address, "retryAfter: 10m\n").await;
        let after = seconds_after(Timestamp::now(), status.pointer(ENTRY).unwrap());
        assert!((540..=600).contains(&after), "{told:?}: {after} s");
    }
}

#[tokio::test]
async fn a_work_is_dated_by_the_cluster_too() {
    let mut pod = Pod::with(&[("a.yaml", "a: 1\n")]);
    pod.clock = Clock::Fixed("2026-02-01T00:00:00Z".parse().unwrap());
    let later = "2026-02-01T01:00:00Z".parse::<Timestamp>().unwrap();
    for (cluster, expect) in [
        (Double::default(), "2026-02-01T00:00:00Z".to_owned()),
        (Double::default().at(later), later.to_string()),
        (Double::default().at(later - 2.hours()), "2026-01-31T23:00:00Z".to_owned()),
    ] {
        // A new one, and one that is replaced.
        for _ in 0..2 {
            pod.written(&cluster).await;
            let work = &cluster.works()[0];
            assert_eq!(work.at(&["spec", "lastExecutionTimestamp"]), Some(&json!(expect)));
        }
        assert_eq!(cluster.requests(), ["list", "create", "list", "replace"]);
        assert_eq!(cluster.keys()[0], WORK.object(Some("team-a"), "any").to_string());
    }
}
