//! One workflow by hand: what `core::workflow` plans is carried out on the folder, and whatever Job comes of it is run.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use tracing::info;

use super::RunError;
use crate::cluster::folder::FolderCluster;
use crate::cluster::{Cluster as _, ClusterError, Reads as _};
use crate::contract::{Object, ObjectKey, kinds, labels};
use crate::core::config::Config;
use crate::core::pipeline::{Adapter, run_hash};
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};
use crate::core::rbac::Rights;
use crate::core::workflow::engine::{self, Step};
use crate::core::workflow::{
    Action, Draft, Entry, JobSeen, JobState, Layout, List, Phase, Seen, State,
};
use crate::effect::{self, Hands};
use crate::local::engine::Engine;
use crate::local::pod::{self, Host};
use crate::local::report::{Ending, PipelineReport, StageFailed};
use crate::steps::Clock;

/// Image of the platform's containers; never pulled, they run in this process.
const ADAPTER_IMAGE: &str = "bookend";
/// How often a plan is made again when somebody else was faster, or when nothing has come of it.
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

/// What a pass has found by asking the cluster itself, for the next one.
#[derive(Default)]
struct Found {
    absent: Vec<String>,
    taken: Vec<String>,
}

/// How a pass over the workflow ended.
enum Pass {
    /// There may be a Job to run now, or another pass is due.
    On,
    /// Nothing is left to do.
    End(Step),
}

