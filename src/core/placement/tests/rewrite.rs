//! When what is placed is written again.

use jiff::{SignedDuration, Timestamp};

use crate::core::placement::next_rewrite;

const HOURS: i64 = 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn each_has_one_time_in_each_interval_whoever_asks_and_whenever() {
    let interval = Some(SignedDuration::from_hours(10));
    let start = 1_790_000_000;
    for uid in ["", "a", "9f6c3c2e-2c1d-4f0e-8a51-d3b8c1f0a7e4"] {
        let first = next_rewrite(uid, interval, at(start)).unwrap();
        let wait = first.as_second() - start;
        assert!((HOURS + 1..=11 * HOURS).contains(&wait), "{uid}: {wait}");
        // Up to an hour before, the answer is the same: a restart changes nothing. Later it is the next interval's.
        for (second, later) in [
            (start, 0),
            (start + wait - HOURS - 1, 0),
            (start + wait - HOURS, 10 * HOURS),
            (start + wait, 10 * HOURS),
            (start + wait + 60, 10 * HOURS),
        ] {
            let again = next_rewrite(uid, interval, at(second)).unwrap().as_second();
            assert_eq!(again, first.as_second() + later, "{uid} at {second}");
        }
    }
}

#[test]
fn many_are_spread_over_the_interval() {
    let interval = Some(SignedDuration::from_hours(10));
    let mut hours = [0_usize; 10];
    for number in 0..1000 {
        let wait = next_rewrite(&format!("work-{number}"), interval, at(0)).unwrap().as_second();
        hours[usize::try_from((wait - 1) / HOURS).unwrap() - 1] += 1;
    }
    assert!(hours.iter().all(|count| (60..=140).contains(count)), "{hours:?}");
}

#[test]
fn no_interval_is_never_and_odd_ones_are_borne() {
    let now = at(1_790_000_000);
    assert_eq!(next_rewrite("a", None, now), None);
    // Never faster than once a second.
    for interval in [SignedDuration::from_millis(1), SignedDuration::from_secs(1)] {
        assert_eq!(next_rewrite("a", Some(interval), now), Some(at(1_790_000_001)));
    }
    // Before 1970, and after the end of time.
    let early = next_rewrite("a", Some(SignedDuration::from_hours(1)), at(-5)).unwrap();
    assert!(early > at(-5 + HOURS / 10) && early <= at(-5 + HOURS + HOURS / 10));
    let _ = next_rewrite("a", Some(SignedDuration::MAX), Timestamp::MAX);
    assert_eq!(next_rewrite("a", Some(SignedDuration::from_secs(1)), Timestamp::MAX), None);
}
