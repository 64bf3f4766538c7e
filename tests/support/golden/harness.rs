//! Runs cases beside each other, judges each by its ruling, prints what differs and one table.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::case::{Case, load};
use super::expect::Expect;
use super::pod::Run;
use super::rulings::{self, Because, Ruling};
use super::tally::{Mark, Tally};

/// Set it to a part of a name to run and explain only the cases with that part.
const ONLY: &str = "GOLDEN_ONLY";

/// Returns the rulings by the name of their case.
pub(crate) fn rulings_by_case() -> BTreeMap<&'static str, Ruling> {
    let all = rulings::all();
    let count = all.len();
    let by_case: BTreeMap<_, _> = all.into_iter().map(|ruling| (ruling.case, ruling)).collect();
    assert_eq!(by_case.len(), count, "one ruling for a case");
    by_case
}

/// Returns what is wrong when a step that succeeds asks the server more often than the original does.
pub(crate) fn with_requests(case: &Case, expect: &Expect, requests: &[String]) -> Option<String> {
    let is_more = case.succeeded() && !expect.more_requests && requests.len() > case.requests;
    let (ours, theirs) = (requests.len(), case.requests);
    is_more.then(|| format!("{ours} requests, the original makes {theirs}: {requests:?}"))
}

/// Runs every case on so many threads, prints what differs and the table, returns the counts.
///
/// `try_case` returns the differences, or `None` where this kind of cluster cannot show the case.
pub(crate) fn run_all(
    threads: usize,
    try_case: impl Fn(&Case, &Expect) -> Option<(Vec<String>, Run)> + Sync,
) -> Tally {
    let only = std::env::var_os(ONLY).map(|part| part.to_string_lossy().into_owned());
    let mut cases = load();
    cases.retain(|case| only.as_ref().is_none_or(|part| case.name.contains(part)));
    // First those that try again until their time is over: the others run beside them.
    cases.sort_by_key(|case| case.inject.is_empty() && case.server.is_none());
    let rulings = rulings_by_case();
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let ruling = rulings.get(&*case.name);
            let mut expect = Expect::recorded(case);
            if let Some(ruling) = ruling {
                (ruling.apply)(case, &mut expect);
            }
            let mark = match try_case(case, &expect) {
                None => Mark::Elsewhere,
                Some((found, _)) if found.is_empty() => match ruling.map(|ruling| ruling.because) {
                    None => Mark::Held,
                    Some(Because::Better) => Mark::Better,
                    Some(Because::Kept) => Mark::Kept,
                    Some(Because::Decision) => Mark::Decided,
                },
                Some((found, run)) => {
                    explain(case, ruling, &found, &run);
                    Mark::Failed
                }
            };
            tally.lock().unwrap().add(&case.rule, mark);
        }
    };
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let tally = tally.into_inner().unwrap();
    println!("{tally}");
    tally
}

fn explain(case: &Case, ruling: Option<&Ruling>, found: &[String], run: &Run) {
    let mut text = format!("\n--- {} ({}): {}\n", case.name, case.rule, case.purpose);
    if let Some(fault) = &case.upstream_bug {
        text += &format!("    the original: {fault}\n");
    }
    if let Some(ruling) = ruling {
        text += &format!("    wanted: {}\n", ruling.instead);
    }
    for difference in found {
        text += &format!("  * {difference}\n");
    }
    for line in run.stderr.lines().take(8) {
        text += &format!("  | {line}\n");
    }
    println!("{text}");
}
