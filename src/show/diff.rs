//! `show diff`: what would change in state stores, file by file, before anything is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::ShowError;
use super::targets::{Fate, Subject, Target};
use crate::contract::{Object, labels};
use crate::core::placement::direct::Output;
use crate::core::placement::{
    self, Change, DestinationSeen, LayoutError, Mode, Piece, PlacementSeen, Setup, StorePath, files,
};
use crate::core::text::visible;
use crate::core::work_view;
use crate::core::workloads::Group;
use crate::store::foresee::{Difference, Foreseen, foresee};
use crate::store::{Store, StoreError, Trouble, contents};

/// A file with more bytes is not compared line by line.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// After so many bytes only names are told.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// What would be asked of one state store.
#[derive(Debug)]
pub struct Asked {
    /// The Destination that it is for.
    pub destination: String,
    /// How files are written to it.
    pub setup: Setup,
    /// The change.
    pub change: Change,
}

/// Returns what the reconciler would ask of state stores for a Work, by Destination; also of those where nothing is to be
/// done any more, since somebody may have changed files there.
///
/// # Errors
/// When files have no place at a Destination. Destinations that cannot be used themselves are left out: `show placement` tells
/// what is wrong with them.
pub fn asked(subject: &Subject, now: Timestamp) -> Result<Vec<Asked>, LayoutError> {
    let (work, destinations, targets) = subject.targets(now);
    let mut by_destination: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
    for target in &targets {
        by_destination.entry(&target.seen.destination).or_default().push(target);
    }
    let mut all = Vec::new();
    for (name, targets) in by_destination {
        let Some(destination) = destinations.iter().find(|one| one.name == name) else { continue };
        let Ok(setup) = destination.setup.clone() else { continue };
        let change = match setup.mode {
            Mode::Aggregated { .. } => whole_file(subject, &setup, destination, &targets)?,
            Mode::Nested | Mode::Plain => {
                let pieces: Vec<Piece<'_>> = targets.iter().map(|target| piece(target)).collect();
                Some(placement::change(&setup, &work.name, BTreeMap::new(), &pieces)?)
            }
        };
        all.extend(change.map(|change| Asked { destination: name.to_owned(), setup, change }));
    }
    Ok(all)
}

/// Returns what a direct writer would ask of the store of a URL for the files of a Work.
pub fn asked_directly(
    work: &Object,
    base: &StorePath,
    mode: &Mode,
) -> Result<Change, placement::PathError> {
    let label = |key| work.label(key).filter(|value| !value.is_empty());
    let output = Output {
        namespace: label(labels::RESOURCE_NAMESPACE).or(work.namespace()).unwrap_or("default"),
        promise: work.text_at(&["spec", "promiseName"]).unwrap_or_default(),
        resource: work.text_at(&["spec", "resourceName"]),
        pipeline: label(labels::PIPELINE_NAME).unwrap_or_default(),
    };
    let groups = work.at(&["spec", "workloadGroups"]).and_then(Value::as_array);
    let group = |value: &Value| Group {
        directory: value.get("directory").and_then(Value::as_str).unwrap_or(".").to_owned(),
        selectors: Vec::new(),
        files: files(value),
    };
    let edit = output.put(base, mode, groups.into_iter().flatten().map(group).collect())?;
    Ok(Change { name: work.name().to_owned(), about: BTreeMap::new(), edits: vec![edit] })
}

fn piece(target: &Target) -> Piece<'_> {
    let files = match target.fate {
        Fate::Goes => Vec::new(),
        _ => target.placement.spec().map(files).unwrap_or_default(),
    };
    Piece { placed: target.seen.placed(), files }
}

/// The one file of a Destination, with the files of all others in it.
fn whole_file(
    subject: &Subject,
    setup: &Setup,
    destination: &DestinationSeen,
    targets: &[&Target],
) -> Result<Option<Change>, LayoutError> {
    let is_target = |seen: &PlacementSeen| {
        targets
            .iter()
            .any(|one| (&one.seen.namespace, &one.seen.name) == (&seen.namespace, &seen.name))
    };
    let read = |object| (object, PlacementSeen::from_object(object));
    let others: Vec<(&Object, PlacementSeen)> = subject.placements.iter().map(read).collect();
    let others = others.iter().filter(|(_, seen)| {
        seen.destination == destination.name && !seen.is_going && !is_target(seen)
    });
    let others = others.map(|(object, seen)| Piece {
        placed: seen.placed(),
        files: object.spec().map(files).unwrap_or_default(),
    });
    let pieces: Vec<Piece<'_>> = others.chain(targets.iter().map(|target| piece(target))).collect();
    let made = placement::aggregated(setup, &destination.name, &pieces)?;
    Ok(made.map(|(change, _)| change))
}

