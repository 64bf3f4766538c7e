//! Every recorded case of the original, through the binary: on a folder cluster and on a small API server.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::case::{Case, Objects, load};
use crate::support::compare::differences;
use crate::support::expect::Expect;
use crate::support::objects::{
    encoded, keep_what_the_schema_knows, read_folder, with_server_metadata, write_folder,
};
use crate::support::pod::{Cluster, Pod, Run};
use crate::support::rulings::{self, Because, Ruling};
use crate::support::server::Server;
use crate::support::tally::{Mark, Tally};

/// How many cases were recorded; ours may come on top.
const RECORDED: usize = 563;
/// Set it to a part of a name to run and explain only the cases with that part.
const ONLY: &str = "GOLDEN_ONLY";

#[test]
fn every_recorded_case_holds_on_a_folder() {
    let tally = run_all(|case, expect| {
        if case.folder_lacks().is_some() {
            return None;
        }
        let pod = Pod::lay_out(case);
        let before = server_objects(case);
        write_folder(&pod.cluster(), &before);
        let run = pod.run(case, &Cluster::Folder);
        let mut after = read_folder(&pod.cluster());
        after.values_mut().for_each(keep_what_the_schema_knows);
        let found = differences(expect, &case.objects, &after, &run);
        Some((found, run))
    });
    assert_eq!(tally.count(Mark::Failed), 0);
}

#[test]
fn every_recorded_case_holds_on_an_api_server() {
    let tally = run_all(|case, expect| {
        let pod = Pod::lay_out(case);
        let server = Server::start(case, server_objects(case));
        let cluster = match &case.server {
            _ if case.no_kubeconfig => Cluster::None,
            Some(address) => Cluster::Server(address.clone()),
            None => Cluster::Server(server.address()),
        };
        let run = pod.run(case, &cluster);
        let mut found = differences(expect, &case.objects, &server.objects(), &run);
        let requests = server.requests();
        if case.succeeded() && !expect.more_requests && requests.len() > case.requests {
            found.push(format!(
                "{} requests, the original makes {}: {requests:?}",
                requests.len(),
                case.requests
            ));
        }
        Some((found, run))
    });
    assert_eq!(tally.count(Mark::Failed), 0);
    assert_eq!(tally.count(Mark::Elsewhere), 0);
}

#[test]
fn every_fault_of_the_original_has_a_ruling() {
    let cases = load();
    let rulings = rulings_by_case();
    for case in &cases {
        let ruling = rulings.get(&*case.name);
        if let Some(fault) = &case.upstream_bug {
            let because = ruling.map(|ruling| ruling.because);
            assert!(
                matches!(because, Some(Because::Better | Because::Kept)),
                "{}: no ruling on `{fault}`",
                case.name
            );
        } else if let Some(ruling) = ruling {
            assert_eq!(
                ruling.because,
                Because::Decision,
                "{} is no fault of the original",
                case.name
            );
        }
    }
    for name in rulings.keys() {
        assert!(cases.iter().any(|case| case.name == *name), "the ruling on `{name}` has no case");
    }
    assert!(cases.len() >= RECORDED, "no recorded case is lost");
}

fn rulings_by_case() -> BTreeMap<&'static str, Ruling> {
    let all = rulings::all();
    let count = all.len();
    let by_case: BTreeMap<_, _> = all.into_iter().map(|ruling| (ruling.case, ruling)).collect();
    assert_eq!(by_case.len(), count, "one ruling for a case");
    by_case
}

/// The objects of a case as a server holds them before the run.
fn server_objects(case: &Case) -> Objects {
    let objects = case.objects.iter().enumerate();
    objects
        .map(|(index, (key, object))| (key.clone(), encoded(&with_server_metadata(object, index))))
        .collect()
}

/// Runs every case on several threads, prints what differs and the table, returns the counts.
///
/// `try_case` returns the differences, or `None` where this kind of cluster cannot show the case.
fn run_all(try_case: impl Fn(&Case, &Expect) -> Option<(Vec<String>, Run)> + Sync) -> Tally {
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
    let threads = thread::available_parallelism().map_or(4, |count| count.get() * 4);
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
