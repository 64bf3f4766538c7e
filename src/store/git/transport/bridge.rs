//! Between libgit2, which blocks, and the network, which does not.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::{Limits, Timeouts, Traffic};
use crate::store::Trouble;

/// Waits for the network on behalf of a thread that may block, and keeps why that failed.
///
/// It has a runtime of its own, which only runs while somebody waits. That of the process may end first, and timers of a runtime
/// that has ended panic.
pub(super) struct Bridge {
    /// `None` only in `drop`.
    runtime: Option<Runtime>,
    pub(super) timeouts: Timeouts,
    pub(super) limits: Limits,
    state: Mutex<State>,
    stopped: watch::Sender<bool>,
    sent: AtomicU64,
    received: AtomicU64,
}

/// Of the fetch or push that is under way.
#[derive(Default)]
struct State {
    /// When it ends at the latest.
    deadline: Option<Instant>,
    /// The first thing that failed; what fails later is a consequence.
    cause: Option<Trouble>,
}

impl Bridge {
    pub(super) fn new(timeouts: Timeouts, limits: Limits) -> Result<Self, Trouble> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: Some(runtime.map_err(|error| Trouble::Other(error.to_string()))?),
            timeouts,
            limits,
            state: Mutex::default(),
            stopped: watch::Sender::new(false),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        })
    }

    /// Begins a fetch or push: the clock starts, and what failed before is forgotten.
    pub(super) fn begin(&self) {
        let deadline = Some(Instant::now() + self.timeouts.whole);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) =
            State { deadline, cause: None };
    }

    /// Waits for `work`, at most for `limit`, for what is left of the whole, and until it is stopped.
    pub(super) fn wait<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let deadline = self.state.lock().unwrap_or_else(PoisonError::into_inner).deadline;
        let runtime = self.runtime.as_ref().ok_or(Trouble::Stopped)?;
        runtime.block_on(async {
            let until = Instant::now() + limit;
            let (until, limit) = match deadline {
                Some(deadline) if deadline < until => (deadline, self.timeouts.whole),
                _ => (until, limit),
            };
            let mut stopped = self.stopped.subscribe();
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => Err(Trouble::Stopped),
                done = timeout_at(until, work) => done.unwrap_or(Err(Trouble::Late(limit))),
            }
        })
    }

    /// Starts something that goes on whenever somebody waits.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinHandle<T>, Trouble> {
        Ok(self.runtime.as_ref().ok_or(Trouble::Stopped)?.spawn(work))
    }

    /// Keeps why it failed.
    pub(super) fn failed(&self, trouble: Trouble) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.cause.get_or_insert(trouble);
    }

    /// Notes that there is no more to read. libgit2 asks only for what it needs, so this is the cause when it fails now.
    pub(super) fn ended_early(&self) {
        self.failed(Trouble::Unreachable("the answer ended too early".into()));
    }

    pub(super) fn cause(&self) -> Option<Trouble> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).cause.take()
    }

    pub(super) fn stopper(&self) -> watch::Sender<bool> {
        self.stopped.clone()
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Bridge {
    /// A runtime that is just dropped waits for its threads, which must not be done where nobody may block.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// How much may be read.
pub(super) struct Budget {
    what: &'static str,
    bytes_max: u64,
    read: u64,
}

impl Budget {
    pub(super) fn of(what: &'static str, bytes_max: u64) -> Self {
        Self { what, bytes_max, read: 0 }
    }

    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.read += bytes as u64;
        if self.read <= self.bytes_max {
            return Ok(());
        }
        Err(Trouble::TooLarge { path: self.what.to_owned(), bytes_max: self.bytes_max })
    }
}

/// Keeps why it failed, and returns what libgit2 gets to see: a text of ours, for git2 ends the process when there is a NUL
/// in it.
pub(super) fn broken(bridge: &Bridge, trouble: Trouble) -> io::Error {
    bridge.failed(trouble);
    io::Error::other("the connection failed")
}
