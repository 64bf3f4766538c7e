//! What to do next for one object.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::contract::{Kind, Object, ObjectKey};
use crate::core::promise::WorkflowAction;

/// What to do for one object, in order. When one action fails, those after it are not done: what is seen next time
/// tells where to go on, so a plan may end between any two of its actions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The actions. None, when nothing is to be done until something changes or [`Plan::wake_at`] comes.
    pub actions: Vec<Action>,
    /// When to look again even if nothing changes.
    pub wake_at: Option<Timestamp>,
    /// How the object stands once the actions are done.
    pub state: State,
}

/// How an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nothing is to be done.
    #[default]
    Settled,
    /// A workflow of it should start and may not yet ([`super::Seen::may_start`]).
    Queued,
    /// A Job of it runs.
    Running,
    /// It waits for something else: what the Promise requires, Works that go.
    Waiting,
    /// A pipeline has asked to wait.
    Suspended,
    /// A pipeline has failed.
    Failed,
    /// Somebody has paused it.
    Paused,
    /// It is being deleted, and nothing of ours holds it any more.
    Gone,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Changes labels, annotations and finalizers of the object, on the version that was seen.
    Metadata(Metadata),
    /// Replaces the status of the object, on the version that was seen or made by an action before.
    Status(Map<String, Value>),
    /// Makes the service account, rights and scheduling ConfigMap of a pipeline be there, and for a configure pipeline
    /// removes the rights that it asks for no more.
    Grant(Pipelined),
    /// Creates the Job of a run; it is well when it exists.
    Start {
        /// Of which pipeline.
        of: Pipelined,
        /// Number of the run.
        run: i64,
    },
    /// Reads whether a Job is there: nothing is seen of it, and the status says that it was started. It is the last
    /// action of its plan.
    Look {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Goes on only when the cluster, asked now, has no such object: a cache may not know of it yet. Those that it has
    /// are deleted. One whose label `kratix.io/resource-namespace` names another namespace than the object's is a
    /// namesake's, and stays.
    NoneLeft {
        /// Their kind.
        kind: Box<Kind>,
        /// Their namespace.
        namespace: String,
        /// Labels that they have.
        labels: Vec<(&'static str, String)>,
    },
    /// Tells a Job to stop (`spec.suspend`).
    Stop {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Makes an object be as given: what there is differs, be it by what is wanted no more.
    Apply(Box<Object>),
    /// Deletes an object, with what it owns.
    Delete {
        /// Which.
        key: Box<ObjectKey>,
        /// Only when its uid is this.
        uid: Option<String>,
    },
    /// Deletes the pods of a finished Job.
    DeletePods {
        /// Namespace of the Job.
        namespace: String,
        /// Name of the Job.
        job: String,
    },
    /// Tells people.
    Tell(Event),
}

/// One pipeline of the object's workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pipelined {
    /// Of which list.
    pub action: WorkflowAction,
    /// Its place, from 0.
    pub index: usize,
}

/// A change of an object's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Labels to set (`Some`) or to remove.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations to set (`Some`) or to remove.
    pub annotations: BTreeMap<String, Option<String>>,
    /// All finalizers from now on; `None` changes none.
    pub finalizers: Option<Vec<String>>,
}

/// An event of Kubernetes about the object (contract.md 15.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whether somebody should look at it (`Warning`, otherwise `Normal`).
    pub is_warning: bool,
    /// Its reason, which is its action as well.
    pub reason: &'static str,
    /// Its text.
    pub message: String,
}

impl Event {
    /// Returns an event that is no reason to worry.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_warning: false, reason, message: message.into() }
    }

    /// Returns an event that somebody should look at.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_warning: true, reason, message: message.into() }
    }
}
