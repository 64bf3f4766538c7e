//! What to do next for a Promise: its API, what it requires, its dependencies, its own workflows and its end
//! (contract.md 8.1, 8.8, 8.9, 9).

mod seen;

use serde_json::Value;

use super::{Plan, State};
use crate::contract::Object;
use crate::contract::status::{CONDITIONS, condition};

pub use seen::{OtherPromise, Owned, PromiseSeen, StaticWork};

/// Returns the name of the ClusterRole, and of its binding, by which the controller may work with the requests of a
/// Promise (contract.md 4.5).
pub fn controller_rights_name(promise: &str) -> String {
    format!("{promise}-promise-controller")
}

/// Whether a Promise can fulfil requests, as its status says (contract.md 8.2, step 9).
pub fn is_available(promise: &Object) -> bool {
    condition_status(promise, "Available") == Some("True")
}

/// Whether a workflow of the Promise runs or is about to, as its status says.
fn is_busy(promise: &Object) -> bool {
    condition_status(promise, "Reconciled").is_none_or(|status| status == "Unknown")
}

fn condition_status<'a>(promise: &'a Object, kind: &str) -> Option<&'a str> {
    let conditions = promise.at(&["status", CONDITIONS])?.as_array()?;
    let found = conditions.iter().find(|one| one.get(condition::TYPE) == Some(&kind.into()))?;
    found.get("status").and_then(Value::as_str)
}

/// Decides what to do next for a Promise.
///
/// An invalid Promise is no error: what is wrong with it goes into its status.
pub fn plan(seen: &PromiseSeen<'_>) -> Plan {
    let _ = seen;
    Plan { state: State::Waiting, ..Plan::default() }
}
