//! Somebody deletes what is at work: a Job, a namespace.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;

use super::outages::control_plane;
use super::reconciler::Reconciler;
use super::scene::{Scene, administrator, controller, play};
use crate::load::documents::make_namespace;

const REQUESTS: usize = 20;
const LIMIT: Duration = Duration::from_secs(120);

/// Each Job is deleted as soon as it is there; what follows is another run, and it is the last one.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_job_that_is_deleted_by_hand_is_followed_by_another_run() {
    play(async {
        let scene = Scene::set("bereft", 1, Duration::from_millis(1500)).await;
        let reconciler = Reconciler::start("one", &controller()).await;
        scene.create(0..REQUESTS).await;
        let ours = |namespace: &str| namespace == "bereft";
        let count =
            |runs: &[crate::standin::Run]| runs.iter().filter(|run| ours(&run.namespace)).count();
        scene.standin.wait(LIMIT, |runs| count(runs) == REQUESTS).await;
        let jobs: Api<Job> = Api::namespaced(scene.client.clone(), "bereft");
        for run in scene.runs() {
            jobs.delete(&run.job, &DeleteParams::background()).await.unwrap();
        }
        scene.settled(REQUESTS, &[&reconciler]).await;
        scene.check_lanes();
        let runs = scene.runs();
        assert_eq!(runs.len(), REQUESTS * 2, "{runs:#?}");
        assert_eq!(runs.iter().filter(|run| run.is_started).count(), REQUESTS, "{runs:#?}");
    });
}

/// Needs what removes namespaces, which other tests do without: a controller of Kubernetes, started for this one.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_namespace_that_is_removed_takes_its_requests_along() {
    play(async {
        let Some(_controller) = NamespaceController::start() else {
            println!("skipped: these Kubernetes programs have no kube-controller-manager");
            return;
        };
        let scene = Scene::set("removed", 2, Duration::from_millis(1500)).await;
        let reconciler = Reconciler::start("one", &controller()).await;
        scene.create(0..REQUESTS).await;
        let has_begun = |runs: &[crate::standin::Run]| {
            runs.iter().filter(|run| run.namespace == "removed").count() >= REQUESTS / 2
        };
        scene.standin.wait(LIMIT, has_begun).await;
        let namespaces: Api<Namespace> = Api::all(scene.client.clone());
        namespaces.delete("removed", &DeleteParams::default()).await.unwrap();
        let end = tokio::time::Instant::now() + LIMIT;
        while namespaces.get_opt("removed").await.unwrap().is_some() {
            assert!(tokio::time::Instant::now() < end, "{}", reconciler.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        scene.check_lanes();
        // A namespace of that name, and a request in it, begin anew.
        make_namespace(&scene.client, "removed").await;
        scene.create(1000..1001).await;
        let is_run = |runs: &[crate::standin::Run]| {
            runs.iter().any(|run| run.identity.name == "request-1000" && run.ended.is_some())
        };
        scene.standin.wait(LIMIT, is_run).await;
    });
}

/// The controller that empties and removes namespaces.
struct NamespaceController(Child);

impl NamespaceController {
    fn start() -> Option<Self> {
        let folder = control_plane();
        let pid = fs::read_to_string(folder.join("pid/kube-apiserver")).unwrap();
        let server = fs::read_link(format!("/proc/{}/exe", pid.trim())).unwrap();
        let program = server.with_file_name("kube-controller-manager");
        // The controller that would give the others their rights does not run.
        let kubeconfig = administrator();
        if !program.exists() {
            return None;
        }
        let child = Command::new(program)
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["--leader-elect=false", "--secure-port=0", "--controllers=namespace-controller"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Some(Self(child.unwrap()))
    }
}

impl Drop for NamespaceController {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
