//! What the API server would refuse in the pod of a Pipeline: names, volumes, mounts and variables.
//!
//! Kratix creates the Job on trial when a Promise is applied, so each of these stops the Promise itself
//! (contract.md 15.3).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Volume, VolumeMount};
use serde_json::Value;

use super::check::Findings;
use super::{Container, PipelineSpec, is_dns_label};
use crate::contract::{layout, pod};

const NAME_RULE: &str = "lower-case letters, digits and `-`, at most 63 bytes";

/// Checks the containers and volumes of the Pipeline whose `spec` stands at `path`.
pub(super) fn check(spec: &PipelineSpec, path: &str, findings: &mut Findings) {
    let mut volumes = BTreeSet::from([
        pod::volume::PROMISE_SCHEDULING,
        pod::volume::SHARED_INPUT,
        pod::volume::SHARED_OUTPUT,
        pod::volume::SHARED_METADATA,
    ]);
    for (index, volume) in spec.volumes.iter().enumerate() {
        let path = format!("{path}.volumes[{index}]");
        check_volume(volume, &path, findings);
        if !volumes.insert(volume.name.as_str()) {
            let message = format!("the pod has another volume named `{}`", volume.name);
            findings.fail(&format!("{path}.name"), message);
        }
    }
    for (index, container) in spec.containers.iter().enumerate() {
        let path = format!("{path}.containers[{index}]");
        check_container(container, &path, &volumes, findings);
    }
}

fn check_name(name: &str, path: &str, findings: &mut Findings) {
    if name.is_empty() {
        findings.fail(path, "it has no name".into());
    } else if !is_dns_label(name) {
        findings.fail(path, format!("`{name}` is no name: it needs {NAME_RULE}"));
    }
}

fn check_volume(volume: &Volume, path: &str, findings: &mut Findings) {
    check_name(&volume.name, &format!("{path}.name"), findings);
    let value = serde_json::to_value(volume).unwrap_or_default();
    let sources = value.as_object().map_or(0, |map| map.len().saturating_sub(1));
    if sources != 1 {
        let message = format!("a volume needs one source such as `emptyDir`, this has {sources}");
        findings.fail(path, message);
    }
}

fn check_container(
    container: &Container,
    path: &str,
    volumes: &BTreeSet<&str>,
    findings: &mut Findings,
) {
    check_name(&container.name, &format!("{path}.name"), findings);
    if container.image.trim().is_empty() {
        findings.fail(&format!("{path}.image"), "a container needs an image".into());
    }
    if !matches!(container.image_pull_policy.as_str(), "" | "Always" | "IfNotPresent" | "Never") {
        let message = "it is not `Always`, `IfNotPresent` or `Never`".into();
        findings.fail(&format!("{path}.imagePullPolicy"), message);
    }
    for (index, variable) in container.env.iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        if variable.name.is_empty() || variable.name.contains(['=', '\0']) {
            let message = format!("`{}` cannot name a variable", variable.name.escape_debug());
            findings.fail(&format!("{path}.name"), message);
        }
        let source = serde_json::to_value(&variable.value_from).unwrap_or_default();
        if source.as_object().is_some_and(|source| source.len() != 1) {
            findings.fail(&format!("{path}.valueFrom"), "it needs one source".into());
        } else if source != Value::Null && variable.value.as_ref().is_some_and(|v| !v.is_empty()) {
            findings.fail(&path, "it has both `value` and `valueFrom`".into());
        }
    }
    let mut targets = BTreeSet::from([layout::INPUT_DIR, layout::OUTPUT_DIR, layout::METADATA_DIR]);
    for (index, mount) in container.volume_mounts.iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        check_mount(mount, &path, volumes, findings);
        if !targets.insert(mount.mount_path.as_str()) {
            let message = format!("something else is mounted at `{}`", mount.mount_path);
            findings.fail(&format!("{path}.mountPath"), message);
        }
    }
}

