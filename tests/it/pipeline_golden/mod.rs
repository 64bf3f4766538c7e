//! Our Jobs, scheduling ConfigMaps and rights against those that Kratix's manager made (`fixtures/steps`).
//!
//! What Kubernetes fills in by itself is left out on both sides ([`without_defaults`]). Deviations on purpose are
//! in [`deviate`], each with its reason.

mod inputs;
mod recording;
mod rights;

use std::fs;
use std::path::{Path, PathBuf};

use bookend::contract::{Object, labels};
use bookend::core::config::Config;
use bookend::core::pipeline::{Adapter, JobInput, job, run_hash, scheduling_config_map};
use bookend::core::promise::{Promise, WorkflowAction, WorkflowType};
use serde_json::{Value, json};

use recording::made_of;
use rights::Step;

use crate::steps::case::carried;
use crate::steps::defaults::without_defaults;
use crate::steps::record;

/// One case: what went in, and the Jobs that came out.
#[derive(Default)]
struct Case {
    config: Option<Value>,
    promises: Vec<Value>,
    requests: Vec<Value>,
    jobs: Vec<Value>,
    config_maps: Vec<Value>,
    /// Service accounts that were there before.
    before: Vec<Value>,
    /// Service accounts and rights, each form that was seen.
    rights: Vec<Value>,
    steps: Vec<Step>,
}

/// What the cases add up to.
#[derive(Default, Debug, PartialEq, Eq)]
struct Counts {
    cases: usize,
    jobs: usize,
    config_maps: usize,
    /// Rights, in each step.
    rights: usize,
    /// Rights that differ on purpose, in each step.
    deviations: usize,
}

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_recorded_job_is_built_the_same() {
    let mut counts = Counts::default();
    for case in carried().iter().filter(|case| !case.steps.is_empty()) {
        compare(&case.name, &made_of(case), &mut counts);
    }
    assert_eq!(
        counts,
        Counts { cases: 38, jobs: 87, config_maps: 37, rights: 1543, deviations: 48 }
    );
}

#[test]
#[ignore = "needs ../shared/golden, a part of which is not ours to carry; .ci/run runs it where that is"]
fn every_job_of_the_full_recordings_is_built_the_same() {
    let folder = record::folder().expect("shared/golden stands beside the project");
    let mut counts = Counts::default();
    for case in record::all(&folder).iter().filter(|case| !case.steps.is_empty()) {
        compare(&case.name, &made_of(case), &mut counts);
    }
    assert_eq!(
        counts,
        Counts { cases: 58, jobs: 136, config_maps: 62, rights: 2566, deviations: 48 }
    );
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Compares everything of one case.
fn compare(name: &str, case: &Case, counts: &mut Counts) {
    let config = match &case.config {
        Some(config) => Config::from_value(config).unwrap(),
        None => Config::default(),
    };
    let promises: Vec<_> = case
        .promises
        .iter()
        .filter_map(|promise| Promise::from_object(&object(promise)).ok())
        .collect();
    let requests: Vec<_> = case.requests.iter().map(object).collect();
    counts.cases += 1;
    for recorded in &case.jobs {
        let recorded = object(recorded);
        let found = find_inputs(&recorded, &promises, &requests);
        let Some((promise, request)) = found else {
            panic!("{name}: no promise and request have the hash of {}", recorded.name())
        };
        let mut ours = build(&recorded, promise, request, &config, adapter(name));
        ours.remove_annotation(labels::RUN); // Kratix numbers no runs.
        let mut ours = ours.into_value();
        let mut expected = recorded.into_value();
        deviate(name, &mut expected);
        without_defaults(&mut ours);
        without_chance(&mut ours);
        without_defaults(&mut expected);
        without_chance(&mut expected);
        assert_same(name, &ours, &expected);
        counts.jobs += 1;
    }
    for recorded in &case.config_maps {
        let recorded = object(recorded);
        let namespace = recorded.namespace().unwrap();
        let texts: Vec<_> =
            promises.iter().map(|promise| scheduling_config_map(promise, namespace)).collect();
        let same =
            |ours: &&Object| ours.name() == recorded.name() && ours.0["data"] == recorded.0["data"];
        let ours = texts.iter().find(same).unwrap_or_else(|| panic!("{name}: {recorded:?}"));
        assert_eq!(ours.label(labels::PROMISE_NAME), recorded.label(labels::PROMISE_NAME));
        counts.config_maps += 1;
    }
    rights::compare(name, case, &promises, &requests, counts);
}

fn object(value: &Value) -> Object {
    Object::from_value(value.clone()).unwrap()
}

fn adapter(case: &str) -> Adapter {
    Adapter {
        image: "localhost/adapter:1".into(),
        pull_secret: (case == "env-pull-secret").then(|| "adapter-pull".into()),
    }
}

/// Finds the version of the Promise and of the request whose hash the Job carries.
fn find_inputs<'a>(
    job: &Object,
    promises: &'a [Promise],
    requests: &'a [Object],
) -> Option<(&'a Promise, Option<&'a Object>)> {
    let hash = job.label(labels::HASH)?;
    let is_promise_workflow = job.label(labels::WORKFLOW_TYPE) == Some("promise");
    let named =
        promises.iter().filter(|promise| Some(&*promise.name) == job.label(labels::PROMISE_NAME));
    for promise in named {
        if is_promise_workflow {
            if run_hash(promise, None) == hash {
                return Some((promise, None));
            }
            continue;
        }
        let named = requests.iter().find(|request| {
            Some(request.name()) == job.annotation(labels::JOB_RESOURCE_NAME)
                && request.namespace() == job.annotation(labels::JOB_RESOURCE_NAMESPACE)
                && run_hash(promise, Some(request)) == hash
        });
        if named.is_some() {
            return Some((promise, named));
        }
    }
    None
}

