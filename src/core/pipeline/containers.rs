//! The containers of the pod (contract.md 3.2, 3.3).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::job::to_json;
use super::{Plan, volumes};
use crate::contract::{layout, pod};
use crate::core::legacy::PodLayout;
use crate::core::promise::{Container, WorkflowAction};

impl Plan<'_> {
    /// Those that run one after the other, and the one for which the pod stays.
    pub(super) fn containers(&self) -> (Vec<Value>, Value) {
        let mut before = self.init_containers();
        // A pod needs one container that is no init container: where nothing of the platform follows, the last stage.
        let last = if self.has_status() { None } else { before.pop() };
        let main = last.unwrap_or_else(|| self.main_container());
        (before, main)
    }

    /// The reader, the user's containers in order, and in a configure workflow the writer.
    fn init_containers(&self) -> Vec<Value> {
        let reader = self.adapter(
            pod::container::READER,
            vec![pod::command::READER.into()],
            self.object_variables(),
            volumes::reader_mounts(),
        );
        let writer = (self.input.action == WorkflowAction::Configure).then(|| {
            self.adapter(
                pod::container::WORK_WRITER,
                self.writer_arguments(),
                self.writer_variables(),
                volumes::writer_mounts(),
            )
        });
        let stages = self.pipeline.spec.containers.iter().map(|container| self.stage(container));
        [reader].into_iter().chain(self.sidecar()).chain(stages).chain(writer).collect()
    }

    /// The status sidecar, where there is one: Kubernetes goes on with the next container as soon as it has started.
    fn sidecar(&self) -> Option<Value> {
        self.has_sidecar().then(|| {
            let words = self.input.config.status_sidecar.words;
            let args = [
                pod::command::SIDECAR.to_owned(),
                pod::flag::FAILURE_LINES.to_owned(),
                words.lines.to_string(),
                pod::flag::FAILURE_BYTES.to_owned(),
                words.bytes.to_string(),
            ];
            let mut container = self.adapter(
                pod::container::SIDECAR,
                args.into(),
                self.sidecar_variables(),
                volumes::sidecar_mounts(),
            );
            container["restartPolicy"] = "Always".into();
            container
        })
    }

    /// The status step.
    fn main_container(&self) -> Value {
        self.adapter(
            pod::container::STATUS_WRITER,
            vec![pod::command::UPDATE_STATUS.into()],
            self.status_variables(),
            volumes::status_mounts(),
        )
    }

    fn writer_arguments(&self) -> Vec<String> {
        let input = self.input;
        let always = [
            (pod::flag::INPUT_DIRECTORY, layout::WORK_CREATOR_DIR),
            (pod::flag::PROMISE_NAME, &input.promise.name),
            (pod::flag::PIPELINE_NAME, &self.pipeline.name),
            (pod::flag::NAMESPACE, self.namespace),
            (pod::flag::WORKFLOW_TYPE, input.workflow.as_str()),
        ];
        let name = self.request.map(|request| (pod::flag::RESOURCE_NAME, request.name()));
        let namespace =
            self.said_namespace().map(|namespace| (pod::flag::RESOURCE_NAMESPACE, namespace));
        let layout = self.pipeline.layout;
        let layout = (layout != PodLayout::Today).then(|| (pod::flag::LAYOUT, layout.as_str()));
        let flags = always.into_iter().chain(name).chain(namespace).chain(layout);
        [pod::command::WORK_CREATOR]
            .into_iter()
            .chain(flags.flat_map(|(flag, value)| [flag, value]))
            .map(str::to_owned)
            .collect()
    }

    /// One of Kratix's own containers.
    fn adapter(&self, name: &str, args: Vec<String>, env: Vec<Value>, mounts: Vec<Value>) -> Value {
        let mut container = Fields::new(name, &self.input.adapter.image);
        container.set("command", [layout::ADAPTER_PATH]);
        container.set("args", args);
        container.set("env", env);
        container.set("volumeMounts", mounts);
        container.set("imagePullPolicy", &self.input.config.image_pull_policy);
        container.set("resources", &self.input.config.container_resources);
        container.set(
            "securityContext",
            json!({
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "privileged": false,
                "runAsNonRoot": true,
                "seccompProfile": {"type": "RuntimeDefault"},
            }),
        );
        container.into_value()
    }

    /// One of the user's containers: its own settings, else the installation's.
    fn stage(&self, own: &Container) -> Value {
        let config = self.input.config;
        let variables = self.stage_variables().into_iter().chain(own.env.iter().map(to_json));
        let mounts = self.stage_mounts().into_iter().chain(own.volume_mounts.iter().map(to_json));
        let policy = match own.image_pull_policy.as_str() {
            "" => &config.image_pull_policy,
            policy => policy,
        };
        let mut container = Fields::new(&own.name, &own.image);
        container.set("command", &own.command);
        container.set("args", &own.args);
        container.set("env", variables.collect::<Vec<_>>());
        container.set("envFrom", &own.env_from);
        container.set("volumeMounts", mounts.collect::<Vec<_>>());
        container.set("imagePullPolicy", policy);
        if self.has_sidecar() && self.input.config.status_sidecar.words.lines > 0 {
            container.set("terminationMessagePolicy", "FallbackToLogsOnError");
        }
        match &own.resources {
            Some(resources) => container.set("resources", resources),
            None => container.set("resources", &config.container_resources),
        }
        match (&own.security_context, &config.container_security_context) {
            (Some(context), _) => container.keep("securityContext", context),
            (None, Some(context)) => container.keep("securityContext", context),
            (None, None) => {}
        }
        container.into_value()
    }
}

/// The fields of a container: empty text and empty lists are left out, as Kubernetes does when it stores them.
struct Fields(Map<String, Value>);

impl Fields {
    fn new(name: &str, image: &str) -> Self {
        let mut fields = Self(Map::new());
        fields.keep("name", name);
        fields.set("image", image);
        fields
    }

    fn set(&mut self, key: &str, value: impl Serialize) {
        let value = to_json(&value);
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if !empty {
            self.0.insert(key.into(), value);
        }
    }

    fn keep(&mut self, key: &str, value: impl Serialize) {
        self.0.insert(key.into(), to_json(&value));
    }

    fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}
