//! Random histories: whatever happens, in whatever order, nothing runs twice and everything settles.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::world::{Promises, World};
use crate::core::workflow::State;

/// How many histories are lived through, all parts together; another number by the environment.
const HISTORIES: u64 = 100_000;
/// In how many tests.
const PARTS: u64 = 4;
/// Set to a seed, it replays that history and prints what happened. Read when this is compiled: not even the tests of
/// `core` ask the environment.
const SEED: Option<&str> = option_env!("BOOKEND_TEST_SEED");
/// Set to a number, it is that of the histories.
const COUNT: Option<&str> = option_env!("BOOKEND_TEST_HISTORIES");

fn number(setting: Option<&str>) -> Option<u64> {
    setting.map(|text| text.parse().expect("a number"))
}

fn promises_of(seed: u64) -> usize {
    usize::from(seed.is_multiple_of(4))
}

/// Lives through one history; returns how it ended.
fn live(seed: u64, world: &mut World<'_>) -> State {
    let steps = 4 + seed % 24;
    for _ in 0..steps {
        world.step();
        if world.server.object.is_none() {
            return State::Gone;
        }
    }
    world.settle()
}

/// Lives through one part of the histories: tests of one binary run side by side.
fn live_through(part: u64) {
    let promises = [Promises::new(false), Promises::new(true)];
    let world = |seed: u64, is_logged| World::new(seed, &promises[promises_of(seed)], is_logged);
    if let Some(seed) = number(SEED) {
        if seed % PARTS == part {
            let mut world = world(seed, true);
            let ended = catch_unwind(AssertUnwindSafe(|| live(seed, &mut world)));
            panic!("{}\n{ended:?}", world.log.join("\n"));
        }
        return;
    }
    let count = number(COUNT).unwrap_or(HISTORIES) / PARTS;
    let mut endings: BTreeMap<State, u64> = BTreeMap::new();
    let (mut plans, mut actions) = (0, 0);
    for seed in (0..count).map(|index| index * PARTS + part) {
        let mut world = world(seed, false);
        let ended = catch_unwind(AssertUnwindSafe(|| live(seed, &mut world)));
        let Ok(state) = ended else {
            panic!("a history failed: replay it with BOOKEND_TEST_SEED={seed}")
        };
        *endings.entry(state).or_default() += 1;
        plans += world.ledger.plans;
        actions += world.ledger.actions;
    }
    println!("{count} histories, {plans} plans, {actions} actions: {endings:?}");
    // A world in which nothing happens proves nothing.
    for state in [State::Settled, State::Failed, State::Suspended, State::Paused, State::Gone] {
        let found = endings.get(&state).copied().unwrap_or(0);
        assert!(found * 200 > count, "only {found} of {count} histories end as {state:?}");
    }
}

#[test]
fn nothing_runs_twice_and_everything_settles_1() {
    live_through(0);
}

#[test]
fn nothing_runs_twice_and_everything_settles_2() {
    live_through(1);
}

#[test]
fn nothing_runs_twice_and_everything_settles_3() {
    live_through(2);
}

#[test]
fn nothing_runs_twice_and_everything_settles_4() {
    live_through(3);
}
