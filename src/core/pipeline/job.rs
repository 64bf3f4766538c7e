//! The Job (contract.md 3.4).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{JobInput, PipelineError, Plan, run_hash};
use crate::contract::{Object, kinds};

/// What a pod does after a failed container when the pipeline says nothing.
const RESTART_POLICY: &str = "OnFailure";

/// Builds the Job of one pipeline.
///
/// Kubernetes' own defaults are not filled in. A Job of an object without uid has no owner.
pub fn job(input: &JobInput<'_>) -> Result<Object, PipelineError> {
    if input.adapter.image.is_empty() {
        return Err(PipelineError::NoAdapterImage);
    }
    let plan = Plan::new(input)?;
    let hash = run_hash(input.promise, plan.request);
    let labels = plan.labels(&hash);
    let mut pod_metadata = json!({"labels": labels});
    let pod_annotations = plan.pod_annotations();
    if !pod_annotations.is_empty() {
        pod_metadata["annotations"] = pod_annotations.into();
    }
    let mut spec = Map::new();
    let own = plan.pipeline.spec.job_options.backoff_limit;
    if let Some(limit) = own.or(input.config.backoff_limit) {
        spec.insert("backoffLimit".into(), limit.into());
    }
    if let Some(deadline) = input.config.job_deadline {
        spec.insert("activeDeadlineSeconds".into(), deadline.as_secs().into());
    }
    spec.insert("template".into(), json!({"metadata": pod_metadata, "spec": plan.pod_spec()}));

    let mut job = Object::new(&kinds::JOB, Some(plan.namespace), &plan.run(&hash).job_name()?);
    job.set_metadata("labels", labels);
    job.set_metadata("annotations", plan.job_annotations());
    if let Some(owner) = plan.owner() {
        job.set_metadata("ownerReferences", vec![owner]);
    }
    job.0.insert("spec".into(), Value::Object(spec));
    Ok(job)
}

impl Plan<'_> {
    fn pod_spec(&self) -> Map<String, Value> {
        let own = &self.pipeline.spec;
        let or = |text: &str, otherwise: &str| {
            Value::from(if text.is_empty() { otherwise } else { text })
        };
        let mut spec = Map::new();
        spec.insert("volumes".into(), self.volumes().into());
        let (before, main) = self.containers();
        spec.insert("initContainers".into(), before.into());
        spec.insert("containers".into(), vec![main].into());
        spec.insert("restartPolicy".into(), or(&own.restart_policy, RESTART_POLICY));
        spec.insert("serviceAccountName".into(), or(&own.rbac.service_account, &self.id));
        let secrets = self.pull_secrets();
        if !secrets.is_empty() {
            spec.insert("imagePullSecrets".into(), secrets.into());
        }
        if !own.node_selector.is_empty() {
            spec.insert("nodeSelector".into(), to_json(&own.node_selector));
        }
        if !own.tolerations.is_empty() {
            spec.insert("tolerations".into(), to_json(&own.tolerations));
        }
        spec
    }

    /// The installation's secret, then the pipeline's own.
    fn pull_secrets(&self) -> Vec<Value> {
        let first = self.input.adapter.pull_secret.as_deref().filter(|name| !name.is_empty());
        let first = first.map(|name| json!({"name": name}));
        first.into_iter().chain(self.pipeline.spec.image_pull_secrets.iter().map(to_json)).collect()
    }
}

/// Returns the JSON of a value whose type always has one.
pub(super) fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