fn check_mount(mount: &VolumeMount, path: &str, volumes: &BTreeSet<&str>, findings: &mut Findings) {
    if !volumes.contains(mount.name.as_str()) {
        let message = format!("no volume of the pipeline is named `{}`", mount.name);
        findings.fail(&format!("{path}.name"), message);
    }
    let target = mount.mount_path.as_str();
    if target.is_empty() || target.contains([':', '\0']) {
        let message = format!("`{}` cannot be a mount path", target.escape_debug());
        findings.fail(&format!("{path}.mountPath"), message);
    }
    for (key, inner) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
        let inner = inner.as_deref().unwrap_or_default();
        if inner.starts_with('/') || inner.split('/').any(|part| part == "..") {
            let message = format!("`{inner}` is not a relative path without `..`");
            findings.fail(&format!("{path}.{key}"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::strict;

    /// Checks a `spec` with these volumes and this container, and returns what is found below `s`.
    fn found(volumes: Value, container: Value) -> Vec<String> {
        let mut whole = json!({"name": "a", "image": "i"});
        let fields = whole.as_object_mut().unwrap();
        fields.extend(container.as_object().unwrap().clone());
        let spec = json!({"volumes": volumes, "containers": [whole]});
        let mut findings = Findings::default();
        check(&strict::decode(&spec).unwrap(), "s", &mut findings);
        findings.0.iter().map(|found| format!("{}: {}", found.path, found.message)).collect()
    }

    #[test]
    fn a_pod_that_the_server_takes_is_fine() {
        let volumes =
            json!([{"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {"name": "c"}}]);
        let container = json!({
            "env": [{"name": "A"}, {"name": "b.c", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "volumeMounts": [
                {"name": "v", "mountPath": "/v"},
                {"name": "c", "mountPath": "/v/c", "subPath": "a..b/c"},
                {"name": "shared-output", "mountPath": "/again"},
            ],
        });
        assert_eq!(found(volumes, container), Vec::<String>::new());
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        for name in ["../../x", "/tmp/x", "a/b", "A", "a.b", "-a", "a\n"] {
            let volumes = json!([{"name": name, "emptyDir": {}}]);
            assert_eq!(found(volumes, json!({})).len(), 1, "{name:?}");
            assert_eq!(found(json!([]), json!({"name": name})).len(), 1, "{name:?}");
        }
    }

    #[test]
    fn each_thing_that_the_server_refuses_is_named() {
        let mount = |mount: Value| json!({"volumeMounts": [mount]});
        let env = |variable: Value| json!({"env": [variable]});
        for (container, expect) in [
            (json!({"name": ""}), "s.containers[0].name: it has no name"),
            (json!({"image": " "}), "s.containers[0].image: a container needs an image"),
            (
                json!({"imagePullPolicy": "always"}),
                "s.containers[0].imagePullPolicy: it is not `Always`, `IfNotPresent` or `Never`",
            ),
            (env(json!({"name": ""})), "s.containers[0].env[0].name: `` cannot name a variable"),
            (
                env(json!({"name": "a=b"})),
                "s.containers[0].env[0].name: `a=b` cannot name a variable",
            ),
            (
                env(json!({"name": "A", "valueFrom": {}})),
                "s.containers[0].env[0].valueFrom: it needs one source",
            ),
            (
                env(
                    json!({"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}),
                ),
                "s.containers[0].env[0]: it has both `value` and `valueFrom`",
            ),
            (
                mount(json!({"name": "w", "mountPath": "/x"})),
                "s.containers[0].volumeMounts[0].name: no volume of the pipeline is named `w`",
            ),
            (
                mount(json!({"name": "v", "mountPath": ""})),
                "s.containers[0].volumeMounts[0].mountPath: `` cannot be a mount path",
            ),
            (
                mount(json!({"name": "v", "mountPath": layout::OUTPUT_DIR})),
                &format!(
                    "s.containers[0].volumeMounts[0].mountPath: something else is mounted at `{}`",
                    layout::OUTPUT_DIR
                ),
            ),
            (
                mount(json!({"name": "v", "mountPath": "/x", "subPath": "a/../b"})),
                "s.containers[0].volumeMounts[0].subPath: `a/../b` is not a relative path without `..`",
            ),
        ] {
            assert_eq!(found(json!([{"name": "v", "emptyDir": {}}]), container), [expect]);
        }
        let twice = json!([{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]);
        let expect = ["s.volumes[1].name: the pod has another volume named `v`"];
        assert_eq!(found(twice, json!({})), expect);
        let expect = ["s.volumes[0]: a volume needs one source such as `emptyDir`, this has 0"];
        assert_eq!(found(json!([{"name": "v"}]), json!({})), expect);
    }
}
