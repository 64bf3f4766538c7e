//! One Pipeline document (contract.md 5.7).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, LocalObjectReference, ResourceRequirements, SecurityContext, Toleration,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::PromiseError;
use crate::contract::{kinds, labels};
use crate::core::legacy::PodLayout;
use crate::core::strict;

/// A Pipeline: what a user's containers are, and how their pod shall run.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`: go onto the Job and its pod.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`: go onto the pod.
    pub annotations: BTreeMap<String, String>,
    /// By whose rules its pod is laid out: annotation [`labels::LAYOUT`].
    pub layout: PodLayout,
    /// `spec`.
    pub spec: PipelineSpec,
}

/// `spec` of a Pipeline.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PipelineSpec {
    /// The user's containers, run in order.
    pub containers: Vec<Container>,
    /// Volumes beside the three of the contract.
    pub volumes: Vec<Volume>,
    /// Secrets to pull images with.
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Nodes the pod may run on.
    pub node_selector: BTreeMap<String, String>,
    /// Taints the pod bears.
    pub tolerations: Vec<Toleration>,
    /// `Never` or `OnFailure`; empty for `OnFailure`.
    pub restart_policy: String,
    /// Settings of the Job.
    pub job_options: JobOptions,
    /// Rights of the pod.
    pub rbac: Rbac,
}

/// `spec.containers[]`: the part of a container that a Pipeline may set.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name of the stage.
    pub name: String,
    /// Image.
    pub image: String,
    /// Arguments; `None` and empty differ only in the Job's text.
    pub args: Vec<String>,
    /// Entry point.
    pub command: Vec<String>,
    /// Variables after those of the contract.
    pub env: Vec<EnvVar>,
    /// Sources of more variables.
    pub env_from: Vec<EnvFromSource>,
    /// Mounts after those of the contract.
    pub volume_mounts: Vec<VolumeMount>,
    /// When to pull the image; empty for the installation's setting.
    pub image_pull_policy: String,
    /// Security settings; `None` for the installation's.
    pub security_context: Option<SecurityContext>,
    /// Requests and limits; `None` for the installation's.
    pub resources: Option<ResourceRequirements>,
}

/// `spec.jobOptions`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobOptions {
    /// How often a failed pod is tried again.
    pub backoff_limit: Option<i32>,
}

/// `spec.rbac`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rbac {
    /// Service account; empty for one named by the pipeline's id.
    pub service_account: String,
    /// Rights beyond those every pipeline has.
    pub permissions: Vec<Permission>,
}

/// One rule of `spec.rbac.permissions`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    /// Namespace in which it holds: empty for the Job's, `*` for all.
    pub resource_namespace: String,
    /// API groups.
    pub api_groups: Vec<String>,
    /// Resources.
    pub resources: Vec<String>,
    /// Verbs.
    pub verbs: Vec<String>,
    /// Names; empty for all.
    pub resource_names: Vec<String>,
    /// URLs that are no resources.
    #[serde(rename = "nonResourceURLs")]
    pub non_resource_urls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Document {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: ObjectMeta,
    spec: PipelineSpec,
}

/// Reads the Pipeline at `path`.
pub(super) fn read(document: &Value, path: &str) -> Result<Pipeline, PromiseError> {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if kind != kinds::PIPELINE_KIND || api_version != kinds::PROMISE.api_version() {
        return Err(PromiseError::UnsupportedPipeline { path: path.to_owned(), api_version, kind });
    }
    let document: Document = strict::decode(document).map_err(|source| PromiseError::Pipeline {
        path: path.to_owned(),
        name: document
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        source,
    })?;
    let name = document.metadata.name.unwrap_or_default();
    if name.is_empty() {
        return Err(PromiseError::UnnamedPipeline { path: path.to_owned() });
    }
    let annotations = document.metadata.annotations.unwrap_or_default();
    let layout = annotations.get(labels::LAYOUT).map(String::as_str).unwrap_or_default();
    Ok(Pipeline {
        name,
        labels: document.metadata.labels.unwrap_or_default(),
        layout: PodLayout::from_name(layout).unwrap_or_default(),
        annotations,
        spec: document.spec,
    })
}
