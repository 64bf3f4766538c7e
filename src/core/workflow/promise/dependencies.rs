//! The Work of `spec.dependencies` (contract.md 5.1). It is written when its content changes and at no other time: the
//! original writes it for ever (contract.md 17.1).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Action, Draft};
use super::{PromiseSeen, Trouble};
use crate::contract::promise_status::INVALID;
use crate::contract::{Object, kinds, labels, pod};
use crate::core::promise::Promise;
use crate::core::workloads::{Group, Packer};
use crate::core::{hash, naming, selectors};

/// Value of the label `kratix.io/work-type`.
pub const WORK_TYPE: &str = "static-dependency";

/// Brings the Work to what the Promise says, or away.
pub(super) fn bring(
    seen: &PromiseSeen<'_>,
    promise: &Promise,
    draft: &mut Draft,
) -> Result<(), Trouble> {
    let mut keep = None;
    if !promise.dependencies.is_empty() {
        let spec = spec(seen, promise)?;
        // One that Kratix has made keeps its name.
        let existing = seen.static_works.iter().filter(|work| !work.is_going);
        let existing = existing.min_by_key(|work| &work.key);
        let name = match existing {
            Some(work) => work.key.name.clone(),
            None => name(seen)?,
        };
        if existing.is_none_or(|work| work.spec_hash != hash::spec(Some(&spec))) {
            let mut work = Object::new(&kinds::WORK, Some(kinds::SYSTEM_NAMESPACE), &name);
            if let Some(namespace) = existing.and_then(|work| work.key.namespace.as_deref()) {
                work.set_metadata("namespace", namespace);
            }
            work.set_label(labels::PROMISE_NAME, &promise.name);
            work.set_label(labels::WORK_TYPE, WORK_TYPE);
            work.0.insert("spec".into(), spec);
            draft.push(Action::Apply(Box::new(work)));
        }
        keep = Some(name);
    }
    for work in seen.static_works {
        if keep.as_ref() != Some(&work.key.name) && !work.is_going {
            let uid = Some(work.uid.clone());
            draft.push(Action::Delete { key: Box::new(work.key.clone()), uid });
        }
    }
    Ok(())
}

fn name(seen: &PromiseSeen<'_>) -> Result<String, Trouble> {
    let base = format!("{}-static-deps", seen.name());
    naming::deterministic(&base, &[seen.object.uid().unwrap_or_default(), &base])
        .map_err(|error| Trouble::of(INVALID, &error, None))
}

fn spec(seen: &PromiseSeen<'_>, promise: &Promise) -> Result<Value, Trouble> {
    let documents: Vec<_> = promise.dependencies.iter().map(seen.to_yaml).collect();
    let content = Packer::default()
        .pack(documents.join("---\n").as_bytes())
        .map_err(|error| Trouble::of(INVALID, &error, None))?;
    let group: Group<()> =
        Group { directory: selectors::ROOT.into(), selectors: Vec::new(), files: Vec::new() };
    let mut value = json!({
        "directory": group.directory,
        "id": group.id(),
        "workloads": [{
            "filepath": format!("static/{}-dependencies.yaml", promise.name),
            "content": content,
        }],
    });
    let selector = squashed(&promise.destination_selectors);
    if !promise.destination_selectors.is_empty() {
        let mut entry = json!({"source": pod::SOURCE_PROMISE});
        if !selector.is_empty() {
            entry["matchLabels"] = json!(selector);
        }
        value["destinationSelectors"] = json!([entry]);
    }
    Ok(json!({"promiseName": promise.name, "workloadGroups": [value]}))
}

/// All selectors in one; of two values for a label the first counts (contract.md 5.6).
fn squashed(selectors: &[BTreeMap<String, String>]) -> BTreeMap<&str, &str> {
    let mut all = BTreeMap::new();
    for (key, value) in selectors.iter().flatten() {
        all.entry(key.as_str()).or_insert(value.as_str());
    }
    all
}
