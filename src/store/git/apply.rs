//! The loop around a push: make commits, push, and when others were first fetch and make the same changes again.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use git2::Oid;
use tokio::time::Instant;

use super::GitStore;
use super::batch::{self, Outcome, Prepared};
use super::branch::Age;
use super::remote::Pushed;
use super::transport::Busy;
use super::trouble::again;
use crate::core::placement::Change;
use crate::store::{Applied, Trouble};

/// Half of the longest pause before the second try; it doubles with each.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long a server is left alone at most that asks for it (`Retry-After`).
const LEFT_ALONE_MAX: Duration = Duration::from_secs(30);
/// How often a server may say that the branch has moved when it has not, before it is believed to refuse.
const STUCK_MAX: u32 = 3;
/// And for how long: somebody may hold the lock of the branch meanwhile.
const STUCK_TIME: Duration = Duration::from_secs(2);
/// How often a scratch repository that is damaged is fetched again.
const DAMAGED_MAX: u32 = 2;
/// How often a push is tried again whose end nobody knows.
const UNSURE_MAX: u32 = 2;

/// What is left to do, and what was done.
struct Work {
    changes: Arc<[Change]>,
    results: Vec<Option<Result<Applied, Trouble>>>,
    /// Those without a result.
    left: Vec<usize>,
    /// How many go with one push: fewer after a hook refused them together, to find the one that it is about.
    most: usize,
    attempts: u32,
    started: Instant,
}

/// Makes changes, in this order.
pub(super) async fn apply(
    store: &GitStore,
    changes: &[Change],
    may_go_on: &(dyn Fn() -> bool + Send + Sync),
) -> Vec<Result<Applied, Trouble>> {
    let mut work = Work {
        changes: changes.into(),
        results: changes.iter().map(|_| None).collect(),
        left: (0..changes.len()).collect(),
        most: usize::MAX,
        attempts: 0,
        started: Instant::now(),
    };
    if let Err(trouble) = work.run(store, may_go_on).await {
        work.end(&trouble);
    }
    let results = work.results.into_iter();
    results.map(|result| result.unwrap_or(Err(Trouble::Stopped))).collect()
}

/// A push whose end nobody knows.
struct Unsure {
    new: Oid,
    outcomes: Vec<Outcome>,
}

