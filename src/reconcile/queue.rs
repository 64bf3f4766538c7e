//! Who is looked at next: each object once, by one worker at a time, those that run before those that have not begun.
//!
//! kube's `Controller` has a queue too, but neither priorities nor kinds that come and go while it runs (decision 11).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::cluster::chance;

/// The pause after the first failure; each further one in a row is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest pause after a failure, of whatever. Changed credentials of a state store are noticed after it at the latest.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(60);
/// So many times that are no more wanted are not worth the work to leave them out.
const LATER_MIN: usize = 256;
/// Whoever acts in so many passes in a row, and comes to no end, counts as failing: a plan that undoes itself, or somebody
/// who undoes what we do, shall not keep us and the API server busy for ever.
const ACTS_MAX: u32 = 50;

/// How long the news of an object may take that was written before the news that is already here.
const NEWS_TIME: Duration = Duration::from_millis(200);

/// How much it matters that an object is looked at soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    /// It is new, or its Promise has changed.
    Ordinary,
    /// It runs, or a Job of it has ended: somebody waits for it.
    Urgent,
}

/// How a pass has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Well. It is looked at again at that time, if nothing happens before.
    Done(Option<Instant>),
    /// Well, and there may be more to do.
    Again,
    /// Not well: it is looked at again after a pause.
    Failed,
}

/// Objects to look at.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    news: Notify,
}

#[derive(Debug)]
struct State<T> {
    entries: HashMap<T, Entry>,
    urgent: VecDeque<T>,
    ordinary: VecDeque<T>,
    /// May hold entries that are no more wanted: [`Entry::wake_at`] says which time counts.
    later: BinaryHeap<Reverse<(Instant, T)>>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Entry {
    step: Step,
    failures: u32,
    acts: u32,
    wake_at: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    Queued(Priority),
    /// A worker has it; the priority is that with which it was asked for meanwhile.
    Working(Option<Priority>),
}

impl<T: Ord> Default for Queue<T> {
    fn default() -> Self {
        Self { state: Mutex::default(), news: Notify::new() }
    }
}

impl<T: Clone + Hash + Ord> Queue<T> {
    /// Asks for an object to be looked at.
    pub(super) fn add(&self, target: T, priority: Priority) {
        if self.lock().add(target, priority) {
            self.news.notify_one();
        }
    }

    /// Asks for an object to be looked at in a moment, or as soon as it is asked for otherwise.
    pub(super) fn add_soon(&self, target: T) {
        if self.lock().add_at(target, Instant::now() + NEWS_TIME) {
            self.news.notify_one();
        }
    }

    /// Asks for an object to be looked at then, or as soon as it is asked for otherwise.
    pub(super) fn add_at(&self, target: T, at: Instant) {
        if self.lock().add_at(target, at) {
            self.news.notify_one();
        }
    }

