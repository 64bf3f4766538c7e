//! Names of WorkPlacements, and names as values of labels (contract.md 4.5).

use crate::contract::labels;
use crate::core::hash::md5_hex;
use crate::core::naming;

/// Longest name of an object, in bytes.
const NAME_BYTES_MAX: usize = 253;
/// How much of the id of a group stands in names and folders, in bytes.
const SHORT_ID_BYTES: usize = 5;
/// Length of the hash in a name that the rule of the contract cannot give.
const HASH_LEN: usize = 10;

/// Returns the name of a WorkPlacement: `<work>.<destination>-<first 5 of the group's id>`.
///
/// A name that is too long, or taken, is replaced by one that ends in a hash of all that it is of.
pub(super) fn placement(
    namespace: &str,
    work: &str,
    destination: &str,
    group: &str,
    is_taken: impl Fn(&str) -> bool,
) -> String {
    let base = format!("{work}.{destination}");
    let name = format!("{base}-{}", short_id(group));
    if name.len() <= NAME_BYTES_MAX && naming::is_subdomain(&name) && !is_taken(&name) {
        return name;
    }
    let mut end = base.len().min(NAME_BYTES_MAX - HASH_LEN - 1);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let cut = base[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    // Bounded: somebody would have to take all these names.
    let names = (0..16).map(|attempt: u32| {
        let inputs = [namespace, work, destination, group, &attempt.to_string()].join("\0");
        format!("{cut}-{}", &md5_hex(&inputs)[..HASH_LEN])
    });
    let mut last = String::new();
    for name in names {
        last = name;
        if !is_taken(&last) {
            break;
        }
    }
    last
}

/// Returns the start of the id of a group that stands in names and folders; the whole of a short one.
pub(super) fn short_id(group: &str) -> &str {
    &group[..group.floor_char_boundary(SHORT_ID_BYTES)]
}

/// Returns a name as the value of a label: a long one is cut, and ends in a hash (contract.md 4.5).
pub fn label_value(name: &str) -> String {
    match labels::value_fault(name) {
        None => name.to_owned(),
        Some(_) => naming::deterministic(name, &[])
            .ok()
            .filter(|short| labels::value_fault(short).is_none())
            .unwrap_or_else(|| md5_hex(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "5058f1af8388633f609cadb75a75dc9d";

    #[test]
    fn names_are_those_of_the_contract_where_they_can_be() {
        let name = placement("default", "redis-r1-main-1a2b3", "worker-1", ROOT, |_| false);
        assert_eq!(name, "redis-r1-main-1a2b3.worker-1-5058f");
    }

    #[test]
    fn a_name_that_cannot_be_ends_in_a_hash_of_all_it_is_of() {
        let long = "d".repeat(240);
        let name = placement("n", "work", &long, ROOT, |_| false);
        assert!(name.len() <= NAME_BYTES_MAX && naming::is_subdomain(&name), "{name}");
        assert_ne!(name, placement("n", "work", &long, "other", |_| false));
        assert_eq!(name, placement("n", "work", &long, ROOT, |_| false), "it stays");
        let taken = |name: &str| name == "work.dest-5058f";
        let other = placement("n", "work", "dest", ROOT, taken);
        assert!(other.starts_with("work.dest-") && other.len() == "work.dest-".len() + HASH_LEN);
        let third = placement("n", "work", "dest", ROOT, |name| taken(name) || name == other);
        assert!(third != other && naming::is_subdomain(&third));
        for id in ["", "..", "A/b", "\u{e4}\u{e4}\u{e4}"] {
            let name = placement("n", "work", "dest", id, |_| false);
            assert!(naming::is_subdomain(&name), "{id}: {name}");
        }
    }

    #[test]
    fn labels_are_cut_where_they_must() {
        assert_eq!(label_value("worker-1"), "worker-1");
        let long = label_value(&"w".repeat(100));
        assert_eq!((long.len(), labels::value_fault(&long)), (62, None));
        assert_eq!(labels::value_fault(&label_value("---")), None);
    }
}
