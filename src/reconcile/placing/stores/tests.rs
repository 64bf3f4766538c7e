//! Who may write, and with what.

use super::super::super::metrics::Metrics;
use super::*;
use crate::store::dir::DirStore;
use crate::store::open::AnyStore;

fn store() -> StoreRef {
    StoreRef { is_bucket: false, name: "fleet".into() }
}

fn object(generation: i64) -> (String, i64) {
    ("uid".into(), generation)
}

fn open(generation: i64) -> Opened {
    let dir = AnyStore::Dir(DirStore::new("nowhere"));
    let writer = Writer::over(dir, Metrics::default(), "fleet".into(), String::new(), || true);
    let with = OpenedWith { object: object(generation), ..OpenedWith::default() };
    Opened { writer: Arc::new(writer), with }
}

fn item(name: &str) -> Item {
    Item::Destination(name.into())
}

/// What a look that is due finds open.
fn found(stores: &Stores, generation: i64) -> Option<Opened> {
    match stores.begin_check(&store(), object(generation)) {
        Check::Now(open) => open,
        Check::Later(at) => panic!("not before {at:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_looked_at_again_when_settings_change() {
    let stores = Stores::default();
    let later = Instant::now() + Duration::from_secs(36_000);
    assert!(found(&stores, 1).is_none());
    stores.opened(&store(), open(1), Some(later));
    let is_due = || !matches!(stores.begin_check(&store(), object(1)), Check::Later(_));
    assert!(!is_due());
    stores.look_again();
    assert!(is_due());
    // While it is looked at with what was so before.
    stores.look_again();
    assert!(!is_due(), "one looks at it");
    stores.opened(&store(), open(1), Some(later));
    assert!(is_due());
    stores.opened(&store(), open(1), Some(later));
    assert!(!is_due());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_opened_is_not_taken_for_what_is_open() {
    let stores = Stores::default();
    assert!(found(&stores, 1).is_none());
    let first = open(1);
    stores.opened(&store(), first.clone(), None);
    // The state store names another place, which cannot be opened; then it is looked at again.
    for _ in 0..2 {
        let known = found(&stores, 2).unwrap();
        assert_eq!(known.with, first.with, "the old writer is known as the old one");
        assert!(Arc::ptr_eq(&known.writer, &first.writer));
        let until = stores.refused(&store(), object(2));
        assert!(stores.admit(&store(), &item("a")).is_none());
        assert!(matches!(stores.begin_check(&store(), object(2)), Check::Later(Some(_))));
        tokio::time::advance(until - Instant::now()).await;
    }
    found(&stores, 2).unwrap();
    let second = open(2);
    stores.opened(&store(), second.clone(), None);
    assert!(Arc::ptr_eq(&stores.admit(&store(), &item("a")).unwrap(), &second.writer));
}

#[tokio::test(start_paused = true)]
async fn one_in_doubt_is_looked_at_at_once_and_the_others_go_on() {
    let (stores, a, b) = (Stores::default(), item("a"), item("b"));
    assert!(found(&stores, 1).is_none());
    stores.opened(&store(), open(1), None);
    assert!(matches!(stores.begin_check(&store(), object(1)), Check::Later(None)));
    stores.doubted(&store());
    assert!(stores.admit(&store(), &b).is_some());
    assert!(found(&stores, 1).is_some(), "it is due");
    stores.opened(&store(), open(1), None);
    assert!(matches!(stores.begin_check(&store(), object(1)), Check::Later(None)));
    // One that is let through to show how the store is, and is refused, keeps nobody from trying.
    let until = stores.failed(&store(), &a).unwrap();
    tokio::time::advance(until - Instant::now()).await;
    assert!(found(&stores, 1).is_some());
    stores.opened(&store(), open(1), None);
    assert!(stores.admit(&store(), &a).is_some());
    assert!(stores.admit(&store(), &b).is_none());
    stores.doubted(&store());
    assert!(stores.admit(&store(), &b).is_some());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_let_through_and_writes_nothing_holds_nobody_for_ever() {
    let stores = Stores::default();
    found(&stores, 1);
    stores.opened(&store(), open(1), None);
    let until = stores.failed(&store(), &item("a")).unwrap();
    for name in ["b", "c"] {
        assert!(stores.admit(&store(), &item(name)).is_none());
    }
    tokio::time::advance(until - Instant::now()).await;
    for name in ["a", "b", "c"] {
        let known = found(&stores, 1).unwrap();
        assert_eq!(stores.opened(&store(), known, None), [item(name)]);
        // All the same whether it asks or finds before that it has nothing to write.
        if name != "b" {
            assert!(stores.admit(&store(), &item(name)).is_some());
            assert!(stores.admit(&store(), &item("d")).is_none());
        }
        let Check::Later(Some(at)) = stores.begin_check(&store(), object(1)) else { panic!() };
        assert_eq!(at - Instant::now(), TRIAL_TIME_MAX);
        tokio::time::advance(TRIAL_TIME_MAX).await;
    }
    assert!(stores.admit(&store(), &item("d")).is_some());
    assert!(stores.written(&store()).contains(&item("d")));
    assert!(matches!(stores.begin_check(&store(), object(1)), Check::Later(None)));
}
