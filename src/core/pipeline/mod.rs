//! A Pipeline and its object become a Job (contract.md 1, 3, 4).

mod containers;
mod env;
mod job;
mod metadata;
mod scheduling;
#[cfg(test)]
mod tests;
mod volumes;

pub use job::job;
pub use metadata::{OWN_LABELS, Run, overridden_labels, run_hash};
pub use scheduling::scheduling_config_map;

use super::config::Config;
use super::naming::NamingError;
use super::promise::{Pipeline, Promise, WorkflowAction, WorkflowType, pipeline_id};
use crate::contract::{Object, env as env_names, kinds, labels};

/// Where the three containers around the user's own come from (contract.md 1.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adapter {
    /// Image of all three.
    pub image: String,
    /// Secret to pull it with.
    pub pull_secret: Option<String>,
}

/// Everything a Job is made of.
#[derive(Debug, Clone, Copy)]
pub struct JobInput<'a> {
    /// The Promise, at the version in use.
    pub promise: &'a Promise,
    /// The request; only in a resource workflow.
    pub request: Option<&'a Object>,
    /// Which of the Promise's workflows.
    pub workflow: WorkflowType,
    /// Which of its two lists.
    pub action: WorkflowAction,
    /// Which pipeline of the list.
    pub index: usize,
    /// Settings of the installation.
    pub config: &'a Config,
    /// The containers around the user's own.
    pub adapter: &'a Adapter,
    /// Number of the run: no two runs of one object have the same. The Job's name is made of it, so the same run has the
    /// same name wherever and however often it is computed, and creating it twice is harmless.
    pub run: i64,
}

/// Why there is no Job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Nobody said where the three containers come from; Kratix would make a Job without image.
    #[error("the image of the reader, writer and status containers is not set")]
    NoAdapterImage,

    /// A list that is shorter.
    #[error("Promise `{promise}` has no pipeline {index} in its {workflow} {action} workflow")]
    NoPipeline {
        /// Name of the Promise.
        promise: String,
        /// Type of the workflow.
        workflow: WorkflowType,
        /// Action of the workflow.
        action: WorkflowAction,
        /// Place in the list, from 0.
        index: usize,
    },

    /// A resource workflow without request.
    #[error("a resource workflow of Promise `{promise}` needs a request with a name")]
    NoRequest {
        /// Name of the Promise.
        promise: String,
    },

    /// A resource workflow of a Promise without API.
    #[error("Promise `{promise}` has no API, and so no resource workflow")]
    NoApi {
        /// Name of the Promise.
        promise: String,
    },

    /// A request for something else.
    #[error("the request is a `{found}`, Promise `{promise}` offers `{offered}`")]
    WrongKind {
        /// Name of the Promise.
        promise: String,
        /// `kind.group` of the request.
        found: String,
        /// `kind.group` of the Promise's API.
        offered: String,
    },

    /// A request without namespace, and nowhere else to run.
    #[error("request `{request}` has no namespace, and Promise `{promise}` names none to run in")]
    NoNamespace {
        /// Name of the Promise.
        promise: String,
        /// Name of the request.
        request: String,
    },

    /// No name can be made.
    #[error("failed to name the Job")]
    Name {
        /// Why.
        source: NamingError,
    },
}

impl PipelineError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoAdapterImage => Some(format!("set {}", env_names::ADAPTER_IMAGE)),
            Self::NoPipeline { .. } | Self::Name { .. } => None,
            Self::NoRequest { .. } => Some("give a request with `metadata.name`".into()),
            Self::NoApi { .. } => Some("run its promise workflow".into()),
            Self::WrongKind { offered, .. } => Some(format!("give a `{offered}`")),
            Self::NoNamespace { .. } => {
                Some("set `spec.workflows.config.pipelineNamespace` in the Promise".into())
            }
        }
    }
}

