//! Runs one workflow from its Promise and request: objects into a folder cluster, then pod after pod.
//!
//! What happens next is decided by `core::workflow`, as in a cluster; this applies it.

mod error;
pub mod input;
mod result;
mod workflow;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use tracing::{info, warn};

use super::engine::Engine;
use super::report::{Ending, Report};
use super::scratch::Scratch;
use crate::cluster::folder::FolderCluster;
use crate::contract::{Object, ObjectKey, kinds, labels};
use crate::core::pipeline::{job_namespace, scheduling_config_map};
use crate::core::promise::{self, Pipeline, Promise, WorkflowAction, WorkflowType};
use crate::core::schema;
use crate::files::{FileError, folder};
use crate::steps::Clock;
pub use error::{Findings, RunError};
use workflow::Workflow;

/// What to run.
#[derive(Debug, Clone)]
pub struct Run {
    /// File with the Promise; `-` for stdin. Other objects in it are put into the cluster first.
    pub promise: PathBuf,
    /// File with the request; `-` for stdin. Other objects in it are put into the cluster first.
    pub request: Option<PathBuf>,
    /// Files with objects that are put into the cluster first: ConfigMaps, Secrets, Destinations.
    pub with: Vec<PathBuf>,
    /// Which list of pipelines.
    pub action: WorkflowAction,
    /// Whose pipelines; `None` for those of the request where there is one, else of the Promise.
    pub workflow: Option<WorkflowType>,
    /// Folder of the cluster, kept between runs; `None` for one that is gone after the run.
    pub cluster: Option<PathBuf>,
    /// Folder that gets the results.
    pub out: Option<PathBuf>,
    /// Commands that stand in for those of containers, by the container's name.
    pub commands: BTreeMap<String, Vec<String>>,
}

/// Reads `NAME=COMMAND ARGUMENT…` of the flag `--stage`; words are split at white space.
pub fn parse_stage_command(text: &str) -> Result<(String, Vec<String>), String> {
    let expected = || format!("expected `NAME=COMMAND`, found `{text}`");
    let (name, command) = text.split_once('=').ok_or_else(expected)?;
    let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if name.is_empty() || command.is_empty() {
        return Err(expected());
    }
    Ok((name.to_owned(), command))
}

/// Runs a workflow. A failing stage is no error: it stands in the report.
pub async fn run(args: &Run, engine: &impl Engine, clock: Clock) -> Result<Report, RunError> {
    let begin = Instant::now();
    check_folders(args)?;
    let scratch = Scratch::new()?;
    let folder = args.cluster.clone().unwrap_or_else(|| scratch.path().join("cluster"));
    let cluster = FolderCluster::new(folder).with_clock(move || clock.now());
    let prepared = prepare(args, &cluster).await?;
    let _turn = match args.cluster {
        Some(_) => Some(turn(&cluster, &prepared.key).await?),
        None => None,
    };
    let workflow = Workflow {
        cluster: &cluster,
        engine,
        clock,
        commands: &args.commands,
        scratch: scratch.path(),
        promise: &prepared.promise,
        key: &prepared.key,
        kind: prepared.kind,
        action: args.action,
        namespace: &prepared.namespace,
    };
    let ran = workflow.run().await?;
    let mut report = result::gather(&prepared, args, &cluster, ran).await?;
    if let Some(out) = &args.out {
        result::write(out, &report)?;
    }
    if args.action == WorkflowAction::Delete && matches!(report.ending, Ending::Done) {
        result::remove(&prepared, &cluster).await?;
    }
    report.elapsed = begin.elapsed();
    Ok(report)
}

/// Finds out before anything runs that results could not be kept.
fn check_folders(args: &Run) -> Result<(), RunError> {
    for (flag, path) in [("--cluster", &args.cluster), ("--out", &args.out)] {
        if let Some(path) = path {
            if path.exists() && !path.is_dir() {
                return Err(RunError::NotAFolder { flag, path: path.clone() });
            }
            folder::make(path)?;
        }
    }
    Ok(())
}

/// Waits until no other run in this folder is about the same object: in a cluster its pipelines run one by one.
async fn turn(cluster: &FolderCluster, key: &ObjectKey) -> Result<folder::Lock, RunError> {
    let path = cluster.path(key)?;
    // Hidden, so that it is no object. The name is short enough for it: that of a file of the folder is.
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lock = path.with_file_name(format!(".{name}.run"));
    // On a thread: a run that waits can still be stopped.
    let waiting = tokio::task::spawn_blocking(move || folder::lock(&lock));
    let failed = |error| FileError::Write { path, source: std::io::Error::other(error) };
    Ok(waiting.await.map_err(failed)??)
}

/// A cluster with everything in it that the workflow needs.
struct Prepared {
    promise: Promise,
    /// The object whose workflow runs.
    key: ObjectKey,
    kind: WorkflowType,
    /// Namespace of Jobs and Works.
    namespace: String,
    dry_run: bool,
    warnings: Vec<String>,
}

