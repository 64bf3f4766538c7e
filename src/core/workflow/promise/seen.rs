//! What is seen of a Promise before its next step is decided.

use jiff::Timestamp;
use serde_json::Value;

use super::super::{JobSeen, Layout, Seen, WorkSeen};
use crate::contract::{Kind, Object, ObjectKey, kinds, labels};
use crate::core::config::Config;
use crate::core::hash;
use crate::core::promise::{Promise, PromiseError, RequiredPromise, WorkflowType};

/// Everything that is known of one Promise.
///
/// Lists may be in any order. What a field says of deletion is looked at only then; it may be empty before.
#[derive(Debug, Clone, Copy)]
pub struct PromiseSeen<'a> {
    /// The Promise as it is in the cluster.
    pub object: &'a Object,
    /// What was read from it, or why nothing could be.
    pub promise: Result<&'a Promise, &'a PromiseError>,
    /// Jobs of its own workflows, of both actions.
    pub jobs: &'a [JobSeen],
    /// Names of Jobs that were looked for just now ([`super::super::Action::Look`]) and are not there.
    pub absent: &'a [String],
    /// Names under which another object's Job was found when one of its own was to be created.
    pub taken: &'a [String],
    /// Works of its own workflows (`kratix.io/work-type: promise`).
    pub works: &'a [WorkSeen],
    /// The other Promises of the cluster: those it requires and those that require it, or simply all.
    pub others: &'a [OtherPromise],
    /// CRDs that carry its name as label, and the one that `spec.api` names if it exists.
    pub crds: &'a [Object],
    /// The rights of the controller to its requests, as far as they exist: ClusterRole and ClusterRoleBinding by the
    /// name of [`crate::core::rbac::controller_rights_name`].
    pub rights: &'a [Object],
    /// Its Works with `kratix.io/work-type: static-dependency`.
    pub static_works: &'a [StaticWork],
    /// Objects of its kind of request, in all namespaces. Looked at in deletion.
    pub requests: &'a [Owned],
    /// Whether a Job of a request's configure workflow runs. Looked at in deletion.
    pub a_request_runs: bool,
    /// Everything else that carries its name as label: other Works, service accounts, roles and bindings of all four kinds and
    /// ConfigMaps, in all namespaces. Looked at in deletion, when no request is left.
    pub labelled: &'a [Owned],
    /// Settings of the installation.
    pub config: &'a Config,
    /// Writes a document as YAML: `spec.dependencies` become a file.
    pub to_yaml: fn(&Value) -> String,
    /// How a status is laid out.
    pub layout: Layout,
    /// Whether one more workflow may start now.
    pub may_start: bool,
    /// The time now, by the clock of the cluster.
    pub now: Timestamp,
}

impl<'a> PromiseSeen<'a> {
    /// Returns what the engine, and whoever carries out a plan, sees of the Promise's own workflows.
    pub fn of_workflow(&self, promise: &'a Promise) -> Seen<'a> {
        Seen {
            promise,
            object: self.object,
            workflow: WorkflowType::Promise,
            jobs: self.jobs,
            absent: self.absent,
            taken: self.taken,
            works: self.works,
            config: self.config,
            layout: self.layout,
            may_start: self.may_start,
            promise_is_available: true,
            now: self.now,
        }
    }

    /// Returns the name of the Promise.
    pub(super) fn name(&self) -> &'a str {
        self.object.name()
    }

    /// Whether it is being deleted.
    pub(super) fn is_going(&self) -> bool {
        is_going(self.object)
    }
}

/// What is known of another Promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherPromise {
    /// Its name.
    pub name: String,
    /// Its version (label `kratix.io/promise-version`); empty for none.
    pub version: String,
    /// What it requires.
    pub requires: Vec<RequiredPromise>,
    /// Whether it can fulfil requests.
    pub is_available: bool,
    /// Whether a workflow of it runs or is about to: it may be available again soon.
    pub is_busy: bool,
    /// Whether it is being deleted.
    pub is_going: bool,
}

impl OtherPromise {
    /// Reads what is known from a Promise, also from one that cannot be used.
    pub fn from_object(object: &Object) -> Self {
        let list = object.at(&["spec", "requiredPromises"]).and_then(Value::as_array);
        let text = |entry: &Value, key: &str| {
            entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Self {
            name: object.name().to_owned(),
            version: object.label(labels::PROMISE_VERSION).unwrap_or_default().to_owned(),
            requires: list
                .into_iter()
                .flatten()
                .map(|entry| RequiredPromise {
                    name: text(entry, "name"),
                    version: text(entry, "version"),
                })
                .collect(),
            is_available: super::is_available(object),
            is_busy: super::is_busy(object),
            is_going: is_going(object),
        }
    }
}

/// What is known of a Work of `spec.dependencies`. A cache keeps no more: its content may be a megabyte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticWork {
    /// Which.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// Hash of what we write of its spec, taken of what is in the cluster: so an edit by hand is seen. What else somebody
    /// puts there is theirs, and applying ours would not remove it.
    pub spec_hash: String,
    /// Whether it is being deleted.
    pub is_going: bool,
}

impl StaticWork {
    /// Reads what is known from a Work.
    pub fn from_object(work: &Object) -> Self {
        Self {
            key: work.key(&kinds::WORK),
            uid: work.uid().unwrap_or_default().to_owned(),
            spec_hash: hash::spec(written(work.spec()).as_ref()),
            is_going: is_going(work),
        }
    }
}

/// What we write of the spec of such a Work.
fn written(spec: Option<&Value>) -> Option<Value> {
    let mut spec = spec?.clone();
    if let Value::Object(fields) = &mut spec {
        fields.retain(|field, _| ["promiseName", "workloadGroups"].contains(&field.as_str()));
    }
    Some(spec)
}

/// An object that may have to go with the Promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// Which.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// Whether it is being deleted.
    pub is_going: bool,
    /// Whether we have applied it (`metadata.managedFields`); a copy of ours that somebody else made is not ours.
    pub is_applied_by_us: bool,
}

impl Owned {
    /// Reads what is known from an object; its `metadata` is enough.
    pub fn from_object(kind: &Kind, object: &Object) -> Self {
        let managers = object.at(&["metadata", "managedFields"]).and_then(Value::as_array);
        Self {
            key: object.key(kind),
            uid: object.uid().unwrap_or_default().to_owned(),
            is_going: is_going(object),
            is_applied_by_us: managers
                .into_iter()
                .flatten()
                .any(|entry| entry.get("manager") == Some(&labels::FIELD_MANAGER.into())),
        }
    }
}

/// Whether an object is being deleted.
pub(super) fn is_going(object: &Object) -> bool {
    object.text_at(&["metadata", "deletionTimestamp"]).is_some()
}
