//! What a WorkPlacement says of itself (contract.md 5.2, 7.9).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::conditions::{self, get, has_status, is};
use super::plan::Event;
use super::seen::PlacementSeen;
use super::site::Site;
use crate::contract::placement::{VERSION_ID, event, kind, placed, work};
use crate::contract::status::{CONDITIONS, condition};
use crate::core::workflow::without_numbers;

/// What has come of writing a WorkPlacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It has to wait: it has not been tried yet, and that may last.
    Waiting,
    /// It is written.
    Written {
        /// The generation of the WorkPlacement whose files were written.
        generation: i64,
        /// The version of the store that holds them, where it has versions.
        version: Option<&'a str>,
        /// Where it was written to.
        site: &'a Site,
    },
    /// It could not be written.
    Failed {
        /// The error, with its causes and what to do next: one text for people.
        error: &'a str,
    },
}

/// Returns the status of a WorkPlacement after a write, and what to tell of it; `None` when it says so already. Numbers in an
/// error do not make it another: each try would be told.
pub fn after_write(
    placement: &PlacementSeen,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> Option<(Map<String, Value>, Option<Event>)> {
    let before = &placement.status;
    let mut status = before.clone();
    let mut told = None;
    match outcome {
        Outcome::Waiting => {}
        Outcome::Written { generation, version, site } => {
            conditions::set(&mut status, &placed::WRITE_DONE, "", Some(generation), now);
            site.note(&mut status, Some(generation), now);
            if let Some(version) = version {
                status.insert(VERSION_ID.into(), version.into());
            }
            if !is(before, &placed::WRITE_DONE) {
                let message = format!("workloads written to Destination {}", placement.destination);
                told = Some(Event::normal(placed::WRITE_DONE.reason, message));
            }
        }
        Outcome::Failed { error } => {
            let said = conditions::said(before, kind::WRITTEN).filter(|_| placement.is_failing());
            if said.is_none_or(|(_, said)| without_numbers(said) != without_numbers(error)) {
                let generation = Some(placement.generation);
                conditions::set(&mut status, &placed::WRITE_FAILED, error, generation, now);
                let (reason, what) = match placement.is_going {
                    true => (event::DELETE_FAILED, "deleting from"),
                    false => (event::WRITE_FAILED, "writing to"),
                };
                let message =
                    format!("failed {what} Destination {}: {error}", placement.destination);
                told = Some(Event::warning(reason, message));
            }
        }
    }
    settle(&mut status, placement, !placement.is_marked_misplaced(), now);
    (status != *before).then_some((status, told))
}

/// Returns the status of a WorkPlacement whose Destination matches, or not, and what to tell of it; `None` when it says so
/// already, or when it says nothing yet and will once it is written.
pub(super) fn scheduled(
    placement: &PlacementSeen,
    matches: bool,
    now: Timestamp,
) -> Option<(Map<String, Value>, Option<Event>)> {
    let before = &placement.status;
    let known = if matches { &placed::SCHEDULED_RIGHT } else { &placed::SCHEDULED_WRONG };
    if get(before, kind::SCHEDULED).is_none() && matches {
        return None;
    }
    let says_misplaced = is(before, &placed::READY_MISPLACED);
    let shall_say = !matches && !placement.is_failing();
    if is(before, known) && says_misplaced == shall_say {
        return None;
    }
    let mut status = before.clone();
    settle(&mut status, placement, matches, now);
    let is_news = !matches && !is(before, known);
    let told = is_news.then(|| Event::warning(work::MISMATCH, known.message));
    Some((status, told))
}

/// Returns the status of a WorkPlacement that has to be written anew, elsewhere.
pub(super) fn moved(
    placement: &PlacementSeen,
    matches: bool,
    now: Timestamp,
) -> Map<String, Value> {
    let mut status = placement.status.clone();
    if let Some(Value::Array(all)) = status.get_mut(CONDITIONS) {
        all.retain(|one| one.get(condition::TYPE).and_then(Value::as_str) != Some(kind::WRITTEN));
    }
    settle(&mut status, placement, matches, now);
    status
}

/// Makes `ScheduleSucceeded` and `Ready` say what follows from the rest.
fn settle(
    status: &mut Map<String, Value>,
    placement: &PlacementSeen,
    matches: bool,
    now: Timestamp,
) {
    let scheduled = if matches { &placed::SCHEDULED_RIGHT } else { &placed::SCHEDULED_WRONG };
    // It does not depend on what is in the files, so it is not said again for each generation of them.
    let generation = conditions::observed(status, kind::SCHEDULED).or(Some(placement.generation));
    conditions::set(status, scheduled, "", generation, now);
    let (ready, generation) = if has_status(status, kind::WRITTEN, "False") {
        (&placed::READY_FAILED, conditions::observed(status, kind::WRITTEN))
    } else if !matches {
        (&placed::READY_MISPLACED, conditions::observed(status, kind::WRITTEN))
    } else if has_status(status, kind::WRITTEN, "True") {
        (&placed::READY_YES, conditions::observed(status, kind::WRITTEN))
    } else {
        (&placed::READY_PENDING, Some(placement.generation))
    };
    conditions::set(status, ready, "", generation, now);
}
