//! Volumes of the pod, and where the containers see them (contract.md 3.1, 3.2).

use serde_json::{Value, json};

use super::Plan;
use super::job::to_json;
use super::scheduling::config_map_name;
use crate::contract::{layout, pod};
use crate::core::legacy::PodLayout;
use crate::core::promise::WorkflowAction;
use crate::core::sidecar;

fn mount(volume: &str, path: &str) -> Value {
    json!({"name": volume, "mountPath": path})
}

/// The reader's mounts.
pub(super) fn reader_mounts() -> Vec<Value> {
    vec![
        mount(pod::volume::SHARED_INPUT, layout::INPUT_DIR),
        mount(pod::volume::SHARED_OUTPUT, layout::OUTPUT_DIR),
    ]
}

/// The writer's mounts.
pub(super) fn writer_mounts() -> Vec<Value> {
    vec![
        mount(pod::volume::SHARED_OUTPUT, pod::mount::WRITER_INPUT),
        mount(pod::volume::SHARED_METADATA, pod::mount::WRITER_METADATA),
        mount(pod::volume::PROMISE_SCHEDULING, pod::mount::WRITER_SYSTEM),
    ]
}

/// The sidecar's mounts.
pub(super) fn sidecar_mounts() -> Vec<Value> {
    let mut metadata = mount(pod::volume::SHARED_METADATA, pod::mount::WRITER_METADATA);
    metadata["readOnly"] = true.into();
    vec![metadata]
}

/// The status step's mounts.
pub(super) fn status_mounts() -> Vec<Value> {
    vec![mount(pod::volume::SHARED_METADATA, pod::mount::WRITER_METADATA)]
}

impl Plan<'_> {
    /// Whether the pod has a metadata folder: the early layout has none in a delete workflow.
    fn has_metadata(&self) -> bool {
        self.pipeline.layout != PodLayout::Early || self.input.action == WorkflowAction::Configure
    }

    /// Whether the status step runs: there is nothing that it could read without a metadata folder.
    pub(super) fn has_status(&self) -> bool {
        self.has_metadata()
    }

    /// Whether the status sidecar runs.
    pub(super) fn has_sidecar(&self) -> bool {
        self.has_metadata() && sidecar::is_on(self.pipeline, &self.input.config.status_sidecar)
    }

    /// The mounts of every user's container.
    ///
    /// The object is the same for all of them, so nobody may change it. In the early layout one stage may leave files
    /// for the next there (contract.md 14).
    pub(super) fn stage_mounts(&self) -> Vec<Value> {
        let mut input = mount(pod::volume::SHARED_INPUT, layout::INPUT_DIR);
        if self.pipeline.layout != PodLayout::Early {
            input["readOnly"] = true.into();
        }
        let metadata =
            self.has_metadata().then(|| mount(pod::volume::SHARED_METADATA, layout::METADATA_DIR));
        [input, mount(pod::volume::SHARED_OUTPUT, layout::OUTPUT_DIR)]
            .into_iter()
            .chain(metadata)
            .collect()
    }

    /// Kratix's volumes, then the pipeline's own.
    pub(super) fn volumes(&self) -> Vec<Value> {
        let scheduling = (self.input.action == WorkflowAction::Configure).then(|| {
            json!({
                "name": pod::volume::PROMISE_SCHEDULING,
                "configMap": {
                    "name": config_map_name(&self.input.promise.name),
                    "items": [{
                        "key": pod::SCHEDULING_KEY,
                        "path": layout::PROMISE_SCHEDULING_FILE,
                    }],
                },
            })
        });
        let metadata = self.has_metadata().then_some(pod::volume::SHARED_METADATA);
        let shared = [pod::volume::SHARED_INPUT, pod::volume::SHARED_OUTPUT];
        let shared = shared.into_iter().chain(metadata);
        let source = match &self.input.config.volume_size {
            Some(size) => json!({"sizeLimit": size}),
            None => json!({}),
        };
        let shared = shared.map(|name| json!({"name": name, "emptyDir": source}));
        let own = self.pipeline.spec.volumes.iter().map(|volume| {
            let mut own = to_json(volume);
            // Those between stages were one folder with the output, if their Pipeline were of today.
            if self.pipeline.layout == PodLayout::Xaas
                && volume.name.starts_with(pod::volume::HOP_PREFIX)
                && own["emptyDir"] == json!({})
            {
                own["emptyDir"] = source.clone();
            }
            own
        });
        scheduling.into_iter().chain(shared).chain(own).collect()
    }
}
