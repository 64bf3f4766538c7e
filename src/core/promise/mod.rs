//! Reads a Promise: its API and its workflows (contract.md 5.6, 5.7).

mod api;
mod check;
mod error;
mod pipeline;
mod pod_check;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

pub use api::{Api, ApiError};
pub use check::{
    Finding, NAME_RULE, PIPELINE_ID_CHARS_MAX, check, is_dns_label, is_dns_subdomain, is_label_key,
    is_label_value, pipeline_id,
};
pub use error::PromiseError;
pub use pipeline::{Container, JobOptions, Permission, Pipeline, PipelineSpec, Rbac};

use crate::contract::{Kind, Object};
use crate::core::hash;

/// For what a workflow runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkflowType {
    /// For the Promise itself.
    Promise,
    /// For a resource request.
    Resource,
}

impl WorkflowType {
    /// Both, in the order of this file.
    pub const ALL: [Self; 2] = [Self::Promise, Self::Resource];

    /// The word of the contract: key in `spec.workflows`, label value, variable value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promise => "promise",
            Self::Resource => "resource",
        }
    }
}

impl fmt::Display for WorkflowType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// On what a workflow runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkflowAction {
    /// The object is new or has changed.
    Configure,
    /// The object is going.
    Delete,
}

impl WorkflowAction {
    /// Both, in the order of this file.
    pub const ALL: [Self; 2] = [Self::Configure, Self::Delete];

    /// The word of the contract: key in `spec.workflows.<type>`, label value, variable value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for WorkflowAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A Promise that another one needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequiredPromise {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its version; empty for any.
    #[serde(default)]
    pub version: String,
}

/// A Promise, read and checked in shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// The object it was read from.
    pub object: Object,
    /// `metadata.name`.
    pub name: String,
    /// `spec` in today's form, for a Promise of the old one (`xaasRequestPipeline`).
    translated_spec: Option<Value>,
    /// Paths of the fields of the old form.
    pub old_fields: Vec<String>,
    /// The API it offers; `None` for a Promise without.
    pub api: Option<Api>,
    /// `spec.destinationSelectors[].matchLabels`, in order.
    pub destination_selectors: Vec<BTreeMap<String, String>>,
    /// `spec.requiredPromises`.
    pub required_promises: Vec<RequiredPromise>,
    /// `spec.dependencies`, as given.
    pub dependencies: Vec<Value>,
    /// Namespace of every Job of this Promise; `None` for the rule of contract.md 3.4.
    pub pipeline_namespace: Option<String>,
    /// How often workflows run again without a change; `None` for the installation's.
    pub reconciliation_interval: Option<SignedDuration>,
    /// Hash of `spec` (contract.md 6.2): a Promise is read once, and asked for it at every step of every request.
    pub spec_hash: String,
    /// Paths below `spec` that no Promise has. An API server drops them in silence.
    pub unknown_fields: Vec<String>,
    pipelines: BTreeMap<(WorkflowType, WorkflowAction), Vec<Pipeline>>,
}

impl Promise {
    /// Reads a Promise.
    ///
    /// Pipelines are decoded strictly, here and not when they run: a misspelled field must not wait for a request.
    pub fn from_object(object: &Object) -> Result<Self, PromiseError> {
        read::promise(object)
    }

    /// Returns a Promise of which nothing but its object is known: one that cannot be read still has a name, a status,
    /// and an end.
    pub fn unread(object: &Object) -> Self {
        Self {
            object: object.clone(),
            name: object.name().to_owned(),
            translated_spec: None,
            spec_hash: hash::promise_spec(object.spec()),
            old_fields: Vec::new(),
            api: None,
            destination_selectors: Vec::new(),
            required_promises: Vec::new(),
            dependencies: Vec::new(),
            pipeline_namespace: None,
            reconciliation_interval: None,
            unknown_fields: Vec::new(),
            pipelines: BTreeMap::new(),
        }
    }

    /// Returns the pipelines of one workflow, in order.
    pub fn pipelines(&self, workflow: WorkflowType, action: WorkflowAction) -> &[Pipeline] {
        self.pipelines.get(&(workflow, action)).map_or(&[], Vec::as_slice)
    }

    /// Returns `spec` in today's form: what it means, whatever form it is written in.
    pub fn spec(&self) -> Option<&Value> {
        self.translated_spec.as_ref().or_else(|| self.object.spec())
    }

    /// Returns the kind of the requests of this Promise, at the version in which they are stored.
    pub fn request_kind(&self) -> Option<&Kind> {
        self.api.as_ref().map(|api| &api.kind)
    }
}
