//! The pipelines of one workflow, one after the other, with the status written as the controller would.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use tracing::info;

use super::RunError;
use crate::cluster::folder::FolderCluster;
use crate::cluster::{Cluster as _, ClusterError, Reads as _};
use crate::contract::status::{KRATIX, SUSPENDED_GENERATION, WORKFLOWS};
use crate::contract::{Object, ObjectKey, kinds, labels};
use crate::core::config::Config;
use crate::core::pipeline::{self, Adapter, JobInput, run_hash};
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};
use crate::core::workflow::old::{Layout, Next, Outcome, Outcomes, Progress, next};
use crate::local::engine::Engine;
use crate::local::pod::{self, Host};
use crate::local::report::{Ending, PipelineReport, StageFailed};
use crate::steps::Clock;

/// Image of the platform's containers; never pulled, they run in this process.
const ADAPTER_IMAGE: &str = "bookend";
/// How often a write of a status is decided again when somebody else was faster.
const TRIES_MAX: u32 = 50;

/// A workflow that is about to run.
pub(super) struct Workflow<'a, E> {
    pub(super) cluster: &'a FolderCluster,
    pub(super) engine: &'a E,
    pub(super) clock: Clock,
    pub(super) commands: &'a BTreeMap<String, Vec<String>>,
    /// Folder that gets a folder for each pod.
    pub(super) scratch: &'a Path,
    pub(super) promise: &'a Promise,
    pub(super) key: &'a ObjectKey,
    pub(super) kind: WorkflowType,
    pub(super) action: WorkflowAction,
    /// Namespace of the Jobs.
    pub(super) namespace: &'a str,
}

/// How a workflow went.
pub(super) struct Ran {
    pub(super) ending: Ending,
    pub(super) pipelines: Vec<PipelineReport>,
    /// The pipeline at which an earlier run had stopped, and this one went on.
    pub(super) resumed_at: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl<E: Engine> Workflow<'_, E> {
    /// Runs pipelines until nothing is left to do, or one stops the workflow.
    pub(super) async fn run(&self) -> Result<Ran, RunError> {
        let pipelines = self.promise.pipelines(self.kind, self.action);
        let names: Vec<&str> = pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
        let progress = Progress {
            workflow: self.kind,
            action: self.action,
            layout: Layout::Flat,
            pipelines: &names,
            hash: &run_hash(self.promise, self.request(&self.object().await?)),
        };
        let resumed = self.begin(&progress).await?;
        let mut outcomes = vec![Outcome::None; names.len()];
        outcomes.iter_mut().take(resumed.unwrap_or(0)).for_each(|one| *one = Outcome::Succeeded);
        let mut reports = Vec::new();
        let mut warnings = Vec::new();
        let ending = loop {
            match next(&Outcomes { action: self.action, outcomes: &outcomes }) {
                Next::Start(index) => {
                    let (outcome, report) = self.run_one(&progress, index, &mut warnings).await?;
                    outcomes.iter_mut().skip(index).take(1).for_each(|one| *one = outcome);
                    reports.push(report);
                }
                Next::Failed(_) => break failed(&reports),
                Next::Suspended { index, until } => {
                    let status =
                        self.edit(|status| progress.suspended(status, self.clock.now())).await?;
                    let entry = progress.entry(&status, index).unwrap_or_default();
                    break Ending::Suspended { message: entry.message, until };
                }
                // There is nothing to wait for: a pod that was started has ended before we come here.
                Next::Done | Next::Wait => break Ending::Done,
            }
        };
        let resumed_at = resumed.and_then(|index| names.get(index)).map(|name| (*name).to_owned());
        Ok(Ran { ending, pipelines: reports, resumed_at, warnings })
    }

    /// Prepares the object as the controller does, and returns the pipeline to go on with if an earlier run stopped
    /// at one (contract.md 8.5).
    async fn begin(&self, progress: &Progress<'_>) -> Result<Option<usize>, RunError> {
        let object = self.object().await?;
        let jobs = self.jobs().await?;
        let resumed = suspended_at(progress, &object).filter(|index| {
            let name = progress.pipelines.get(*index).copied();
            // The flat list does not say whose entries it holds. The Jobs of the last run do.
            let is_this = |job: &Object| {
                job.label(labels::WORKFLOW_ACTION) == Some(self.action.as_str())
                    && job.label(labels::PIPELINE_NAME) == name
            };
            jobs.iter().any(is_this)
        });
        self.release(object).await?;
        // Those before the one to go on with stand for what they did; a Promise that has changed gives new names.
        let done = progress.pipelines.get(..resumed.unwrap_or(0)).unwrap_or_default();
        for job in &jobs {
            let is_done = job.label(labels::WORKFLOW_ACTION) == Some(self.action.as_str())
                && job.label(labels::PIPELINE_NAME).is_some_and(|name| done.contains(&name));
            if !is_done {
                self.cluster.delete(&job.key(&kinds::JOB)).await?;
            }
        }
        if resumed.is_none() {
            self.edit(|status| progress.prepare(status, self.clock.now())).await?;
        }
        Ok(resumed)
    }

    /// Takes off the label by which a workflow waits: running it by hand is what it waited for.
    async fn release(&self, mut object: Object) -> Result<(), RunError> {
        if let Some(Value::Object(map)) = object.metadata_mut().get_mut("labels")
            && map.remove(labels::WORKFLOW_SUSPENDED).is_some()
        {
            self.cluster.replace(&self.key.kind, &object).await?;
        }
        Ok(())
    }

