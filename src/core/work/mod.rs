//! Builds the Work (contract.md 2.2, 5.1).

use serde_json::{Map, Value, json};

use super::naming::{self, NamingError};
use super::selectors::Selector;
use super::workloads::{Group, Workload};
use crate::contract::kinds::WORK;
use crate::contract::{Object, labels};

/// Field of the spec: when the pipeline's output was last published.
const EXECUTED_AT: &str = "lastExecutionTimestamp";

/// What tells one Work from another: a run finds the Work of the run before by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the Promise.
    pub promise: String,
    /// Name of the Pipeline.
    pub pipeline: String,
    /// Where the Work lives.
    pub namespace: String,
    /// Name of the resource request; empty for none.
    pub resource_name: String,
    /// Namespace of the resource request; empty unless the Work lives in another one.
    pub resource_namespace: String,
    /// `promise`, `resource`, or anything else.
    pub workflow_type: String,
    /// Whether nothing shall come of it.
    pub dry_run: bool,
}

/// Why there can be no such Work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// A name that cannot be the value of a label.
    #[error("`{value}` cannot be the value of the label `{label}`: {reason}")]
    NotALabelValue {
        /// The label.
        label: &'static str,
        /// The name.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name of which nothing is left.
    #[error("failed to name the work")]
    Unnameable(#[source] NamingError),
    /// A name that no object can have.
    #[error(
        "`{name}` cannot be the name of a work: it needs lower-case letters, digits, `-` and `.`"
    )]
    NotAName {
        /// The name.
        name: String,
    },
}

impl WorkError {
    /// Returns what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotALabelValue { label: labels::WORK_TYPE, .. } => {
                "give another `--workflow-type`: `promise` or `resource`"
            }
            Self::NotALabelValue { label: labels::RESOURCE_NAMESPACE, .. } => {
                "give the name of a namespace as `--resource-namespace`, or leave it out"
            }
            Self::NotALabelValue { .. } | Self::Unnameable(_) | Self::NotAName { .. } => {
                "choose other names for the Promise, the resource request or the Pipeline: \
                 lower-case letters, digits and `-`, at most 63 characters"
            }
        }
    }
}

impl Identity {
    /// Returns what the name of the Work begins with.
    pub fn identifier(&self) -> String {
        let Self { promise, pipeline, resource_name, resource_namespace, .. } = self;
        // Any type that begins so is a resource's, as in the original.
        if !self.workflow_type.starts_with("resource") {
            format!("{promise}-{pipeline}")
        } else if resource_namespace.is_empty() {
            format!("{promise}-{resource_name}-{pipeline}")
        } else {
            format!("{promise}-{resource_name}-{resource_namespace}-{pipeline}")
        }
    }

