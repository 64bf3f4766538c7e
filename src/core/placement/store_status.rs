//! What Destinations and state stores say of themselves (contract.md 5.3-5.5, 7.9).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::clashes::Clash;
use super::conditions;
use super::destination::{DestinationError, DestinationSeen, StoreRef};
use super::plan::Event;
use super::site::Site;
use crate::contract::placement::{
    OBSERVED_GENERATION, STORE_NOT_READY, STORE_READY, STORE_STATUS, destination, event, kind,
    store,
};
use crate::contract::status::Condition;
use crate::core::workflow::without_numbers;

/// How a Destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health<'a> {
    /// Nothing is known of it yet.
    Unknown,
    /// It can be written; its canaries are there, when it has some.
    Ready,
    /// The same, and it has just been written here.
    Written(&'a Site),
    /// What it says of itself cannot be followed.
    Invalid(&'a DestinationError),
    /// Its state store is not there.
    StoreNotFound(&'a StoreRef),
    /// Its state store is not ready, with the reason.
    StoreNotReady(&'a StoreRef, &'a str),
    /// Its canaries could not be written, with the error.
    WriteFailed(&'a str),
    /// Its finalizer could not be set or taken off, with the error.
    FinalizerFailed(&'a str),
}

/// How a state store is. Texts are errors with their causes and what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreHealth<'a> {
    /// It can be written.
    Ready,
    /// What it says of itself cannot be opened.
    NotOpened(&'a str),
    /// It may not be written.
    NotPermitted(&'a str),
    /// Its Secret is not there.
    SecretNotFound(&'a str),
    /// Anything else.
    Failed(&'a str),
}

/// A new status, and what to tell of it.
pub type Told = (Map<String, Value>, Option<Event>);

/// Returns the status of a Destination; `None` when it says so already. A Destination with the path of another one is not ready,
/// whatever else is known of it; nothing may be written to it.
pub fn destination_status(
    seen: &DestinationSeen,
    health: Health<'_>,
    clash: Option<&Clash>,
    now: Timestamp,
) -> Option<Told> {
    let with_canaries = seen.setup.as_ref().is_ok_and(|setup| setup.canaries);
    let (known, more) = match (health, clash) {
        (Health::Invalid(error), _) => (&destination::INVALID, chain(error)),
        (_, Some(clash @ Clash::Same { .. })) => (&destination::PATH_TAKEN, clash.to_string()),
        (Health::Unknown, _) => (&destination::NOT_YET, String::new()),
        (Health::StoreNotFound(store), _) => {
            let more =
                if seen.is_going { store_gone(store) } else { format!("{store}: not found") };
            (&destination::STORE_NOT_FOUND, more)
        }
        (Health::StoreNotReady(store, why), _) => {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            (&destination::STORE_NOT_READY, format!("{store}: not ready{why}"))
        }
        (Health::WriteFailed(error), _) => (&destination::WRITE_FAILED, error.to_owned()),
        (Health::FinalizerFailed(error), _) => (&destination::FINALIZER_FAILED, error.to_owned()),
        (Health::Ready | Health::Written(_), clash) => {
            let known = if with_canaries { &destination::WRITTEN } else { &destination::READY_YES };
            (known, clash.map(|clash| format!("; {clash}")).unwrap_or_default())
        }
    };
    let mut noted = seen.status.clone();
    if let Health::Written(site) = health {
        site.note(&mut noted, seen.generation, now);
    }
    let events = [event::DESTINATION_READY, event::DESTINATION_NOT_READY];
    match next(&noted, known, &more, seen.generation, events, now) {
        None => (noted != seen.status).then_some((noted, None)),
        told => told,
    }
}

/// What is said of whoever is deleted, has files in a state store, and cannot go because that one is not there.
pub fn store_gone(store: &StoreRef) -> String {
    format!(
        "{store}: not found; make it again, so that the files in it can be deleted, or take the finalizers off the \
         WorkPlacements, so that they stay"
    )
}

/// Returns the status of a state store; `None` when it says so already.
pub fn store_status(
    before: &Map<String, Value>,
    generation: Option<i64>,
    health: StoreHealth<'_>,
    now: Timestamp,
) -> Option<Told> {
    let (known, more) = match health {
        StoreHealth::Ready => (&store::READY_YES, ""),
        StoreHealth::NotOpened(why) => (&store::NOT_OPENED, why),
        StoreHealth::NotPermitted(why) => (&store::NOT_PERMITTED, why),
        StoreHealth::SecretNotFound(why) => (&store::SECRET_NOT_FOUND, why),
        StoreHealth::Failed(why) => (&store::FAILED, why),
    };
    let mut filled = before.clone();
    let word = if health == StoreHealth::Ready { STORE_READY } else { STORE_NOT_READY };
    filled.insert(STORE_STATUS.into(), word.into());
    if let Some(generation) = generation {
        filled.insert(OBSERVED_GENERATION.into(), generation.into());
    }
    let events = [event::STORE_READY, event::STORE_NOT_READY];
    match next(&filled, known, more, generation, events, now) {
        None => (filled != *before).then_some((filled, None)),
        told => told,
    }
}

/// Sets `Ready`. Numbers in a message do not make it another.
fn next(
    before: &Map<String, Value>,
    known: &Condition,
    more: &str,
    generation: Option<i64>,
    [good, bad]: [&'static str; 2],
    now: Timestamp,
) -> Option<Told> {
    let mut status = before.clone();
    if !conditions::set(&mut status, known, more, generation, now) {
        return None;
    }
    let (reason, message) = conditions::said(&status, kind::READY)?;
    let is_news = conditions::said(before, kind::READY).is_none_or(|(old, said)| {
        old != reason || without_numbers(said) != without_numbers(message)
    });
    let is_observed = conditions::observed(before, kind::READY) == generation;
    if !is_news && is_observed {
        return None;
    }
    let told = is_news.then(|| match known.status {
        "True" => Event::normal(good, message),
        _ => Event::warning(bad, message),
    });
    Some((status, told))
}

/// An error of ours as one text: what, why, what to do.
fn chain(error: &DestinationError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    format!("{text}; {}", error.hint())
}
