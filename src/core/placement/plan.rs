//! What to do for one Work.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::conditions;
use crate::contract::placement::work;

pub use crate::core::workflow::Event;

/// What to do for one Work. Nothing in it waits for anything else in it but this: [`Plan::finalizers`] that hold the Work come
/// first, those that let it go come last, [`Plan::moved`] comes before what moves, and each other status after what it tells of. A
/// plan may end anywhere: what is seen next time tells where to go on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// All finalizers of the Work from now on; `None` changes none.
    pub finalizers: Option<Vec<String>>,
    /// Statuses of WorkPlacements that move to another folder: they say no more that their files are written. Where they are to be
    /// stands in an annotation, so nothing else would tell that they are not.
    pub moved: Vec<StatusOf>,
    /// WorkPlacements to create.
    pub creates: Vec<Write>,
    /// WorkPlacements to change, with their files.
    pub updates: Vec<Write>,
    /// WorkPlacements whose label `kratix.io/misplaced` or folder changes, and nothing else.
    pub relabels: Vec<Relabel>,
    /// WorkPlacements to delete, by name and uid.
    pub deletes: Vec<(String, String)>,
    /// Statuses of WorkPlacements to replace.
    pub statuses: Vec<StatusOf>,
    /// Status of the Work to replace; `None` when it says all already.
    pub status: Option<Map<String, Value>>,
    /// What to tell people about the Work.
    pub events: Vec<Event>,
    /// What to tell people about WorkPlacements, by name.
    pub placement_events: Vec<(String, Event)>,
}

impl Plan {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing is wrong with the Work, and something has yet to be written.
    pub fn says_pending(&self) -> bool {
        self.status.as_ref().is_some_and(|status| conditions::is(status, &work::READY_PENDING))
    }
}

/// A WorkPlacement as it shall be. What is in its files comes from the Work when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its name.
    pub name: String,
    /// Its uid, when it is there.
    pub uid: Option<String>,
    /// Its Destination.
    pub destination: String,
    /// Id of the group.
    pub group: String,
    /// Labels to set.
    pub labels: BTreeMap<String, String>,
    /// Whether the label `kratix.io/misplaced` is set, or else taken off.
    pub is_misplaced: bool,
    /// Annotations to set.
    pub annotations: BTreeMap<String, String>,
    /// Annotation `bookend/folder`, or that there is none.
    pub folder: Option<String>,
    /// All its finalizers.
    pub finalizers: Vec<String>,
}

/// A change of a WorkPlacement's labels and annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relabel {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Labels to set (`Some`) or to remove.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations to set (`Some`) or to remove.
    pub annotations: BTreeMap<String, Option<String>>,
}

/// Status of a WorkPlacement.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusOf {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The whole status.
    pub status: Map<String, Value>,
}
