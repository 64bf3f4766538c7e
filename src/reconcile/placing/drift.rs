//! What stands where, as far as this process knows: so that what somebody has deleted or changed in a store comes back at the
//! interval, and what a Destination gets is written anew when it moves.
//!
//! Statuses do not hold it: their times move only when they change, and a write that finds everything in place changes none.
//! The times themselves come from uids and the clock, so a restart forgets nothing that matters but a move meanwhile, and
//! that is made up for at the interval.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::super::store::Place;
use crate::contract::Object;
use crate::core::placement::{Setup, StoreRef, next_rewrite};

/// Fields of state stores that say where they are.
const ADDRESS: [&str; 5] = ["url", "branch", "bucketName", "endpoint", "path"];

/// By WorkPlacement, and by Destination with an empty namespace.
#[derive(Debug, Default)]
pub(super) struct Drift {
    written: Mutex<HashMap<Place, Written>>,
    /// Where each state store is, and how often it has been elsewhere before.
    stores: Mutex<HashMap<StoreRef, (String, u64)>>,
}

#[derive(Debug, Clone, Copy)]
struct Written {
    /// Hash of where it stands.
    target: u64,
    /// When it was written last, or first seen.
    since: Timestamp,
}

/// Whether somebody whose status says that all is written is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Now: it stands elsewhere.
    Moved,
    /// Now: it is its time.
    Again,
    /// Then, or never.
    At(Option<Timestamp>),
}

impl Drift {
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stores(&self) -> MutexGuard<'_, HashMap<StoreRef, (String, u64)>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a state store was opened as this object says; returns whether it was elsewhere before: then all in it is due.
    pub(super) fn opened(&self, store: &StoreRef, object: &Object) -> bool {
        let field = |name| object.text_at(&["spec", name]).unwrap_or_default();
        let address = ADDRESS.map(field).join("\n");
        let mut stores = self.stores();
        let Some((known, moves)) = stores.get_mut(store) else {
            stores.insert(store.clone(), (address, 0));
            return false;
        };
        let is_elsewhere = *known != address;
        if is_elsewhere {
            (*known, *moves) = (address, moves.saturating_add(1));
        }
        is_elsewhere
    }

    /// Where files stand, of all that a Destination and its state store say.
    fn target(&self, setup: &Setup) -> u64 {
        let moves = self.stores().get(&setup.store).map_or(0, |(_, moves)| *moves);
        let mut hasher = DefaultHasher::new();
        (&setup.store, &setup.base, &setup.mode, moves).hash(&mut hasher);
        hasher.finish()
    }

    /// Decides about somebody that is written. Who is seen for the first time stands where it should.
    pub(super) fn due(
        &self,
        at: &Place,
        uid: &str,
        setup: &Setup,
        interval: Option<SignedDuration>,
        now: Timestamp,
    ) -> Due {
        let target = self.target(setup);
        let known = *self.lock().entry(at.clone()).or_insert(Written { target, since: now });
        if known.target != target {
            return Due::Moved;
        }
        match next_rewrite(uid, interval, known.since) {
            Some(time) if time <= now => Due::Again,
            time => Due::At(time),
        }
    }

    /// Notes that somebody was written there.
    pub(super) fn wrote(&self, at: &Place, setup: &Setup, now: Timestamp) {
        let target = self.target(setup);
        self.lock().insert(at.clone(), Written { target, since: now });
    }

    /// Forgets somebody that is gone.
    pub(super) fn forget(&self, at: &Place) {
        self.lock().remove(at);
    }

