//! The pod of a Job, as far as it talks to the API server: its status container, run in this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use bookend::cluster::live::LiveCluster;
use bookend::contract::{Layout, pod};
use bookend::steps::settings::{self, Step};
use bookend::steps::{Clock, Context, status};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Container;
use tempfile::TempDir;

/// How often a container is started: the first time, and again as `restartPolicy: OnFailure` says. After that the Job
/// has failed; real ones give up after six more.
const STARTS: usize = 7;
/// Pause before a container is started again; a kubelet waits for ten seconds, then longer.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs the status step as the Job's container says; returns what it said when it failed for good.
pub(super) async fn report(cluster: &LiveCluster, job: &Job) -> Result<(), String> {
    let container = status_container(job).ok_or("the Job has no status container")?;
    let arguments = container.args.clone().unwrap_or_default();
    let variables: BTreeMap<String, String> = container
        .env
        .iter()
        .flatten()
        .map(|variable| (variable.name.clone(), variable.value.clone().unwrap_or_default()))
        .collect();
    let step = settings::parse(&arguments, &variables).map_err(|error| error.to_string())?;
    let Step::Status(args) = step else { return Err(format!("no status step: {arguments:?}")) };
    let context = Context { layout: Layout::writer_root(nothing_reported()), clock: Clock::System };
    let mut starts = 1;
    loop {
        match status::run(&context, cluster, &args).await {
            Ok(_) => return Ok(()),
            Err(error) if starts == STARTS => return Err(error.to_string()),
            Err(_) => starts += 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn status_container(job: &Job) -> Option<&Container> {
    let containers = &job.spec.as_ref()?.template.spec.as_ref()?.containers;
    containers.iter().find(|container| container.name == pod::container::STATUS_WRITER)
}

/// The folders of a pod whose stages have left nothing.
fn nothing_reported() -> &'static Path {
    static FOLDER: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        (folder, path)
    });
    path
}
