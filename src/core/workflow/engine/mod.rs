//! Brings the pipelines of one workflow to run, one after the other (contract.md 8.3-8.6, 16).
//!
//! Progress is read from the status alone; Jobs tell what is in flight. Every start of a Job takes a number of its own,
//! which is written before the Job is created: whoever finds an entry that is `Pending` with a number goes on with that
//! very Job. `docs/decisions/0010-workflow-engine.md` says why it is built like this.

mod flight;
mod lane;
mod start;
mod stop;

use jiff::{SignedDuration, Timestamp};

use super::list::{Entry, Phase, Trigger};
use super::{Draft, Seen, State, conditions, promise};
use crate::contract::status::running;
use crate::contract::{labels, status};
use crate::core::control::parse_go_duration;
use crate::core::hash::md5_hex;
use crate::core::pipeline::PipelineError;
use crate::core::promise::{WorkflowAction, WorkflowType};
use flight::Flight;
use lane::Lane;

/// How far a workflow is once a draft is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Every pipeline has succeeded for what the object says now, or there is none, and no Job of the object runs.
    Done,
    /// It is not done, and the draft holds all that can be done now: nothing else may be added that starts something.
    Not(State),
}

/// What to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The workflow, from its first pipeline.
    First(Trigger),
    /// This pipeline.
    Pipeline(usize, Option<Trigger>),
    /// Nothing: it has failed here.
    Failed(usize),
    /// Nothing: it waits, until a time or for somebody.
    Suspended(Option<Timestamp>),
    /// Nothing: all is done.
    Done,
}

/// Decides what comes next in the configure workflow of an object.
///
/// The draft may hold what is to be done before anything starts. What is done once the workflow is done is the caller's.
pub fn configure(seen: &Seen<'_>, draft: &mut Draft) -> Result<Step, PipelineError> {
    decide(Lane::new(seen, draft, WorkflowAction::Configure), draft)
}

/// Decides what comes next in the delete workflow of an object. It runs once; again only when somebody asks for it by
/// label, or when its pipeline has asked to wait.
pub fn delete(seen: &Seen<'_>, draft: &mut Draft) -> Result<Step, PipelineError> {
    let lane = Lane::new(seen, draft, WorkflowAction::Delete);
    let is_running = seen.jobs.iter().any(|job| job.state.is_running());
    if lane.list.entries.is_empty() && !is_running {
        // A configure Job of which nothing is seen may run all the same.
        let mut before = Lane::new(seen, draft, WorkflowAction::Configure);
        match before.land(draft)? {
            Flight::None => {}
            Flight::Unknown(name) => return before.look(draft, name),
            Flight::Lost(index) => before.lose(index, draft),
        }
    }
    decide(lane, draft)
}

/// Writes down that the workflow waits because a pipeline has asked for it, and nothing else: whoever runs one by hand
/// decides when it goes on.
pub fn hold(seen: &Seen<'_>, draft: &mut Draft, action: WorkflowAction) -> Step {
    let lane = Lane::new(seen, draft, action);
    let waits = lane.first(|entry| entry.phase() == Phase::Suspended);
    let until = waits.and_then(|index| lane.list.entries.get(index)?.next_retry_at());
    lane.suspended(until, draft)
}

fn decide(mut lane: Lane<'_>, draft: &mut Draft) -> Result<Step, PipelineError> {
    lane.note_started(draft);
    if lane.seen.jobs.iter().any(|job| job.state.is_running()) {
        return Ok(lane.wait(draft));
    }
    let flight = lane.land(draft)?;
    if lane.names.is_empty() {
        return Ok(match flight {
            Flight::Unknown(name) => lane.look(draft, name)?,
            Flight::None | Flight::Lost(_) => lane.nothing_to_run(draft),
        });
    }
    let next = lane.next(&flight);
    match flight {
        // It was being started and still is what should run: creating it twice is harmless.
        Flight::Unknown(_) | Flight::Lost(_) if lane.is_being_started(next) => lane.carry_on(draft),
        Flight::Unknown(name) if !matches!(next, Next::Suspended(_)) => lane.look(draft, name),
        _ => lane.go(next, draft),
    }
}

