//! What a Work says of itself: `Ready` only when all its files are where they belong (contract.md 5.1, 7.9).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::conditions;
use super::plan::Event;
use super::seen::Seen;
use crate::contract::placement::{COUNTS, event, kind, work};

/// How the groups of a Work are.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many there are.
    pub groups: usize,
    /// Ids of those without Destination.
    pub unscheduled: BTreeSet<String>,
    /// Ids of those that have a WorkPlacement where they may not go any more.
    pub misplaced: BTreeSet<String>,
    /// Ids of those that cannot be placed, with the reason.
    pub failed: Vec<(String, String)>,
    /// Names of WorkPlacements that could not be written.
    pub failing: BTreeSet<String>,
    /// Whether something has yet to be written.
    pub is_pending: bool,
}

/// Returns the status of the Work and what to tell of it; no status when it says all already.
pub(super) fn of(seen: &Seen<'_>, tally: &Tally) -> (Option<Map<String, Value>>, Vec<Event>) {
    let before = &seen.work.status;
    let mut status = before.clone();
    let ids = |ids: &BTreeSet<String>| list(ids.iter().map(String::as_str));
    let (scheduled, more, ready) = if !tally.failing.is_empty() {
        (&work::SCHEDULED_WRITE_FAILED, ids(&tally.failing), &work::READY_WRITE_FAILED)
    } else if !tally.failed.is_empty() {
        let groups = list(tally.failed.iter().map(|(id, _)| id.as_str()));
        let why: Vec<_> = tally.failed.iter().map(|(_, why)| why.as_str()).collect();
        let more = format!("{groups}: {}", why.join("; "));
        (&work::SCHEDULED_FAILED, more, &work::READY_SCHEDULE_FAILED)
    } else if !tally.unscheduled.is_empty() {
        (&work::SCHEDULED_NOT, ids(&tally.unscheduled), &work::READY_UNSCHEDULED)
    } else if !tally.misplaced.is_empty() {
        (&work::SCHEDULED_MISPLACED, ids(&tally.misplaced), &work::READY_MISPLACED)
    } else if tally.is_pending {
        (&work::SCHEDULED_ALL, String::new(), &work::READY_PENDING)
    } else {
        (&work::SCHEDULED_ALL, String::new(), &work::READY_ALL)
    };
    let generation = Some(seen.work.generation);
    conditions::set(&mut status, scheduled, &more, generation, seen.now);
    conditions::set(&mut status, ready, "", generation, seen.now);
    // As the original leaves out what is 0.
    let counts = [tally.groups, tally.groups.saturating_sub(tally.unscheduled.len())];
    for (field, count) in COUNTS.into_iter().zip(counts) {
        match count {
            0 => status.remove(field),
            _ => status.insert(field.into(), count.into()),
        };
    }
    if status == *before {
        return (None, Vec::new());
    }
    let is_news =
        conditions::said(&status, kind::SCHEDULED) != conditions::said(before, kind::SCHEDULED);
    let events = if is_news { events(seen, tally, scheduled.reason, &status) } else { Vec::new() };
    (Some(status), events)
}

fn events(
    seen: &Seen<'_>,
    tally: &Tally,
    reason: &'static str,
    status: &Map<String, Value>,
) -> Vec<Event> {
    let message = conditions::said(status, kind::SCHEDULED).map_or("", |(_, message)| message);
    match reason {
        work::ALL_SCHEDULED => vec![Event::normal(reason, message)],
        work::UNSCHEDULED => {
            let text =
                |id| format!("waiting for a destination with labels for workloadGroup: {id}");
            let told = |id| Event::normal(event::NO_DESTINATION, text(id));
            let mut events: Vec<_> = tally.unscheduled.iter().map(told).collect();
            if !seen.work.resource.is_empty() {
                let ids = list(tally.unscheduled.iter().map(String::as_str));
                let text = format!("waiting for destination for workload group: {ids}");
                events.push(Event::normal(event::WAITING, text));
            }
            events
        }
        _ => vec![Event::warning(reason, message)],
    }
}

/// A list as Go prints it.
fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(" "))
}
