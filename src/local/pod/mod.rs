//! Runs the pod of a Job: the very template that would be sent to the cluster, read as a kubelet reads it.
//!
//! Init containers run one after the other, then the containers; the first that fails ends the pod. There is no second
//! try: `restartPolicy` and `backoffLimit` are for clusters.

mod data;
mod env;
mod error;
mod field;
mod mount;
mod quantity;
mod step;
mod told;
mod volume;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use serde::Deserialize as _;
use serde_json::Value;
use tracing::{Instrument as _, debug, info_span, warn};

use super::engine::{Ended, Engine, Stage};
use crate::cluster::Cluster;
use crate::contract::Object;
use crate::steps::Clock;
pub use error::PodError;
use field::Identity;
pub use told::StepFailed;
use volume::{Folder, Volumes, make_dir};

/// What a pod needs besides the Job.
pub struct Host<'a, C, E> {
    /// Where ConfigMaps, Secrets and the object are.
    pub cluster: &'a C,
    /// What runs users' containers.
    pub engine: &'a E,
    /// What tells the time.
    pub clock: Clock,
    /// Commands that stand in for those of containers, by the container's name.
    pub commands: &'a BTreeMap<String, Vec<String>>,
}

/// How a pod went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodReport {
    /// Users' containers that ran, in order.
    pub stages: Vec<Ran>,
    /// What stands in for something else, a sentence each.
    pub warnings: Vec<String>,
}

impl PodReport {
    /// Returns the stage that failed, and with it the pod.
    pub fn failed(&self) -> Option<&Ran> {
        self.stages.last().filter(|ran| !ran.ended.end.is_success())
    }
}

/// A user's container that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub ended: Ended,
}

/// Runs the pod of a Job, with its volumes in the empty folder `dir`.
pub async fn run<C: Cluster, E: Engine>(
    host: &Host<'_, C, E>,
    job: &Object,
    dir: &Path,
) -> Result<PodReport, PodError> {
    let template = template(job)?;
    let identity = identity(job, &template);
    let spec = template.spec.unwrap_or_default();
    let mut volumes = Volumes {
        cluster: host.cluster,
        identity: &identity,
        spec: &spec,
        dir: &dir.join("volumes"),
        warnings: Vec::new(),
    };
    let folders = volumes.fill().await?;
    for warning in &volumes.warnings {
        warn!("{warning}");
    }
    let mut pod = Pod {
        host,
        identity: &identity,
        spec: &spec,
        folders,
        scratch: dir.join("root"),
        report: PodReport { warnings: volumes.warnings, ..PodReport::default() },
    };
    make_dir(&pod.scratch)?;
    pod.run().await?;
    Ok(pod.report)
}

fn template(job: &Object) -> Result<PodTemplateSpec, PodError> {
    let template = job.at(&["spec", "template"]).unwrap_or(&Value::Null);
    PodTemplateSpec::deserialize(template)
        .map_err(|source| PodError::Template { job: job.name().to_owned(), source })
}

fn identity(job: &Object, template: &PodTemplateSpec) -> Identity {
    let metadata = template.metadata.clone().unwrap_or_default();
    let spec = template.spec.as_ref();
    let account = spec.and_then(|spec| spec.service_account_name.clone());
    Identity {
        name: format!("{}-local", job.name()),
        namespace: job.namespace().unwrap_or("default").to_owned(),
        uid: job.uid().unwrap_or_default().to_owned(),
        service_account: account.unwrap_or_else(|| "default".into()),
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
    }
}

/// Whether a container runs beside those that follow.
fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// A pod that is running.
struct Pod<'a, C, E> {
    host: &'a Host<'a, C, E>,
    identity: &'a Identity,
    spec: &'a PodSpec,
    folders: Vec<Folder>,
    scratch: PathBuf,
    report: PodReport,
}

impl<C: Cluster, E: Engine> Pod<'_, C, E> {
    async fn run(&mut self) -> Result<(), PodError> {
        let spec = self.spec;
        if spec.init_containers.iter().flatten().any(is_sidecar) {
            let text = "containers that run beside the stages (`restartPolicy: Always`) are left out: they are for clusters";
            warn!("{text}");
            self.report.warnings.push(text.to_owned());
        }
        for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
            if is_sidecar(container) {
                continue;
            }
            self.run_one(container).await?;
            if self.report.failed().is_some() {
                break;
            }
        }
        Ok(())
    }

    async fn run_one(&mut self, container: &Container) -> Result<(), PodError> {
        let variables = env::variables(self.host.cluster, self.identity, container).await?;
        let mounts = mount::mounts(container, &variables, &self.folders)?;
        debug!(container = container.name, mounts = mounts.len(), "starting");
        if step::is_step(container) {
            let (cluster, clock) = (self.host.cluster, self.host.clock);
            let ran = step::run(cluster, clock, container, &variables, &mounts).await;
            return Ok(ran.map_err(|error| StepFailed::new(&error, &self.known_paths(container)))?);
        }
        let working_dir = container.working_dir.as_deref().unwrap_or_default();
        let stage = Stage {
            name: container.name.clone(),
            command: self.command(container, &variables)?,
            environment: variables.0,
            working_dir: Path::new("/").join(working_dir),
            mounts,
            scratch: self.scratch.clone(),
        };
        let span = info_span!("stage", otel.name = stage.name, stage = stage.name);
        let ended = self.host.engine.run(&stage).instrument(span).await?;
        debug!(stage = stage.name, end = %ended.end, "ended");
        self.report.stages.push(Ran { name: stage.name, ended });
        Ok(())
    }

    /// Returns the folders of the volumes with the paths that users' containers have for them; a volume that none
    /// of them sees has that of the platform's `container`.
    fn known_paths<'s>(&'s self, container: &'s Container) -> Vec<(&'s Path, &'s str)> {
        let all = self.spec.init_containers.iter().flatten().chain(&self.spec.containers);
        let users = all.filter(|container| !step::is_step(container));
        let path_in = |container: &'s Container, volume: &str| {
            let mounts = container.volume_mounts.iter().flatten();
            mounts.filter(|mount| mount.sub_path.is_none()).find(|mount| mount.name == volume)
        };
        let containers: Vec<&Container> = users.chain([container]).collect();
        let known = self.folders.iter().filter_map(|folder| {
            let mount = containers.iter().find_map(|one| path_in(one, &folder.name))?;
            Some((folder.path.as_path(), mount.mount_path.as_str()))
        });
        known.collect()
    }

    /// Returns `command` and `args`; a command given for the local run stands in for the former.
    fn command(
        &self,
        container: &Container,
        variables: &env::Variables,
    ) -> Result<Vec<String>, PodError> {
        let given = self.host.commands.get(&container.name);
        let command = match (given, container.command.as_deref()) {
            (Some(given), _) if !given.is_empty() => given.clone(),
            (_, Some(command)) if !command.is_empty() => {
                command.iter().map(|text| variables.expand(text)).collect()
            }
            _ => {
                return Err(PodError::NoCommand {
                    container: container.name.clone(),
                    image: container.image.clone().unwrap_or_default(),
                });
            }
        };
        let arguments = container.args.iter().flatten().map(|text| variables.expand(text));
        Ok(command.into_iter().chain(arguments).collect())
    }
}
