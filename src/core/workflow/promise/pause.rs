//! A Promise that somebody has paused (contract.md 8.7).

use super::super::conditions::{self, Wanted};
use super::super::{Event, State};
use super::{Pass, set};
use crate::contract::labels;
use crate::contract::promise_status::{AVAILABLE_PAUSED, PAUSED, UNPAUSED};
use crate::core::promise::WorkflowType;

impl Pass<'_, '_> {
    /// Says that it is paused, and does nothing else: it does not go either.
    pub(super) fn paused(&mut self) -> State {
        let text = match self.seen.is_going() {
            false => PAUSED.message.to_owned(),
            true => format!("Paused: it goes when the label `{}` is off", labels::PAUSED),
        };
        let wanted = Wanted { message: &text, ..Wanted::from(&PAUSED) };
        if conditions::set(&mut self.draft.status, WorkflowType::Promise, &wanted, self.seen.now) {
            let mut told = format!(
                "'{}' label set to 'true' for promise; skipping reconciliation",
                labels::PAUSED
            );
            if self.seen.is_going() {
                told = format!("{told}, and its deletion");
            }
            self.news.push(Event::warning(PAUSED.reason, told));
        }
        self.unavailable(&AVAILABLE_PAUSED);
        State::Paused
    }

    /// Makes everything run from the start once it is paused no more: its own workflow, by label, and all requests.
    ///
    /// The condition remembers that it was paused. It is written last, so nothing is lost on the way.
    pub(super) fn unpaused(&mut self) -> bool {
        if !conditions::is(&self.draft.status, &PAUSED) {
            return false;
        }
        self.change_labels([
            (labels::RUN_FROM_START, Some(labels::TRUE)),
            (labels::WORKFLOW_SUSPENDED, None),
        ]);
        set(self.seen, &mut self.draft, &UNPAUSED);
        self.count_run_of_requests();
        true
    }
}