    /// Returns the next object, which no other worker has; `None` once the queue is closed.
    pub(super) async fn next(&self) -> Option<T> {
        loop {
            let news = self.news.notified();
            let wake_at = {
                let mut state = self.lock();
                if state.is_closed {
                    return None;
                }
                state.wake(Instant::now());
                if let Some(target) = state.pop() {
                    if state.has_work() {
                        self.news.notify_one();
                    }
                    return Some(target);
                }
                state.later.peek().map(|Reverse((at, _))| *at)
            };
            match wake_at {
                None => news.await,
                Some(at) => tokio::select! {
                    () = news => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    /// Says how looking at an object has ended.
    pub(super) fn done(&self, target: T, outcome: Outcome) {
        if self.lock().done(target, outcome) {
            self.news.notify_one();
        }
    }

    /// Forgets everything: nobody has anything any more. For after the workers have ended without saying how.
    pub(super) fn clear(&self) {
        *self.lock() = State::default();
    }

    /// Ends the queue: nothing is given out any more.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_waiters();
        // For whoever was about to wait.
        self.news.notify_one();
    }

    /// How many objects wait to be looked at now.
    pub(super) fn depth(&self) -> usize {
        let state = self.lock();
        state.entries.values().filter(|entry| matches!(entry.step, Step::Queued(_))).count()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Ord> Default for State<T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            urgent: VecDeque::new(),
            ordinary: VecDeque::new(),
            later: BinaryHeap::new(),
            is_closed: false,
        }
    }
}

impl<T: Clone + Hash + Ord> State<T> {
    /// Returns whether somebody may have something to do now.
    fn add(&mut self, target: T, priority: Priority) -> bool {
        let entry = self.entries.entry(target.clone()).or_default();
        match entry.step {
            Step::Working(asked) => {
                entry.step = Step::Working(asked.max(Some(priority)));
                return false;
            }
            Step::Queued(known) if known >= priority => return false,
            Step::Idle | Step::Queued(_) => {}
        }
        entry.step = Step::Queued(priority);
        entry.wake_at = None;
        match priority {
            Priority::Urgent => self.urgent.push_back(target),
            Priority::Ordinary => self.ordinary.push_back(target),
        }
        true
    }

    /// The same for an object that is to be looked at then; at once after somebody who works on it now.
    fn add_at(&mut self, target: T, at: Instant) -> bool {
        let entry = self.entries.entry(target.clone()).or_default();
        match entry.step {
            Step::Working(_) => return self.add(target, Priority::Urgent),
            Step::Queued(_) => return false,
            Step::Idle if entry.wake_at.is_some_and(|known| known <= at) => return false,
            Step::Idle => entry.wake_at = Some(at),
        }
        self.later.push(Reverse((at, target)));
        true
    }

    /// Puts those into the queues whose time has come.
    fn wake(&mut self, now: Instant) {
        while self.later.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, target))) = self.later.pop() else { return };
            if self.entries.get(&target).is_some_and(|entry| entry.wake_at == Some(at)) {
                self.add(target, Priority::Urgent);
            }
        }
    }

    fn pop(&mut self) -> Option<T> {
        for priority in [Priority::Urgent, Priority::Ordinary] {
            loop {
                let queue = match priority {
                    Priority::Urgent => &mut self.urgent,
                    Priority::Ordinary => &mut self.ordinary,
                };
                let Some(target) = queue.pop_front() else { break };
                // It may stand here a second time: it was asked for more urgently meanwhile.
                if let Some(entry) = self.entries.get_mut(&target)
                    && entry.step == Step::Queued(priority)
                {
                    entry.step = Step::Working(None);
                    return Some(target);
                }
            }
        }
        None
    }

    /// Leaves out times that are no more wanted, once they are the most.
    fn tidy(&mut self) {
        if self.later.len() > 2 * self.entries.len() + LATER_MIN {
            let entries = &self.entries;
            self.later.retain(|Reverse((at, target))| {
                entries.get(target).is_some_and(|entry| entry.wake_at == Some(*at))
            });
        }
    }

    fn has_work(&self) -> bool {
        !self.urgent.is_empty() || !self.ordinary.is_empty()
    }

    fn done(&mut self, target: T, outcome: Outcome) -> bool {
        let Some(entry) = self.entries.get_mut(&target) else { return false };
        let Step::Working(asked) = std::mem::take(&mut entry.step) else { return false };
        let (asked, wake_at) = match outcome {
            Outcome::Done(at) => {
                (entry.failures, entry.acts) = (0, 0);
                (asked, at)
            }
            Outcome::Again if entry.acts < ACTS_MAX => {
                entry.failures = 0;
                entry.acts += 1;
                (Some(Priority::Urgent), None)
            }
            Outcome::Again | Outcome::Failed => {
                let pause = pause(PAUSE_FIRST, entry.failures);
                entry.failures = entry.failures.saturating_add(1);
                // Not even when it was asked for meanwhile: that was most likely our own word of the failure.
                (None, Some(Instant::now() + pause))
            }
        };
        if let Some(priority) = asked {
            return self.add(target, priority);
        }
        match wake_at {
            Some(at) => {
                entry.wake_at = Some(at);
                self.later.push(Reverse((at, target)));
                self.tidy();
                true
            }
            None => {
                self.entries.remove(&target);
                false
            }
        }
    }
}

/// The pause after this many failures before, where the first one is that long: its second half is left to chance, so that
/// those who fail together do not come back together.
pub(super) fn pause(first: Duration, failures: u32) -> Duration {
    let doublings = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    let half = first.saturating_mul(doublings).min(PAUSE_MAX) / 2;
    half + half.mul_f64((chance::number() % 1024) as f64 / 1023.0)
}

#[cfg(test)]
mod tests;
