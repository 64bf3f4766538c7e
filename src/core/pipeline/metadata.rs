//! Labels, annotations, owner and name of a Job (contract.md 3.4, 4.1, 4.2, 4.5).

use serde_json::{Map, Value, json};

use super::{PipelineError, Plan, is_dry_run, said_namespace};
use crate::contract::{Object, labels, pod};
use crate::core::promise::{Pipeline, Promise, WorkflowAction, WorkflowType};
use crate::core::{hash, naming};

/// Labels by which Kratix finds a Job: a pipeline cannot set them.
///
/// The original lets it, and then never runs the workflow again, or for ever (contract.md 12.B, 17.1).
pub const OWN_LABELS: [&str; 8] = [
    labels::MANAGED_BY,
    labels::HASH,
    labels::PIPELINE_NAME,
    labels::PROMISE_NAME,
    labels::RESOURCE_NAME,
    labels::RESOURCE_NAMESPACE,
    labels::WORKFLOW_ACTION,
    labels::WORKFLOW_TYPE,
];

/// Returns the labels of a pipeline that are not used because they are Kratix's own.
pub fn overridden_labels(pipeline: &Pipeline) -> Vec<&str> {
    let keys = pipeline.labels.keys().map(String::as_str);
    keys.filter(|key| OWN_LABELS.contains(key)).collect()
}

/// Returns the hash that the Jobs of a workflow are labelled with (contract.md 6.2).
pub fn run_hash(promise: &Promise, request: Option<&Object>) -> String {
    match request {
        None => promise.spec_hash.clone(),
        Some(request) => {
            let request_hash = hash::spec(request.spec());
            hash::resource_workflow(&promise.spec_hash, &request_hash, is_dry_run(request))
        }
    }
}

/// Returns group and version of an object; the group is empty for the core group.
pub(super) fn group_and_version(object: &Object) -> (&str, &str) {
    object.api_version().split_once('/').unwrap_or(("", object.api_version()))
}

impl Plan<'_> {
    /// Labels of the Job and of its pod.
    pub(super) fn labels(&self, hash: &str) -> Map<String, Value> {
        let mut all = Map::new();
        for (key, value) in &self.pipeline.labels {
            if !OWN_LABELS.contains(&key.as_str()) {
                all.insert(key.clone(), value.clone().into());
            }
        }
        let input = self.input;
        for (key, value) in [
            (labels::MANAGED_BY, labels::MANAGED_BY_KRATIX),
            (labels::HASH, hash),
            (labels::PIPELINE_NAME, &self.pipeline.name),
            (labels::PROMISE_NAME, &input.promise.name),
            (labels::WORKFLOW_ACTION, input.action.as_str()),
            (labels::WORKFLOW_TYPE, input.workflow.as_str()),
        ] {
            all.insert(key.into(), value.into());
        }
        if let Some(request) = self.request {
            all.insert(labels::RESOURCE_NAME.into(), request.name().into());
        }
        if let Some(namespace) = self.said_namespace() {
            all.insert(labels::RESOURCE_NAMESPACE.into(), namespace.into());
        }
        all
    }

    /// Annotations of the Job: its object, and the trace it belongs to.
    pub(super) fn job_annotations(&self) -> Map<String, Value> {
        let mut all = self.trace();
        for (key, value) in [
            (labels::JOB_RESOURCE_NAMESPACE, self.object.namespace().unwrap_or_default()),
            (labels::JOB_RESOURCE_NAME, self.object.name()),
            (labels::JOB_RESOURCE_KIND, self.object.kind()),
            (labels::JOB_RESOURCE_API_VERSION, self.object.api_version()),
            (labels::RUN, &self.input.run.to_string()),
        ] {
            all.insert(key.into(), value.into());
        }
        all
    }

    /// Annotations of the pod: the pipeline's, and the trace, which the writer reads from there.
    pub(super) fn pod_annotations(&self) -> Map<String, Value> {
        let own = self.pipeline.annotations.iter();
        let mut all: Map<_, _> =
            own.map(|(key, value)| (key.clone(), value.clone().into())).collect();
        all.extend(self.trace());
        all
    }

    fn trace(&self) -> Map<String, Value> {
        [labels::TRACE_PARENT, labels::TRACE_STATE]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), self.object.annotation(key)?.into())))
            .collect()
    }

    /// The object that owns the Job; nothing when it lives elsewhere or was never in a cluster (no uid).
    pub(super) fn owner(&self) -> Option<Value> {
        let object = self.object;
        let mut owner = json!({
            "apiVersion": object.api_version(),
            "kind": object.kind(),
            "name": object.name(),
            "uid": object.uid()?,
        });
        match self.input.workflow {
            WorkflowType::Promise => {
                owner["controller"] = true.into();
                owner["blockOwnerDeletion"] = true.into();
                Some(owner)
            }
            WorkflowType::Resource => (object.namespace() == Some(self.namespace)).then_some(owner),
        }
    }

    /// The run that the Job is.
    pub(super) fn run<'b>(&'b self, hash: &'b str) -> Run<'b> {
        let input = self.input;
        Run {
            promise: input.promise,
            request: self.request,
            workflow: input.workflow,
            action: input.action,
            pipeline: &self.pipeline.name,
            hash,
            number: input.run,
        }
    }
}

/// What tells one run of a pipeline from every other.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The Promise.
    pub promise: &'a Promise,
    /// The request; only in a resource workflow.
    pub request: Option<&'a Object>,
    /// Which of the Promise's workflows.
    pub workflow: WorkflowType,
    /// Which of its two lists.
    pub action: WorkflowAction,
    /// Name of the pipeline, which the Promise may have no more.
    pub pipeline: &'a str,
    /// [`run_hash`] of when the run was decided.
    pub hash: &'a str,
    /// Its number.
    pub number: i64,
}

impl Run<'_> {
    /// Returns the name of the run's Job, `kratix-<promise>[-<request>[-<its namespace>]]-<pipeline>-<5 hex>`.
    ///
    /// The original ends it in chance. Ours ends it in the hash of what the run is, so that a run has one Job.
    pub fn job_name(&self) -> Result<String, PipelineError> {
        let mut name = format!("{}{}", pod::JOB_PREFIX, self.promise.name);
        let request = self.request.map(Object::name);
        let namespace = said_namespace(self.promise, self.request);
        for part in request.into_iter().chain(namespace).chain([self.pipeline]) {
            name.push('-');
            name.push_str(part);
        }
        let object = self.request.unwrap_or(&self.promise.object);
        let number = self.number.to_string();
        let identity = [
            object.uid().unwrap_or_default(),
            object.namespace().unwrap_or_default(),
            object.name(),
            self.workflow.as_str(),
            self.action.as_str(),
            self.pipeline,
            self.hash,
            &number,
        ];
        naming::deterministic(&name, &identity).map_err(|source| PipelineError::Name { source })
    }
}
