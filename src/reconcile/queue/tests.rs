//! Who is looked at, in which order and when.

use tokio::time::timeout;

use super::super::target::Target;
use super::*;

fn target(name: &str) -> Target {
    Target::promise(name)
}

async fn next(queue: &Queue<Target>) -> Option<String> {
    let next = timeout(Duration::from_millis(1), queue.next()).await.ok()?;
    next.map(|target| target.to_string())
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_for_soon_waits_for_a_moment_unless_asked_for_again() {
    let queue = Queue::default();
    queue.add_soon(target("a"));
    queue.add_soon(target("b"));
    queue.add(target("b"), Priority::Urgent);
    assert_eq!(next(&queue).await.as_deref(), Some("b"));
    assert_eq!(next(&queue).await, None);
    tokio::time::advance(NEWS_TIME).await;
    assert_eq!(next(&queue).await.as_deref(), Some("a"));
    queue.add_soon(target("a"));
    queue.done(target("a"), Outcome::Done(None));
    assert_eq!(next(&queue).await.as_deref(), Some("a"), "it was asked for while it was looked at");
}

#[tokio::test(start_paused = true)]
async fn who_runs_comes_before_who_has_not_begun() {
    let queue = Queue::default();
    for name in ["a", "b", "c"] {
        queue.add(target(name), Priority::Ordinary);
    }
    queue.add(target("c"), Priority::Urgent);
    queue.add(target("d"), Priority::Urgent);
    queue.add(target("d"), Priority::Ordinary);
    assert_eq!(queue.depth(), 4);
    for expected in [Some("c"), Some("d"), Some("a"), Some("b"), None] {
        assert_eq!(next(&queue).await.as_deref(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_looked_at_by_two() {
    let queue = Queue::default();
    queue.add(target("a"), Priority::Ordinary);
    assert_eq!(next(&queue).await.as_deref(), Some("a"));
    queue.add(target("a"), Priority::Ordinary);
    queue.add(target("a"), Priority::Urgent);
    assert_eq!(next(&queue).await, None);
    queue.done(target("a"), Outcome::Done(None));
    assert_eq!(next(&queue).await.as_deref(), Some("a"));
    queue.done(target("a"), Outcome::Done(None));
    assert_eq!(next(&queue).await, None);
    assert!(queue.lock().entries.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_has_a_time_comes_back_then_or_earlier_when_something_happens() {
    let queue = Queue::default();
    let hour = Duration::from_secs(3600);
    queue.add(target("a"), Priority::Ordinary);
    next(&queue).await;
    let begun = Instant::now();
    queue.done(target("a"), Outcome::Done(Some(begun + hour)));
    assert_eq!(queue.next().await, Some(target("a")));
    assert!((begun.elapsed() - hour) < Duration::from_millis(10));

    queue.done(target("a"), Outcome::Done(Some(Instant::now() + hour)));
    queue.add(target("a"), Priority::Ordinary);
    assert_eq!(next(&queue).await.as_deref(), Some("a"));
    queue.done(target("a"), Outcome::Done(None));
    // The time of before counts no more.
    assert!(timeout(2 * hour, queue.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn whoever_fails_again_and_again_waits_longer_and_longer_but_not_for_ever() {
    let queue = Queue::default();
    queue.add(target("a"), Priority::Ordinary);
    let mut waited = Vec::new();
    for _ in 0..12 {
        let begun = Instant::now();
        assert_eq!(queue.next().await, Some(target("a")));
        waited.push(begun.elapsed());
        queue.done(target("a"), Outcome::Failed);
    }
    assert!(waited[1] <= PAUSE_FIRST + Duration::from_millis(1), "{waited:?}");
    assert!(waited[11] >= PAUSE_MAX / 2, "{waited:?}");
    assert!(waited.iter().all(|one| *one <= PAUSE_MAX + Duration::from_millis(1)));
    // Once it was well, patience begins anew.
    queue.next().await;
    queue.done(target("a"), Outcome::Again);
    queue.next().await;
    let begun = Instant::now();
    queue.done(target("a"), Outcome::Failed);
    queue.next().await;
    assert!(begun.elapsed() <= PAUSE_FIRST + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_to_no_end_is_slowed_down() {
    let queue = Queue::default();
    queue.add(target("a"), Priority::Ordinary);
    let begun = Instant::now();
    for _ in 0..ACTS_MAX + 4 {
        queue.next().await;
        queue.done(target("a"), Outcome::Again);
    }
    assert!(begun.elapsed() >= PAUSE_FIRST, "{:?}", begun.elapsed());
    queue.next().await;
    queue.done(target("a"), Outcome::Done(None));
    assert_eq!(next(&queue).await, None);
}

#[tokio::test(start_paused = true)]
async fn telling_of_a_failure_is_no_reason_to_try_again_at_once() {
    let queue = Queue::default();
    queue.add(target("a"), Priority::Ordinary);
    next(&queue).await;
    queue.add(target("a"), Priority::Urgent);
    queue.done(target("a"), Outcome::Failed);
    assert_eq!(next(&queue).await, None);
    // What happens afterwards may be what was waited for.
    queue.add(target("a"), Priority::Urgent);
    assert_eq!(next(&queue).await.as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_gives_nothing_and_nobody_waits_for_it() {
    let queue = std::sync::Arc::new(Queue::default());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let queue = std::sync::Arc::clone(&queue);
            tokio::spawn(async move { queue.next().await })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.add(target("z"), Priority::Ordinary);
    queue.close();
    let mut given = 0;
    for one in waiting {
        given += usize::from(one.await.unwrap().is_some());
    }
    assert!(given <= 1);
    assert_eq!(queue.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn times_that_are_no_more_wanted_do_not_pile_up() {
    let queue = Queue::default();
    let hour = Duration::from_secs(3600);
    for _ in 0..10 * LATER_MIN {
        queue.add(target("a"), Priority::Ordinary);
        queue.next().await;
        tokio::time::advance(Duration::from_millis(1)).await;
        queue.done(target("a"), Outcome::Done(Some(Instant::now() + hour)));
    }
    assert!(queue.lock().later.len() <= 2 + LATER_MIN);
    assert_eq!(queue.next().await, Some(target("a")));
    queue.clear();
    assert_eq!(next(&queue).await, None);
}
