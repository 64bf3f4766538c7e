//! What differs between two statuses, field by field.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::contract::status::{condition, entry};

/// A field that differs. Paths are those of kubectl; an entry of a list that has names goes by its name:
/// `conditions[Ready].status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: String,
    /// What was there.
    pub old: Option<Value>,
    /// What is to be there.
    pub new: Option<Value>,
}

/// Returns every field that differs, by path; a whole value where it came or went.
pub fn changes(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Change> {
    let mut found = Vec::new();
    of_maps("status", old, new, &mut found);
    found
}

fn of_maps(path: &str, old: &Map<String, Value>, new: &Map<String, Value>, to: &mut Vec<Change>) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        of_values(&format!("{path}.{key}"), old.get(key), new.get(key), to);
    }
}

fn of_values(path: &str, old: Option<&Value>, new: Option<&Value>, to: &mut Vec<Change>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => of_maps(path, old, new, to),
        (Some(Value::Array(old)), Some(Value::Array(new))) => of_lists(path, old, new, to),
        (old, new) => {
            to.push(Change { path: path.to_owned(), old: old.cloned(), new: new.cloned() });
        }
    }
}

/// Compares entries of the same name; a list without names, or with another order of them, as a whole.
fn of_lists(path: &str, old: &[Value], new: &[Value], to: &mut Vec<Change>) {
    let whole = |list: &[Value]| Some(Value::Array(list.to_vec()));
    let as_one = Change { path: path.to_owned(), old: whole(old), new: whole(new) };
    let [Some(before), Some(after)] = [names(old), names(new)] else { return to.push(as_one) };
    let common = |these: &[&str], those: &[&str]| -> Vec<String> {
        these.iter().filter(|name| those.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    if common(&before, &after) != common(&after, &before) {
        return to.push(as_one);
    }
    for (name, value) in before.iter().zip(old) {
        let position = after.iter().position(|other| other == name);
        let other = position.and_then(|position| new.get(position));
        of_values(&format!("{path}[{name}]"), Some(value), other, to);
    }
    for (name, value) in after.iter().zip(new).filter(|(name, _)| !before.contains(name)) {
        of_values(&format!("{path}[{name}]"), None, Some(value), to);
    }
}

/// The name of each entry, if all have one and no two the same.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    [condition::TYPE, entry::NAME].into_iter().find_map(|key| {
        let names: Vec<&str> =
            list.iter().map(|entry| entry.get(key)?.as_str()).collect::<Option<_>>()?;
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        (distinct.len() == names.len()).then_some(names)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(old: Value, new: Value, expect: &[(&str, Value, Value)]) {
        let (Value::Object(old), Value::Object(new)) = (old, new) else { panic!("maps") };
        let found = changes(&old, &new);
        let seen: Vec<_> = found
            .iter()
            .map(|Change { path, old, new }| {
                (path.as_str(), old.clone().unwrap_or_default(), new.clone().unwrap_or_default())
            })
            .collect();
        assert_eq!(seen, expect);
    }

    #[test]
    fn what_is_equal_is_not_told() {
        let status = json!({"a": [1], "b": {"c": null}, "conditions": [{"type": "A"}]});
        check(status.clone(), status, &[]);
    }

    #[test]
    fn a_field_is_told_with_what_it_was() {
        check(
            json!({"gone": 1, "kept": 2, "map": {"a": "x", "b": 1}, "kind": [1]}),
            json!({"kept": 2, "map": {"a": "y", "b": 1}, "new": {"c": []}, "kind": {}}),
            &[
                ("status.gone", json!(1), json!(null)),
                ("status.kind", json!([1]), json!({})),
                ("status.map.a", json!("x"), json!("y")),
                ("status.new", json!(null), json!({"c": []})),
            ],
        );
    }

    #[test]
    fn entries_go_by_their_names() {
        check(
            json!({"conditions": [{"type": "A", "status": "False"}, {"type": "B"}]}),
            json!({"conditions": [{"type": "A", "status": "True"}, {"type": "C"}]}),
            &[
                ("status.conditions[A].status", json!("False"), json!("True")),
                ("status.conditions[B]", json!({"type": "B"}), json!(null)),
                ("status.conditions[C]", json!(null), json!({"type": "C"})),
            ],
        );
        check(
            json!({"pipelines": [{"name": "one", "phase": "Running"}]}),
            json!({"pipelines": [{"name": "one", "phase": "Suspended"}]}),
            &[("status.pipelines[one].phase", json!("Running"), json!("Suspended"))],
        );
    }

    #[test]
    fn a_list_without_names_is_one_value() {
        for (old, new) in [
            (json!([1, 2]), json!([2, 1])),
            (json!([{"name": "a"}, {"name": "a"}]), json!([{"name": "a"}])),
            (json!([{"type": "a"}]), json!([{"type": 1}])),
            (json!([{"type": "a"}]), json!(["a"])),
        ] {
            check(json!({"x": old}), json!({"x": new}), &[("status.x", old.clone(), new.clone())]);
        }
    }

    #[test]
    fn another_order_is_told_as_one() {
        let (a, b) = (json!({"type": "a"}), json!({"type": "b"}));
        let (old, new) = (json!([a, b]), json!([b, a]));
        check(json!({"x": old}), json!({"x": new}), &[("status.x", old, new)]);
    }
}
