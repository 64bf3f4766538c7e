//! A store that takes its time, and who waits for it.

use std::sync::Mutex;

use tokio::time::{sleep, timeout};

use super::*;
use crate::core::placement::StorePath;
use crate::store::Listing;

/// How long the store takes for a batch, by the clock of the test.
const BATCH: Duration = Duration::from_secs(10);

/// Keeps the names of the changes of each batch.
#[derive(Debug, Default)]
struct Slow {
    batches: Arc<Mutex<Vec<Vec<String>>>>,
    /// The names of the changes that were made.
    made: Arc<Mutex<Vec<String>>>,
}

impl Store for Slow {
    async fn list(&self, _: &StorePath) -> Result<Listing, StoreError> {
        Ok(Listing::default())
    }

    async fn read(&self, _: &StorePath, _: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    async fn apply(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Vec<Result<Applied, StoreError>> {
        let names = changes.iter().map(|change| change.name.clone()).collect();
        self.batches.lock().unwrap().push(names);
        sleep(BATCH).await;
        assert!(changes[0].name != "panic", "as asked");
        let result = |change: &Change| match change.name.as_str() {
            _ if !may_go_on() => Err(failed(Trouble::Stopped)),
            "bad" => Err(failed(Trouble::Refused("bad".into()))),
            name => {
                self.made.lock().unwrap().push(name.to_owned());
                Ok(Applied::default())
            }
        };
        changes.iter().map(result).collect()
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn change(name: &str, bytes: usize) -> Change {
    let content = Some(Content::Bytes(vec![0; bytes].into()));
    let edits = vec![Edit::Whole { at: StorePath::exact("a").unwrap(), content }];
    Change { name: name.into(), edits, ..Change::default() }
}

type Batches = Arc<Mutex<Vec<Vec<String>>>>;

fn group(limits: Limits) -> (Arc<Group<Slow>>, Batches) {
    let store = Slow::default();
    let batches = Arc::clone(&store.batches);
    (Arc::new(Group::over(store, limits, || true, |_| {})), batches)
}

/// Asks for changes in this order and returns what becomes of each.
async fn ask(
    group: &Arc<Group<Slow>>,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<Result<Applied, StoreError>> {
    let mut asked = Vec::new();
    for change in changes {
        let group = Arc::clone(group);
        asked.push(tokio::spawn(async move { group.submit(change).await }));
        // One after the other: the order in which tasks begin is nobody's promise.
        tokio::task::yield_now().await;
    }
    let mut results = Vec::new();
    for one in asked {
        results.push(one.await.unwrap());
    }
    results
}

fn seen(batches: &Batches) -> Vec<String> {
    batches.lock().unwrap().iter().map(|batch| batch.join(" ")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_the_store_is_busy_goes_together() {
    let (group, batches) = group(Limits::default());
    let began = Instant::now();
    let results = ask(&group, ["a", "b", "c", "d"].map(|name| change(name, 1))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(seen(&batches), ["a", "b c d"]);
    assert_eq!(began.elapsed(), BATCH * 2, "nobody waits for others to come");
}

#[tokio::test(start_paused = true)]
async fn batches_are_bounded_and_the_order_is_kept() {
    let (small, batches) = group(Limits { changes_max: 2, bytes_max: 10 });
    let sizes = [("a", 1), ("b", 6), ("c", 6), ("d", 1), ("e", 1), ("f", 99), ("g", 1)];
    ask(&small, sizes.map(|(name, bytes)| change(name, bytes))).await;
    assert_eq!(seen(&batches), ["a", "b", "c d", "e", "f", "g"]);
}

#[tokio::test(start_paused = true)]
async fn each_gets_its_own_answer() {
    let (group, _) = group(Limits::default());
    let results = ask(&group, ["a", "b", "bad", "d"].map(|name| change(name, 1))).await;
    let bad: Vec<bool> = results.iter().map(Result::is_err).collect();
    assert_eq!(bad, [false, false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_or_breaks_the_store_costs_others_nothing() {
    let (group, batches) = group(Limits::default());
    let impatient = async {
        sleep(BATCH / 4).await;
        let waited = timeout(BATCH / 4, group.submit(change("impatient", 1))).await;
        assert!(waited.is_err());
        ask(&group, ["panic", "with it"].map(|name| change(name, 1))).await
    };
    let (first, broken) = tokio::join!(group.submit(change("first", 1)), impatient);
    first.unwrap();
    assert!(
        broken
            .iter()
            .all(|result| matches!(result.as_ref().unwrap_err().trouble, Trouble::Other(_)))
    );
    ask(&group, [change("after", 1)]).await.remove(0).unwrap();
    assert_eq!(seen(&batches), ["first", "panic with it", "after"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_stopped_says_so_to_all() {
    let (group, _) = group(Limits::default());
    let stop = async {
        sleep(BATCH / 2).await;
        group.stop();
    };
    let (results, ()) = tokio::join!(ask(&group, ["a", "b"].map(|name| change(name, 1))), stop);
    for result in results {
        assert!(matches!(result.unwrap_err().trouble, Trouble::Stopped));
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_any_more_makes_nothing() {
    for is_dropped in [false, true] {
        let store = Slow::default();
        let made = Arc::clone(&store.made);
        let (told, mut tells) = mpsc::unbounded_channel();
        let tell = move |batch| told.send(batch).unwrap_or_default();
        let group = Group::over(store, Limits::default(), || true, tell);
        timeout(BATCH / 2, group.submit(change("a", 1))).await.unwrap_err();
        let kept = (!is_dropped).then_some(group);
        // The batch goes on to its end.
        tells.recv().await.unwrap();
        assert_eq!(made.lock().unwrap().is_empty(), is_dropped);
        drop(kept);
    }
}

#[tokio::test(start_paused = true)]
async fn who_leads_no_more_stops_and_batches_are_told() {
    let leads = Arc::new(AtomicBool::new(true));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (asks, tells) = (Arc::clone(&leads), Arc::clone(&told));
    let may_go_on = move || asks.load(Ordering::SeqCst);
    let tell = move |batch| tells.lock().unwrap().push(batch);
    let group = Group::over(Slow::default(), Limits::default(), may_go_on, tell);
    group.submit(change("a", 1)).await.unwrap();
    leads.store(false, Ordering::SeqCst);
    let error = group.submit(change("b", 1)).await.unwrap_err();
    assert!(matches!(error.trouble, Trouble::Stopped));
    assert_eq!(*told.lock().unwrap(), [Batch { changes: 1, took: BATCH }; 2]);
    group.store().check().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_is_finished_when_what_was_under_way_has_ended() {
    let (group, batches) = group(Limits::default());
    let began = Instant::now();
    timeout(BATCH / 4, group.submit(change("a", 1))).await.unwrap_err();
    group.finish().await;
    assert_eq!(began.elapsed(), BATCH, "neither before its end nor later");
    group.finish().await;
    assert_eq!((began.elapsed(), seen(&batches)), (BATCH, vec!["a".to_owned()]));
}
