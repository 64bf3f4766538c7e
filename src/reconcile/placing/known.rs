//! What is kept of Works and WorkPlacements: everything but what is in their files, as compact JSON.

use std::sync::Arc;

use serde_json::Value;

use super::super::known::without_managers;
use super::super::store::compact;
use crate::contract::{Object, kinds, labels};
use crate::core::placement::{PlacementSeen, WorkSeen, trim};

/// A Work without contents.
#[derive(Debug, Clone)]
pub(super) struct KnownWork(Arc<[u8]>);

/// A WorkPlacement without contents.
#[derive(Debug, Clone)]
pub(super) struct KnownPlacement {
    json: Arc<[u8]>,
    /// Name of the Work that it belongs to.
    pub(super) work: Box<str>,
    /// Name of the Destination that it is for.
    pub(super) destination: Arc<str>,
    /// How many bytes its files are packed.
    pub(super) bytes: u64,
}

impl KnownWork {
    /// Keeps what matters of a Work.
    pub(super) fn from_object(work: &Object) -> Self {
        Self(kept(work))
    }

    /// The Work as it is kept.
    pub(super) fn object(&self) -> Object {
        serde_json::from_slice(&self.0).unwrap_or_default()
    }

    /// What is seen of it.
    pub(super) fn seen(&self) -> WorkSeen {
        WorkSeen::from_object(&self.object())
    }
}

impl KnownPlacement {
    /// Keeps what matters of a WorkPlacement.
    pub(super) fn from_object(placement: &Object) -> Self {
        let owners = placement.at(&["metadata", "ownerReferences"]).and_then(Value::as_array);
        let owner =
            owners.into_iter().flatten().find(|one| one["kind"] == kinds::WORK.kind.as_ref());
        // The label is cut where the name of the Work is long.
        let work = owner.and_then(|one| one["name"].as_str()).or(placement.label(labels::WORK));
        let destination = placement.text_at(&["spec", "targetDestinationName"]);
        Self {
            json: kept(placement),
            work: work.unwrap_or_default().into(),
            destination: destination.unwrap_or_default().into(),
            bytes: packed_bytes(placement),
        }
    }

    /// The WorkPlacement as it is kept.
    pub(super) fn object(&self) -> Object {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }

    /// What is seen of it.
    pub(super) fn seen(&self) -> PlacementSeen {
        PlacementSeen::from_object(&self.object())
    }
}

/// How many bytes the files of a WorkPlacement are packed.
fn packed_bytes(placement: &Object) -> u64 {
    let files = placement.at(&["spec", "workloads"]).and_then(Value::as_array);
    let bytes = |file: &Value| file.get("content").and_then(Value::as_str).map_or(0, str::len);
    files.into_iter().flatten().map(|file| bytes(file) as u64).sum()
}

fn kept(object: &Object) -> Arc<[u8]> {
    let mut object = object.clone();
    trim(&mut object);
    compact(&without_managers(object)).into()
}
