//! Where files were written to, as a status keeps it: whoever leads next sees by it what has moved meanwhile.

use serde_json::{Map, Value};

use super::conditions;
use super::destination::{Mode, Setup};
use crate::contract::placement::{kind, mode};
use crate::contract::{Object, placement};
use crate::core::hash::md5_hex;

/// Fields of state stores that say where they are. Who logs in, and how, is not in it.
const ADDRESS: [&str; 5] = ["url", "branch", "bucketName", "endpoint", "path"];
/// How many digits of the hash are kept.
const DIGITS: usize = 16;

/// A place in a state store, and how files lie there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    print: u64,
    words: String,
}

/// Returns what a state store says of where it is.
pub fn address(store: &Object) -> String {
    ADDRESS.map(|field| store.text_at(&["spec", field]).unwrap_or_default()).join("\n")
}

impl Site {
    /// Returns where the files of a Destination stand, with what [`address`] returned for its state store.
    pub fn of(setup: &Setup, address: &str) -> Self {
        let (mode, file) = match &setup.mode {
            Mode::Nested => (mode::NESTED, ""),
            Mode::Plain => (mode::NONE, ""),
            Mode::Aggregated { file } => (mode::AGGREGATED, file.as_str()),
        };
        let (store, base) = (setup.store.to_string(), setup.base.as_str());
        // No part of it has a line break, but the address, whose number of lines is fixed.
        let hash = md5_hex(&[&store, address, base, mode, file].join("\n"));
        let print = hash.get(..DIGITS).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let shown = if base.is_empty() { "." } else { base };
        Self { print: print.unwrap_or_default(), words: format!("{store}: {shown}") }
    }

    /// Returns its print: another place has another one.
    pub fn print(&self) -> u64 {
        self.print
    }

    /// Notes in a status that all was written here.
    pub(super) fn note(
        &self,
        status: &mut Map<String, Value>,
        generation: Option<i64>,
        now: jiff::Timestamp,
    ) {
        let text = format!("{} [{:016x}]", self.words, self.print);
        conditions::set(status, &placement::WRITTEN_TO, &text, generation, now);
    }
}

/// Returns the print of where a status says that all was written; `None` when it says nothing that can be read.
pub(super) fn noted(status: &Map<String, Value>) -> Option<u64> {
    let (_, message) = conditions::said(status, kind::WRITTEN_TO)?;
    let (_, print) = message.strip_suffix(']')?.rsplit_once('[')?;
    u64::from_str_radix(print, 16).ok().filter(|_| print.len() == DIGITS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::placement::{StorePath, StoreRef};

    fn setup() -> Setup {
        Setup {
            store: StoreRef { is_bucket: false, name: "fleet".into() },
            base: StorePath::exact("worker-1").unwrap(),
            mode: Mode::Nested,
            canaries: true,
            cleanup: false,
        }
    }

    fn store(more: Value) -> Object {
        let mut spec = json!({"url": "https://git.example.com/a.git", "branch": "main"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Object::from_value(json!({"spec": spec})).unwrap()
    }

    fn print(setup: &Setup, more: Value) -> u64 {
        Site::of(setup, &address(&store(more))).print()
    }

    #[test]
    fn every_part_of_a_place_makes_it_another_and_nothing_else_does() {
        let file = |name| Mode::Aggregated { file: StorePath::exact(name).unwrap() };
        let mut all = vec![print(&setup(), json!({}))];
        for more in [
            json!({"url": "https://git.example.com/b.git"}),
            json!({"branch": "other"}),
            json!({"path": "clusters"}),
            json!({"bucketName": "b"}),
            json!({"endpoint": "s3.example.com"}),
        ] {
            all.push(print(&setup(), more));
        }
        let other = StoreRef { is_bucket: true, name: "fleet".into() };
        for moved in [
            Setup { base: StorePath::exact("worker-2").unwrap(), ..setup() },
            Setup { mode: Mode::Plain, ..setup() },
            Setup { mode: file("all.yaml"), ..setup() },
            Setup { mode: file("other.yaml"), ..setup() },
            Setup { store: other, ..setup() },
        ] {
            all.push(print(&moved, json!({})));
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        let same = Setup { canaries: false, cleanup: true, ..setup() };
        let more =
            json!({"secretRef": {"name": "x"}, "authMethod": "ssh", "gitAuthor": {"name": "y"}});
        assert_eq!(print(&same, more), print(&setup(), json!({})));
    }

    #[test]
    fn what_a_status_says_is_read_by_every_later_version() {
        let site = Site::of(&setup(), &address(&store(json!({}))));
        let mut status = Map::new();
        assert_eq!(noted(&status), None);
        site.note(&mut status, Some(3), jiff::Timestamp::UNIX_EPOCH);
        // Another text would have everything written anew by the version that makes it.
        let expected = json!([{
            "type": "bookend/WrittenTo", "status": "True", "reason": "Written", "observedGeneration": 3,
            "message": "GitStateStore/fleet: worker-1 [7240c2b9b1421440]", "lastTransitionTime": "1970-01-01T00:00:00Z",
        }]);
        assert_eq!(status["conditions"], expected);
        assert_eq!(noted(&status), Some(site.print()));
        for odd in ["", "x", "[]", "a [12]", "a [000000000000000g]"] {
            status["conditions"][0]["message"] = odd.into();
            assert_eq!(noted(&status), None, "{odd}");
        }
    }
}