    async fn run_one(
        &self,
        progress: &Progress<'_>,
        index: usize,
        warnings: &mut Vec<String>,
    ) -> Result<(Outcome, PipelineReport), RunError> {
        let name = progress.pipelines.get(index).copied().unwrap_or_default();
        info!(pipeline = name, "starting pipeline");
        self.edit(|status| progress.started(status, index, self.clock.now())).await?;
        let job = self.create_job(index).await?;
        let host = Host {
            cluster: self.cluster,
            engine: self.engine,
            clock: self.clock,
            commands: self.commands,
        };
        let dir = self.scratch.join(format!("pod-{index}"));
        let pod = pod::run(&host, &job, &dir).await;
        let is_failed = pod.as_ref().map_or(true, |pod| pod.failed().is_some());
        self.end_job(job, is_failed).await?;
        if is_failed {
            self.edit(|status| progress.failed(status, index, self.clock.now())).await?;
        }
        let pod = pod.map_err(|source| RunError::Pod {
            pipeline: name.to_owned(),
            source: Box::new(source),
        })?;
        warnings.extend(pod.warnings);
        let report = PipelineReport { name: name.to_owned(), stages: pod.stages };
        if is_failed {
            return Ok((Outcome::Failed, report));
        }
        let object = self.object().await?;
        let entry = status_of(&object).and_then(|status| progress.entry(status, index));
        if let Some(entry) = entry.filter(|entry| entry.is_suspended()) {
            return Ok((Outcome::Suspended { until: entry.next_retry_at }, report));
        }
        self.edit(|status| progress.succeeded(status, index, self.clock.now())).await?;
        Ok((Outcome::Succeeded, report))
    }

    async fn create_job(&self, index: usize) -> Result<Object, RunError> {
        let object = self.object().await?;
        let run = object.generation().unwrap_or_default();
        let job = pipeline::job(&JobInput {
            promise: self.promise,
            request: self.request(&object),
            workflow: self.kind,
            action: self.action,
            index,
            config: &Config::default(),
            adapter: &Adapter { image: ADAPTER_IMAGE.into(), pull_secret: None },
            run,
        })?;
        Ok(self.cluster.create(&kinds::JOB, &job).await?)
    }

    async fn end_job(&self, mut job: Object, is_failed: bool) -> Result<(), RunError> {
        let (condition, counter) =
            if is_failed { ("Failed", "failed") } else { ("Complete", "succeeded") };
        let now = self.clock.now().to_string();
        let conditions = json!([{"type": condition, "status": "True", "lastTransitionTime": now}]);
        job.0.insert("status".into(), json!({"conditions": conditions, counter: 1}));
        self.cluster.replace_status(&kinds::JOB, &job).await?;
        Ok(())
    }

    /// Returns the Jobs of the object's workflow, of both actions.
    async fn jobs(&self) -> Result<Vec<Object>, RunError> {
        let mut selector = vec![
            (labels::PROMISE_NAME, Some(self.promise.name.as_str())),
            (labels::WORKFLOW_TYPE, Some(self.kind.as_str())),
        ];
        if self.kind == WorkflowType::Resource {
            selector.push((labels::RESOURCE_NAME, Some(&self.key.name)));
            if self.promise.pipeline_namespace.is_some() {
                selector.push((labels::RESOURCE_NAMESPACE, self.key.namespace.as_deref()));
            }
        }
        Ok(self.cluster.list(&kinds::JOB, Some(self.namespace), &selector).await?)
    }

    async fn object(&self) -> Result<Object, RunError> {
        let missing =
            || ClusterError::Missing { key: Box::new(self.key.clone()), detail: String::new() };
        Ok(self.cluster.get(self.key).await?.ok_or_else(missing)?)
    }

    fn request<'o>(&self, object: &'o Object) -> Option<&'o Object> {
        (self.kind == WorkflowType::Resource).then_some(object)
    }

    /// Changes the status of the object, and returns what it is then.
    async fn edit(
        &self,
        change: impl Fn(&mut Map<String, Value>),
    ) -> Result<Map<String, Value>, RunError> {
        let mut tries = 0;
        loop {
            let mut object = self.object().await?;
            let mut status = status_of(&object).cloned().unwrap_or_default();
            change(&mut status);
            object.0.insert("status".into(), Value::Object(status.clone()));
            match self.cluster.replace_status(&self.key.kind, &object).await {
                Ok(_) => return Ok(status),
                Err(ClusterError::Conflict { .. }) if tries < TRIES_MAX => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn status_of(object: &Object) -> Option<&Map<String, Value>> {
    object.status().and_then(Value::as_object)
}

/// Returns the pipeline at which the workflow was suspended, unless the object has changed since then.
fn suspended_at(progress: &Progress<'_>, object: &Object) -> Option<usize> {
    let status = status_of(object)?;
    let suspended = object.at(&["status", KRATIX, WORKFLOWS, SUSPENDED_GENERATION])?.as_i64()?;
    let is_suspended =
        |index: &usize| progress.entry(status, *index).is_some_and(|entry| entry.is_suspended());
    let index = (0..progress.pipelines.len()).find(is_suspended)?;
    (object.generation()? <= suspended).then_some(index)
}

fn failed(reports: &[PipelineReport]) -> Ending {
    let pipeline = reports.last();
    let stage = pipeline.and_then(|pipeline| pipeline.stages.last());
    match pipeline.zip(stage) {
        Some((pipeline, stage)) => Ending::Failed(StageFailed::new(&pipeline.name, stage)),
        None => Ending::Done,
    }
}