/// Returns what a change would do to a store, as a summary and, unless that is all that is wanted, as unified text.
///
/// A file with a Kubernetes Secret in it is told by its name alone.
pub async fn describe(
    store: &impl Store,
    title: &str,
    shown: &str,
    change: &Change,
    summary_only: bool,
) -> Result<String, ShowError> {
    let foreseen = foresee(store, change, shown).await?;
    let mut text = format!("{}\n{}", visible(title), foreseen.lines());
    if !summary_only {
        bodies(&mut text, store, shown, &foreseen).await?;
    }
    Ok(text)
}

async fn bodies(
    text: &mut String,
    store: &impl Store,
    shown: &str,
    foreseen: &Foreseen,
) -> Result<(), StoreError> {
    let start = text.len();
    for difference in &foreseen.differences {
        if text.len().saturating_sub(start) > OUTPUT_BYTES_MAX {
            text.push_str("more is not shown\n");
            break;
        }
        text.push_str(&body(store, shown, difference).await?);
    }
    Ok(())
}

/// What differs in one file; for what is no text one line.
async fn body(
    store: &impl Store,
    shown: &str,
    difference: &Difference,
) -> Result<String, StoreError> {
    let at = &difference.at;
    let instead = |why: &str| Ok(format!("{}: {why}\n", visible(at.as_str())));
    if difference.before.unwrap_or_default().max(difference.after_bytes) > TEXT_BYTES_MAX {
        return instead("large, not shown");
    }
    let before = store.read(at, TEXT_BYTES_MAX).await?.unwrap_or_default();
    let after = match &difference.after {
        None => Vec::new(),
        Some(content) => {
            let failed = |trouble: Trouble| StoreError {
                doing: "look at",
                store: shown.to_owned(),
                trouble,
            };
            contents::load(at, content).map_err(failed)?.to_vec()
        }
    };
    let (Ok(before), Ok(after)) = (String::from_utf8(before), String::from_utf8(after)) else {
        return instead("no text, not shown");
    };
    if holds_secret(&before) || holds_secret(&after) {
        return instead("holds a Secret, not shown");
    }
    let controls =
        |text: &str| text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
    if controls(&before) || controls(&after) {
        return instead("no plain text, not shown");
    }
    Ok(work_view::unified(at.as_str(), &before, &after))
}

/// Whether a text holds a Kubernetes Secret, as YAML or JSON. Rather one too many than one too few.
fn holds_secret(text: &str) -> bool {
    let is_between = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    // Before a value may stand its tag and an anchor: `kind: !!str &a Secret`.
    let is_decoration = |word: &str| word.starts_with(['!', '&']);
    let mut found = text.match_indices("Secret");
    found.any(|(at, word)| {
        let mut before = text[..at].trim_end_matches(is_between);
        while let Some(word) =
            before.split_whitespace().next_back().filter(|one| is_decoration(one))
        {
            before = before.strip_suffix(word).unwrap_or_default().trim_end_matches(is_between);
        }
        let key = before.strip_suffix(':').map(|before| before.trim_end_matches(is_between));
        let next = text[at + word.len()..].chars().next();
        key.is_some_and(|key| key.ends_with("kind"))
            && next.is_none_or(|next| !next.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_whatever_form() {
        for text in [
            "kind: Secret",
            "a: 1\nkind:  \"Secret\"\n",
            "kind: Secret # not for you\n",
            r#"{"kind": "Secret", "data": {}}"#,
            "- kind: 'Secret'\n",
            "kind:\tSecret\r\n",
            "kind:\n  Secret\n",
            "? kind\n: Secret\n",
            "kind: !!str &a\n  'Secret'\n",
        ] {
            assert!(holds_secret(text), "{text}");
        }
        for text in ["kind: SecretStore", "kind: ConfigMap\nname: Secret", "", "Kind: secret"] {
            assert!(!holds_secret(text), "{text}");
        }
    }
}
