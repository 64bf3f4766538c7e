//! What is wrong with a Promise that can be read: Kratix's webhook refuses it, or it would not run (contract.md 15.3).

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Pipeline, Promise, WorkflowAction, WorkflowType, pod_check};
use crate::contract::{labels, pod};
use crate::core::control::parse_go_duration;
use crate::core::legacy::PodLayout;
use crate::core::{pipeline, rbac};

/// Longest id of a pipeline that Kratix's webhook accepts, in characters.
pub const PIPELINE_ID_CHARS_MAX: usize = 60;
/// Shortest interval that Kratix's webhook accepts.
const INTERVAL_MIN: SignedDuration = SignedDuration::from_mins(1);
const SHORT_INTERVAL: &str = "shorter than one minute";
/// What the name of an object may hold.
pub const NAME_RULE: &str =
    "lower-case letters, digits, `-` and `.`, a letter or digit at both ends";
/// Longest name of an object, and longest prefix of a label key, in bytes.
const SUBDOMAIN_BYTES_MAX: usize = 253;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the Promise must not run; otherwise it runs, but not as its author may think.
    pub fatal: bool,
    /// Where.
    pub path: String,
    /// What.
    pub message: String,
}

/// Returns the id of a pipeline: name of its service account and of its rights (contract.md 4.5).
pub fn pipeline_id(
    promise: &str,
    workflow: WorkflowType,
    action: WorkflowAction,
    pipeline: &str,
) -> String {
    format!("{promise}-{workflow}-{action}-{pipeline}")
}

/// Returns everything that is wrong with a Promise, in the order of the document.
pub fn check(promise: &Promise) -> Vec<Finding> {
    let mut findings = Findings::default();
    if !is_dns_subdomain(&promise.name) {
        findings
            .fail("metadata.name", format!("`{}` is no name: it needs {NAME_RULE}", promise.name));
    }
    if let Some(namespace) =
        promise.pipeline_namespace.as_deref().filter(|name| !is_dns_label(name))
    {
        let path = "spec.workflows.config.pipelineNamespace";
        findings.fail(path, format!("`{namespace}` is no name of a namespace"));
    }
    for path in &promise.old_fields {
        let message = "this is the form before `spec.workflows`: it is run as written, by bookend alone; `bookend migrate` prints today's";
        findings.warn(path, message.into());
    }
    for path in &promise.unknown_fields {
        findings.warn(path, "no Promise has this field; an API server drops it".into());
    }
    if promise.reconciliation_interval.is_some_and(|interval| interval < INTERVAL_MIN) {
        let path = "spec.workflows.config.reconciliationInterval";
        findings.fail(path, SHORT_INTERVAL.into());
    }
    check_annotation(promise, &mut findings);
    check_requirements(promise, &mut findings);
    for workflow in WorkflowType::ALL {
        for action in WorkflowAction::ALL {
            check_workflow(promise, workflow, action, &mut findings);
        }
    }
    findings.0
}

#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn fail(&mut self, path: &str, message: String) {
        self.0.push(Finding { fatal: true, path: path.to_owned(), message });
    }

    fn warn(&mut self, path: &str, message: String) {
        self.0.push(Finding { fatal: false, path: path.to_owned(), message });
    }
}

fn check_annotation(promise: &Promise, findings: &mut Findings) {
    let key = labels::RECONCILIATION_INTERVAL;
    let Some(text) = promise.object.annotation(key) else { return };
    let path = format!("metadata.annotations.{key}");
    match parse_go_duration(text) {
        Err(error) => findings.fail(&path, error.to_string()),
        Ok(interval) if interval < INTERVAL_MIN => findings.fail(&path, SHORT_INTERVAL.into()),
        Ok(_) => {}
    }
}

fn check_requirements(promise: &Promise, findings: &mut Findings) {
    for (index, required) in promise.required_promises.iter().enumerate() {
        let path = format!("spec.requiredPromises[{index}].name");
        if required.name.is_empty() {
            findings.fail(&path, "it has no name".into());
        } else if required.name == promise.name {
            findings.fail(&path, "a Promise cannot require itself".into());
        }
    }
}

fn check_workflow(
    promise: &Promise,
    workflow: WorkflowType,
    action: WorkflowAction,
    findings: &mut Findings,
) {
    let pipelines = promise.pipelines(workflow, action);
    let path = format!("spec.workflows.{workflow}.{action}");
    if workflow == WorkflowType::Resource && promise.api.is_none() && !pipelines.is_empty() {
        findings.fail(&path, "there is no `spec.api` whose requests could start it".into());
    }
    if action == WorkflowAction::Delete && pipelines.len() > 1 {
        findings.warn(&path, "only the first pipeline of a delete workflow runs".into());
    }
    let mut names = BTreeSet::new();
    for (index, pipeline) in pipelines.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !names.insert(&pipeline.name) {
            let message = format!("another pipeline of this workflow is named `{}`", pipeline.name);
            findings.fail(&format!("{path}.metadata.name"), message);
        }
        let id = pipeline_id(&promise.name, workflow, action, &pipeline.name);
        let length = id.chars().count();
        if length > PIPELINE_ID_CHARS_MAX {
            let message =
                format!("its id `{id}` has {length} characters, {PIPELINE_ID_CHARS_MAX} may be");
            findings.fail(&format!("{path}.metadata.name"), message);
        }
        check_layout(pipeline, &path, findings);
        check_labels(pipeline, &path, findings);
        check_containers(pipeline, &path, findings);
        check_permissions(pipeline, &path, findings);
    }
}

