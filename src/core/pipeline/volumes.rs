//! Volumes of the pod, and where the containers see them (contract.md 3.1, 3.2).

use serde_json::{Value, json};

use super::Plan;
use super::job::to_json;
use super::scheduling::config_map_name;
use crate::contract::{layout, pod};
use crate::core::promise::WorkflowAction;

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

/// The mounts of every user's container. The object is the same for all of them, so nobody may change it.
pub(super) fn stage_mounts() -> Vec<Value> {
    let mut input = mount(pod::volume::SHARED_INPUT, layout::INPUT_DIR);
    input["readOnly"] = true.into();
    vec![
        input,
        mount(pod::volume::SHARED_OUTPUT, layout::OUTPUT_DIR),
        mount(pod::volume::SHARED_METADATA, layout::METADATA_DIR),
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

/// The status step's mounts.
pub(super) fn status_mounts() -> Vec<Value> {
    vec![mount(pod::volume::SHARED_METADATA, pod::mount::WRITER_METADATA)]
}

impl Plan<'_> {
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
        let shared =
            [pod::volume::SHARED_INPUT, pod::volume::SHARED_OUTPUT, pod::volume::SHARED_METADATA];
        let source = match &self.input.config.volume_size {
            Some(size) => json!({"sizeLimit": size}),
            None => json!({}),
        };
        let shared = shared.map(|name| json!({"name": name, "emptyDir": source}));
        let own = self.pipeline.spec.volumes.iter().map(to_json);
        scheduling.into_iter().chain(shared).chain(own).collect()
    }
}