async fn prepare(args: &Run, cluster: &FolderCluster) -> Result<Prepared, RunError> {
    let mut others = input::objects(&args.promise)?;
    let promise = input::take_one(&args.promise, "a Promise", &mut others, input::is_promise)?;
    let read = |object: &Object| {
        Promise::from_object(object).map_err(|source| RunError::Promise {
            path: args.promise.clone(),
            source: Box::new(source),
        })
    };
    // Before it is stored: a Promise that cannot be read leaves nothing behind.
    let mut checked = read(&promise)?;
    let mut warnings = accept(args, &checked)?;
    let (request, of_request) = request(args, &checked, &mut others)?;
    warnings.extend(of_request);
    for path in &args.with {
        others.extend(input::objects(path)?);
    }

    let kind = workflow_type(args, request.is_some())?;
    check_pipelines(args, &checked, kind)?;
    for object in &others {
        input::add(cluster, Some(&checked), object)?;
    }
    checked = read(&cluster.put(&kinds::PROMISE, &promise)?)?;
    let request_kind = checked.request_kind().cloned();
    let request = match (&request, request_kind) {
        (Some(request), Some(kind)) => Some((cluster.put(&kind, request)?, kind)),
        _ => None,
    };
    let of = match kind {
        WorkflowType::Promise => None,
        WorkflowType::Resource => request.as_ref(),
    };
    let namespace = job_namespace(&checked, of.map(|(object, _)| object))?.to_owned();
    let map = scheduling_config_map(&checked, &namespace);
    cluster.put(&kinds::CONFIG_MAP, &map)?;
    for warning in &warnings {
        warn!("{warning}");
    }
    let key =
        of.map_or_else(|| checked.object.key(&kinds::PROMISE), |(object, kind)| object.key(kind));
    info!(object = %key, promise = checked.name, workflow = kind.as_str(), action = args.action.as_str(), "running");
    let dry_run = of.is_some_and(|(object, _)| crate::core::pipeline::is_dry_run(object));
    Ok(Prepared { promise: checked, key, kind, namespace, dry_run, warnings })
}

/// Refuses a Promise that a cluster would refuse; returns what else is to be said about it.
fn accept(args: &Run, promise: &Promise) -> Result<Vec<String>, RunError> {
    let (fatal, other): (Vec<_>, Vec<_>) =
        promise::check(promise).into_iter().partition(|finding| finding.fatal);
    if !fatal.is_empty() {
        return Err(RunError::Refused { path: args.promise.clone(), source: Findings(fatal) });
    }
    let said = |finding: &promise::Finding| format!("`{}`: {}", finding.path, finding.message);
    Ok(other.iter().map(said).collect())
}

/// Reads the request and makes of it what the API server would store.
fn request(
    args: &Run,
    promise: &Promise,
    others: &mut Vec<Object>,
) -> Result<(Option<Object>, Vec<String>), RunError> {
    let Some(path) = &args.request else { return Ok((None, Vec::new())) };
    let no_api = || RunError::NoApi { promise: promise.name.clone() };
    let api = promise.api.as_ref().ok_or_else(no_api)?;
    let mut objects = input::objects(path)?;
    let what = format!("a {} of `{}`", api.kind.kind, api.kind.group);
    let is_request = |object: &Object| {
        object.kind() == api.kind.kind
            && object.api_version().split_once('/').map(|(group, _)| group)
                == Some(&*api.kind.group)
    };
    let mut request = input::take_one(path, &what, &mut objects, is_request)?;
    others.append(&mut objects);
    if request.name().is_empty() {
        return Err(RunError::NoName { path: path.clone() });
    }
    if api.kind.namespaced && request.namespace().is_none() {
        request.set_metadata("namespace", "default");
    }
    let version = request.api_version().rsplit('/').next().unwrap_or_default();
    let checked =
        schema::check(&api.crd, version, &request).map_err(|source| RunError::Schema {
            request: request.name().to_owned(),
            promise: promise.name.clone(),
            source,
        })?;
    let pruned = checked.pruned.iter().map(|path| {
        format!("the field `{path}` of the request is not in the schema: a cluster drops it")
    });
    let warnings = pruned.chain(checked.notes.iter().cloned()).collect();
    let mut request = checked.object;
    // As stored, and as the controller finds it: the storage version, and its own label.
    request.0.insert("apiVersion".into(), api.kind.api_version().into());
    request.set_label(labels::PROMISE_NAME, &promise.name);
    request.0.remove("status");
    Ok((Some(request), warnings))
}

fn workflow_type(args: &Run, has_request: bool) -> Result<WorkflowType, RunError> {
    match (args.workflow, has_request) {
        (Some(WorkflowType::Resource), false) => Err(RunError::NoRequest),
        (Some(kind), _) => Ok(kind),
        (None, true) => Ok(WorkflowType::Resource),
        (None, false) => Ok(WorkflowType::Promise),
    }
}

/// Finds out before anything runs that there is nothing to run, or that a name was misspelled.
fn check_pipelines(args: &Run, promise: &Promise, kind: WorkflowType) -> Result<(), RunError> {
    let pipelines = promise.pipelines(kind, args.action);
    if pipelines.is_empty() {
        return Err(RunError::NoPipeline {
            promise: promise.name.clone(),
            workflow: kind.as_str(),
            action: args.action.as_str(),
            known: workflows(promise),
            unknown_fields: promise.unknown_fields.clone(),
        });
    }
    let containers = |pipeline: &Pipeline| pipeline.spec.containers.clone();
    let known: Vec<String> =
        pipelines.iter().flat_map(containers).map(|container| container.name).collect();
    match args.commands.keys().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(RunError::NoStage {
            name: name.clone(),
            known: known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Returns the arguments for every workflow that a Promise has.
fn workflows(promise: &Promise) -> Vec<String> {
    let mut all = Vec::new();
    for workflow in WorkflowType::ALL {
        for action in WorkflowAction::ALL {
            if !promise.pipelines(workflow, action).is_empty() {
                let request =
                    if workflow == WorkflowType::Resource { " with a request" } else { "" };
                all.push(format!("`--type {workflow} --action {action}`{request}"));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::parse_stage_command;

    #[test]
    fn a_stage_command_is_a_name_and_words() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let check = |text: &str| parse_stage_command(text).ok();
        assert_eq!(check("a=sh -c  x=1"), Some(("a".into(), words(&["sh", "-c", "x=1"]))));
        for text in ["a", "=sh", "a=", "a= "] {
            assert_eq!(check(text), None, "{text}");
        }
    }
}
