//! The three steps on a cluster whose calls fail: every call once, every second one, and all from one on, as after a
//! kill.

use std::path::Path;

use bookend::cluster::ClusterError;
use bookend::cluster::Reads as _;
use bookend::cluster::failing::{Call, FailingCluster, Failure, When};
use bookend::cluster::folder::FolderCluster;
use bookend::contract::kinds::{CONFIG_MAP, WORK};
use bookend::contract::{Layout, Object, ObjectKey, labels};
use bookend::steps::reader::{self, Reader};
use bookend::steps::status::{self, FILE_BYTES_MAX, Status};
use bookend::steps::writer::{self, Writer};
use bookend::steps::{Clock, Context};
use serde_json::{Value, json};

use crate::double::Double;

type Failing = FailingCluster<FolderCluster>;

/// A pod and the folder of its cluster.
struct Place(tempfile::TempDir);

impl Place {
    /// Returns a pod with one file, one report and one control file, and a cluster that holds its object.
    fn new(control: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (path, text) in [
            ("input/a.yaml", "a: 1\n"),
            ("metadata/status.yaml", "a: 1\n"),
            ("metadata/workflow-control.yaml", control),
        ] {
            let path = place.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        place.cluster().place(&CONFIG_MAP, &Object::from_value(object()).unwrap()).unwrap();
        place
    }

    fn cluster(&self) -> FolderCluster {
        FolderCluster::new(self.0.path().join("cluster"))
            .with_clock(|| "2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn failing(&self, when: When, failure: Failure) -> Failing {
        FailingCluster::new(self.cluster(), when, failure)
    }

    fn context(&self) -> Context {
        context(self.0.path())
    }

    /// Returns all that the cluster holds, without what differs from run to run.
    async fn holds(&self) -> Vec<Value> {
        let mut objects = self.cluster().list(&CONFIG_MAP, None, &[]).await.unwrap();
        objects.extend(self.cluster().list(&WORK, None, &[]).await.unwrap());
        let mut all = Vec::new();
        for mut object in objects {
            object.metadata_mut().remove("uid");
            object.metadata_mut().remove("resourceVersion");
            object.metadata_mut().remove("generation");
            all.push(object.into_value());
        }
        all
    }
}

fn context(root: &Path) -> Context {
    let clock = Clock::Fixed("2026-01-02T03:04:05Z".parse().unwrap());
    Context { layout: Layout::writer_root(root).with_input_dir(root.to_owned()), clock }
}

fn object() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "sample", "namespace": "team-a", "uid": "u1", "generation": 7},
        "status": {"kratix": {"workflows": {"pipelines": [{"name": "main", "phase": "Running"}]}}},
    })
}

fn key() -> ObjectKey {
    CONFIG_MAP.object(Some("team-a"), "sample")
}

fn status_args() -> Status {
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

/// Runs one of the steps; true when it succeeded.
async fn runs(step: &str, place: &Place, cluster: &Failing) -> bool {
    let context = place.context();
    match step {
        "reader" => {
            let args = Reader { key: key(), dry_run: false, keep_managed_fields: false };
            reader::run(&context, cluster, &args).await.is_ok()
        }
        "writer" => writer::run(&context, cluster, &Writer::new("p", "main")).await.is_ok(),
        _ => status::run(&context, cluster, &status_args()).await.is_ok(),
    }
}

/// Every step with what makes it do the most.
const STEPS: [(&str, &str); 4] =
    [("reader", ""), ("writer", ""), ("status", ""), ("status", "retryAfter: 1m\n")];

#[tokio::test(start_paused = true)]
async fn no_step_fails_when_every_call_fails_once() {
    for (step, control) in STEPS {
        let calm = Place::new(control);
        assert!(runs(step, &calm, &calm.failing(When::Never, Failure::Forbidden)).await);
        for (when, failure) in [
            (When::FirstOfEach, Failure::Unreachable),
            (When::FirstOfEach, Failure::AnswerLost),
            (When::FirstOfEach, Failure::Conflict),
            (When::EverySecond, Failure::Unreachable),
            (When::EverySecond, Failure::AnswerLost),
        ] {
            let place = Place::new(control);
            let cluster = place.failing(when, failure);
            assert!(runs(step, &place, &cluster).await, "{step}, {when:?}, {failure:?}");
            assert!(cluster.failures() > 0);
            assert_eq!(place.holds().await, calm.holds().await, "{step}, {when:?}, {failure:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_before_or_after_any_call_and_run_again_the_end_is_the_same() {
    for (step, control) in STEPS {
        let calm = Place::new(control);
        let cluster = calm.failing(When::Never, Failure::Forbidden);
        assert!(runs(step, &calm, &cluster).await);
        for call in 1..=cluster.calls() {
            // Before the call; and after it, which is before the next one.
            for from in [call, call + 1] {
                let place = Place::new(control);
                let killed = place.failing(When::From(from), Failure::Forbidden);
                assert_eq!(runs(step, &place, &killed).await, from > cluster.calls());
                let left = place.cluster().get(&key()).await.unwrap().unwrap();
                let is_suspended =
                    left.at(&["status", "kratix", "workflows", "suspendedGeneration"]);
                assert!(
                    left.label(labels::WORKFLOW_SUSPENDED).is_none() || is_suspended.is_some(),
                    "no label without its status"
                );
                let again = place.failing(When::Never, Failure::Forbidden);
                assert!(runs(step, &place, &again).await, "{step} after call {from}");
                assert_eq!(place.holds().await, calm.holds().await, "{step} after call {from}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn eight_status_steps_at_once_lose_no_key_though_every_call_fails_once() {
    for failure in [Failure::Unreachable, Failure::AnswerLost, Failure::Conflict] {
        let double = Double::with(&CONFIG_MAP, [object()]);
        let cluster = FailingCluster::new(double, When::FirstOfEach, failure);
        let pods: Vec<_> = (0..8)
            .map(|number| {
                let pod = tempfile::tempdir().unwrap();
                std::fs::create_dir(pod.path().join("metadata")).unwrap();
                let report = format!("key{number}: {number}\n");
                std::fs::write(pod.path().join("metadata/status.yaml"), report).unwrap();
                pod
            })
            .collect();
        let run = async |number: usize| {
            status::run(&context(pods[number].path()), &cluster, &status_args()).await
        };
        let results = tokio::join!(run(0), run(1), run(2), run(3), run(4), run(5), run(6), run(7));
        assert!(<[_; 8]>::from(results).iter().all(Result::is_ok));
        assert!(cluster.calls() > 16 + cluster.failures(), "they did meet");
        let object = cluster.inner().object(&key());
        for number in 0..8 {
            assert_eq!(object.at(&["status", &format!("key{number}")]), Some(&json!(number)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_server_ends_a_step_soon() {
    for (step, control) in STEPS {
        let place = Place::new(control);
        let cluster = place.failing(When::Always, Failure::Unreachable);
        let start = tokio::time::Instant::now();
        assert!(!runs(step, &place, &cluster).await);
        assert_eq!(cluster.calls(), 4, "one call and three repetitions");
        assert!(start.elapsed().as_secs() < 1);
    }
    let place = Place::new("");
    let cluster = place.failing(When::NthOf(Call::Get, 1), Failure::Forbidden);
    let error = status::run(&place.context(), &cluster, &status_args()).await.unwrap_err();
    let status::StatusError::Cluster(ClusterError::Forbidden { .. }) = error else {
        panic!("{error:?}")
    };
}
