//! Reads the fields of a Promise.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Api, Pipeline, Promise, PromiseError, WorkflowAction, WorkflowType, pipeline};
use crate::contract::{Object, kinds};
use crate::core::control::parse_go_duration;
use crate::core::{hash, legacy, strict};

/// Keys of `spec` (contract.md 5.6).
const SPEC_KEYS: [&str; 5] =
    ["api", "dependencies", "destinationSelectors", "requiredPromises", "workflows"];
/// Key of the settings beside the two workflow types.
const CONFIG_KEY: &str = "config";
/// Keys of `spec.workflows.config`.
const CONFIG_KEYS: [&str; 2] = ["pipelineNamespace", "reconciliationInterval"];

type Pipelines = BTreeMap<(WorkflowType, WorkflowAction), Vec<Pipeline>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
}

/// Reads a Promise; see [`Promise::from_object`].
pub(super) fn promise(object: &Object) -> Result<Promise, PromiseError> {
    let (api_version, kind) = (object.api_version().to_owned(), object.kind().to_owned());
    if kind != kinds::PROMISE.kind || api_version != kinds::PROMISE.api_version() {
        return Err(PromiseError::Kind { api_version, kind });
    }
    let name = object.name().to_owned();
    if name.is_empty() {
        return Err(PromiseError::Unnamed);
    }
    let reader = Reader { promise: &name };
    let translated = legacy::translate(object)
        .map_err(|source| PromiseError::OldForm { promise: name.clone(), source })?;
    let today = translated.as_ref().map_or(object, |translated| &translated.object);
    let spec: Map<String, Value> = reader.field(&today.0, "", "spec")?;
    let workflows: Map<String, Value> = reader.field(&spec, "spec", "workflows")?;
    let config: Map<String, Value> = reader.field(&workflows, "spec.workflows", CONFIG_KEY)?;
    refuse_unknown(&config, "spec.workflows.config", &CONFIG_KEYS)?;
    let namespace: String = reader.field(&config, "spec.workflows.config", CONFIG_KEYS[0])?;
    Ok(Promise {
        object: object.clone(),
        api: reader.api(&spec)?,
        destination_selectors: reader
            .field::<Vec<Selector>>(&spec, "spec", "destinationSelectors")?
            .into_iter()
            .map(|selector| selector.match_labels)
            .collect(),
        required_promises: reader.field(&spec, "spec", "requiredPromises")?,
        dependencies: reader.field(&spec, "spec", "dependencies")?,
        pipeline_namespace: Some(namespace).filter(|namespace| !namespace.is_empty()),
        reconciliation_interval: reader.interval(&config)?,
        spec_hash: hash::promise_spec(today.spec()),
        unknown_fields: unknown_fields(&spec),
        pipelines: reader.pipelines(&workflows)?,
        translated_spec: translated.as_ref().and_then(|one| one.object.spec().cloned()),
        old_fields: translated.map(|one| one.old_fields).unwrap_or_default(),
        name,
    })
}

/// Returns the paths below `spec` that no Promise has.
fn unknown_fields(spec: &Map<String, Value>) -> Vec<String> {
    let unknown = spec.keys().filter(|key| !SPEC_KEYS.contains(&key.as_str()));
    unknown.map(|key| format!("spec.{key}")).collect()
}

/// Fails at the first key that is not `known`.
///
/// An API server drops such a key in silence, and the workflow it was meant for never runs.
fn refuse_unknown(
    map: &Map<String, Value>,
    path: &str,
    known: &[&'static str],
) -> Result<(), PromiseError> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(PromiseError::UnknownWorkflow {
            path: format!("{path}.{key}"),
            nearest: strict::nearest(key, known.iter().copied())
                .and_then(|name| known.iter().find(|known| **known == name).copied()),
        }),
    }
}

struct Reader<'a> {
    promise: &'a str,
}

impl Reader<'_> {
    /// Reads one field of `parent`, which stands at `path`; an absent one as its type's nothing.
    fn field<T: DeserializeOwned>(
        &self,
        parent: &Map<String, Value>,
        path: &str,
        key: &str,
    ) -> Result<T, PromiseError> {
        strict::decode_known(parent.get(key).unwrap_or(&Value::Null)).map_err(|source| {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{key}");
            let source = source.below(&path);
            PromiseError::Field { promise: self.promise.to_owned(), path, source }
        })
    }

    /// Reads `spec.api`: absent, `null` and `{}` all mean that there is none.
    fn api(&self, spec: &Map<String, Value>) -> Result<Option<Api>, PromiseError> {
        let crd = match spec.get("api") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(map)) if map.is_empty() => return Ok(None),
            Some(crd) => crd,
        };
        Api::read(crd)
            .map(Some)
            .map_err(|source| PromiseError::Api { promise: self.promise.to_owned(), source })
    }

    fn interval(
        &self,
        config: &Map<String, Value>,
    ) -> Result<Option<SignedDuration>, PromiseError> {
        let (path, key) = ("spec.workflows.config", CONFIG_KEYS[1]);
        let text: String = self.field(config, path, key)?;
        if text.is_empty() {
            return Ok(None);
        }
        let path = format!("{path}.{key}");
        parse_go_duration(&text).map(Some).map_err(|source| PromiseError::Interval { path, source })
    }

    fn pipelines(&self, workflows: &Map<String, Value>) -> Result<Pipelines, PromiseError> {
        let [promise, resource] = WorkflowType::ALL.map(WorkflowType::as_str);
        refuse_unknown(workflows, "spec.workflows", &[promise, resource, CONFIG_KEY])?;
        let mut all = Pipelines::new();
        for workflow in WorkflowType::ALL {
            let path = format!("spec.workflows.{workflow}");
            let lists: Map<String, Value> =
                self.field(workflows, "spec.workflows", workflow.as_str())?;
            refuse_unknown(&lists, &path, &WorkflowAction::ALL.map(WorkflowAction::as_str))?;
            for action in WorkflowAction::ALL {
                let documents: Vec<Value> = self.field(&lists, &path, action.as_str())?;
                let pipelines = documents
                    .iter()
                    .enumerate()
                    .map(|(index, document)| {
                        pipeline::read(document, &format!("{path}.{action}[{index}]"))
                    })
                    .collect::<Result<_, _>>()?;
                all.insert((workflow, action), pipelines);
            }
        }
        Ok(all)
    }
}
