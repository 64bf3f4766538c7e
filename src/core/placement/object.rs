//! WorkPlacements as objects (contract.md 5.2).

use serde_json::{Map, Value, json};

use super::change::Content;
use super::plan::Write;
use crate::contract::kinds::{WORK, WORK_PLACEMENT};
use crate::contract::{Object, labels};
use crate::core::hash::md5_hex;

/// Returns a new WorkPlacement with the files of its group; `None` when the Work has no such group any more, and a new plan is
/// due. `work` is the whole Work, in whatever generation it now is.
pub fn created(write: &Write, work: &Object) -> Option<Object> {
    let mut object = Object::new(&WORK_PLACEMENT, work.namespace(), &write.name);
    object.set_metadata("finalizers", write.finalizers.clone());
    object.set_metadata("ownerReferences", owners(work));
    for (key, value) in &write.labels {
        object.set_label(key, value);
    }
    if write.is_misplaced {
        object.set_label(labels::MISPLACED, labels::TRUE);
    }
    for (key, value) in &write.annotations {
        object.set_annotation(key, value);
    }
    if let Some(folder) = &write.folder {
        object.set_annotation(labels::FOLDER, folder);
    }
    object.0.insert("spec".into(), spec(write, work)?);
    Some(object)
}

/// Returns the merge patch (RFC 7386) that makes a WorkPlacement be as wanted and leaves labels and annotations of others as
/// they are; `None` when the Work has no such group any more. It holds only for the uid in it.
pub fn patch(write: &Write, work: &Object) -> Option<Value> {
    let mut labels = texts(&write.labels);
    labels.insert(
        labels::MISPLACED.into(),
        if write.is_misplaced { labels::TRUE.into() } else { Value::Null },
    );
    let mut annotations = texts(&write.annotations);
    annotations
        .insert(labels::FOLDER.into(), write.folder.clone().map_or(Value::Null, Value::String));
    let mut spec = spec(write, work)?;
    if let Value::Object(spec) = &mut spec {
        for field in ["resourceName", "workloads"] {
            spec.entry(field).or_insert(Value::Null);
        }
    }
    let mut metadata = json!({
        "labels": labels,
        "annotations": annotations,
        "finalizers": write.finalizers,
        "ownerReferences": owners(work),
    });
    if let Some(uid) = &write.uid {
        metadata["uid"] = uid.as_str().into();
    }
    Some(json!({ "metadata": metadata, "spec": spec }))
}

fn owners(work: &Object) -> Vec<Value> {
    vec![json!({
        "apiVersion": WORK.api_version(),
        "kind": WORK.kind,
        "name": work.name(),
        "uid": work.uid().unwrap_or_default(),
        "controller": true,
        "blockOwnerDeletion": true,
    })]
}

fn spec(write: &Write, work: &Object) -> Option<Value> {
    let id_of = |group: &Value| match group.get("id").and_then(Value::as_str).unwrap_or_default() {
        "" => md5_hex(group.get("directory").and_then(Value::as_str).unwrap_or_default()),
        id => id.to_owned(),
    };
    let groups = work.at(&["spec", "workloadGroups"])?.as_array()?;
    let group = groups.iter().find(|group| id_of(group) == write.group)?;
    let mut spec = Map::new();
    spec.insert("generation".into(), work.generation().unwrap_or_default().into());
    spec.insert("id".into(), write.group.as_str().into());
    spec.insert("targetDestinationName".into(), write.destination.as_str().into());
    for field in ["promiseName", "resourceName"] {
        if let Some(value) = work.text_at(&["spec", field]) {
            spec.insert(field.into(), value.into());
        }
    }
    if let Some(files) = group.get("workloads") {
        spec.insert("workloads".into(), files.clone());
    }
    Some(spec.into())
}

/// Returns the files in a group of a Work, or in the spec of a WorkPlacement: their paths, and contents as they are in it.
pub fn files(holder: &Value) -> Vec<(String, Content)> {
    let all = holder.get("workloads").and_then(Value::as_array).into_iter().flatten();
    let text =
        |file: &Value, key| file.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    all.map(|file| (text(file, "filepath"), Content::Packed(text(file, "content").into())))
        .collect()
}

fn texts(map: &std::collections::BTreeMap<String, String>) -> Map<String, Value> {
    map.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}
