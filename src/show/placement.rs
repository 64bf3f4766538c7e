//! `show placement`: which Destinations a Work may go to and why not, where its files are or would be, and in which version.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use super::targets::{Fate, Subject, Target};
use crate::contract::Object;
use crate::contract::placement::VERSION_ID;
use crate::core::placement::{self, DestinationSeen, Home, WorkSeen};
use crate::core::text::visible;
use crate::core::work_view::WorkView;

/// Destinations that are shown at most for one group when they do not match.
const OTHERS_MAX: usize = 20;

/// Returns what `show placement` prints.
pub fn describe(subject: &Subject, now: Timestamp) -> String {
    let (work, destinations, targets) = subject.targets(now);
    let view = WorkView::of(&subject.work);
    let mut text = format!("{}\n", visible(&view.title));
    let whose = match work.resource.as_str() {
        "" => format!("of the Promise {}", visible(&work.promise)),
        resource => format!("of {} of {}", visible(resource), visible(&work.promise)),
    };
    let _ = writeln!(text, "  {whose}, pipeline {}", visible(or_none(work.pipeline())));
    if work.is_dry_run() {
        text.push_str(
            "  a dry run: its selectors are not looked at, only Destinations for dry runs match\n",
        );
    }
    if work.groups.is_empty() {
        text.push_str("\nno files: nothing is placed\n");
    }
    for (index, group) in work.groups.iter().enumerate() {
        let files = view.groups.get(index).map_or(0, |group| group.files.len());
        let _ = writeln!(text, "\n{}  {files} files", visible(&group.directory));
        let _ = writeln!(text, "  wants {}", terms(&group.wanted));
        let objects = &subject.destinations;
        matching(&mut text, &work, &group.wanted, objects, &destinations);
        let here: Vec<&Target> =
            targets.iter().filter(|target| target.seen.group == group.id).collect();
        if here.is_empty() {
            text.push_str("  goes nowhere: no Destination matches\n");
        }
        for target in here {
            text.push_str(&line(target, &destinations));
        }
    }
    let known: Vec<&str> = work.groups.iter().map(|group| group.id.as_str()).collect();
    let gone: Vec<&Target> =
        targets.iter().filter(|target| !known.contains(&target.seen.group.as_str())).collect();
    if !gone.is_empty() {
        text.push_str("\nof groups that are no more\n");
        gone.iter().for_each(|target| text.push_str(&line(target, &destinations)));
    }
    text
}

fn matching(
    text: &mut String,
    work: &WorkSeen,
    wanted: &BTreeMap<String, String>,
    objects: &[Object],
    destinations: &[DestinationSeen],
) {
    let fit = placement::candidates(wanted, work.is_dry_run(), objects);
    let mut others = 0_usize;
    for destination in destinations {
        if fit.contains(&destination.name.as_str()) {
            let _ = writeln!(text, "  matches    {}", visible(&destination.name));
            continue;
        }
        others = others.saturating_add(1);
        if others <= OTHERS_MAX {
            let why = why_not(wanted, work.is_dry_run(), destination);
            let _ = writeln!(text, "  no match   {}: {why}", visible(&destination.name));
        }
    }
    if others > OTHERS_MAX {
        let _ = writeln!(text, "  no match   {} more", others - OTHERS_MAX);
    }
    if destinations.is_empty() {
        text.push_str("  there are no Destinations\n");
    }
}

/// Says why a Destination does not match (contract.md 10.2).
fn why_not(wanted: &BTreeMap<String, String>, dry_run: bool, one: &DestinationSeen) -> String {
    if one.is_going {
        return "it is being deleted".to_owned();
    }
    match (dry_run, one.is_for_dry_runs()) {
        (true, false) => return "it is not for dry runs".to_owned(),
        (false, true) => return "it is for dry runs only".to_owned(),
        _ => {}
    }
    if wanted.is_empty() {
        return "it has labels and `strictMatchLabels`, and the files want none".to_owned();
    }
    let differs = |(key, value): (&String, &String)| match one.labels.get(key) {
        Some(own) if own == value => None,
        Some(own) => Some(format!("it has {}={}", visible(key), visible(own))),
        None => Some(format!("it has no label {}", visible(key))),
    };
    wanted.iter().filter_map(differs).collect::<Vec<_>>().join(", ")
}

/// One line for a WorkPlacement that is there or would be.
fn line(target: &Target, destinations: &[DestinationSeen]) -> String {
    let Target { seen, fate, placement } = target;
    let destination = destinations.iter().find(|one| one.name == seen.destination);
    let place = match destination.map(|one| &one.setup) {
        None => "a Destination that is not there".to_owned(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(setup)) => match placement::home(setup, &seen.placed()) {
            Ok(home) => format!("{} {}", setup.store, path_of(&home)),
            Err(error) => error.to_string(),
        },
    };
    let state = match fate {
        Fate::Created => "would be created".to_owned(),
        Fate::Updated => format!("would be written anew{}", version(placement, ", now")),
        Fate::Goes => "goes".to_owned(),
        Fate::Stays if seen.is_failing() => "could not be written".to_owned(),
        Fate::Stays if seen.is_written() => format!("written{}", version(placement, "")),
        Fate::Stays => "is not written yet".to_owned(),
    };
    let misplaced = match seen.is_marked_misplaced() {
        true => ", misplaced: its Destination matches no more",
        false => "",
    };
    format!(
        "  goes to    {}: {}\n             {} {state}{misplaced}\n",
        visible(&seen.destination),
        visible(&place),
        visible(&format!("{}/{}", seen.namespace, seen.name)),
    )
}

fn path_of(home: &Home) -> String {
    match home {
        Home::Folder(folder) => format!("at {folder}/"),
        Home::Listed { base, .. } if base.is_root() => "at its root".to_owned(),
        Home::Listed { base, .. } => format!("at {base}/"),
        Home::Part(file) => format!("in {file}"),
    }
}

/// The version that holds it, once it is written.
fn version(placement: &Object, before: &str) -> String {
    let version = placement.at(&["status", VERSION_ID]).and_then(Value::as_str);
    match version.filter(|version| !version.is_empty()) {
        Some(version) => format!("{before} in {}", visible(version)),
        None => String::new(),
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn terms(wanted: &BTreeMap<String, String>) -> String {
    if wanted.is_empty() {
        return "any".to_owned();
    }
    let terms = wanted.iter().map(|(key, value)| format!("{}={}", visible(key), visible(value)));
    terms.collect::<Vec<_>>().join(", ")
}
