//! The CRDs: that of a Promise's API, made from `spec.api` (contract.md 9), and our own.
//!
//! [`build`] makes what is applied, [`check_change`] refuses what would lose data, [`difference`] says whether there is
//! anything to apply at all. [`own`] are the kinds that come with an installation.

mod build;
mod change;
mod difference;
mod own;
mod status_schema;
#[cfg(test)]
mod tests;

use crate::contract::Object;

pub use build::{CrdError, build};
pub use change::{ChangeError, check_change};
pub use difference::difference;
pub use own::{for_placement, for_workflows, own};

/// Longest name of a request: it becomes the value of labels (contract.md 9.2).
pub const REQUEST_NAME_CHARS_MAX: u64 = 63;

/// Whether the API server serves requests of this CRD.
pub fn is_established(crd: &Object) -> bool {
    condition(crd, "Established").is_some_and(|(status, _)| status == "True")
}

/// Returns why the API server does not accept the names of this CRD, as when another CRD has them.
pub fn names_refused(crd: &Object) -> Option<&str> {
    let (status, message) = condition(crd, "NamesAccepted")?;
    (status == "False").then_some(message)
}

/// Returns status and message of a condition.
fn condition<'a>(crd: &'a Object, kind: &str) -> Option<(&'a str, &'a str)> {
    let conditions = crd.at(&["status", "conditions"])?.as_array()?;
    let found = conditions.iter().find(|one| one.get("type").is_some_and(|found| found == kind))?;
    let text = |key: &str| found.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    Some((text("status"), text("message")))
}