impl<E: Engine> Workflow<'_, E> {
    /// Runs pipelines until nothing is left to do, or one stops the workflow.
    pub(super) async fn run(&self) -> Result<Ran, RunError> {
        let resumed_at = self.begin().await?;
        let mut ran =
            Ran { ending: Ending::Done, pipelines: Vec::new(), resumed_at, warnings: Vec::new() };
        let (mut found, mut tries) = (Found::default(), 0);
        loop {
            match self.pass(&mut found).await {
                Ok(Pass::End(Step::Done)) => return Ok(ran),
                Ok(Pass::End(Step::Not(_))) => {
                    ran.ending = failed(&ran.pipelines);
                    return Ok(ran);
                }
                Ok(Pass::On) => {}
                Err(RunError::Effect(error)) if error.is_conflict() && tries < TRIES_MAX => {
                    tries += 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let jobs = self.jobs().await?;
            let runs = |job: &Object| JobSeen::from_object(job).state == JobState::Running;
            let Some(job) = jobs.into_iter().find(runs) else {
                tries += 1;
                if tries < TRIES_MAX {
                    continue;
                }
                return Err(RunError::NoEnd { object: self.key.to_string(), plans: tries });
            };
            tries = 0;
            let pipeline = job.label(labels::PIPELINE_NAME).unwrap_or_default().to_owned();
            let ended = self.run_one(job, &mut ran).await;
            if let Some(waits) = self.waiting(&pipeline).await? {
                ended?;
                self.hold().await?;
                let (message, until) = (waits.message().to_owned(), waits.next_retry_at());
                ran.ending = Ending::Suspended { message, until };
                return Ok(ran);
            }
            if let Err(error) = ended {
                self.pass(&mut found).await?;
                return Err(error);
            }
        }
    }

    /// Forgets how far an earlier run has come, so that this one starts with the first pipeline; or goes on when that
    /// has stopped because a pipeline asked to wait (contract.md 8.5). Returns the pipeline at which it goes on.
    async fn begin(&self) -> Result<Option<String>, RunError> {
        let mut object = self.object().await?;
        let list = self.list(&object);
        let index = list.entries.iter().position(|entry| entry.phase() == Phase::Suspended);
        let is_unchanged = list.suspended_generation.is_some_and(|generation| {
            object.generation().is_some_and(|current| current <= generation)
        });
        let hash = run_hash(self.promise, self.request(&object));
        let is_current =
            |index: &usize| list.entries.get(*index).is_some_and(|one| one.hash() == hash);
        let index = index.filter(|index| is_unchanged && is_current(index));
        // Those before the one to go on with stand for what they did. All others are of runs that are over, whatever
        // they say: whoever ran them has ended or died.
        let done: Vec<_> =
            list.entries.iter().take(index.unwrap_or(0)).filter_map(Entry::run).collect();
        for job in self.jobs().await? {
            let run = JobSeen::from_object(&job).run;
            if !run.is_some_and(|run| done.contains(&run)) {
                self.cluster.delete(&job.key(&kinds::JOB)).await?;
            }
        }
        if let Some(Value::Object(map)) = object.metadata_mut().get_mut("labels")
            && map.remove(labels::WORKFLOW_SUSPENDED).is_some()
        {
            object = self.cluster.replace(&self.key.kind, &object).await?;
        }
        if index.is_none() {
            let mut status = status_of(&object);
            List { run: list.run, ..List::default() }.write(&mut status, Layout::Flat, self.action);
            object.0.insert("status".into(), status.into());
            self.cluster.replace_status(&self.key.kind, &object).await?;
        }
        Ok(index.and_then(|index| Some(list.entries.get(index)?.name().to_owned())))
    }

    /// Plans once, and does what is planned.
    async fn pass(&self, found: &mut Found) -> Result<Pass, RunError> {
        let object = self.object().await?;
        let jobs: Vec<_> = self.jobs().await?.iter().map(JobSeen::from_object).collect();
        let before = std::mem::take(found);
        let config = Config::default();
        let seen = self.seen(&object, &jobs, &before, &config);
        let mut draft = Draft::new(&seen);
        let step = match self.action {
            WorkflowAction::Configure => engine::configure(&seen, &mut draft)?,
            WorkflowAction::Delete => engine::delete(&seen, &mut draft)?,
        };
        *found = self.carry_out(&seen, draft).await?;
        Ok(match step {
            Step::Not(State::Running | State::Queued | State::Waiting) => Pass::On,
            step => Pass::End(step),
        })
    }

    /// Writes down that the workflow waits: here it goes on when somebody runs it again, not at a time.
    async fn hold(&self) -> Result<(), RunError> {
        let object = self.object().await?;
        let config = Config::default();
        let nothing = Found::default();
        let seen = self.seen(&object, &[], &nothing, &config);
        let mut draft = Draft::new(&seen);
        engine::hold(&seen, &mut draft, self.action);
        self.carry_out(&seen, draft).await.map(|_| ())
    }

    fn seen<'s>(
        &'s self,
        object: &'s Object,
        jobs: &'s [JobSeen],
        found: &'s Found,
        config: &'s Config,
    ) -> Seen<'s> {
        Seen {
            promise: self.promise,
            object,
            workflow: self.kind,
            jobs,
            absent: &found.absent,
            taken: &found.taken,
            works: &[],
            config,
            layout: Layout::Flat,
            may_start: true,
            promise_is_available: true,
            now: self.clock.now(),
        }
    }

    /// Carries out what is planned.
    async fn carry_out(&self, seen: &Seen<'_>, draft: Draft) -> Result<Found, RunError> {
        let mut plan = draft.finish(State::Running);
        // A folder asks nobody for rights, and nobody watches its events.
        plan.actions.retain(|action| !matches!(action, Action::Grant(_) | Action::Tell(_)));
        let adapter = Adapter { image: ADAPTER_IMAGE.into(), ..Adapter::default() };
        let hands = Hands {
            cluster: self.cluster,
            known: self.cluster,
            adapter: &adapter,
            rights: Rights::default(),
            may_go_on: &|| true,
            instance: ADAPTER_IMAGE,
        };
        let carried = effect::carry_out(&hands, seen, &plan).await?;
        Ok(Found { absent: carried.absent, taken: carried.taken })
    }

    /// Runs the pod of a Job, and ends the Job as a cluster would.
    async fn run_one(&self, job: Object, ran: &mut Ran) -> Result<(), RunError> {
        let name = job.label(labels::PIPELINE_NAME).unwrap_or_default().to_owned();
        info!(pipeline = name, "starting pipeline");
        let host = Host {
            cluster: self.cluster,
            engine: self.engine,
            clock: self.clock,
            commands: self.commands,
        };
        let dir = self.scratch.join(format!("pod-{}", ran.pipelines.len()));
        let pod = pod::run(&host, &job, &dir).await;
        let is_failed = pod.as_ref().map_or(true, |pod| pod.failed().is_some());
        self.end_job(job, is_failed).await?;
        let pod = pod
            .map_err(|source| RunError::Pod { pipeline: name.clone(), source: Box::new(source) })?;
        ran.warnings.extend(pod.warnings);
        ran.pipelines.push(PipelineReport { name, stages: pod.stages });
        Ok(())
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

    /// The entry of a pipeline, when it has asked to wait and its Job has ended well.
    async fn waiting(&self, pipeline: &str) -> Result<Option<Entry>, RunError> {
        let list = self.list(&self.object().await?);
        let jobs: Vec<_> = self.jobs().await?.iter().map(JobSeen::from_object).collect();
        let is_complete = |entry: &Entry| {
            jobs.iter().any(|job| job.run == entry.run() && job.state == JobState::Complete)
        };
        let waits = |entry: &Entry| entry.name() == pipeline && entry.phase() == Phase::Suspended;
        Ok(list.entries.into_iter().find(|entry| waits(entry) && is_complete(entry)))
    }

    fn request<'o>(&self, object: &'o Object) -> Option<&'o Object> {
        (self.kind == WorkflowType::Resource).then_some(object)
    }

    fn list(&self, object: &Object) -> List {
        List::read(&status_of(object), Layout::Flat, self.action, false)
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
}

fn status_of(object: &Object) -> Map<String, Value> {
    object.status().and_then(Value::as_object).cloned().unwrap_or_default()
}

fn failed(reports: &[PipelineReport]) -> Ending {
    let pipeline = reports.last();
    let stage = pipeline.and_then(|pipeline| pipeline.stages.last());
    match pipeline.zip(stage) {
        Some((pipeline, stage)) => Ending::Failed(StageFailed::new(&pipeline.name, stage)),
        None => Ending::Done,
    }
}