fn check_permissions(pipeline: &Pipeline, path: &str, findings: &mut Findings) {
    for (index, permission) in pipeline.spec.rbac.permissions.iter().enumerate() {
        if let Some(fault) = rbac::permission_fault(permission) {
            let path = format!("{path}.spec.rbac.permissions[{index}]");
            findings.fail(&path, format!("Kubernetes refuses it: {fault}; {}", fault.hint()));
        } else if rbac::has_no_effect(permission) {
            let path = format!("{path}.spec.rbac.permissions[{index}].nonResourceURLs");
            findings.warn(&path, "has no effect in one namespace".into());
        }
    }
}

fn is_switch(word: &str) -> bool {
    matches!(word, "true" | "false")
}

fn check_layout(pipeline: &Pipeline, path: &str, findings: &mut Findings) {
    let key = labels::STATUS_SIDECAR;
    if let Some(word) = pipeline.annotations.get(key).filter(|word| !is_switch(word)) {
        let path = format!("{path}.metadata.annotations.{key}");
        findings.fail(&path, format!("`{word}` is not `true` or `false`"));
    }
    let Some(name) = pipeline.annotations.get(labels::LAYOUT) else { return };
    if PodLayout::from_name(name).is_none() {
        let known = PodLayout::ALL.map(|layout| format!("`{}`", layout.as_str())).join(", ");
        let path = format!("{path}.metadata.annotations.{}", labels::LAYOUT);
        findings.fail(&path, format!("`{name}` is no layout: it is one of {known}"));
    }
}

fn check_labels(pipeline: &Pipeline, path: &str, findings: &mut Findings) {
    if !is_label_value(&pipeline.name) {
        let message = format!("`{}` is no label value, and becomes one", pipeline.name);
        findings.fail(&format!("{path}.metadata.name"), message);
    } else if !is_dns_subdomain(&pipeline.name) {
        let message = format!("`{}` becomes a part of names, and needs {NAME_RULE}", pipeline.name);
        findings.fail(&format!("{path}.metadata.name"), message);
    }
    for (key, value) in &pipeline.labels {
        let path = format!("{path}.metadata.labels.{key}");
        if !is_label_key(key) {
            findings.fail(&path, "this is no label key".into());
        }
        if !is_label_value(value) {
            findings.fail(&path, format!("`{value}` is no label value"));
        }
    }
    for key in pipeline::overridden_labels(pipeline) {
        let path = format!("{path}.metadata.labels.{key}");
        findings.warn(&path, "this label is Kratix's own: the value is not used".into());
    }
}

fn check_containers(pipeline: &Pipeline, path: &str, findings: &mut Findings) {
    pod_check::check(&pipeline.spec, &format!("{path}.spec"), findings);
    let mut names = BTreeSet::from(pod::container::ALL);
    if pipeline.annotations.get(labels::STATUS_SIDECAR).map(String::as_str) == Some(labels::TRUE) {
        names.insert(pod::container::SIDECAR);
    }
    for (index, container) in pipeline.spec.containers.iter().enumerate() {
        if !names.insert(container.name.as_str()) {
            let path = format!("{path}.spec.containers[{index}].name");
            let message = format!("the pod has another container named `{}`", container.name);
            findings.fail(&path, message);
        }
    }
    let policy = pipeline.spec.restart_policy.as_str();
    if !matches!(policy, "" | "Never" | "OnFailure") {
        let path = format!("{path}.spec.restartPolicy");
        findings.fail(&path, format!("`{policy}` is not `Never` or `OnFailure`"));
    }
}

/// Whether `text` may be the value of a label: empty, or letters, digits, `-`, `_`, `.` between letters or digits.
pub fn is_label_value(text: &str) -> bool {
    labels::value_fault(text).is_none()
}

/// Whether `text` may be the key of a label: a name, after a DNS name and `/` if need be.
pub fn is_label_key(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_dns_subdomain)
}

/// Whether `text` may be the name of most objects: parts as in [`is_dns_label`] with `.` between them.
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= SUBDOMAIN_BYTES_MAX && text.split('.').all(is_dns_part)
}

/// Whether `text` may be the name of a namespace, container or volume.
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= labels::VALUE_BYTES_MAX && is_dns_part(text)
}

fn is_dns_part(part: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
}
