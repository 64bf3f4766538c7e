//! Destinations whose canaries are being written or deleted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The Destinations for which a write runs.
#[derive(Debug, Default)]
pub(super) struct Busy(Arc<Names>);

#[derive(Debug, Default)]
struct Names(Mutex<HashSet<Arc<str>>>);

/// One write that runs, for as long as this is kept: however its task ends, cut short or not, the next one may begin.
#[derive(Debug)]
pub(super) struct Mark {
    all: Arc<Names>,
    name: Arc<str>,
}

impl Names {
    fn lock(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// Begins a write; `None` while another one runs, whose end wakes the Destination.
    pub(super) fn begin(&self, name: &Arc<str>) -> Option<Mark> {
        let is_first = self.0.lock().insert(Arc::clone(name));
        is_first.then(|| Mark { all: Arc::clone(&self.0), name: Arc::clone(name) })
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.all.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn a_write_that_ends_in_any_way_lets_the_next_one_begin() {
        let (busy, one, other) = (Busy::default(), Arc::from("one"), Arc::from("other"));
        let mark = busy.begin(&one);
        assert!(mark.is_some() && busy.begin(&one).is_none(), "one at a time");
        assert!(busy.begin(&other).is_some(), "nobody else waits for it");
        drop(mark);

        let mark = busy.begin(&one).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let _mark = mark;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        assert!(busy.begin(&one).is_none(), "the task has it");
        // As at the end of a term.
        tasks.shutdown().await;
        assert!(busy.begin(&one).is_some());
    }
}
