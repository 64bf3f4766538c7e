//! `bookend reconcile` on a real API server: what it leaves, what it asks, who leads, and what it says when it cannot.
//!
//! There are no controllers, so no pod ever runs: a Job ends when a test says so.

mod kit;
mod older;
mod placed;
pub(crate) mod process;

use std::time::{Duration, Instant};

use serde_json::Value;

use kit::{World, promise, request};
use process::Reconciler;

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_promise_and_its_requests_settle_and_then_nothing_is_asked() {
    let world = World::new();
    let reconciler = Reconciler::start(&["--alone"]);
    world.create(&promise(2));
    world.create(&request("one"));
    world.create(&request("two"));
    for pipeline in ["first", "second"] {
        for name in ["one", "two"] {
            let job = world.job(name, pipeline);
            assert_eq!(
                job["metadata"]["annotations"]["bookend/run"].as_str().map(str::len),
                Some(1)
            );
            world.finish(&job, true);
        }
    }
    for name in ["one", "two"] {
        world.wait(&format!("{name} to be reconciled"), || world.is_reconciled(name));
    }
    assert_eq!(world.jobs().len(), 4, "a run has one Job");
    // Status, Job, status, event for each pipeline, the end, and the label: at most 12 calls for each pipeline.
    let calls = reconciler.calls();
    let of_requests: u64 = calls
        .iter()
        .filter(|(call, _)| {
            !call.contains("watch") && !call.contains("list") && !call.contains("leases")
        })
        .map(|(_, count)| count)
        .sum();
    assert!(of_requests <= 2 * 2 * 12 + 40, "{of_requests}: {calls:#?}");
    let conflicts = calls.iter().filter(|(call, _)| call.contains("code=\"409\""));
    assert_eq!(conflicts.count(), 0, "{calls:#?}");
    // That nothing happens takes time to see.
    let before = reconciler.calls();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(reconciler.calls(), before, "a settled world is quiet");

    for name in ["one", "two"] {
        world.delete_request(name);
        world.wait(&format!("{name} to be gone"), || world.get_request(name).is_none());
    }
    assert_eq!(world.jobs().len(), 0);
    world.delete_promise();
    world.wait("the Promise to be gone", || world.get_promise().is_none());
    world.wait("its API to be gone", || world.get_crd().is_none());
    assert_eq!(world.labelled(), Vec::<String>::new());
    reconciler.ends_well();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn whoever_waits_goes_on_where_the_leader_was_killed() {
    let world = World::new();
    let mut first = Reconciler::start(&[]);
    let mut second = Reconciler::start(&[]);
    world.wait("a leader", || first.leads() || second.leads());
    if second.leads() {
        std::mem::swap(&mut first, &mut second);
    }
    world.wait("whoever waits to be ready too", || second.is_ready());
    assert!(!second.leads());
    world.create(&promise(2));
    world.create(&request("one"));
    let job = world.job("one", "first");
    first.kill();
    world.finish(&job, true);
    let killed = Instant::now();
    let next = world.job("one", "second");
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    world.finish(&next, true);
    world.wait("the end", || world.is_reconciled("one"));
    assert_eq!(world.jobs().len(), 2, "no run twice");

    // Gracefully it goes at once.
    let third = Reconciler::start(&[]);
    world.wait("the third to be ready", || third.is_ready());
    second.ends_well();
    let ended = Instant::now();
    world.wait("the third to lead", || third.leads());
    assert!(ended.elapsed() < Duration::from_secs(5), "{:?}", ended.elapsed());
    third.ends_well();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn what_cannot_be_applied_is_told_in_status_and_event_and_heals() {
    let world = World::new();
    let _reconciler = Reconciler::start(&["--alone"]);
    world.create(&promise(1));
    world.wait("the API", || world.is_available());
    world.forbid_jobs();
    world.create(&request("one"));
    let reason = |reason: &str| {
        let request = world.get_request("one").unwrap_or_default();
        let conditions = request["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|one| one["type"] == "Reconciled" && one["reason"] == reason)
    };
    world.wait("the quota in the status", || reason("ApplyFailed").is_some());
    let told = reason("ApplyFailed").unwrap_or_default();
    assert_eq!(told["status"], "False");
    assert!(told["message"].as_str().unwrap().contains("quota"), "{told}");
    world.wait("an event", || world.events("one").contains(&"ApplyFailed".to_owned()));
    world.allow_jobs();
    let job = world.job("one", "first");
    world.finish(&job, true);
    world.wait("it to heal", || world.is_reconciled("one"));
    let failures = world.events("one").into_iter().filter(|reason| reason == "ApplyFailed");
    assert_eq!(failures.count(), 1, "one event for each change");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn settings_are_followed_and_bad_ones_change_nothing() {
    let world = World::new();
    world.configure("workflows: {jobOptions: {defaultBackoffLimit: 3}}");
    let reconciler = Reconciler::start(&["--alone"]);
    world.create(&promise(1));
    world.create(&request("one"));
    let limit = |job: &Value| job["spec"]["backoffLimit"].as_i64();
    assert_eq!(limit(&world.job("one", "first")), Some(3));
    world.configure("workflows: [");
    world.wait("a warning", || reconciler.log().contains("those of before hold"));
    world.wait("an event", || world.config_events().contains(&"ConfigRefused".to_owned()));
    world.create(&request("two"));
    assert_eq!(limit(&world.job("two", "first")), Some(3));
    world.configure("workflows: {jobOptions: {defaultBackoffLimit: 5}}");
    // Those at the beginning were new, too.
    world.wait("the settings", || reconciler.log().matches("new settings").count() == 2);
    world.create(&request("three"));
    assert_eq!(limit(&world.job("three", "first")), Some(5));
}
