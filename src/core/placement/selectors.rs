//! Where a workload group may go (contract.md 10.1, 10.2).

use std::collections::BTreeMap;

use serde_json::Value;

use super::destination::DestinationSeen;
use crate::contract::{Object, pod};

/// Combines the selectors of a group: for each label the Promise wins over its workflow, and that over the request's.
pub fn combine(selectors: &[Value]) -> BTreeMap<String, String> {
    let source = |selector: &Value| match selector.get("source").and_then(Value::as_str) {
        Some(pod::SOURCE_PROMISE) => 2,
        Some(pod::SOURCE_PROMISE_WORKFLOW) => 1,
        _ => 0,
    };
    let mut ordered: Vec<&Value> = selectors.iter().collect();
    ordered.sort_by_key(|selector| source(selector));
    let mut combined = BTreeMap::new();
    for selector in ordered {
        let Some(Value::Object(map)) = selector.get("matchLabels") else { continue };
        for (key, value) in map {
            combined.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
        }
    }
    combined
}

/// Returns the Destinations that a group may go to, by name.
pub fn candidates<'a>(
    wanted: &BTreeMap<String, String>,
    dry_run: bool,
    destinations: &'a [Object],
) -> Vec<&'a str> {
    let seen = |object: &'a Object| (object.name(), DestinationSeen::from_object(object));
    let fit = destinations.iter().map(seen).filter(|(_, one)| fits(wanted, dry_run, one));
    fit.map(|(name, _)| name).collect()
}

/// Whether a group may go to a Destination. Whether that is ready is not asked (contract.md 10.2).
pub(super) fn fits(
    wanted: &BTreeMap<String, String>,
    dry_run: bool,
    destination: &DestinationSeen,
) -> bool {
    if destination.is_going {
        return false;
    }
    let own = &destination.labels;
    match dry_run {
        // A dry run has one selector, whatever it was given: nothing of it may reach a real Destination.
        true => destination.is_for_dry_runs(),
        false if destination.is_for_dry_runs() => false,
        false if wanted.is_empty() => !destination.is_strict || own.is_empty(),
        false => wanted.iter().all(|(key, value)| own.get(key) == Some(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::labels;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn the_promise_wins_over_its_workflow_and_that_over_the_request() {
        let selectors = [
            json!({"source": "promise", "matchLabels": {"a": "promise"}}),
            json!({"source": "resource-workflow", "matchLabels": {"a": "r", "b": "r", "c": "r"}}),
            json!({"source": "promise-workflow", "matchLabels": {"a": "w", "b": "w"}}),
        ];
        assert_eq!(combine(&selectors), map(&[("a", "promise"), ("b", "w"), ("c", "r")]));
        assert_eq!(combine(&[json!({"source": "promise"}), json!(1)]), map(&[]));
    }

    #[track_caller]
    fn check(wanted: &[(&str, &str)], dry_run: bool, expect: &[&str]) {
        let destination = |name: &str, labels: Value, strict: bool| {
            let metadata = json!({"name": name, "labels": labels});
            let spec = json!({"strictMatchLabels": strict});
            Object::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
        };
        let destinations = [
            destination("bare", json!({}), true),
            destination("dev", json!({"env": "dev"}), false),
            destination("dev-eu", json!({"env": "dev", "zone": "eu"}), true),
            destination("dry", json!({(labels::DRY_RUN): "true", "env": "dev"}), false),
        ];
        assert_eq!(candidates(&map(wanted), dry_run, &destinations), expect);
    }

    #[test]
    fn labels_are_all_needed_and_equal() {
        check(&[("env", "dev")], false, &["dev", "dev-eu"]);
        check(&[("env", "dev"), ("zone", "eu")], false, &["dev-eu"]);
        check(&[("env", "prod")], false, &[]);
    }

    #[test]
    fn without_labels_a_strict_destination_takes_nothing() {
        check(&[], false, &["bare", "dev"]);
    }

    #[test]
    fn a_dry_run_goes_to_its_own_destinations_only() {
        check(&[("env", "dev")], true, &["dry"]);
        check(&[], true, &["dry"]);
    }
}
