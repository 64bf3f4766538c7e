//! The status sidecar on a folder: what it publishes while stages run, what of a failed one, and how it ends.

use std::future::pending;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bookend::cluster::folder::FolderCluster;
use bookend::cluster::{Cluster as _, Reads as _};
use bookend::contract::{Kind, Layout, Object, ObjectKey, kinds};
use bookend::core::config::Config;
use bookend::core::promise::check;
use bookend::core::rbac::{Grantee, Rights, grants, obsolete};
use bookend::core::sidecar::Words;
use bookend::steps::sidecar::{Sidecar, run};
use bookend::steps::status::FILE_BYTES_MAX;
use bookend::steps::{Clock, Context};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::seeds::{WORKFLOWS, job_of, pipeline, promise, request};

const WIDGET: Kind = Kind {
    group: std::borrow::Cow::Borrowed("example.com"),
    version: std::borrow::Cow::Borrowed("v1"),
    kind: std::borrow::Cow::Borrowed("Widget"),
    plural: std::borrow::Cow::Borrowed("widgets"),
    namespaced: true,
};
/// For how long something is waited for that will come.
const SOON: Duration = Duration::from_secs(20);

/// A pod with its metadata folder, on a folder cluster.
struct Pod {
    root: tempfile::TempDir,
    cluster: FolderCluster,
}

impl Pod {
    async fn new(status: Value) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("metadata")).unwrap();
        let cluster = FolderCluster::new(root.path().join("cluster"));
        let object = json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": {"name": "one", "namespace": "team"}, "status": status,
        });
        let pod = Self { root, cluster };
        pod.put(&WIDGET, object).await;
        pod.is(json!({})).await;
        pod
    }

    /// Makes an object be as given, its status included.
    async fn put(&self, kind: &Kind, object: Value) {
        let object = Object::from_value(object).unwrap();
        let mut there = self.cluster.put(kind, &object).unwrap();
        there.0.insert("status".into(), object.status().unwrap().clone());
        self.cluster.replace_status(kind, &there).await.unwrap();
    }

    /// Sets the status of the pod.
    async fn is(&self, status: Value) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "pod", "namespace": "team"}, "status": status,
        });
        self.put(&kinds::POD, pod).await;
    }

    fn reports(&self, text: &str) {
        std::fs::write(self.root.path().join("metadata/status.yaml"), text).unwrap();
    }

    fn key() -> ObjectKey {
        WIDGET.object(Some("team"), "one")
    }

    async fn object(&self) -> Object {
        self.cluster.get(&Self::key()).await.unwrap().unwrap()
    }

    /// Waits for this in the status.
    async fn comes(&self, what: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let object = self.object().await;
            let status = object.status().cloned().unwrap_or_default();
            if what(&status) {
                return;
            }
            assert!(begun.elapsed() < SOON, "it did not come: {status}");
            tokio::task::yield_now().await;
        }
    }

    async fn sidecar(&self, stop: impl Future<Output = ()>) {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let layout = Layout::writer_root(self.root.path());
        let context = Context { layout, clock: Clock::Fixed(now) };
        let args = Sidecar {
            key: Self::key(),
            pipeline: "main".into(),
            pod: Some(kinds::POD.object(Some("team"), "pod")),
            words: Words { lines: 2, bytes: 100 },
            every: Duration::from_millis(5),
            file_bytes_max: FILE_BYTES_MAX,
        };
        run(&context, &self.cluster, &args, stop).await;
    }
}

/// Runs on one thread, as the program does.
fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future);
}

fn failed(code: i64) -> Value {
    json!({"initContainerStatuses": [
        {"name": "status-sidecar", "state": {"running": {}}},
        {"name": "build", "state": {"terminated": {"exitCode": code, "message": "a\nb\nso sorry\n"}}},
    ]})
}

#[test]
fn a_report_is_published_while_the_stage_runs_and_again_when_it_changes() {
    block_on(async {
        let pod = Pod::new(json!({"message": "Pending", "others": 1})).await;
        let test = async {
            pod.reports("message: half way\n");
            pod.comes(|status| status["message"] == "half way").await;
            pod.reports("message: nearly\nport: 1\n");
            pod.comes(|status| status["message"] == "nearly" && status["port"] == 1).await;
            assert_eq!(pod.object().await.status().unwrap()["others"], 1);
        };
        tokio::select! {
            () = pod.sidecar(pending()) => panic!("it ended"),
            () = test => {}
        }
    });
}