impl Work {
    async fn run(
        &mut self,
        store: &GitStore,
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<(), Trouble> {
        let mut age = Age::Any;
        let mut stuck: (Option<Oid>, u32, Instant) = (None, 0, Instant::now());
        let mut unsure: Option<Unsure> = None;
        let mut times_unsure = 0_u32;
        let mut damaged = 0_u32;
        while !self.left.is_empty() {
            self.attempts = self.attempts.saturating_add(1);
            let prepared = self.prepare(store, age, unsure.take()).await?;
            let Some(new) = prepared.new else {
                self.settle(prepared.outcomes);
                continue;
            };
            if !may_go_on() {
                return Err(Trouble::Stopped);
            }
            let mut rest = Duration::ZERO;
            let old = prepared.old;
            let pushed = store.on_thread(move |branch, _| branch.publish(old, new)).await;
            match pushed {
                Ok(Pushed::Done) => {
                    self.settle(prepared.outcomes);
                    self.attempts = 0;
                    self.most = self.most.saturating_mul(2);
                    age = Age::Any;
                    continue;
                }
                Ok(Pushed::Raced(says)) => {
                    stuck = match stuck.0 == old {
                        true => (old, stuck.1.saturating_add(1), stuck.2),
                        false => (old, 1, Instant::now()),
                    };
                    let is_stuck = stuck.1 > STUCK_MAX && stuck.2.elapsed() > STUCK_TIME;
                    if let Some(says) = says.filter(|_| is_stuck) {
                        return Err(Trouble::Refused(says));
                    }
                }
                Ok(Pushed::Refused(says)) => {
                    let commits = prepared.outcomes.iter().filter(|one| one.commits).count();
                    if commits > 1 {
                        self.most = prepared.outcomes.len().div_ceil(2);
                    } else {
                        self.refused(prepared.outcomes, says);
                        // Its neighbours may be refused as well; each that is not lets twice as many go with the next.
                        self.most = 1;
                    }
                    self.attempts = 0;
                    age = Age::Any;
                    continue;
                }
                Ok(Pushed::Damaged) => {
                    damaged = damaged.saturating_add(1);
                    if damaged > DAMAGED_MAX {
                        let what = "the scratch repository, again and again".to_owned();
                        return Err(Trouble::Damaged(what));
                    }
                }
                Err(trouble @ (Trouble::Unreachable(_) | Trouble::Late(_))) => {
                    times_unsure = times_unsure.saturating_add(1);
                    if times_unsure > UNSURE_MAX {
                        return Err(trouble);
                    }
                    rest = asked_for(&trouble);
                    unsure = Some(Unsure { new, outcomes: prepared.outcomes });
                }
                Err(trouble) => return Err(trouble),
            }
            let spent = self.started.elapsed();
            if self.attempts >= store.options.attempts_max || spent >= store.options.time_max {
                return Err(Trouble::Raced { attempts: self.attempts });
            }
            tokio::time::sleep(pause(self.attempts).max(rest)).await;
            age = Age::AtMost(Duration::ZERO);
        }
        Ok(())
    }

    /// Makes commits of what is left, or of the first part of it.
    async fn prepare(
        &self,
        store: &GitStore,
        age: Age,
        unsure: Option<Unsure>,
    ) -> Result<Prepared, Trouble> {
        let left: Vec<usize> = self.left.iter().copied().take(self.most).collect();
        let changes = self.changes.clone();
        let unsure =
            unsure.map(|unsure| (unsure.new, Arc::new(std::sync::Mutex::new(Some(unsure)))));
        store
            .on_thread(move |branch, options| {
                let chosen: Vec<(usize, &Change)> =
                    left.iter().filter_map(|index| Some((*index, changes.get(*index)?))).collect();
                let (repository, tip) = branch.tip(age)?;
                // It did arrive.
                let arrived = unsure.as_ref().filter(|(new, _)| tip == Some(*new));
                if let Some(unsure) = arrived
                    .and_then(|(_, unsure)| unsure.lock().ok().and_then(|mut one| one.take()))
                {
                    return Ok(Prepared { old: tip, new: None, outcomes: unsure.outcomes });
                }
                let prepared =
                    batch::prepare(repository, tip, &options.root, &options.commits, &chosen)?;
                if prepared.new.is_some() || age != Age::Any {
                    return Ok(prepared);
                }
                // To say that nothing is to be done it must be known how it is, not how it was.
                let (repository, now) = branch.tip(Age::AtMost(options.fetch_interval))?;
                match now == tip {
                    true => Ok(prepared),
                    false => {
                        batch::prepare(repository, now, &options.root, &options.commits, &chosen)
                    }
                }
            })
            .await
    }

    /// Takes outcomes for results.
    fn settle(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            let attempts = self.attempts;
            let result = outcome.result.map(|applied| Applied { attempts, ..applied });
            self.result(outcome.change, result);
        }
    }

    /// Takes a refusal for the result of what commits. The others had nothing to do, or their own trouble.
    fn refused(&mut self, outcomes: Vec<Outcome>, says: String) {
        let (commits, others): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|outcome| outcome.commits);
        for outcome in commits {
            self.result(outcome.change, Err(Trouble::Refused(says.clone())));
        }
        // What they were told may have been true only after the commit that is not to be: they are looked at again.
        self.settle(others.into_iter().filter(|outcome| outcome.result.is_err()).collect());
    }

    fn result(&mut self, change: usize, result: Result<Applied, Trouble>) {
        self.left.retain(|left| *left != change);
        if let Some(place) = self.results.get_mut(change) {
            *place = Some(result);
        }
    }

    /// Ends all that is left.
    fn end(&mut self, trouble: &Trouble) {
        for change in std::mem::take(&mut self.left) {
            self.result(change, Err(again(trouble)));
        }
    }
}

/// Returns how long a server has asked to be left alone.
fn asked_for(trouble: &Trouble) -> Duration {
    let Trouble::Unreachable(cause) = trouble else { return Duration::ZERO };
    let asked = cause.downcast_ref::<Busy>().and_then(|busy| busy.retry_after);
    asked.unwrap_or_default().min(LEFT_ALONE_MAX)
}

/// Returns how long to wait after so many attempts: a part of a span that grows, by chance, so that those who met once
/// do not meet again.
fn pause(attempts: u32) -> Duration {
    let span = PAUSE.saturating_mul(1_u32.checked_shl(attempts.min(16)).unwrap_or(u32::MAX));
    let span = span.min(PAUSE_MAX);
    // Keys of hash maps are random in each, which is randomness enough here.
    let chance = (RandomState::new().hash_one(attempts) % 1024) as u32;
    span.saturating_mul(chance) / 1024
}
