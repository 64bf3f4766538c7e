//! A Promise that somebody has paused (contract.md 8.7). Once it is not any more, the engine runs its workflow from the
//! start, and those of its requests, which were paused with it.

use super::super::conditions::{self, Wanted};
use super::super::{Event, State};
use super::Pass;
use crate::contract::labels;
use crate::contract::promise_status::AVAILABLE_PAUSED;
use crate::contract::status::running::PAUSED;
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
}