fn build(
    recorded: &Object,
    promise: &Promise,
    request: Option<&Object>,
    config: &Config,
    adapter: Adapter,
) -> Object {
    let (workflow, action, index) = place_of(recorded, promise, request);
    job(&JobInput { promise, request, workflow, action, index, config, adapter: &adapter, run: 1 })
        .unwrap()
}

/// Finds the pipeline of a Job in its Promise.
fn place_of(
    recorded: &Object,
    promise: &Promise,
    request: Option<&Object>,
) -> (WorkflowType, WorkflowAction, usize) {
    let workflow = if request.is_some() { WorkflowType::Resource } else { WorkflowType::Promise };
    let action = match recorded.label(labels::WORKFLOW_ACTION) {
        Some("delete") => WorkflowAction::Delete,
        _ => WorkflowAction::Configure,
    };
    // From the variables and not from the label: a pipeline could set that.
    let env =
        recorded.at(&["spec", "template", "spec", "initContainers"]).unwrap()[0]["env"].clone();
    let name = env[3]["value"].as_str().unwrap();
    let pipelines = promise.pipelines(workflow, action);
    let index = pipelines.iter().position(|pipeline| pipeline.name == name).unwrap();
    (workflow, action, index)
}

/// Changes what the original recorded into what we do on purpose.
fn deviate(case: &str, job: &mut Value) {
    match case {
        // A pipeline cannot set Kratix's own labels (contract.md 12.B).
        "label-override" => {
            for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
                job.pointer_mut(labels).unwrap()[labels::PIPELINE_NAME] = "one".into();
            }
        }
        // In a dry run the variables of a container are its own, not those of a later one (contract.md 12.B).
        "config-dry-run" => {
            let stages = job.pointer_mut("/spec/template/spec/initContainers").unwrap();
            for stage in stages.as_array_mut().unwrap() {
                let own = stage["name"].as_str().unwrap().strip_prefix('c').map(str::to_owned);
                let variables = stage["env"].as_array_mut().unwrap();
                for variable in variables.iter_mut().filter(|variable| variable["name"] == "N") {
                    variable["value"] = own.clone().unwrap().into();
                }
            }
        }
        // The only pipeline of a delete workflow that runs is its last (contract.md 12.C).
        "delete-workflow" if job["metadata"]["labels"][labels::WORKFLOW_ACTION] == "delete" => {
            let last = job.pointer_mut("/spec/template/spec/containers/0/env/0/value").unwrap();
            assert_eq!(*last, json!("false"));
            *last = "true".into();
        }
        _ => {}
    }
}

/// Takes the end off the name: chance there, a hash here.
fn without_chance(job: &mut Value) {
    let name = job["metadata"]["name"].as_str().unwrap();
    let base = name.rsplit_once('-').unwrap().0.to_owned();
    job["metadata"]["name"] = base.into();
}

fn assert_same(case: &str, ours: &Value, expected: &Value) {
    let mut differences = Vec::new();
    diff("", ours, expected, &mut differences);
    assert!(differences.is_empty(), "{case}:\n{}", differences.join("\n"));
}

fn diff(path: &str, ours: &Value, expected: &Value, differences: &mut Vec<String>) {
    match (ours, expected) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let (a, b) =
                    (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                diff(&format!("{path}/{key}"), a, b, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                diff(&format!("{path}/{index}"), a, b, differences);
            }
        }
        _ if ours == expected => {}
        _ => differences.push(format!("{path}: ours {ours}, recorded {expected}")),
    }
}
