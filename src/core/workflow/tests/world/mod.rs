//! A small world around the planner: an API server with one request, a Job controller, pods that run the status step's
//! real decision, caches that are behind, leaders that crash, and people.

mod check;
mod leader;
mod people;
mod pods;
mod promises;
mod random;
mod server;

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use crate::core::config::Config;
use crate::core::promise::Promise;
use crate::core::workflow::{Layout, State};
pub(crate) use check::Ledger;
use leader::Leader;
pub(crate) use promises::{Promises, promise};

use random::Random;
use server::Server;

/// Leaders there are; one of them acts.
const LEADERS: usize = 2;
/// Rounds of a quiet world in which everything must have settled.
const ROUNDS_MAX: usize = 60;

pub(crate) struct World<'a> {
    random: Random,
    promises: &'a Promises,
    /// Which of them holds now.
    promise: usize,
    config: Rc<Config>,
    layout: Layout,
    pub(crate) server: Server,
    leaders: Vec<Leader>,
    active: usize,
    pub(crate) now: Timestamp,
    pub(crate) ledger: Ledger,
    available: bool,
    may_start: bool,
    /// What happened, for the report of a failure.
    pub(crate) log: Vec<String>,
    is_logged: bool,
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, promises: &'a Promises, is_logged: bool) -> Self {
        let mut random = Random::new(seed);
        let layout = if random.percent(60) { Layout::Keyed } else { Layout::Flat };
        let promise = random.below(promises.count());
        let config = Config {
            jobs_kept: u32::try_from(1 + random.below(3)).unwrap(),
            reconcile_after_failure: random.percent(70),
            pod_ttl_after_finished: random.percent(20).then(|| SignedDuration::from_secs(30)),
            ..Config::default()
        };
        let mut world = Self {
            random,
            promises,
            promise,
            config: Rc::new(config),
            layout,
            server: Server::new(promises.has_namespace()),
            leaders: (0..LEADERS).map(|_| Leader::default()).collect(),
            active: 0,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            ledger: Ledger::default(),
            available: true,
            may_start: true,
            log: Vec::new(),
            is_logged,
        };
        for index in 0..LEADERS {
            world.sync(index);
        }
        world
    }

    pub(crate) fn promise(&self) -> &'a Promise {
        self.promises.at(self.promise)
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.is_logged {
            let text = what();
            self.log.push(text);
        }
    }

    /// Lives through one random thing.
    pub(crate) fn step(&mut self) {
        match self.random.below(100) {
            0..40 => {
                let index = self.active;
                if self.random.percent(70) {
                    self.sync(index);
                } else {
                    self.sync_some(index);
                }
                self.reconcile(index, true);
            }
            40..68 => self.pod_step(true),
            68..72 => self.stop_step(),
            72..76 => {
                let seconds = [1, 20, 70, 4000, 40_000][self.random.below(5)];
                self.now += SignedDuration::from_secs(seconds);
            }
            76..80 => {
                self.active = (self.active + 1) % LEADERS;
                let active = self.active;
                self.note(|| format!("leader {active}"));
            }
            80..82 => self.may_start = !self.may_start,
            82..83 => self.available = !self.available,
            _ => self.people_step(),
        }
    }

    /// Lets the world be quiet, and checks that everything settles.
    pub(crate) fn settle(&mut self) -> State {
        self.available = true;
        self.may_start = true;
        self.note(|| "quiet from here".into());
        let index = self.active;
        for _ in 0..ROUNDS_MAX {
            self.sync(index);
            let plan = self.reconcile(index, false);
            if self.server.object.is_none() {
                return State::Gone;
            }
            let is_idle = plan.actions.is_empty();
            let is_still = !self.server.jobs.values().any(|job| job.seen.state.is_running());
            if is_idle && is_still {
                if let Some(due) = plan.wake_at {
                    assert!(due > self.now, "it would wake at once, for ever");
                    // A retry that is due later than now is lived through; a periodic run is not.
                    if plan.state == State::Suspended {
                        self.now = due;
                        continue;
                    }
                }
                self.check_settled(plan.state);
                return plan.state;
            }
            while self.server.jobs.values().any(|job| job.seen.state.is_running()) {
                self.pod_step(false);
                self.stop_step();
            }
        }
        panic!("it does not settle");
    }
}
