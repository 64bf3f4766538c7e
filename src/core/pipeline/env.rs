//! Variables of the containers (contract.md 1.1-1.3).

use serde_json::{Value, json};

use super::Plan;
use super::metadata::group_and_version;
use crate::contract::{env, labels};
use crate::core::legacy::PodLayout;

/// A variable as Kubernetes stores it: an empty value is left out.
fn variable(name: &str, value: &str) -> Value {
    if value.is_empty() { json!({"name": name}) } else { json!({"name": name, "value": value}) }
}

fn text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

impl Plan<'_> {
    /// The eleven variables of contract.md 1.1 in their order, and the twelfth in a dry run.
    pub(super) fn object_variables(&self) -> Vec<Value> {
        let (group, version) = group_and_version(self.object);
        let values = [
            self.input.action.as_str(),
            self.input.workflow.as_str(),
            &self.input.promise.name,
            &self.pipeline.name,
            self.object.kind(),
            group,
            version,
            self.object.name(),
            self.object.namespace().unwrap_or_default(),
            self.plural,
            text(self.cluster_scoped),
        ];
        let pairs = env::OBJECT_VARIABLES.into_iter().zip(values);
        pairs.map(|(name, value)| variable(name, value)).chain(self.dry_run_variable()).collect()
    }

    /// Those of the user's containers: the object's, and in the early layout the action under its old name.
    pub(super) fn stage_variables(&self) -> Vec<Value> {
        let is_early = self.pipeline.layout == PodLayout::Early;
        let operation = is_early.then(|| variable(env::OPERATION, self.input.action.as_str()));
        self.object_variables().into_iter().chain(operation).collect()
    }

    /// The writer's: the trace from the pod's annotations, and whether this is a dry run.
    pub(super) fn writer_variables(&self) -> Vec<Value> {
        let traces =
            [(env::TRACE_PARENT, labels::TRACE_PARENT), (env::TRACE_STATE, labels::TRACE_STATE)];
        let traces = traces.map(|(name, annotation)| {
            let path = format!("metadata.annotations['{annotation}']");
            json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}})
        });
        traces.into_iter().chain(self.dry_run_variable()).collect()
    }

    /// The sidecar's: the object's, and the pod whose stages it watches.
    pub(super) fn sidecar_variables(&self) -> Vec<Value> {
        let own = [(env::POD_NAME, "metadata.name"), (env::POD_NAMESPACE, "metadata.namespace")];
        let own = own.map(
            |(name, path)| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}),
        );
        self.object_variables().into_iter().chain(own).collect()
    }

    /// The status step's: whether this is the last pipeline, then the object's.
    pub(super) fn status_variables(&self) -> Vec<Value> {
        let last = variable(env::IS_LAST_PIPELINE, text(self.is_last));
        [last].into_iter().chain(self.object_variables()).collect()
    }

    fn dry_run_variable(&self) -> Option<Value> {
        self.dry_run.then(|| variable(env::DRY_RUN, text(true)))
    }
}