    /// Begins anew.
    pub(super) fn clear(&self) {
        self.lock().clear();
        self.stores().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::placement::{Mode, StorePath};

    const HOUR: Option<SignedDuration> = Some(SignedDuration::from_hours(1));

    fn setup() -> Setup {
        Setup {
            store: StoreRef { is_bucket: false, name: "git".into() },
            base: StorePath::exact("a").unwrap(),
            mode: Mode::Nested,
            canaries: true,
            cleanup: false,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn nothing_is_written_again_before_its_time_and_all_is_then() {
        let (drift, place) = (Drift::default(), ("default".into(), "one".into()));
        let due = |second| drift.due(&place, "uid", &setup(), HOUR, at(second));
        let Due::At(Some(time)) = due(0) else { panic!("due when seen first") };
        let time = time.as_second();
        assert_eq!(due(time - 1), Due::At(Some(at(time))));
        // Until it is written, however late.
        assert_eq!((due(time), due(time + 7000)), (Due::Again, Due::Again));
        drift.wrote(&place, &setup(), at(time));
        assert_eq!(due(time), Due::At(Some(at(time + 3600))));
        // Who leads next keeps to the same time.
        drift.clear();
        assert_eq!(due(time + 60), Due::At(Some(at(time + 3600))));
    }

    #[test]
    fn without_an_interval_it_is_never_time() {
        let (drift, place) = (Drift::default(), ("default".into(), "one".into()));
        for second in [0, 1_000_000] {
            assert_eq!(drift.due(&place, "uid", &setup(), None, at(second)), Due::At(None));
        }
        // A new interval holds at once.
        assert_eq!(drift.due(&place, "uid", &setup(), HOUR, at(1_000_000)), Due::Again);
    }

    #[test]
    fn what_is_in_a_store_that_moves_is_due_at_once_and_the_others_are_not() {
        let git = |url, branch| {
            let spec =
                serde_json::json!({"spec": {"url": url, "branch": branch, "authMethod": "ssh"}});
            Object::from_value(spec).unwrap()
        };
        let (drift, place) = (Drift::default(), ("default".into(), "one".into()));
        let store = setup().store;
        let due = || drift.due(&place, "uid", &setup(), None, at(9));
        assert_eq!(due(), Due::At(None), "nobody knows yet where the store is");
        assert!(!drift.opened(&store, &git("a", "main")));
        assert!(!drift.opened(&store, &git("a", "main")));
        assert_eq!(due(), Due::At(None));
        for moved in [git("b", "main"), git("b", "other"), git("a", "main")] {
            assert!(drift.opened(&store, &moved));
            assert_eq!((due(), due()), (Due::Moved, Due::Moved));
            drift.wrote(&place, &setup(), at(9));
            assert_eq!(due(), Due::At(None));
        }
        let other = StoreRef { is_bucket: true, name: "git".into() };
        drift.opened(&other, &git("a", "main"));
        assert!(drift.opened(&other, &git("b", "main")));
        assert_eq!(due(), Due::At(None));
    }

    #[test]
    fn what_moves_is_due_at_once_and_until_it_is_written_there() {
        let file = StorePath::exact("all.yaml").unwrap();
        let other = StoreRef { is_bucket: true, name: "git".into() };
        for moved in [
            Setup { base: StorePath::exact("b").unwrap(), ..setup() },
            Setup { mode: Mode::Plain, ..setup() },
            Setup { mode: Mode::Aggregated { file }, ..setup() },
            Setup { store: other, ..setup() },
        ] {
            let (drift, place) = (Drift::default(), ("default".into(), "one".into()));
            let due = |setup: &Setup| drift.due(&place, "uid", setup, None, at(9));
            assert_eq!(due(&setup()), Due::At(None));
            assert_eq!((due(&moved), due(&moved)), (Due::Moved, Due::Moved), "{moved:?}");
            // A write that began before it moved.
            drift.wrote(&place, &setup(), at(9));
            assert_eq!(due(&moved), Due::Moved, "{moved:?}");
            drift.wrote(&place, &moved, at(9));
            assert_eq!((due(&moved), due(&setup())), (Due::At(None), Due::Moved), "{moved:?}");
        }
        // What says nothing about the place moves nothing.
        let (drift, place) = (Drift::default(), ("default".into(), "one".into()));
        let same = Setup { canaries: false, cleanup: true, ..setup() };
        for setup in [setup(), same] {
            assert_eq!(drift.due(&place, "uid", &setup, None, at(9)), Due::At(None));
        }
    }
}
