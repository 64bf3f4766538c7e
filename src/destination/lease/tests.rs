//! Turns, their order, and holders that die.

use super::*;
use crate::cluster::Reads as _;
use crate::cluster::folder::FolderCluster;

fn names(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn who_came_first_goes_first_and_who_does_not_come_is_passed_over() {
    let skip = Duration::from_secs(2);
    let check = |waiting: &str, free: Option<u64>, expect: Next| {
        let free = free.map(Duration::from_secs);
        assert_eq!(next(&names(waiting), "me", free, skip), expect, "{waiting} {free:?}");
    };
    check("", Some(0), Next::Take);
    check("", None, Next::Join);
    check("a b", None, Next::Join);
    check("a b", Some(0), Next::Join);
    check("a b", Some(4), Next::Take);
    check("me a", Some(0), Next::Take);
    check("me a", None, Next::Wait(0));
    check("a me", Some(0), Next::Wait(1));
    check("a me", Some(2), Next::Take);
    let full = vec!["a".to_owned(); WAITING_MAX];
    assert_eq!(next(&full, "me", None, skip), Next::Wait(WAITING_MAX));
}

fn queue<'a>(cluster: &'a FolderCluster, name: &str) -> Queue<'a, FolderCluster> {
    Queue::new(cluster, "sys", "lease", name, Times::default())
}

#[tokio::test(start_paused = true)]
async fn one_writes_at_a_time_and_all_get_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(folder.path());
    let busy = std::sync::atomic::AtomicU32::new(0);
    let write = |name: &'static str| {
        let (cluster, busy) = (&cluster, &busy);
        async move {
            for _ in 0..5 {
                let work = async {
                    assert_eq!(busy.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    sleep(Duration::from_millis(200)).await;
                    busy.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                };
                queue(cluster, name).during(work).await;
            }
        }
    };
    let begun = Instant::now();
    futures::future::join_all(["a", "b", "c", "d"].map(write)).await;
    // 20 writes of 200 ms, and what changing hands takes.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let lease = cluster.get(&kinds::LEASE.object(Some("sys"), "lease")).await.unwrap().unwrap();
    assert_eq!(lease.text_at(&["spec", "holderIdentity"]), None);
    assert_eq!(waiting(&lease), names(""));
}

#[tokio::test(start_paused = true)]
async fn something_is_done_while_we_wait_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(folder.path());
    let (mut one, mut two) = (queue(&cluster, "one"), queue(&cluster, "two"));
    assert!(one.take(async { panic!("there is nothing to wait for") }).await);
    let times = std::cell::Cell::new(0);
    let (holds, ()) = tokio::join!(two.take(async { times.set(times.get() + 1) }), async {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(times.get(), 1);
        one.give_back().await;
    });
    assert!(holds);
    assert_eq!(times.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_died_is_followed_after_the_duration_and_one_that_renews_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(folder.path());
    let (mut one, mut two) = (queue(&cluster, "one"), queue(&cluster, "two"));
    assert!(one.take(async {}).await);
    let begun = Instant::now();
    tokio::select! {
        _ = two.take(async {}) => panic!("there are two"),
        _ = one.keep() => {}
        () = sleep(Duration::from_secs(40)) => {}
    }
    // `one` dies now.
    assert!(two.take(async {}).await);
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_secs(45) && elapsed < Duration::from_secs(60), "{elapsed:?}");
    // It comes back, and does not take away what is not its own.
    one.give_back().await;
    let lease = cluster.get(&two.key).await.unwrap().unwrap();
    assert_eq!(lease.text_at(&["spec", "holderIdentity"]), Some(two.identity.as_str()));
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_long_enough_writes_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(folder.path());
    let (mut one, mut two) = (queue(&cluster, "one"), queue(&cluster, "two"));
    assert!(one.take(async {}).await);
    let begun = Instant::now();
    tokio::select! {
        has_it = two.take(async {}) => assert!(!has_it),
        _ = one.keep() => {}
    }
    assert!(begun.elapsed() >= Times::default().wait_max);
    let lease = cluster.get(&one.key).await.unwrap().unwrap();
    assert_eq!(waiting(&lease), names(""), "it has left the queue");
    assert_eq!(lease.text_at(&["spec", "holderIdentity"]), Some(one.identity.as_str()));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gives_back_what_it_was_given_without_having_heard_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(folder.path());
    let mut first = queue(&cluster, "first");
    assert!(first.take(async {}).await);
    // The answer was lost, or nobody waits for it any more.
    first.holds = false;
    let mut second = queue(&cluster, "second");
    assert!(matches!(second.step().await, Ok(Some(_))));
    first.leave().await;
    let lease = cluster.get(&kinds::LEASE.object(Some("sys"), "lease")).await.unwrap().unwrap();
    assert_eq!(lease.text_at(&["spec", "holderIdentity"]), None);
    assert_eq!(waiting(&lease).len(), 1, "the other one still waits");
    assert!(matches!(second.step().await, Ok(None)), "and may go at once");
}
