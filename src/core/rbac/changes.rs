//! What to write and what to remove, so that a pipeline has its rights and no others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Grantee, Plan, RbacError, Rights, defaults};
use crate::contract::{Kind, Object, ObjectKey, kinds, labels};

/// The kinds that [`super::grants`] is made of, in the order in which they are applied.
pub const KINDS: [Kind; 6] = [
    kinds::SERVICE_ACCOUNT,
    kinds::CONFIG_MAP,
    kinds::ROLE,
    kinds::ROLE_BINDING,
    kinds::CLUSTER_ROLE,
    kinds::CLUSTER_ROLE_BINDING,
];

/// One thing to do for a pipeline's rights.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Create it; it is well when it exists, whatever it looks like: it is somebody else's then.
    Create(Box<Object>),
    /// Make what is given of it be as given.
    Apply(Box<Object>),
    /// Delete it, if it is still the one that was seen.
    Delete {
        /// Which.
        key: ObjectKey,
        /// Its uid, as far as it is known.
        uid: Option<String>,
    },
}

/// Returns what to do, in order, so that a pipeline has what [`super::grants`] wants.
///
/// `existing` is what there is of [`KINDS`] with the label of the Promise, in whatever namespace. Whatever else is there
/// may be in it.
///
/// - A service account is created when it is not seen, and never changed: neither one of the pipeline's own choice nor
///   one of another Promise. The original takes the latter over (contract.md 17.1).
/// - A binding to another role than wanted is deleted and made again, since Kubernetes lets nobody change that. When
///   that is interrupted, the binding is absent, and made the next time.
/// - What the pipeline asks for no more goes first ([`obsolete`]).
pub fn changes(
    grantee: &Grantee<'_>,
    wanted: &[Object],
    existing: &[Object],
) -> Result<Vec<Change>, RbacError> {
    let mut all = Vec::new();
    for key in obsolete(grantee, wanted, existing)? {
        let uid = find(existing, &key).and_then(Object::uid).map(str::to_owned);
        all.push(Change::Delete { key, uid });
    }
    for object in wanted {
        let Some(kind) = kind_of(object) else { continue };
        let there = find(existing, &object.key(kind));
        if *kind == kinds::SERVICE_ACCOUNT {
            if there.is_none() {
                all.push(Change::Create(Box::new(object.clone())));
            }
            continue;
        }
        if let Some(there) = there {
            refuse_taken(grantee, there)?;
            if !differs(object, there, grantee.rights) {
                continue;
            }
            if object.0.get("roleRef") != there.0.get("roleRef") {
                let uid = there.uid().map(str::to_owned);
                all.push(Change::Delete { key: there.key(kind), uid });
            }
        }
        all.push(Change::Apply(Box::new(object.clone())));
    }
    Ok(all)
}

/// Whether an object that is there is not as wanted, in what is wanted of it. Neither the order of rules and of what they
/// list counts, nor what others have set.
///
/// A cluster role is shared by the Jobs of all namespaces, and the label that names one of them says nothing. In
/// [`Rights::Kratix`] it names the last, as there; otherwise whatever it names stays.
pub fn differs(wanted: &Object, existing: &Object, rights: Rights) -> bool {
    let is_shared = wanted.kind() == kinds::CLUSTER_ROLE.kind && rights == Rights::Least;
    let labels = wanted.at(&["metadata", "labels"]).and_then(Value::as_object);
    let label_differs = |(key, value): (&String, &Value)| match existing.label(key) {
        Some(_) if is_shared && key == labels::PIPELINE_NAMESPACE => false,
        found => found != value.as_str(),
    };
    if labels.into_iter().flatten().any(label_differs) {
        return true;
    }
    let rest = wanted
        .0
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"));
    rest.into_iter().any(|(key, value)| {
        let found = existing.0.get(key);
        match key.as_str() {
            "rules" => canonical_rules(Some(value)) != canonical_rules(found),
            "subjects" => canonical_subjects(Some(value)) != canonical_subjects(found),
            _ => !found.is_some_and(|found| holds(found, value)),
        }
    })
}

