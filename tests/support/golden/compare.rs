//! Compares what a run left with what must hold, by meaning: times as ranges, numbers as numbers, conditions as a set.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::case::Objects;
use super::expect::{End, Expect};
use super::objects::{comparable, decoded, parse_yaml};
use super::pod::Run;

/// How far a time may be from the clock of the test: whole seconds, and a busy machine.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// Returns every difference, empty when all holds. `before` are the objects as they were.
pub(crate) fn differences(
    expect: &Expect,
    before: &Objects,
    after: &Objects,
    run: &Run,
) -> Vec<String> {
    let mut found = Vec::new();
    let ended_well = match expect.end {
        End::Success => run.code == Some(0),
        End::Failure => run.code.is_some_and(|code| code != 0),
        End::Code(code) => run.code == Some(code),
    };
    if !ended_well {
        found.push(format!("ended with {:?} instead of {:?}", run.code, expect.end));
    }
    for words in &expect.says {
        if !run.stderr.contains(words) {
            found.push(format!("does not say `{words}`"));
        }
    }
    if run.stderr.contains("panicked at") {
        found.push("panicked".to_owned());
    }
    compare_objects(expect, before, after, run, &mut found);
    compare_published(expect, run, &mut found);
    found
}

fn compare_objects(
    expect: &Expect,
    before: &Objects,
    after: &Objects,
    run: &Run,
    found: &mut Vec<String>,
) {
    let mut rest: Objects = after.clone();
    for (key, object) in &expect.objects {
        let seen_key = if before.contains_key(key) || rest.contains_key(key) {
            Some(key.clone())
        } else {
            rest.keys().find(|seen| !before.contains_key(*seen) && same_base(key, seen)).cloned()
        };
        let Some(seen) = seen_key.and_then(|key| rest.remove(&key)) else {
            found.push(format!("{key} is not there"));
            continue;
        };
        let (mut object, mut seen) = (comparable(object), comparable(&decoded(&seen)));
        object["metadata"]["name"] = json!("-");
        seen["metadata"]["name"] = json!("-");
        compare_values(&object, &seen, key, run, found);
    }
    found.extend(rest.keys().map(|key| format!("{key} is there and should not be")));
}

/// Whether two names differ in nothing but the five random hex digits at the end.
fn same_base(expected: &str, seen: &str) -> bool {
    let split =
        |name: &str| name.rsplit_once('-').map(|(base, end)| (base.to_owned(), end.to_owned()));
    let (Some((base, _)), Some((seen_base, end))) = (split(expected), split(seen)) else {
        return false;
    };
    base == seen_base
        && end.len() == 5
        && end.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns how an object that somebody else read from the published file differs from what must be in it.
pub(crate) fn misread(expect: &Expect, seen: &Value, reader: &str, run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(published) = &expect.published {
        compare_values(&comparable(&published.is), &comparable(seen), reader, run, &mut found);
    }
    found
}

fn compare_published(expect: &Expect, run: &Run, found: &mut Vec<String>) {
    for (path, file) in &run.kratix_files {
        match &expect.published {
            Some(published) if published.path == *path => {
                if file.mode != published.mode {
                    found.push(format!(
                        "{path} has mode {} instead of {}",
                        file.mode, published.mode
                    ));
                }
                let seen = match parse_yaml(&file.bytes) {
                    Ok(seen) => seen,
                    Err(error) => {
                        found.push(format!("{path} cannot be read: {error}"));
                        continue;
                    }
                };
                if seen["metadata"].get("managedFields").is_some() {
                    found.push(format!("{path} holds managedFields"));
                }
                compare_values(&comparable(&published.is), &comparable(&seen), path, run, found);
            }
            _ if file.is_new => found.push(format!("{path} was written and should not be")),
            _ => {}
        }
    }
    if let Some(published) = &expect.published
        && !run.kratix_files.get(&published.path).is_some_and(|file| file.is_new)
    {
        found.push(format!("{} was not written", published.path));
    }
}

/// Compares two values; `place` is where they are, for the message.
fn compare_values(expect: &Value, seen: &Value, place: &str, run: &Run, found: &mut Vec<String>) {
    match (expect, seen) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, inner) in left {
                match right.get(key) {
                    Some(other) => {
                        compare_values(inner, other, &format!("{place}.{key}"), run, found);
                    }
                    None => {
                        found.push(format!("{place}.{key} is missing, should be {}", short(inner)));
                    }
                }
            }
            let surplus = right.iter().filter(|(key, _)| !left.contains_key(*key));
            found.extend(surplus.map(|(key, inner)| {
                format!("{place}.{key} should not be there: {}", short(inner))
            }));
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let (mut left, mut right) = (left.clone(), right.clone());
            if place.ends_with(".status.conditions") {
                left.sort_by_cached_key(without_time);
                right.sort_by_cached_key(without_time);
            }
            for (index, (inner, other)) in left.iter().zip(&right).enumerate() {
                compare_values(inner, other, &format!("{place}[{index}]"), run, found);
            }
        }
        (Value::String(mark), Value::String(time)) if mark.starts_with("<NOW") => {
            if !is_now(mark, time, run) {
                found.push(format!("{place} is {time}, should be {mark}"));
            }
        }
        (Value::Number(left), Value::Number(right)) => {
            if !same_number(left, right) {
                found.push(format!("{place} is {right}, should be {left}"));
            }
        }
        _ if expect == seen => {}
        _ => found.push(format!("{place} is {}, should be {}", short(seen), short(expect))),
    }
}

/// What fits 64 bits with sign is compared exactly; the API server keeps everything else as a float.
fn same_number(left: &serde_json::Number, right: &serde_json::Number) -> bool {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => left == right,
        _ => left.as_f64() == right.as_f64(),
    }
}

fn without_time(condition: &Value) -> String {
    let mut condition = condition.clone();
    if let Some(map) = condition.as_object_mut() {
        map.remove("lastTransitionTime");
    }
    condition.to_string()
}

/// `<NOW>` is a time between start and end of the run, `<NOW+90s>` one so much later; always in whole seconds, UTC.
fn is_now(mark: &str, seen: &str, run: &Run) -> bool {
    let Ok(time) = seen.parse::<Timestamp>() else { return false };
    let inner = mark
        .trim_start_matches("<NOW")
        .trim_end_matches('>')
        .trim_start_matches('+')
        .trim_end_matches('s');
    let seconds: f64 = if inner.is_empty() { 0.0 } else { inner.parse().unwrap() };
    let wait = SignedDuration::from_secs_f64(seconds);
    let (Ok(first), Ok(last)) =
        (run.started.checked_add(wait - SLACK), run.ended.checked_add(wait + SLACK))
    else {
        return false;
    };
    seen.len() == "2026-01-01T00:00:00Z".len()
        && seen.ends_with('Z')
        && first <= time
        && time <= last
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
