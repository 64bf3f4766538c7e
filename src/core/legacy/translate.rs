//! From a Promise with `xaasRequestPipeline` to today's form.

use serde_json::{Map, Value, json};

use super::PodLayout;
use crate::contract::{Object, kinds, labels, layout, pod};

/// Fields of the old form below `spec`, each with today's. The first is what gives the form its name.
const FIELDS: [(&str, &str); 4] = [
    (PIPELINE, "workflows"),
    ("xaasCrd", "api"),
    ("workerClusterResources", "dependencies"),
    (SELECTOR, "destinationSelectors"),
];
const PIPELINE: &str = "xaasRequestPipeline";
const SELECTOR: &str = "clusterSelector";
/// Name of the one pipeline of an old Promise. Short: with the Promise's it must fit into a pipeline's id.
const PIPELINE_NAME: &str = "request";

/// An old Promise in today's form.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The whole Promise.
    pub object: Object,
    /// Paths of the old fields that it had.
    pub old_fields: Vec<String>,
    /// What could not be translated, a sentence each.
    pub notes: Vec<String>,
}

/// Why an old Promise cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OldFormError {
    /// The same thing in both forms.
    #[error("both `spec.{old}` and `spec.{new}` are set")]
    Both {
        /// The old field.
        old: &'static str,
        /// Today's.
        new: &'static str,
    },
    /// A field of another type.
    #[error("expected {expected} at `spec.{at}`")]
    Shape {
        /// Where, below `spec`.
        at: String,
        /// What belongs there.
        expected: &'static str,
    },
}

impl OldFormError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Both { old, .. } => {
                format!("keep one of the two: remove `spec.{old}` once it is rewritten")
            }
            Self::Shape { at, expected } => format!("write {expected} at `spec.{at}`"),
        }
    }
}

/// Translates a Promise; `None` when it has no field of the old form.
pub fn translate(promise: &Object) -> Result<Option<Translated>, OldFormError> {
    let Some(spec) = promise.spec().and_then(Value::as_object) else { return Ok(None) };
    let found: Vec<_> = FIELDS.into_iter().filter(|(old, _)| spec.contains_key(*old)).collect();
    if found.is_empty() {
        return Ok(None);
    }
    let mut new_spec = spec.clone();
    for (old, new) in &found {
        let value = new_spec.remove(*old).unwrap_or_default();
        if value.is_null() {
            continue;
        }
        if new_spec.get(*new).is_some_and(|there| !is_nothing(there)) {
            return Err(OldFormError::Both { old, new });
        }
        let value = match *old {
            PIPELINE => workflows(promise.name(), &value)?,
            SELECTOR => destination_selectors(&value)?,
            _ => value,
        };
        if let Some(value) = value.filled() {
            new_spec.insert((*new).to_owned(), value);
        }
    }
    let mut object = promise.clone();
    object.0.insert("spec".into(), Value::Object(new_spec));
    let old_fields = found.iter().map(|(old, _)| format!("spec.{old}")).collect();
    Ok(Some(Translated { object, old_fields, notes: notes(spec) }))
}

/// Whether a field says nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

trait Filled {
    /// Returns the value unless it says nothing.
    fn filled(self) -> Option<Value>;
}

impl Filled for Value {
    fn filled(self) -> Option<Value> {
        Some(self).filter(|value| !is_nothing(value))
    }
}

/// One set of labels for everything becomes the one entry of today's list.
fn destination_selectors(value: &Value) -> Result<Value, OldFormError> {
    let shape = |at: String, expected| OldFormError::Shape { at, expected };
    let map = value.as_object().ok_or_else(|| shape(SELECTOR.into(), "a map of labels"))?;
    if let Some((key, _)) = map.iter().find(|(_, value)| !value.is_string()) {
        return Err(shape(format!("{SELECTOR}.{key}"), "text"));
    }
    Ok(if map.is_empty() { json!([]) } else { json!([{"matchLabels": map}]) })
}

/// The images become the stages of one pipeline of the requests.
fn workflows(promise: &str, value: &Value) -> Result<Value, OldFormError> {
    let shape = |at: String, expected| OldFormError::Shape { at, expected };
    let items = value.as_array().ok_or_else(|| shape(PIPELINE.into(), "a list of images"))?;
    let images = items
        .iter()
        .enumerate()
        .map(|(index, image)| {
            let image = image.as_str().filter(|image| !image.trim().is_empty());
            image.ok_or_else(|| shape(format!("{PIPELINE}[{index}]"), "the name of an image"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if images.is_empty() {
        return Ok(Value::Null);
    }
    Ok(json!({"resource": {"configure": [pipeline(promise, &images)]}}))
}

/// Chains the images: what one finds at `/input` is what the one before it has left at `/output`.
fn pipeline(promise: &str, images: &[&str]) -> Value {
    let hops = images.len().saturating_sub(1);
    let hop = |number: usize| format!("{}{number}", pod::volume::HOP_PREFIX);
    let containers = images.iter().enumerate().map(|(index, image)| {
        let number = index.saturating_add(1);
        let input = if index == 0 { pod::volume::SHARED_INPUT.into() } else { hop(index) };
        let output = if index == hops { pod::volume::SHARED_OUTPUT.into() } else { hop(number) };
        json!({
            "name": format!("{}{number}", pod::container::STAGE_PREFIX),
            "image": image,
            "volumeMounts": [
                {"name": input, "mountPath": layout::XAAS_INPUT_DIR},
                {"name": output, "mountPath": layout::XAAS_OUTPUT_DIR},
                {"name": pod::volume::SHARED_METADATA, "mountPath": layout::XAAS_METADATA_DIR},
            ],
        })
    });
    let mut spec = Map::new();
    spec.insert("containers".into(), containers.collect());
    let volumes: Vec<Value> =
        (1..=hops).map(|number| json!({"name": hop(number), "emptyDir": {}})).collect();
    if !volumes.is_empty() {
        spec.insert("volumes".into(), volumes.into());
    }
    let account = format!("{promise}{}", pod::XAAS_ACCOUNT_SUFFIX);
    spec.insert("rbac".into(), json!({"serviceAccount": account}));
    json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": kinds::PIPELINE_KIND,
        "metadata": {
            "name": PIPELINE_NAME,
            "annotations": {labels::LAYOUT: PodLayout::Xaas.as_str()},
        },
        "spec": spec,
    })
}

/// Says what today's form has no word for, of what the old Promise uses.
fn notes(spec: &Map<String, Value>) -> Vec<String> {
    if spec.get(PIPELINE).and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Vec::new();
    }
    let (annotation, xaas) = (labels::LAYOUT, PodLayout::Xaas.as_str());
    let (old, new) = (layout::CLUSTER_SELECTORS_FILE, layout::DESTINATION_SELECTORS_FILE);
    let (input, output) = (layout::XAAS_INPUT_DIR, layout::XAAS_OUTPUT_DIR);
    vec![
        format!(
            "the images still read `{input}` and write `{output}`: volumes of the pipeline chain them, because what an \
             image starts does not stand in a Promise and so cannot be wrapped; rewrite an image for `{}` and `{}`, \
             which all stages share, before you remove its mounts",
            layout::INPUT_DIR,
            layout::OUTPUT_DIR
        ),
        format!(
            "the annotation `{annotation}: {xaas}` keeps `{old}` and the rules for the output; Kratix passes it over \
             and reads `{new}`, a list: change the images that write the old file, then remove the annotation"
        ),
        format!(
            "the service account keeps its name `<promise>{}`, which your bindings know",
            pod::XAAS_ACCOUNT_SUFFIX
        ),
    ]
}
