//! What the status of a Promise says once its workflow is done (contract.md 7.9).

use super::super::WorkSeen;
use super::super::conditions::{self, Wanted};
use super::{Pass, set};
use crate::contract::promise_status::{
    IS_RECONCILED, RECONCILED, RECONCILED_WORKS_FAILING, RECONCILED_WORKS_PENDING, WORKS_SUCCEEDED,
    event, field,
};
use crate::contract::status::{Condition, running};
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};
use crate::core::workflow::Event;

/// How the Works of an object stand.
struct Verdict {
    status: &'static str,
    reason: &'static str,
    message: String,
    /// What the object as a whole says then.
    whole: &'static Condition,
}

/// Judges Works by the messages of their conditions `Ready`.
fn judge(works: &[WorkSeen]) -> Verdict {
    let named = |message: &str| {
        let is_it = |work: &&WorkSeen| match (message, work.ready.as_str()) {
            ("Pending", "") => true,
            (wanted, found) => wanted == found,
        };
        let mut names: Vec<_> = works.iter().filter(is_it).map(|work| work.name.as_str()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let some = |what: &str, names: &str| {
        format!("Some works associated with this promise {what}: [{names}]")
    };
    let (failing, pending, misplaced) = (named("Failing"), named("Pending"), named("Misplaced"));
    if !failing.is_empty() {
        Verdict {
            status: "False",
            reason: event::WORKS_FAILING,
            message: some("failed", &failing),
            whole: &RECONCILED_WORKS_FAILING,
        }
    } else if !pending.is_empty() {
        Verdict {
            status: "Unknown",
            reason: "WorksPending",
            message: some("are not ready", &pending),
            whole: &RECONCILED_WORKS_PENDING,
        }
    } else if !misplaced.is_empty() {
        Verdict {
            status: "False",
            reason: event::WORKS_MISPLACED,
            message: some("are misplaced", &misplaced),
            whole: &RECONCILED_WORKS_FAILING,
        }
    } else {
        Verdict {
            status: "True",
            reason: event::WORKS_SUCCEEDED,
            message: "All works associated with this promise are ready".into(),
            whole: &IS_RECONCILED,
        }
    }
}

impl Pass<'_, '_> {
    /// Writes down that its workflow is done, and how its Works stand.
    pub(super) fn done(&mut self, promise: &Promise, is_fulfilled: bool) {
        let pipelines = promise.pipelines(WorkflowType::Promise, WorkflowAction::Configure);
        let status = &mut self.draft.status;
        let has_run = conditions::is(status, &running::STARTED);
        let is_told = conditions::get(status, RECONCILED).is_some();
        if let Some(generation) = self.seen.object.generation() {
            status.insert(field::OBSERVED_GENERATION.into(), generation.into());
        }
        let verdict = judge(self.seen.works);
        let wanted = Wanted {
            kind: WORKS_SUCCEEDED,
            status: verdict.status,
            reason: verdict.reason,
            message: &verdict.message,
        };
        let is_new = conditions::set(status, WorkflowType::Promise, &wanted, self.seen.now);
        if is_new && verdict.status != "Unknown" {
            let told = if verdict.status == "True" { Event::normal } else { Event::warning };
            self.news.push(told(verdict.reason, verdict.message));
        }
        if has_run && !pipelines.is_empty() {
            let text = "All workflows completed";
            self.news.push(Event::normal(event::CONFIGURE_WORKFLOW_COMPLETED, text));
        }
        if !is_fulfilled {
            return self.waits();
        }
        // A Promise without workflow says nothing of itself as a whole, unless something else has been said.
        if (!pipelines.is_empty() || is_told)
            && set(self.seen, &mut self.draft, verdict.whole)
            && verdict.whole == &IS_RECONCILED
        {
            let text = "Successfully reconciled";
            self.news.push(Event::normal(event::RECONCILE_SUCCEEDED, text));
        }
    }
}