impl Lane<'_> {
    /// Decides what to start, given that no Job runs.
    fn next(&self, flight: &Flight) -> Next {
        let restart = self.restart();
        let suspended = self.first(|entry| entry.phase() == Phase::Suspended);
        if self.is_held() {
            let since = self.list.suspended_generation.filter(|generation| *generation != 0);
            let is_changed = since.is_some_and(|since| self.generation() > since);
            let due = suspended.and_then(|index| self.list.entries.get(index)?.next_retry_at());
            return match (restart, suspended) {
                (Some(trigger), _) if trigger.is_manual() => Next::First(trigger),
                (_, Some(index)) if is_changed && self.is_delete() => {
                    Next::Pipeline(index, Some(Trigger::Resume))
                }
                _ if is_changed => Next::First(Trigger::Spec),
                _ if due.is_none_or(|due| due > self.seen.now) => Next::Suspended(due),
                (Some(trigger), _) => Next::First(trigger),
                (None, Some(index)) => Next::Pipeline(index, Some(Trigger::Resume)),
                (None, None) => Next::Suspended(None),
            };
        }
        if let Some(trigger) = restart {
            return Next::First(trigger);
        }
        if let Some(index) = suspended {
            return Next::Pipeline(index, Some(Trigger::Resume));
        }
        let Some(index) = self.first(|entry| entry.phase() != Phase::Succeeded) else {
            return if self.is_due() { Next::First(Trigger::Interval) } else { Next::Done };
        };
        match flight {
            // Its Job is gone, and nobody knows how it ended.
            Flight::Lost(at) => Next::Pipeline(*at, self.list.trigger),
            _ if self.phase(index) == Phase::Failed => {
                if self.is_due() {
                    Next::First(Trigger::Interval)
                } else {
                    Next::Failed(index)
                }
            }
            _ if index == 0 && self.list.run == 0 => Next::First(self.first_trigger()),
            _ => Next::Pipeline(index, self.list.trigger),
        }
    }

    /// Why the workflow must start from its first pipeline, if it must.
    fn restart(&self) -> Option<Trigger> {
        let is_start_asked =
            self.labels.from_start && !self.list.trigger.is_some_and(Trigger::is_start);
        if self.is_asked_by_hand() {
            let is_both = self.labels.from_start;
            return Some(if is_both { Trigger::ManualAndStart } else { Trigger::Manual });
        }
        if self.is_delete() {
            return self.list.entries.is_empty().then_some(Trigger::Delete);
        }
        let is_other = |entry: &Entry| {
            (entry.phase() != Phase::Pending || entry.run().is_some()) && entry.hash() != self.hash
        };
        if is_start_asked {
            Some(Trigger::Start)
        } else if conditions::is(&self.status, &running::PAUSED) {
            Some(Trigger::Unpaused)
        } else if !self.list.is_of(&self.names) || self.list.entries.iter().any(is_other) {
            Some(Trigger::Spec)
        } else if self.list.resources_run < self.resources_run() {
            Some(Trigger::Promise)
        } else {
            None
        }
    }

    /// How often the Promise has told all its requests to run again (contract.md 8.8).
    fn resources_run(&self) -> i64 {
        match self.seen.workflow {
            WorkflowType::Promise => 0,
            WorkflowType::Resource => promise::resources_run(&self.seen.promise.object),
        }
    }

    /// Whether somebody asks for a new run, other than the one that is being started because of it.
    fn is_asked_by_hand(&self) -> bool {
        let is_answering = self.list.trigger.is_some_and(Trigger::is_manual) && !self.is_answered();
        self.labels.manual && !is_answering
    }

    /// Whether the label by which a workflow waits holds it.
    fn is_held(&self) -> bool {
        // What a configure pipeline has asked for does not hold a deletion.
        let is_of_this = !self.is_delete() || !self.list.entries.is_empty();
        self.labels.suspended && is_of_this && self.list.trigger.is_none()
    }

    fn first_trigger(&self) -> Trigger {
        if self.is_delete() { Trigger::Delete } else { Trigger::Spec }
    }

    /// Whether a workflow that is done, or has failed, is to run again because it has been long (contract.md 8.6).
    fn is_due(&self) -> bool {
        self.due().is_some_and(|due| due <= self.seen.now)
    }

    /// When that is.
    fn due(&self) -> Option<Timestamp> {
        let is = |known| conditions::is(&self.status, known);
        let runs_again = is(&running::CONFIGURE_DONE)
            || (is(&running::CONFIGURE_FAILED) && self.seen.config.reconcile_after_failure);
        if self.is_delete() || !runs_again {
            return None;
        }
        self.due_after(conditions::since(
            &self.status,
            status::condition::CONFIGURE_WORKFLOW_COMPLETED,
        )?)
    }

    /// When a workflow runs again that ended at that time.
    fn due_after(&self, since: Timestamp) -> Option<Timestamp> {
        let interval = interval(self.seen);
        let part = i32::from(jitter(self.seen.object.uid().unwrap_or_default()));
        let jitter = interval.checked_mul(part)?.checked_div(10 * 255)?;
        since.checked_add(interval).ok()?.checked_add(jitter).ok()
    }
}

/// Shortest interval that an annotation may set.
const INTERVAL_MIN: SignedDuration = SignedDuration::from_mins(1);

/// After which time a workflow runs again without a change (contract.md 8.6), jitter not included: what the Promise's
/// annotation says, else its workflows' settings, else the installation's.
pub fn interval(seen: &Seen<'_>) -> SignedDuration {
    let annotation = seen.promise.object.annotation(labels::RECONCILIATION_INTERVAL);
    annotation
        .and_then(|text| parse_go_duration(text).ok())
        .filter(|interval| *interval >= INTERVAL_MIN)
        .or(seen.promise.reconciliation_interval)
        .unwrap_or(seen.config.reconciliation_interval)
}

/// A number for each object, so that not all of them run again in the same second.
fn jitter(uid: &str) -> u8 {
    md5_hex(uid).get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0)
}

/// Whether the object is a Promise.
fn is_promise(seen: &Seen<'_>) -> bool {
    seen.workflow == WorkflowType::Promise
}