#[test]
fn a_file_that_is_half_written_or_wrong_does_no_harm() {
    block_on(async {
        let pod = Pod::new(json!({})).await;
        let test = async {
            for wrong in ["message: [", "- a list\n", "kratix: {}\n"] {
                pod.reports(wrong);
                pod.is(failed(1)).await;
                // It has looked at the file by the time it tells of the stage.
                pod.comes(|status| status["stageFailure"]["exitCode"] == 1).await;
                pod.is(json!({})).await;
                pod.reports("message: right\n");
                pod.comes(|status| {
                    status["message"] == "right" && status["stageFailure"].is_null()
                })
                .await;
            }
        };
        tokio::select! {
            () = pod.sidecar(pending()) => panic!("it ended"),
            () = test => {}
        }
    });
}

#[test]
fn a_failed_stage_is_told_with_its_last_lines_and_the_report_stays() {
    block_on(async {
        let pod =
            Pod::new(json!({"stageFailure": {"pipeline": "main", "stage": "of before"}})).await;
        let test = async {
            pod.comes(|status| status["stageFailure"].is_null()).await;
            pod.reports("port: 1\n");
            pod.comes(|status| status["port"] == 1).await;
            pod.is(failed(3)).await;
            pod.comes(|status| {
                let expect = json!({"pipeline": "main", "stage": "build", "exitCode": 3, "lines": ["b", "so sorry"]});
                status["stageFailure"] == expect && status["port"] == 1
            })
            .await;
        };
        tokio::select! {
            () = pod.sidecar(pending()) => panic!("it ended"),
            () = test => {}
        }
    });
}

#[test]
fn told_to_stop_it_waits_for_the_failed_stage_and_publishes_the_last_report() {
    block_on(async {
        let pod = Pod::new(json!({})).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let test = async {
            pod.reports("port: 1\n");
            pod.comes(|status| status["port"] == 1).await;
            stop.send(()).unwrap();
            pod.reports("port: 2\n");
            pod.is(failed(9)).await;
        };
        tokio::join!(pod.sidecar(async { stopped.await.unwrap() }), test);
        let object = pod.object().await;
        let status = object.status().unwrap();
        assert_eq!((&status["port"], &status["stageFailure"]["exitCode"]), (&json!(2), &json!(9)));
    });
}

#[test]
fn once_the_status_step_has_begun_nothing_more_is_written() {
    block_on(async {
        for over in [
            json!({"containerStatuses": [{"name": "status-writer", "state": {"running": {}}}]}),
            json!({"containerStatuses": [{"name": "status-writer", "state": {"terminated": {"exitCode": 0}}}]}),
        ] {
            let pod = Pod::new(json!({"message": "Resource requested"})).await;
            pod.is(over).await;
            pod.reports("message: late\n");
            let before = pod.object().await;
            pod.sidecar(std::future::ready(())).await;
            assert_eq!(pod.object().await, before);
        }
    });
}

#[test]
fn an_object_or_pod_that_goes_ends_it_in_peace() {
    block_on(async {
        let pod = Pod::new(json!({})).await;
        pod.cluster.delete(&Pod::key()).await.unwrap();
        pod.reports("port: 1\n");
        pod.sidecar(std::future::ready(())).await;
        let pod = Pod::new(json!({})).await;
        pod.cluster.delete(&kinds::POD.object(Some("team"), "pod")).await.unwrap();
        pod.reports("port: 1\n");
        pod.sidecar(std::future::ready(())).await;
        assert_eq!(pod.object().await.status(), Some(&json!({})));
    });
}

