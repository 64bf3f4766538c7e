//! What the status of a Promise says once its workflow is done (contract.md 7.9), and what is not needed any more.

use super::super::conditions;
use super::super::works::{self, Ready};
use super::super::{Event, prune};
use super::{Pass, set};
use crate::contract::promise_status::{RECONCILED, event, field};
use crate::contract::status::running;
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};

impl<'s> Pass<'_, 's> {
    /// Writes down that its workflow is done, and how its Works stand.
    pub(super) fn done(&mut self, promise: &'s Promise, is_fulfilled: bool) {
        let of_workflow = self.seen.of_workflow(promise);
        prune::works(&of_workflow, &mut self.draft);
        prune::jobs(&of_workflow, &mut self.draft);
        prune::pods(&of_workflow, &mut self.draft);
        let pipelines = promise.pipelines(WorkflowType::Promise, WorkflowAction::Configure);
        let status = &mut self.draft.status;
        let has_run = conditions::is(status, &running::STARTED);
        let is_told = conditions::get(status, RECONCILED).is_some();
        if let Some(generation) = self.seen.object.generation() {
            status.insert(field::OBSERVED_GENERATION.into(), generation.into());
        }
        self.news.extend(works::set(&of_workflow, &mut self.draft));
        if has_run && !pipelines.is_empty() {
            let text = "All workflows completed";
            self.news.push(Event::normal(event::CONFIGURE_WORKFLOW_COMPLETED, text));
        }
        if !is_fulfilled {
            return self.waits();
        }
        let whole = match works::ready(&of_workflow) {
            Ready::Failing(_) | Ready::Misplaced(_) => running::WORKS_FAILING,
            Ready::Pending(_) => running::WORKS_PENDING,
            Ready::All => running::DONE,
        };
        // A Promise without workflow says nothing of itself as a whole, unless something else has been said.
        if (!pipelines.is_empty() || is_told)
            && set(self.seen, &mut self.draft, &whole)
            && whole == running::DONE
        {
            let text = "Successfully reconciled";
            self.news.push(Event::normal(event::RECONCILE_SUCCEEDED, text));
        }
    }
}
