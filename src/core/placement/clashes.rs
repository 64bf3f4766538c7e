//! Destinations of one state store that get into each other's way (contract.md 12.F).

use std::collections::BTreeMap;

use super::destination::{DestinationSeen, Setup};

/// A Destination that was made after another one which has its path, or part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// Both have the same path, however it is written. Nothing is written to the later one.
    Same {
        /// The other one.
        with: String,
        /// Its path.
        path: String,
    },
    /// One path is inside the other. Their files do not meet as long as no name is the same, but who reads the outer one
    /// reads the inner one as well.
    Nested {
        /// The other one.
        with: String,
        /// Its path.
        path: String,
    },
}

impl std::fmt::Display for Clash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Same { with, path } => write!(
                f,
                "its path is that of Destination `{with}` (`{path}`) in the same state store; give it another one"
            ),
            Self::Nested { with, path } => write!(
                f,
                "its path and that of Destination `{with}` (`{path}`) are one inside the other: who reads the outer one reads \
                 both"
            ),
        }
    }
}

/// Returns the clashes of Destinations, by the name of the later of two. One that is being deleted still has its path.
pub fn clashes(destinations: &[DestinationSeen]) -> BTreeMap<&str, Clash> {
    let mut known: Vec<(&DestinationSeen, &Setup, String)> = destinations
        .iter()
        .filter_map(|one| one.setup.as_ref().ok().map(|setup| (one, setup)))
        .map(|(one, setup)| (one, setup, format!("{}/", setup.base.folded())))
        .collect();
    known.sort_by_key(|(one, ..)| (one.created, &one.name));
    let mut found = BTreeMap::new();
    for (at, (later, setup, path)) in known.iter().enumerate() {
        let before = known[..at].iter().filter(|(_, other, _)| other.store == setup.store);
        let mut clash = None;
        for (other, other_setup, other_path) in before {
            let (with, shown) = (other.name.clone(), shown(other_setup));
            if path == other_path {
                clash = Some(Clash::Same { with, path: shown });
                break;
            }
            let inside = |inner: &str, outer: &str| outer == "/" || inner.starts_with(outer);
            if clash.is_none() && (inside(path, other_path) || inside(other_path, path)) {
                clash = Some(Clash::Nested { with, path: shown });
            }
        }
        if let Some(clash) = clash {
            found.insert(later.name.as_str(), clash);
        }
    }
    found
}

fn shown(setup: &Setup) -> String {
    if setup.base.is_root() { ".".to_owned() } else { setup.base.to_string() }
}
