//! What differs between two states by meaning, and which of it is so on purpose.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rulings::RULINGS;

/// Objects by key, and the events that are new.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Value>,
    pub(super) events: BTreeSet<String>,
}

/// One difference: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// `case step Kind/namespace/name/path/in/it`, or `case step Event/…` for an event.
    pub(super) place: String,
    pub(super) what: String,
}

/// Everything in which the second state is not as the first; `title` is `case step`.
pub(super) fn differences(title: &str, expected: &State, found: &State) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut add = |place: String, what: String| all.push(Difference { place, what });
    for (key, object) in &expected.objects {
        match found.objects.get(key) {
            Some(other) => compare(&format!("{title} {key}"), object, other, &mut add),
            None => add(format!("{title} {key}"), "is missing".into()),
        }
    }
    for key in found.objects.keys().filter(|key| !expected.objects.contains_key(*key)) {
        add(format!("{title} {key}"), "should not be there".into());
    }
    for event in expected.events.difference(&found.events) {
        add(format!("{title} Event/{event}"), "was not told".into());
    }
    for event in found.events.difference(&expected.events) {
        add(format!("{title} Event/{event}"), "should not have been told".into());
    }
    all
}

fn compare(place: &str, expected: &Value, found: &Value, add: &mut impl FnMut(String, String)) {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, inner) in a {
                match b.get(key) {
                    Some(other) => compare(&format!("{place}/{key}"), inner, other, add),
                    None => add(
                        format!("{place}/{key}"),
                        format!("is missing, should be {}", short(inner)),
                    ),
                }
            }
            for (key, inner) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                add(format!("{place}/{key}"), format!("should not be there: {}", short(inner)));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (inner, other)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place}/{index}"), inner, other, add);
            }
        }
        _ if expected == found => {}
        _ => add(place.to_owned(), format!("is {}, should be {}", short(found), short(expected))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// Splits into what is wrong and, by reason, how much is so on purpose; marks the places that came up.
pub(super) fn judge<'d>(
    all: &'d [Difference],
    used: &mut BTreeSet<&'static str>,
) -> (Vec<&'d Difference>, BTreeMap<&'static str, usize>) {
    let mut on_purpose = BTreeMap::new();
    let wrong = all.iter().filter(|difference| match ruling(difference) {
        Some((because, place)) => {
            *on_purpose.entry(because).or_default() += 1;
            used.insert(place);
            false
        }
        None => true,
    });
    (wrong.collect(), on_purpose)
}

/// Places that never came up: they must go.
pub(super) fn unused(used: &BTreeSet<&'static str>) -> Vec<&'static str> {
    let places = RULINGS.iter().flat_map(|ruling| ruling.places);
    places.copied().filter(|place| !used.contains(place)).collect()
}

/// Why a difference is so on purpose, and the place that says it; `None` when it is wrong.
pub(super) fn ruling(difference: &Difference) -> Option<(&'static str, &'static str)> {
    RULINGS.iter().find_map(|ruling| {
        let mut places = ruling.places.iter();
        let whole = format!("{}: {}", difference.place, difference.what);
        let fits_it = |place: &&&str| fits(place, &difference.place) || fits(place, &whole);
        let place = places.find(fits_it)?;
        Some((ruling.because, *place))
    })
}

/// Whether a text fits a pattern in which `*` stands for anything, at the end also for what is inside.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
