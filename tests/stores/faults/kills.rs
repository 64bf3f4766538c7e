//! Writers killed at any moment, several at once.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Output as Ended};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::site::{Kind, Site};
use super::{Output, Random, laid_down, numbers, output};
use crate::remotes::wait_for;

/// Writers at once.
const WRITERS: u64 = 4;
/// Requests of each writer.
const REQUESTS: u64 = 5;

/// What a writer did.
#[derive(Default)]
struct Done {
    shall: BTreeMap<u64, Output>,
    times: Vec<Duration>,
    killed: u64,
    /// Killed after it had said that all was well.
    late: u64,
}

#[test]
#[ignore = "takes a while and needs versitygw: tests/stores/run"]
fn writers_of_a_bucket_that_are_killed_lose_nothing_and_leave_nothing() {
    are_killed(Kind::S3);
}

#[test]
#[ignore = "takes a while: tests/stores/run"]
fn writers_of_a_repository_that_are_killed_lose_nothing_and_leave_nothing() {
    are_killed(Kind::Git);
}

fn are_killed(kind: Kind) {
    let random = Random::seeded(&format!("{kind:?}"));
    let (writes, kills) = numbers();
    let storage = tempfile::tempdir().unwrap();
    let site = Site::new(kind, storage.path());
    let begun = Instant::now();
    let usual = AtomicU64::new(400);
    let done: Vec<Done> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (mut random, site, usual) = (random.clone(), &site, &usual);
                random.0 = random.0.wrapping_add(writer.wrapping_mul(0x1234_5678_9abc));
                scope.spawn(move || {
                    writes_and_dies(site, writer, writes / WRITERS, kills / WRITERS, usual, random)
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let took = begun.elapsed();
    let mut shall = BTreeMap::new();
    let (mut times, mut killed, mut late) = (Vec::new(), 0, 0);
    for done in done {
        shall.extend(done.shall);
        times.extend(done.times);
        killed += done.killed;
        late += done.late;
    }
    let found = site.found();
    assert!(found.keys().eq(shall.keys()), "{:?} and not {:?}", found.keys(), shall.keys());
    for (request, shall) in &shall {
        let names: Vec<_> = found[request].keys().collect();
        assert!(
            found[request] == *shall,
            "of request {request} there is {names:?}, not {:?}",
            shall.keys()
        );
    }
    site.is_sound();
    times.sort();
    println!(
        "{kind:?}: {writes} writes by {WRITERS} writers at once, {killed} killed in the act ({late} had ended before), {} s; \
         p50 {} ms, p99 {} ms; {} commits; {} files as they shall be",
        took.as_secs(),
        times[times.len() / 2].as_millis(),
        times[times.len() * 99 / 100].as_millis(),
        site.commits(),
        shall.values().map(BTreeMap::len).sum::<usize>(),
    );
    // A kill that comes too late at the very end is not made up for.
    assert!(killed * 2 > kills, "killed in the act: {killed} of {kills}");
}

/// Writes, one after the other, the requests of one writer; the last write of each comes to its end.
fn writes_and_dies(
    site: &Site,
    writer: u64,
    writes: u64,
    kills: u64,
    usual: &AtomicU64,
    mut random: Random,
) -> Done {
    let mut done = Done::default();
    let mut torn = BTreeSet::new();
    let mut to_kill: BTreeSet<u64> = BTreeSet::new();
    while (to_kill.len() as u64) < kills {
        to_kill.insert(random.below(writes));
    }
    let write = |request: u64, output: &Output| {
        let folder = tempfile::tempdir_in(site.own.path()).unwrap();
        let child = site.writer(request, &laid_down(folder.path(), output)).spawn().unwrap();
        (folder, child, Instant::now())
    };
    // Kills that came after the end of a writer; the next one is meant then.
    let mut owed = 0_u64;
    for number in 0..writes {
        let request = writer * REQUESTS + random.below(REQUESTS);
        let made = output(&mut random);
        let (folder, mut child, begun) = write(request, &made);
        done.shall.insert(request, made);
        let is_planned = to_kill.contains(&number);
        if is_planned || owed > 0 {
            owed -= u64::from(!is_planned);
            // Anywhere between its start and its usual end.
            let after = random.below(usual.load(Ordering::Relaxed).max(1));
            while begun.elapsed() < Duration::from_millis(after) {
                thread::sleep(Duration::from_micros(200));
            }
            match child.try_wait().unwrap() {
                Some(_) => {
                    done.late += 1;
                    owed += 1;
                }
                None => {
                    child.kill().unwrap();
                    done.killed += 1;
                    torn.insert(request);
                }
            }
            child.wait().unwrap();
            // A bucket knows no order: what the dead have sent must have come in before others are sure to be the last. A pod
            // takes longer to start again than that.
            if let Some(gateway) = &site.gateway {
                wait_for("the server", || gateway.is_done_with_the_gone());
            }
        } else {
            ends_well(child);
            let took = begun.elapsed();
            done.times.push(took);
            let old = usual.load(Ordering::Relaxed);
            usual.store((old * 7 + took.as_millis() as u64) / 8, Ordering::Relaxed);
            torn.remove(&request);
        }
        drop(folder);
    }
    // As a Job does: what was killed is tried again.
    for request in torn {
        let (_folder, child, _) = write(request, &done.shall[&request]);
        ends_well(child);
    }
    done
}

fn ends_well(child: Child) -> Ended {
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{:?}: {said}", ended.status);
    ended
}
