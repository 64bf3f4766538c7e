//! A queue before a state store: what is asked for while it is busy goes together with the next batch.
//!
//! For a repository that is one fetch and one push for many changes. Nobody waits for others to come: a change that finds the
//! store idle goes at once. First come, first served; each asks for its own change and gets its own answer.

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Applied, Store, StoreError, Trouble};
use crate::core::placement::{Change, Content, Edit};

/// How much goes into one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most changes.
    pub changes_max: usize,
    /// Most bytes of contents as they are held, packed or not. A change of more goes alone.
    pub bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes_max: 256, bytes_max: 32 << 20 }
    }
}

/// A batch that was made, for figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// How many changes it had.
    pub changes: usize,
    /// How long it took.
    pub took: Duration,
}

/// A queue before a store. While it is there changes are made; those that nobody waits for any more are left out. Once it is
/// gone, what has begun stops before the next step that others can see.
pub struct Group<S> {
    store: Arc<S>,
    asked: mpsc::UnboundedSender<Asked>,
    stopped: Arc<AtomicBool>,
    /// Held while a batch is made.
    busy: Arc<tokio::sync::Mutex<()>>,
}

/// A change, and who waits for it.
struct Asked {
    change: Change,
    bytes: u64,
    answer: oneshot::Sender<Result<Applied, StoreError>>,
}

impl<S> fmt::Debug for Group<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Group")
    }
}

impl<S: Store + 'static> Group<S> {
    /// Begins to make what is asked for, on the runtime that this is called on.
    ///
    /// `may_go_on` is asked before every step that others can see: a leader that leads no more says no. `told` is told of each
    /// batch.
    pub fn over(
        store: S,
        limits: Limits,
        may_go_on: impl Fn() -> bool + Send + Sync + 'static,
        told: impl Fn(Batch) + Send + 'static,
    ) -> Self {
        let store = Arc::new(store);
        let (asked, next) = mpsc::unbounded_channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let ours = Arc::clone(&stopped);
        let may_go_on = move || !ours.load(Ordering::SeqCst) && may_go_on();
        let busy = Arc::default();
        let queue = Queue { next, waiting: VecDeque::new(), limits, busy: Arc::clone(&busy) };
        tokio::spawn(work(Arc::clone(&store), queue, may_go_on, told));
        Self { store, asked, stopped, busy }
    }

    /// Makes a change, with those of others. Who gives up waiting before it was begun has asked for nothing.
    ///
    /// # Errors
    /// Those of the store; [`Trouble::Stopped`] after [`Group::stop`].
    pub async fn submit(&self, change: Change) -> Result<Applied, StoreError> {
        let (answer, awaited) = oneshot::channel();
        let bytes = bytes(&change);
        // An answer that does not come is that of a queue that is no more.
        let _ = self.asked.send(Asked { change, bytes, answer });
        awaited.await.unwrap_or_else(|_| Err(failed(Trouble::Stopped)))
    }

    /// The store, for whatever does not change it.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Stops before the next step that others can see; whoever waits gets [`Trouble::Stopped`].
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Stops, and returns once no step is under way that others can see.
    pub async fn finish(&self) {
        self.stop();
        let _idle = self.busy.lock().await;
    }
}

impl<S> Drop for Group<S> {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// What waits.
struct Queue {
    next: mpsc::UnboundedReceiver<Asked>,
    waiting: VecDeque<Asked>,
    limits: Limits,
    busy: Arc<tokio::sync::Mutex<()>>,
}

impl Queue {
    /// Returns the next batch, in the order in which it was asked for; `None` when nobody can ask any more.
    async fn batch(&mut self) -> Option<Vec<Asked>> {
        loop {
            if self.waiting.is_empty() {
                self.waiting.push_back(self.next.recv().await?);
            }
            while let Ok(asked) = self.next.try_recv() {
                self.waiting.push_back(asked);
            }
            let mut batch: Vec<Asked> = Vec::new();
            let mut bytes = 0_u64;
            while let Some(first) = self.waiting.front() {
                let more = bytes.saturating_add(first.bytes);
                let is_full =
                    batch.len() >= self.limits.changes_max || more > self.limits.bytes_max;
                if is_full && !batch.is_empty() {
                    break;
                }
                batch.extend(self.waiting.pop_front().filter(|asked| !asked.answer.is_closed()));
                bytes = more;
            }
            if !batch.is_empty() {
                return Some(batch);
            }
        }
    }
}

async fn work<S: Store>(
    store: Arc<S>,
    mut queue: Queue,
    may_go_on: impl Fn() -> bool + Send + Sync,
    told: impl Fn(Batch) + Send,
) {
    while let Some(batch) = queue.batch().await {
        let began = Instant::now();
        let _busy = queue.busy.lock().await;
        let (changes, answers): (Vec<Change>, Vec<_>) =
            batch.into_iter().map(|asked| (asked.change, asked.answer)).unzip();
        // A fault in a store ends this batch and not the queue, with all that wait in it.
        let done = AssertUnwindSafe(store.apply(&changes, &may_go_on)).catch_unwind().await;
        told(Batch { changes: changes.len(), took: began.elapsed() });
        let mut results = done.unwrap_or_default().into_iter();
        for answer in answers {
            let unknown =
                || Err(failed(Trouble::Other("the write ended without an answer".into())));
            // Whoever has asked may not be there any more.
            let _ = answer.send(results.next().unwrap_or_else(unknown));
        }
    }
}

/// How much memory a change holds, without what is read when it is written.
fn bytes(change: &Change) -> u64 {
    let of = |content: &Content| match content {
        Content::Bytes(bytes) => bytes.len() as u64,
        Content::Packed(text) => text.len() as u64,
        Content::Disk { .. } => 0,
    };
    let of_edit = |edit: &Edit| -> u64 {
        match edit {
            Edit::Folder { files, .. } | Edit::Listed { files, .. } => {
                files.iter().map(|file| of(&file.content)).sum()
            }
            Edit::Whole { content, .. } => content.as_ref().map_or(0, of),
            Edit::Part { content, .. } => content.iter().flatten().map(of).sum(),
        }
    };
    change.edits.iter().map(of_edit).sum()
}

fn failed(trouble: Trouble) -> StoreError {
    StoreError { doing: "write to", store: "the state store".to_owned(), trouble }
}

#[cfg(test)]
mod tests;
