//! The API of a Promise in the cluster: its CRD, and the rights of the controller to its requests (contract.md 4.6, 9).

use serde_json::{Value, json};

use super::super::{Action, Draft};
use super::{PromiseSeen, Trouble};
use crate::contract::promise_status::{API_REFUSED, INVALID, field};
use crate::contract::{Kind, Object, kinds, labels};
use crate::core::crd;
use crate::core::promise::{Api, Promise};

/// How far the API is.
pub(super) enum Step {
    /// Requests are served, or there is no API.
    Served,
    /// The API server is not ready yet.
    Waits,
}

/// Brings the API to what the Promise says.
pub(super) fn bring(
    seen: &PromiseSeen<'_>,
    promise: &Promise,
    draft: &mut Draft,
) -> Result<Step, Trouble> {
    let wanted = match &promise.api {
        None => None,
        Some(api) => {
            let built = crd::build(seen.name(), api);
            Some(built.map_err(|error| Trouble::of(INVALID, &error, Some(error.hint())))?)
        }
    };
    let existing: Vec<Object> = seen
        .crds
        .iter()
        .filter(|crd| is_the_wanted(crd, &wanted) || is_of(seen, crd))
        .cloned()
        .collect();
    crd::check_change(seen.name(), wanted.as_ref(), &existing)
        .map_err(|error| Trouble::of(API_REFUSED, &error, Some(error.hint())))?;
    let (Some(wanted), Some(api)) = (wanted, &promise.api) else { return Ok(Step::Served) };
    let existing = existing.iter().find(|crd| crd.name() == wanted.name());
    if existing.is_none_or(|existing| crd::difference(&wanted, existing).is_some()) {
        draft.push(Action::Apply(Box::new(wanted)));
    }
    rights(seen, &api.kind, draft);
    match existing {
        Some(crd) if crd::is_established(crd) => Ok(Step::Served),
        Some(crd) => match crd::names_refused(crd) {
            None => Ok(Step::Waits),
            Some(why) => Err(Trouble {
                reason: API_REFUSED,
                what: format!("the API server refuses the names of `{}`: {why}", crd.name()),
                hint: Some("choose another kind, plural, singular or short name".into()),
            }),
        },
        None => Ok(Step::Waits),
    }
}

fn is_the_wanted(crd: &Object, wanted: &Option<Object>) -> bool {
    wanted.as_ref().is_some_and(|wanted| wanted.name() == crd.name())
}

/// Whether a CRD is the API of this Promise as its status has it. The label alone does not say so: people copy labels.
pub(super) fn is_of(seen: &PromiseSeen<'_>, crd: &Object) -> bool {
    let status = |key: &str| seen.object.text_at(&["status", key]).unwrap_or_default();
    let group = status(field::API_VERSION).split_once('/').map_or("", |(group, _)| group);
    crd.label(labels::PROMISE_NAME) == Some(seen.name())
        && crd.text_at(&["spec", "names", "kind"]) == Some(status(field::KIND))
        && crd.text_at(&["spec", "group"]).is_some_and(|found| found.eq_ignore_ascii_case(group))
}

/// Returns `group/version` of the requests as a status has it (contract.md 5.6).
pub(super) fn api_version(api: &Api) -> String {
    api.kind.api_version().to_lowercase()
}

/// Returns the name of the ClusterRole, and of its binding, by which the controller may work with the requests of a
/// Promise (contract.md 4.5).
pub fn controller_rights_name(promise: &str) -> String {
    format!("{promise}-promise-controller")
}

/// Applies the rights of the controller to the requests, where they are not as they should be.
fn rights(seen: &PromiseSeen<'_>, requests: &Kind, draft: &mut Draft) {
    for (kind, wanted) in [
        (&kinds::CLUSTER_ROLE, role(seen.name(), requests)),
        (&kinds::CLUSTER_ROLE_BINDING, binding(seen.name())),
    ] {
        let existing = seen
            .rights
            .iter()
            .find(|found| found.kind() == kind.kind && found.name() == wanted.name());
        let Some(existing) = existing else {
            draft.push(Action::Apply(Box::new(wanted)));
            continue;
        };
        let same = |key: &str| wanted.0.get(key) == existing.0.get(key);
        if !same("roleRef") {
            // It cannot be changed.
            let uid = existing.uid().map(str::to_owned);
            draft.push(Action::Delete { key: Box::new(existing.key(kind)), uid });
        }
        let is_labelled = existing.label(labels::PROMISE_NAME) == Some(seen.name());
        if !is_labelled || !["rules", "subjects", "roleRef"].into_iter().all(same) {
            draft.push(Action::Apply(Box::new(wanted)));
        }
    }
}

fn labelled(kind: &Kind, promise: &str) -> Object {
    let mut object = Object::new(kind, None, &controller_rights_name(promise));
    object.set_label(labels::PROMISE_NAME, promise);
    object
}

fn role(promise: &str, requests: &Kind) -> Object {
    let rule = |part: &str, verbs: Value| json!({"apiGroups": [requests.group], "resources": [format!("{}{part}", requests.plural)], "verbs": verbs});
    let mut role = labelled(&kinds::CLUSTER_ROLE, promise);
    let rules = json!([
        rule("", json!(["*"])),
        rule("/finalizers", json!(["update"])),
        rule("/status", json!(["get", "update", "patch"])),
    ]);
    role.0.insert("rules".into(), rules);
    role
}

fn binding(promise: &str) -> Object {
    let mut binding = labelled(&kinds::CLUSTER_ROLE_BINDING, promise);
    let subject = json!({
        "kind": kinds::SERVICE_ACCOUNT.kind,
        "name": kinds::CONTROLLER,
        "namespace": kinds::SYSTEM_NAMESPACE,
    });
    binding.0.insert("subjects".into(), json!([subject]));
    let name = controller_rights_name(promise);
    let role =
        json!({"apiGroup": kinds::RBAC_GROUP, "kind": kinds::CLUSTER_ROLE.kind, "name": name});
    binding.0.insert("roleRef".into(), role);
    binding
}