/// Returns what is there and wanted no more, bindings first.
///
/// - Rights that this pipeline has asked for: the labels say for which Promise, pipeline, type, action and namespace of
///   Jobs, and all must agree; so nothing of a namesake goes. Cluster roles are shared by the Jobs of all namespaces.
/// - Rights that it had in the other form of [`Rights`], or with a status sidecar.
pub fn obsolete(
    grantee: &Grantee<'_>,
    wanted: &[Object],
    existing: &[Object],
) -> Result<Vec<ObjectKey>, RbacError> {
    let plan = Plan::new(grantee)?;
    let keys = |objects: &[Object]| -> BTreeSet<ObjectKey> {
        objects.iter().filter_map(|object| Some(object.key(kind_of(object)?))).collect()
    };
    let wanted = keys(wanted);
    let other = match grantee.rights {
        Rights::Least => Rights::Kratix,
        Rights::Kratix => Rights::Least,
    };
    let mut of_other_form = keys(&defaults::rights(&plan, other)?);
    of_other_form.extend(keys(&defaults::of_the_sidecar(&plan)));
    let mut all = Vec::new();
    for kind in KINDS.iter().skip(2).rev() {
        for object in existing.iter().filter(|object| object.kind() == kind.kind) {
            let key = object.key(kind);
            let is_ours = object.label(labels::PROMISE_NAME) == Some(&plan.grantee.promise.name);
            let was_given = was_asked_for(&plan, kind, object)
                || (object.label(labels::PIPELINE_NAME).is_none() && of_other_form.contains(&key));
            if is_ours && was_given && !wanted.contains(&key) {
                all.push(key);
            }
        }
    }
    Ok(all)
}

/// Returns the kind of an object of one of [`KINDS`].
pub fn kind_of(object: &Object) -> Option<&'static Kind> {
    static ALL: [Kind; 6] = KINDS;
    ALL.iter().find(|kind| kind.kind == object.kind() && kind.api_version() == object.api_version())
}

/// Whether these are rights that the pipeline has asked for, now or before.
fn was_asked_for(plan: &Plan<'_>, kind: &Kind, object: &Object) -> bool {
    let is_here = *kind == kinds::CLUSTER_ROLE
        || object.label(labels::PIPELINE_NAMESPACE) == Some(plan.namespace);
    is_here
        && object.label(labels::PIPELINE_NAME) == Some(&plan.pipeline.name)
        && object.label(labels::WORKFLOW_TYPE) == Some(plan.grantee.workflow.as_str())
        && object.label(labels::WORKFLOW_ACTION) == Some(plan.grantee.action.as_str())
}

fn refuse_taken(grantee: &Grantee<'_>, there: &Object) -> Result<(), RbacError> {
    match there.label(labels::PROMISE_NAME) {
        Some(owner) if owner != grantee.promise.name => Err(RbacError::Taken {
            kind: there.kind().to_owned(),
            name: there.name().to_owned(),
            owner: owner.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn find<'a>(objects: &'a [Object], key: &ObjectKey) -> Option<&'a Object> {
    objects.iter().find(|object| {
        object.kind() == key.kind.kind
            && object.name() == key.name
            && object.namespace() == key.namespace.as_deref()
    })
}

/// Whether `found` is as wanted, or a map that holds what is wanted.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| found.get(key).is_some_and(|one| holds(one, value)))
        }
        _ => found == wanted,
    }
}

/// Rules in an order of their own, with what they list in order and once.
fn canonical_rules(rules: Option<&Value>) -> Vec<Map<String, Value>> {
    let mut rules: Vec<_> = maps(rules)
        .map(|rule| {
            let lists = rule.iter().filter_map(|(key, value)| {
                let mut list: Vec<_> = value.as_array()?.iter().filter_map(Value::as_str).collect();
                list.sort_unstable();
                list.dedup();
                (!list.is_empty()).then(|| (key.clone(), Value::from(list)))
            });
            lists.collect::<Map<_, _>>()
        })
        .collect();
    rules.sort_by_key(|rule| serde_json::to_string(rule).unwrap_or_default());
    rules.dedup();
    rules
}

/// Kind, name and namespace of each, in an order of their own.
fn canonical_subjects(subjects: Option<&Value>) -> BTreeSet<[String; 3]> {
    let text = |subject: &Map<String, Value>, key| {
        subject.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    maps(subjects)
        .map(|subject| ["kind", "name", "namespace"].map(|key| text(subject, key)))
        .collect()
}

fn maps(list: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}
