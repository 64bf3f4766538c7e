//! What the status says when something could not be done: the original swallows it (contract.md 12.C).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Event;
use super::conditions::{self, Wanted};
use crate::contract::status::trouble;
use crate::core::promise::WorkflowType;

/// Returns the status and the event that say why an object could not be brought to where it should be; `None` when its
/// status says so already. Numbers in the message do not make it another: a quota says how much is used, a webhook how
/// long it took, and each retry would be told.
///
/// It heals by itself: every step of a workflow, and its end, writes this condition anew.
pub fn trouble(
    workflow: WorkflowType,
    status: &Map<String, Value>,
    message: &str,
    now: Timestamp,
) -> Option<(Map<String, Value>, Event)> {
    if said(status).is_some_and(|said| without_numbers(said) == without_numbers(message)) {
        return None;
    }
    let mut next = status.clone();
    let wanted = Wanted {
        kind: trouble::APPLY_FAILED.kind,
        status: trouble::APPLY_FAILED.status,
        reason: trouble::APPLY_FAILED.reason,
        message,
    };
    let is_new = conditions::set(&mut next, workflow, &wanted, now);
    is_new.then(|| (next, Event::warning(trouble::APPLY_FAILED.reason, message)))
}

/// Whether the status says that something was refused because this namespace is being deleted, or is not there. These
/// are the words of every API server.
pub(super) fn lacks_namespace(status: &Map<String, Value>, namespace: &str) -> bool {
    let going = format!("in namespace {namespace} because it is being terminated");
    let gone = format!("namespaces \"{namespace}\" not found");
    said(status).is_some_and(|said| said.contains(&going) || said.contains(&gone))
}

/// The message that is there of what went wrong.
fn said(status: &Map<String, Value>) -> Option<&str> {
    let is_there = conditions::is(status, &trouble::APPLY_FAILED);
    let found = conditions::get(status, trouble::APPLY_FAILED.kind).filter(|_| is_there);
    found?.get("message")?.as_str()
}

/// A message with `#` for each number, decimal or hexadecimal, with or without a unit. A name that ends with a digit
/// stays.
pub(in crate::core) fn without_numbers(message: &str) -> String {
    let is_number = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_digit())
            || (word.contains(|one: char| one.is_ascii_digit())
                && word.chars().all(|one| one.is_ascii_hexdigit()))
    };
    let words = message.split_inclusive(|one: char| !one.is_alphanumeric());
    let masked = words.map(|word| {
        let end = word.trim_end_matches(|one: char| !one.is_alphanumeric());
        if is_number(end) { format!("#{}", &word[end.len()..]) } else { word.to_owned() }
    });
    masked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(status: &Map<String, Value>, message: &str) -> Option<(Map<String, Value>, Event)> {
        trouble(WorkflowType::Resource, status, message, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_refusal_is_told_again_only_when_it_says_something_else() {
        let quota = |used: u32| format!("exceeded quota: team1, used: count/jobs.batch={used}");
        let (status, event) = tell(&Map::new(), &quota(7)).unwrap();
        assert_eq!(event.message, quota(7));
        assert_eq!(tell(&status, &quota(57)), None);
        assert!(tell(&status, &quota(7).replace("team1", "team2")).is_some());
        let webhook = |id: &str, time: &str| format!("webhook: request {id} took {time}s");
        let (status, _) = tell(&status, &webhook("9f1c-a2", "10.0012")).unwrap();
        assert_eq!(tell(&status, &webhook("e07d-11", "9.8")), None);
        assert!(tell(&status, &quota(7)).is_some());
    }

    #[test]
    fn one_that_healed_is_told_again() {
        let (mut status, _) = tell(&Map::new(), "no").unwrap();
        let done = Wanted::from(&crate::contract::status::running::DONE);
        conditions::set(&mut status, WorkflowType::Resource, &done, Timestamp::UNIX_EPOCH);
        assert!(tell(&status, "no").is_some());
    }
}
