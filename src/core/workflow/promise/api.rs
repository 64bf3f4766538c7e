//! The API of a Promise in the cluster: its CRD, and the rights of the controller to its requests (contract.md 4.6, 9).

use super::super::{Action, Draft};
use super::{PromiseSeen, Trouble};
use crate::contract::promise_status::{API_REFUSED, INVALID, field};
use crate::contract::{Object, labels};
use crate::core::crd;
use crate::core::promise::{Api, Promise};
use crate::core::rbac::{self, Rights};

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
    let Some(wanted) = wanted else { return Ok(Step::Served) };
    let existing = existing.iter().find(|crd| crd.name() == wanted.name());
    if existing.is_none_or(|existing| crd::difference(&wanted, existing).is_some()) {
        draft.push(Action::Apply(Box::new(wanted)));
    }
    rights(seen, promise, draft);
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

/// Applies the rights of the controller to the requests, where they are not as they should be.
fn rights(seen: &PromiseSeen<'_>, promise: &Promise, draft: &mut Draft) {
    for wanted in rbac::controller_grants(promise).into_iter().flatten() {
        let existing = seen
            .rights
            .iter()
            .find(|found| found.kind() == wanted.kind() && found.name() == wanted.name());
        match existing {
            Some(existing) if !rbac::differs(&wanted, existing, Rights::Kratix) => continue,
            Some(existing) if wanted.0.get("roleRef") != existing.0.get("roleRef") => {
                // It cannot be changed.
                let Some(kind) = rbac::kind_of(&wanted) else { continue };
                let uid = existing.uid().map(str::to_owned);
                draft.push(Action::Delete { key: Box::new(existing.key(kind)), uid });
            }
            _ => {}
        }
        draft.push(Action::Apply(Box::new(wanted)));
    }
}