#[test]
fn the_command_ends_well_when_the_platform_asks_it_to() {
    block_on(async {
        let pod = Pod::new(json!({})).await;
        let files = pod.root.path().join("pod/work-creator-files");
        std::fs::create_dir_all(files.join("metadata")).unwrap();
        std::fs::write(files.join("metadata/status.yaml"), "port: 1\n").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bookend"))
            .env_clear()
            .env("BOOKEND_POD_NAME", "pod")
            .env("BOOKEND_POD_NAMESPACE", "team")
            .args(["status-sidecar", "--object-group", "example.com", "--object-version", "v1"])
            .args(["--crd-plural", "widgets", "--object-name", "one", "--object-namespace", "team"])
            .args(["--pipeline-name", "main", "--cluster"])
            .arg(pod.root.path().join("cluster"))
            .arg("--pod-root")
            .arg(pod.root.path().join("pod"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        pod.comes(|status| status["port"] == 1).await;
        pod.is(failed(4)).await;
        let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        pod.comes(|status| status["stageFailure"]["exitCode"] == 4).await;
    });
}

/// A configuration that has sidecars, with so many lines of a failed stage.
fn with_sidecars(lines: u32) -> Config {
    let own = json!({"statusSidecar": {"enabled": true, "failure": {"lines": lines}}});
    Config::from_value(&json!({"bookend": own})).unwrap()
}

/// Names of the init containers of a configure pipeline whose annotation is this.
fn init_containers(annotation: Option<&str>, config: &Config) -> Vec<Value> {
    let promise = promise(&pipeline("p", |value| {
        if let Some(annotation) = annotation {
            value["metadata"]["annotations"] = json!({"bookend/status-sidecar": annotation});
        }
    }));
    assert_eq!(check(&promise), []);
    let job = job_of(&promise, WORKFLOWS[2], config);
    job["spec"]["template"]["spec"]["initContainers"].as_array().unwrap().clone()
}

#[test]
fn a_pod_has_a_sidecar_where_it_is_asked_for() {
    let names = |annotation, config: &Config| -> Vec<String> {
        let all = init_containers(annotation, config);
        all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let with = ["reader", "status-sidecar", "stage", "work-writer"];
    let without = ["reader", "stage", "work-writer"];
    let (off, on) = (Config::default(), with_sidecars(0));
    assert_eq!(names(None, &off), without);
    assert_eq!(names(Some("true"), &off), with);
    assert_eq!(names(None, &on), with);
    assert_eq!(names(Some("false"), &on), without);
}

#[test]
fn a_sidecar_runs_beside_the_stages_reads_only_and_asks_for_lines_when_told() {
    for (lines, policy) in [(0, Value::Null), (10, json!("FallbackToLogsOnError"))] {
        let all = init_containers(None, &with_sidecars(lines));
        let [_, sidecar, stage, ..] = &all[..] else { panic!("{all:?}") };
        assert_eq!(sidecar["restartPolicy"], "Always");
        assert_eq!(
            sidecar["volumeMounts"],
            json!([{"name": "shared-metadata", "mountPath": "/work-creator-files/metadata", "readOnly": true}])
        );
        let lines = lines.to_string();
        let args = ["status-sidecar", "--failure-lines", &lines, "--failure-bytes", "2048"];
        assert_eq!(sidecar["args"], json!(args));
        assert_eq!(stage["terminationMessagePolicy"], policy);
    }
}

#[test]
fn a_sidecar_may_read_pods_and_loses_the_right_when_it_is_gone() {
    let (promise, request) = (promise(&pipeline("p", |_| {})), request("team"));
    let without = Grantee {
        promise: &promise,
        request: Some(&request),
        workflow: WORKFLOWS[2].0,
        action: WORKFLOWS[2].1,
        index: 0,
        rights: Rights::default(),
        sidecar: Config::default().status_sidecar,
    };
    let with = Grantee { sidecar: with_sidecars(0).status_sidecar, ..without };
    let [more, fewer] = [&with, &without].map(|grantee| grants(grantee).unwrap());
    let added: Vec<_> = more.iter().filter(|object| !fewer.contains(object)).collect();
    let [role, binding] = added[..] else { panic!("{added:?}") };
    assert_eq!((role.kind(), binding.kind()), ("Role", "RoleBinding"));
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    assert_eq!(role.at(&["rules"]), Some(&json!([rule])));
    assert_eq!(obsolete(&without, &fewer, &more).unwrap().len(), 2);
    assert_eq!(obsolete(&with, &more, &more).unwrap(), []);
}
