//! The CRDs of Works and of WorkPlacements (contract.md 5.1, 5.2).

use serde_json::{Value, json};

use super::schema::{Column, column, conditions, crd, kind_schema, labels, told, workloads};
use crate::contract::{Object, kinds};
use crate::core::crd::status_schema::{integer, list, map, text};

/// Path of what an object's condition `Ready` says in words.
const READY: &str = r#".status.conditions[?(@.type=="Ready")].message"#;
const WORK_COLUMNS: [Column; 1] = [column("STATUS", READY)];
const WORK_PLACEMENT_COLUMNS: [Column; 2] =
    [column("DESTINATION", ".spec.targetDestinationName"), column("STATUS", READY)];

/// Returns the CRD of Works.
pub(super) fn works() -> Object {
    crd(&kinds::WORK, &[], work(), &WORK_COLUMNS)
}

/// Returns the CRD of WorkPlacements.
pub(super) fn work_placements() -> Object {
    crd(&kinds::WORK_PLACEMENT, &["wp", "wps"], work_placement(), &WORK_PLACEMENT_COLUMNS)
}

fn work() -> Value {
    let selector = map(json!({"matchLabels": labels(), "source": text()}));
    let group = map(json!({
        "id": text(),
        "directory": text(),
        "destinationSelectors": list(selector),
        "workloads": workloads(),
    }));
    let spec = map(json!({
        "lastExecutionTimestamp": {"type": "string", "format": "date-time", "nullable": true},
        "promiseName": text(),
        "resourceName": text(),
        "workloadGroups": list(group),
    }));
    let status = map(json!({
        "conditions": conditions(),
        "workPlacements": {"type": "integer"},
        "workPlacementsCreated": {"type": "integer"},
    }));
    kind_schema(spec, status)
}

fn work_placement() -> Value {
    let spec = map(json!({
        "targetDestinationName": told(text(), "Destination that these files go to."),
        "workloads": told(workloads(), "The files: path, and content as base64 of gzip."),
        "promiseName": told(text(), "Promise whose pipeline made them."),
        "resourceName": told(text(), "Request that they are for; empty for those of the Promise itself."),
        "id": told(text(), "Group of files of the Work."),
        "generation": told(integer(), "Generation of the Work that the files are of."),
    }));
    let status = map(json!({
        "conditions": conditions(),
        "versionID": told(text(), "What holds the files: a commit, or for a bucket a hash over their versions."),
    }));
    kind_schema(spec, status)
}