/// The input with everything found and checked that more than one part of the Job needs.
struct Plan<'a> {
    input: &'a JobInput<'a>,
    pipeline: &'a Pipeline,
    /// Name of the service account's and rights' default.
    id: String,
    /// What started the workflow: the request, or the Promise.
    object: &'a Object,
    /// The request, in a resource workflow.
    request: Option<&'a Object>,
    /// Plural of the object's kind.
    plural: &'a str,
    /// Whether the object's kind has no namespace.
    cluster_scoped: bool,
    /// Namespace of the Job.
    namespace: &'a str,
    /// Whether no pipeline of this workflow follows.
    is_last: bool,
    /// Whether the request is a dry run.
    dry_run: bool,
}

impl<'a> Plan<'a> {
    fn new(input: &'a JobInput<'a>) -> Result<Self, PipelineError> {
        let promise = input.promise;
        let pipelines = promise.pipelines(input.workflow, input.action);
        let pipeline = pipelines.get(input.index).ok_or_else(|| PipelineError::NoPipeline {
            promise: promise.name.clone(),
            workflow: input.workflow,
            action: input.action,
            index: input.index,
        })?;
        static PROMISE: kinds::Kind = kinds::PROMISE;
        let (request, kind) = match input.workflow {
            WorkflowType::Promise => (None, &PROMISE),
            WorkflowType::Resource => {
                let kind = promise
                    .request_kind()
                    .ok_or_else(|| PipelineError::NoApi { promise: promise.name.clone() })?;
                (Some(checked_request(input, kind)?), kind)
            }
        };
        let object = request.unwrap_or(&promise.object);
        Ok(Self {
            input,
            pipeline,
            id: pipeline_id(&promise.name, input.workflow, input.action, &pipeline.name),
            object,
            request,
            plural: &kind.plural,
            cluster_scoped: !kind.namespaced,
            namespace: job_namespace(promise, request)?,
            // A delete workflow runs its first pipeline only. The original counts the others all the same.
            is_last: input.action == WorkflowAction::Delete || input.index + 1 == pipelines.len(),
            dry_run: request.is_some_and(is_dry_run),
        })
    }

    /// Namespace of the request when it must be said beside its name: Jobs of several namespaces run in one.
    fn said_namespace(&self) -> Option<&'a str> {
        said_namespace(self.input.promise, self.request)
    }
}

/// Namespace of the request when it must be said beside its name: Jobs of several namespaces run in one.
fn said_namespace<'a>(promise: &Promise, request: Option<&'a Object>) -> Option<&'a str> {
    promise.pipeline_namespace.as_ref()?;
    request.map(|request| request.namespace().unwrap_or_default())
}

/// Whether a request is a dry run.
pub fn is_dry_run(request: &Object) -> bool {
    request.label(labels::DRY_RUN) == Some(labels::TRUE)
}

/// Returns the namespace in which the Jobs of a workflow run (contract.md 3.4).
pub fn job_namespace<'a>(
    promise: &'a Promise,
    request: Option<&'a Object>,
) -> Result<&'a str, PipelineError> {
    match (&promise.pipeline_namespace, request) {
        (Some(namespace), _) => Ok(namespace),
        (None, None) => Ok(kinds::SYSTEM_NAMESPACE),
        (None, Some(request)) => request.namespace().ok_or_else(|| PipelineError::NoNamespace {
            promise: promise.name.clone(),
            request: request.name().to_owned(),
        }),
    }
}

fn checked_request<'a>(
    input: &JobInput<'a>,
    kind: &kinds::Kind,
) -> Result<&'a Object, PipelineError> {
    let promise = || input.promise.name.clone();
    let request = input
        .request
        .filter(|request| !request.name().is_empty())
        .ok_or_else(|| PipelineError::NoRequest { promise: promise() })?;
    let (group, _) = metadata::group_and_version(request);
    if request.kind() != kind.kind || group != kind.group {
        return Err(PipelineError::WrongKind {
            promise: promise(),
            found: format!("{}.{group}", request.kind()),
            offered: format!("{}.{}", kind.kind, kind.group),
        });
    }
    Ok(request)
}
