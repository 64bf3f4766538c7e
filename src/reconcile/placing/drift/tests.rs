//! What is due when, and what has moved.

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

fn git(url: &str, branch: &str) -> Object {
    let spec = serde_json::json!({"spec": {"url": url, "branch": branch, "authMethod": "ssh"}});
    Object::from_value(spec).unwrap()
}

/// One WorkPlacement, in a state store that is known to be at `a`.
struct One {
    drift: Drift,
    at: Place,
    written_to: Option<u64>,
}

impl One {
    fn new() -> Self {
        Self { drift: Drift::default(), at: ("default".into(), "one".into()), written_to: None }
    }

    fn due(&self, setup: &Setup, interval: Option<SignedDuration>, second: i64) -> Due {
        let whom = Whom { at: &self.at, uid: "uid", written_to: self.written_to };
        let known = || Some(address(&git("a", "main")));
        self.drift.due(whom, setup, known, interval, at(second))
    }

    fn wrote(&self, setup: &Setup, store: &Object, second: i64) {
        self.drift.wrote(&self.at, &Site::of(setup, &address(store)), at(second));
    }
}

#[test]
fn nothing_is_written_again_before_its_time_and_all_is_then() {
    let one = One::new();
    let due = |second| one.due(&setup(), HOUR, second);
    let Due::At(Some(time)) = due(0) else { panic!("due when seen first") };
    let time = time.as_second();
    assert_eq!(due(time - 1), Due::At(Some(at(time))));
    // Until it is written, however late.
    assert_eq!((due(time), due(time + 7000)), (Due::Again, Due::Again));
    one.wrote(&setup(), &git("a", "main"), time);
    assert_eq!(due(time), Due::At(Some(at(time + 3600))));
    // Who leads next keeps to the same time.
    one.drift.clear();
    assert_eq!(due(time + 60), Due::At(Some(at(time + 3600))));
}

#[test]
fn without_an_interval_it_is_never_time() {
    let one = One::new();
    for second in [0, 1_000_000] {
        assert_eq!(one.due(&setup(), None, second), Due::At(None));
    }
    // A new interval holds at once.
    assert_eq!(one.due(&setup(), HOUR, 1_000_000), Due::Again);
}

#[test]
fn what_is_in_a_store_that_moves_is_due_at_once_and_the_others_are_not() {
    let one = One::new();
    let store = setup().store;
    let due = || one.due(&setup(), None, 9);
    assert_eq!(due(), Due::At(None));
    assert!(!one.drift.opened(&store, &git("a", "main")), "it is where it was said to be");
    assert_eq!(due(), Due::At(None));
    for (url, branch) in [("b", "main"), ("b", "other"), ("a", "main")] {
        let moved = git(url, branch);
        assert!(one.drift.opened(&store, &moved));
        assert!(!one.drift.opened(&store, &moved));
        assert_eq!((due(), due()), (Due::Moved, Due::Moved));
        one.wrote(&setup(), &moved, 9);
        assert_eq!(due(), Due::At(None));
    }
    let other = StoreRef { is_bucket: true, name: "git".into() };
    assert!(!one.drift.opened(&other, &git("a", "main")), "nobody has asked for it");
    assert!(one.drift.opened(&other, &git("b", "main")));
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
        let one = One::new();
        let due = |setup: &Setup| one.due(setup, None, 9);
        let store = git("a", "main");
        assert_eq!(due(&setup()), Due::At(None));
        assert_eq!((due(&moved), due(&moved)), (Due::Moved, Due::Moved), "{moved:?}");
        // A write that began before it moved.
        one.wrote(&setup(), &store, 9);
        assert_eq!(due(&moved), Due::Moved, "{moved:?}");
        one.wrote(&moved, &store, 9);
        assert_eq!((due(&moved), due(&setup())), (Due::At(None), Due::Moved), "{moved:?}");
    }
    // What says nothing about the place moves nothing.
    let one = One::new();
    let same = Setup { canaries: false, cleanup: true, ..setup() };
    for setup in [setup(), same] {
        assert_eq!(one.due(&setup, None, 9), Due::At(None));
    }
}

#[test]
fn what_has_moved_while_nobody_led_is_due_at_once_and_what_has_not_is_not() {
    let site = |url| Site::of(&setup(), &address(&git(url, "main"))).print();
    // By what its status says.
    for (written_to, expected) in
        [(None, Due::At(None)), (Some(site("a")), Due::At(None)), (Some(site("b")), Due::Moved)]
    {
        let one = One { written_to, ..One::new() };
        assert_eq!(one.due(&setup(), None, 9), expected, "{written_to:?}");
        assert!(!one.drift.opened(&setup().store, &git("a", "main")), "it is asked for already");
        assert_eq!(one.due(&setup(), None, 9), expected, "{written_to:?}");
        // What this process knows is newer.
        one.wrote(&setup(), &git("a", "main"), 9);
        assert_eq!(one.due(&setup(), None, 9), Due::At(None), "{written_to:?}");
    }
}

#[test]
fn nothing_is_due_in_a_store_that_nobody_knows_until_it_is_there() {
    let one = One { written_to: Some(1), ..One::new() };
    let due = || {
        let whom = Whom { at: &one.at, uid: "uid", written_to: one.written_to };
        one.drift.due(whom, &setup(), || None, HOUR, at(1_000_000))
    };
    assert_eq!((due(), due()), (Due::At(None), Due::At(None)));
    assert!(one.drift.opened(&setup().store, &git("a", "main")), "somebody has asked");
    assert_eq!(due(), Due::Moved);
}