    /// Returns the labels by which the Work is found: with a value, or (`None`) absent.
    pub fn selector(&self) -> [(&'static str, Option<&str>); 6] {
        [
            (labels::PIPELINE_NAME, Some(self.pipeline.as_str())),
            (labels::PROMISE_NAME, Some(&self.promise)),
            (labels::WORK_TYPE, Some(&self.workflow_type)),
            (labels::RESOURCE_NAME, given(&self.resource_name)),
            (labels::RESOURCE_NAMESPACE, given(&self.resource_namespace)),
            (labels::DRY_RUN, self.dry_run.then_some(labels::TRUE)),
        ]
    }

    /// Refuses names that cannot be label values.
    pub fn check(&self) -> Result<(), WorkError> {
        for (label, value) in self.selector() {
            let value = value.unwrap_or_default();
            if let Some(reason) = labels::value_fault(value) {
                return Err(WorkError::NotALabelValue { label, value: value.to_owned(), reason });
            }
        }
        Ok(())
    }

    /// Returns the name for a new Work: two runs that race for it choose the same, so that one of them loses.
    ///
    /// `attempt` is 0, or counts how often the name belonged to somebody else's Work.
    pub fn name(&self, attempt: u32) -> Result<String, WorkError> {
        let mut inputs = vec![self.namespace.clone()];
        for (label, value) in self.selector() {
            inputs.extend(value.map(|value| format!("{label}={value}")));
        }
        if attempt > 0 {
            inputs.push(attempt.to_string());
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let name =
            naming::deterministic(&self.identifier(), &inputs).map_err(WorkError::Unnameable)?;
        if naming::is_subdomain(&name) { Ok(name) } else { Err(WorkError::NotAName { name }) }
    }
}

/// Returns a new Work with everything but its name.
pub fn build(identity: &Identity, groups: Vec<Group<Workload>>, executed_at: &str) -> Object {
    let mut work = Object::new(&WORK, Some(&identity.namespace), "");
    let mut spec = Map::new();
    spec.insert(EXECUTED_AT.into(), executed_at.into());
    spec.insert("promiseName".into(), identity.promise.as_str().into());
    if !identity.resource_name.is_empty() {
        spec.insert("resourceName".into(), identity.resource_name.as_str().into());
    }
    if !groups.is_empty() {
        let groups = groups.into_iter().map(group_value).collect();
        spec.insert("workloadGroups".into(), Value::Array(groups));
    }
    work.0.insert("spec".into(), spec.into());
    work
}

/// Corrects the time of a Work that was built before the cluster had told its own.
///
/// The text has the length of the one it replaces: both are times in whole seconds.
pub fn date(work: &mut Object, executed_at: &str) {
    if let Some(Value::Object(spec)) = work.0.get_mut("spec") {
        spec.insert(EXECUTED_AT.into(), executed_at.into());
    }
}

/// Gives the Work its metadata: that of the Work it replaces, or a new one's with `name`.
pub fn place(work: &mut Object, identity: &Identity, trace: Trace<'_>, place: Place<'_>) {
    match place {
        Place::Existing(existing) => {
            let metadata = existing.0.get("metadata").cloned().unwrap_or_else(|| json!({}));
            work.0.insert("metadata".into(), metadata);
        }
        Place::New(name) => {
            work.0.insert("metadata".into(), json!({ "name": name }));
            work.set_metadata("namespace", identity.namespace.as_str());
        }
    }
    for (label, value) in identity.selector() {
        if let Some(value) = value {
            work.set_label(label, value);
        }
    }
    if trace.parent.is_empty() {
        return;
    }
    work.set_annotation(labels::TRACE_PARENT, trace.parent);
    if trace.state.is_empty() {
        // The state belongs to the parent it came with.
        work.remove_annotation(labels::TRACE_STATE);
    } else {
        work.set_annotation(labels::TRACE_STATE, trace.state);
    }
}

/// Where a Work goes.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Under a new name.
    New(&'a str),
    /// In place of this one, of which only the metadata is looked at.
    Existing(&'a Object),
}

/// The trace that a Work belongs to; nothing is changed when the parent is empty. Neither is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trace<'a> {
    /// W3C trace parent.
    pub parent: &'a str,
    /// W3C trace state.
    pub state: &'a str,
}

/// Chooses among Works with the same labels: one that is not being deleted, the newest, the last by name.
///
/// Returns the chosen one and the names of the others.
pub fn newest(works: Vec<Object>) -> Option<(Object, Vec<String>)> {
    let mut works = works;
    works.sort_by_cached_key(|work| {
        let stays = work.at(&["metadata", "deletionTimestamp"]).is_none();
        let created = work.creation_timestamp().unwrap_or_default().to_owned();
        (stays, created, work.name().to_owned())
    });
    let chosen = works.pop()?;
    Some((chosen, works.iter().map(|work| work.name().to_owned()).collect()))
}

/// A file's part of a Work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Path below the output folder.
    pub filepath: String,
    /// Bytes of its content in the Work: compressed, in base64.
    pub bytes: u64,
    /// Of the whole Work, in hundredths.
    pub percent: u64,
}

/// Returns the five biggest files of a Work, the biggest first.
pub fn biggest(work: &Object, work_bytes: u64) -> Vec<Share> {
    let mut shares = Vec::new();
    for group in
        work.at(&["spec", "workloadGroups"]).and_then(Value::as_array).into_iter().flatten()
    {
        for workload in group.get("workloads").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| workload.get(key).and_then(Value::as_str).unwrap_or_default();
            let bytes = text("content").len() as u64;
            shares.push((bytes, text("filepath")));
        }
    }
    shares.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    shares.truncate(5);
    let percent = |bytes: u64| bytes.saturating_mul(100) / work_bytes.max(1);
    shares
        .into_iter()
        .map(|(bytes, path)| Share { filepath: path.to_owned(), bytes, percent: percent(bytes) })
        .collect()
}

fn group_value(group: Group<Workload>) -> Value {
    let mut value = Map::new();
    value.insert("id".into(), group.id().into());
    value.insert("directory".into(), group.directory.into());
    if !group.selectors.is_empty() {
        let selectors = group.selectors.into_iter().map(selector_value).collect();
        value.insert("destinationSelectors".into(), Value::Array(selectors));
    }
    if !group.files.is_empty() {
        let workload = |Workload { filepath, content }| {
            Value::Object(Map::from_iter([
                ("filepath".to_owned(), Value::String(filepath)),
                ("content".to_owned(), Value::String(content)),
            ]))
        };
        let workloads = group.files.into_iter().map(workload).collect();
        value.insert("workloads".into(), Value::Array(workloads));
    }
    value.into()
}

fn selector_value(selector: Selector) -> Value {
    let mut value = Map::new();
    if !selector.match_labels.is_empty() {
        let labels = selector.match_labels.into_iter().map(|(key, value)| (key, value.into()));
        value.insert("matchLabels".into(), Value::Object(labels.collect()));
    }
    value.insert("source".into(), selector.source.into());
    value.into()
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
