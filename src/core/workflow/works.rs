//! What the Works of an object say of themselves, summed up (contract.md 7.9).

use super::conditions::{self, Wanted};
use super::{Draft, Event, Seen, WorkSeen};
use crate::contract::status::running;
use crate::core::promise::WorkflowType;

/// How the Works of an object are, with the names of those that are not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// Some cannot be written.
    Failing(Vec<String>),
    /// Some have not been written yet.
    Pending(Vec<String>),
    /// Some are where their selectors do not want them any more.
    Misplaced(Vec<String>),
    /// All are ready, or there is none.
    All,
}

/// Sums up the Works of the object's own workflow, in the order of contract.md 7.9.
pub fn ready(seen: &Seen<'_>) -> Ready {
    let of_this = |work: &&WorkSeen| work.work_type == seen.workflow.as_str() && !work.is_going;
    let named = |is: &dyn Fn(&str) -> bool| {
        let works = seen.works.iter().filter(of_this).filter(|work| is(&work.ready));
        let mut names: Vec<_> = works.map(|work| work.name.clone()).collect();
        names.sort();
        names
    };
    let some = |names: Vec<String>, what: fn(Vec<String>) -> Ready| {
        (!names.is_empty()).then(|| what(names))
    };
    some(named(&|ready| ready == "Failing"), Ready::Failing)
        .or_else(|| some(named(&|ready| !matches!(ready, "Ready" | "Misplaced")), Ready::Pending))
        .or_else(|| some(named(&|ready| ready == "Misplaced"), Ready::Misplaced))
        .unwrap_or(Ready::All)
}

/// Sets the condition that sums them up; returns the event that tells of it, when it said something else before.
pub fn set(seen: &Seen<'_>, draft: &mut Draft) -> Option<Event> {
    let what = seen.workflow;
    let noun = match what {
        WorkflowType::Promise => "this promise",
        WorkflowType::Resource => "this resource",
    };
    let text = |state: &str, names: &[String]| {
        let separator = if what == WorkflowType::Promise { " " } else { "," };
        format!("Some works associated with {noun} {state}: [{}]", names.join(separator))
    };
    let (status, reason, message) = match ready(seen) {
        Ready::Failing(names) => ("False", "WorksFailing", text("failed", &names)),
        Ready::Pending(names) => ("Unknown", "WorksPending", text("are not ready", &names)),
        Ready::Misplaced(names) => ("False", "WorksMisplaced", text("are misplaced", &names)),
        Ready::All => (
            "True",
            running::WORKS_SUCCEEDED,
            format!("All works associated with {noun} are ready"),
        ),
    };
    let before = conditions::get(&draft.status, running::WORKS_SUCCEEDED)
        .and_then(|one| one.get("reason")?.as_str().map(str::to_owned));
    let wanted = Wanted { kind: running::WORKS_SUCCEEDED, status, reason, message: &message };
    conditions::set(&mut draft.status, what, &wanted, seen.now);
    let is_told = before.as_deref() != Some(reason) && status != "Unknown";
    // The first time it is told that the workflow of a request has succeeded, and that says it all.
    let is_first_success = what == WorkflowType::Resource && before.is_none() && status == "True";
    (is_told && !is_first_success).then(|| match status {
        "True" => Event::normal(reason, message),
        _ => Event::warning(reason, message),
    })
}
