//! What is seen of a Work and its WorkPlacements before it is decided where they go. Contents of files are not in it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};

use super::destination::{DestinationSeen, list, texts};
use super::folders::{Folders, Placed};
use super::{conditions, name, selectors, site};
use crate::contract::placement::kind;
use crate::contract::{Object, labels};
use crate::core::hash::md5_hex;

/// Stands for the contents of files in a cache; never sent to a cluster.
const DIGEST: &str = "digest";
/// Files of a group, and of a WorkPlacement.
const WORKLOADS: &str = "workloads";

/// Everything that is known of one Work.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The Work.
    pub work: &'a WorkSeen,
    /// All Destinations, in any order.
    pub destinations: &'a [DestinationSeen],
    /// WorkPlacements of the Work: those in its namespace whose label `kratix.io/work` is [`WorkSeen::label`].
    pub placements: &'a [PlacementSeen],
    /// Folders of all WorkPlacements.
    pub folders: &'a Folders,
    /// Names of WorkPlacements that could not be created because another Work's has them.
    pub taken: &'a [String],
    /// Ids of groups whose WorkPlacement the cluster does not take as it is, and why.
    pub refused: &'a [(String, String)],
    /// How one of several Destinations is chosen.
    pub chooser: Chooser,
    /// The time now, by the clock of the cluster.
    pub now: Timestamp,
}

/// How one of several Destinations is chosen for a group of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chooser {
    /// By what the group is of: the same request comes to the same place, and all are used evenly.
    #[default]
    Stable,
    /// As the original does: by chance, which comes in here.
    Random(u64),
}

/// What is known of a Work. A cache keeps no more.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkSeen {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// `spec.promiseName`.
    pub promise: String,
    /// `spec.resourceName`; empty for the Work of a Promise.
    pub resource: String,
    /// Its groups.
    pub groups: Vec<GroupSeen>,
    /// Whether it is being deleted.
    pub is_going: bool,
    /// Its status.
    pub status: Map<String, Value>,
}

/// What is known of a workload group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSeen {
    /// Its id; the hash of its directory when it has none.
    pub id: String,
    /// Its directory.
    pub directory: String,
    /// Labels that a Destination must have.
    pub wanted: BTreeMap<String, String>,
    /// Hash of its files.
    pub digest: String,
}

/// What is known of a WorkPlacement. A cache keeps no more.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacementSeen {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Its own generation.
    pub generation: i64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Uid of the Work that it belongs to.
    pub owner: String,
    /// `spec.targetDestinationName`.
    pub destination: String,
    /// `spec.id`: which group it is of.
    pub group: String,
    /// `spec.promiseName`.
    pub promise: String,
    /// `spec.resourceName`.
    pub resource: String,
    /// `spec.generation`: that of the Work whose files it has.
    pub work_generation: i64,
    /// Hash of its files.
    pub digest: String,
    /// Whether it is being deleted.
    pub is_going: bool,
    /// Its status.
    pub status: Map<String, Value>,
}

impl WorkSeen {
    /// Reads what is known from a Work, whole or trimmed.
    pub fn from_object(work: &Object) -> Self {
        let groups = work.at(&["spec", "workloadGroups"]).and_then(Value::as_array);
        Self {
            name: work.name().to_owned(),
            namespace: work.namespace().unwrap_or_default().to_owned(),
            uid: work.uid().unwrap_or_default().to_owned(),
            generation: work.generation().unwrap_or_default(),
            labels: texts(work.at(&["metadata", "labels"])),
            annotations: texts(work.at(&["metadata", "annotations"])),
            finalizers: list(work.at(&["metadata", "finalizers"])),
            promise: owned(work, &["spec", "promiseName"]),
            resource: owned(work, &["spec", "resourceName"]),
            groups: groups.into_iter().flatten().map(GroupSeen::from_value).collect(),
            is_going: work.text_at(&["metadata", "deletionTimestamp"]).is_some(),
            status: work.status().and_then(Value::as_object).cloned().unwrap_or_default(),
        }
    }

    /// Returns the value of the label `kratix.io/work` on its WorkPlacements.
    pub fn label(&self) -> String {
        name::label_value(&self.name)
    }

    /// Whether it belongs to a dry run.
    pub fn is_dry_run(&self) -> bool {
        self.labels.get(labels::DRY_RUN).is_some_and(|value| value == labels::TRUE)
    }

    /// Returns the name of the Pipeline; empty for static dependencies.
    pub fn pipeline(&self) -> &str {
        self.labels.get(labels::PIPELINE_NAME).map_or("", String::as_str)
    }

    /// Returns the namespace of the request.
    pub fn request_namespace(&self) -> &str {
        self.labels.get(labels::RESOURCE_NAMESPACE).unwrap_or(&self.namespace)
    }
}

impl GroupSeen {
    /// Reads what is known from a group of a Work, whole or trimmed.
    fn from_value(group: &Value) -> Self {
        let text = |key| group.get(key).and_then(Value::as_str).unwrap_or_default();
        let directory = text("directory");
        let id = match text("id") {
            "" => md5_hex(directory),
            id => id.to_owned(),
        };
        let selectors = group.get("destinationSelectors").and_then(Value::as_array);
        Self {
            id,
            directory: directory.to_owned(),
            wanted: selectors::combine(selectors.map_or(&[], Vec::as_slice)),
            digest: digest(group),
        }
    }
}

impl PlacementSeen {
    /// Reads what is known from a WorkPlacement, whole or trimmed.
    pub fn from_object(placement: &Object) -> Self {
        let owners = placement.at(&["metadata", "ownerReferences"]).and_then(Value::as_array);
        let owner = owners.into_iter().flatten().find(|one| one["controller"] == true);
        Self {
            name: placement.name().to_owned(),
            namespace: placement.namespace().unwrap_or_default().to_owned(),
            uid: placement.uid().unwrap_or_default().to_owned(),
            generation: placement.generation().unwrap_or_default(),
            created: placement.creation_timestamp().and_then(|time| time.parse().ok()),
            labels: texts(placement.at(&["metadata", "labels"])),
            annotations: texts(placement.at(&["metadata", "annotations"])),
            finalizers: list(placement.at(&["metadata", "finalizers"])),
            owner: owner.and_then(|one| one["uid"].as_str()).unwrap_or_default().to_owned(),
            destination: owned(placement, &["spec", "targetDestinationName"]),
            group: owned(placement, &["spec", "id"]),
            promise: owned(placement, &["spec", "promiseName"]),
            resource: owned(placement, &["spec", "resourceName"]),
            work_generation: placement
                .at(&["spec", "generation"])
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            digest: placement.spec().map(digest).unwrap_or_default(),
            is_going: placement.text_at(&["metadata", "deletionTimestamp"]).is_some(),
            status: placement.status().and_then(Value::as_object).cloned().unwrap_or_default(),
        }
    }

    /// Returns what its files are of, which says where they stand.
    pub fn placed(&self) -> Placed<'_> {
        let label = |key| self.labels.get(key).map_or("", String::as_str);
        Placed {
            name: &self.name,
            namespace: &self.namespace,
            request_namespace: match label(labels::RESOURCE_NAMESPACE) {
                "" => &self.namespace,
                namespace => namespace,
            },
            promise: &self.promise,
            resource: &self.resource,
            pipeline: label(labels::PIPELINE_NAME),
            group: &self.group,
            folder: self.annotations.get(labels::FOLDER).map(String::as_str),
        }
    }

    /// Whether its files have to be written: they never were, could not be, or have changed since.
    pub fn needs_write(&self) -> bool {
        !self.is_going && !self.is_written()
    }

    /// Whether its files, as they are now, are in the state store.
    pub fn is_written(&self) -> bool {
        conditions::has_status(&self.status, kind::WRITTEN, "True")
            && conditions::observed(&self.status, kind::WRITTEN) == Some(self.generation)
    }

    /// Returns the print of where it was written last ([`super::Site`]); `None` when nobody has said so.
    pub fn written_to(&self) -> Option<u64> {
        site::noted(&self.status)
    }

    /// Whether the last try to write it has failed.
    pub fn is_failing(&self) -> bool {
        conditions::has_status(&self.status, kind::WRITTEN, "False")
    }

    /// Whether its label says that its Destination matches no more.
    pub fn is_marked_misplaced(&self) -> bool {
        self.labels.get(labels::MISPLACED).is_some_and(|value| value == labels::TRUE)
    }
}

/// Takes the contents of files out of a Work or WorkPlacement, and leaves a hash of them: what a cache keeps.
pub fn trim(object: &mut Object) {
    let Some(Value::Object(spec)) = object.0.get_mut("spec") else { return };
    if spec.contains_key(WORKLOADS) {
        trim_files(spec);
    }
    let Some(Value::Array(groups)) = spec.get_mut("workloadGroups") else { return };
    groups.iter_mut().filter_map(Value::as_object_mut).for_each(trim_files);
}

fn trim_files(holder: &mut Map<String, Value>) {
    let digest = match holder.remove(WORKLOADS) {
        Some(files) => digest_of(&files),
        None => return,
    };
    holder.insert(DIGEST.into(), digest.into());
}

/// Returns the hash of the files in a group, or in the spec of a WorkPlacement; empty when there is none.
fn digest(holder: &Value) -> String {
    match holder.get(WORKLOADS) {
        Some(files) => digest_of(files),
        None => holder.get(DIGEST).and_then(Value::as_str).unwrap_or_default().to_owned(),
    }
}

fn digest_of(files: &Value) -> String {
    use std::fmt::Write as _;
    let mut hash = Md5::new();
    let mut is_empty = true;
    for file in files.as_array().into_iter().flatten() {
        is_empty = false;
        for field in ["filepath", "content"] {
            let text = file.get(field).and_then(Value::as_str).unwrap_or_default();
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    if is_empty {
        return String::new();
    }
    hash.finalize().iter().fold(String::with_capacity(32), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn owned(object: &Object, path: &[&str]) -> String {
    object.text_at(path).unwrap_or_default().to_owned()
}
