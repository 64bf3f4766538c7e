//! What Destinations, state stores and WorkPlacements say, and that they say it once.

use serde_json::{Map, json};

use super::*;

fn ready(status: &Map<String, Value>) -> (String, String) {
    let message = conditions::said(status, "Ready").map_or("", |(_, message)| message);
    (says(status, "Ready"), message.to_owned())
}

#[test]
fn a_destination_says_why_it_is_not_ready() {
    let mut seen = env("a", "dev");
    let store = seen.setup.as_ref().unwrap().store.clone();
    let error = DestinationError::NoPath { name: "a".into() };
    let same = Clash::Same { with: "b".into(), path: "x".into() };
    let nested = Clash::Nested { with: "b".into(), path: "x".into() };
    for (health, clash, reason, message) in [
        (Health::Unknown, None, "-DestinationNotReady", "Destination is not ready"),
        (
            Health::StoreNotFound(&store),
            None,
            "-StateStoreNotFound",
            "GitStateStore/git: not found",
        ),
        (
            Health::StoreNotReady(&store, ""),
            None,
            "-StateStoreNotReady",
            "GitStateStore/git: not ready",
        ),
        (
            Health::StoreNotReady(&store, "no route"),
            None,
            "-StateStoreNotReady",
            "GitStateStore/git: not ready: no route",
        ),
        (Health::WriteFailed("full"), None, "-StateStoreWriteFailed", "full"),
        (Health::FinalizerFailed("no"), None, "-DestinationFinalizerUpdateFailed", "no"),
        (
            Health::Invalid(&error),
            None,
            "-InvalidDestination",
            "Destination `a` has no `spec.path`; give it a path of its own in the state store, or `.` for all of it",
        ),
        (Health::Ready, None, "+TestDocumentsWritten", "Test documents written to State Store"),
        (
            Health::Ready,
            Some(&nested),
            "+TestDocumentsWritten",
            "Test documents written to State Store; its path and that of Destination `b` (`x`) are one inside the other: \
             who reads the outer one reads both",
        ),
        (
            Health::Ready,
            Some(&same),
            "-PathTaken",
            "its path is that of Destination `b` (`x`) in the same state store; give it another one",
        ),
    ] {
        let (status, event) = destination_status(&seen, health, clash, now()).unwrap();
        assert_eq!(ready(&status), (reason.into(), message.into()));
        let told = event.unwrap();
        assert_eq!(told.is_warning, reason.starts_with('-'));
        seen.status = status;
        assert_eq!(destination_status(&seen, health, clash, now()), None, "it is said once");
    }
    // Where it was written to is no news for people, and stays while nothing is written.
    let site = &site("a");
    let (status, _) = destination_status(&seen, Health::Ready, None, now()).unwrap();
    seen.status = status;
    assert_eq!(seen.written_to(), None);
    let (status, event) = destination_status(&seen, Health::Written(site), None, now()).unwrap();
    seen.status = status;
    assert_eq!((event, seen.written_to()), (None, Some(site.print())));
    for health in [Health::Written(site), Health::Ready] {
        assert_eq!(destination_status(&seen, health, None, now()), None);
    }
    let bad = Health::WriteFailed("full");
    let (status, _) = destination_status(&seen, bad, None, now()).unwrap();
    seen.status = status;
    assert_eq!(seen.written_to(), Some(site.print()));
    seen.setup.as_mut().unwrap().canaries = false;
    let (status, _) = destination_status(&seen, Health::Ready, None, now()).unwrap();
    assert_eq!(ready(&status), ("+DestinationReady".into(), "Destination is ready".into()));
    // One that is to go is told what it waits for.
    let mut going = seen.clone();
    going.is_going = true;
    let (status, _) =
        destination_status(&going, Health::StoreNotFound(&store), None, now()).unwrap();
    assert_eq!(ready(&status), ("-StateStoreNotFound".into(), store_gone(&store)));
    assert!(store_gone(&store).starts_with("GitStateStore/git: not found; make it again"));
    // Numbers are no news.
    let at = |seconds: u32| format!("timed out after {seconds} s");
    seen.status = destination_status(&seen, Health::WriteFailed(&at(5)), None, now()).unwrap().0;
    assert_eq!(destination_status(&seen, Health::WriteFailed(&at(7)), None, now()), None);
}

#[test]
fn a_state_store_says_why_it_is_not_ready() {
    let mut status = Map::new();
    for (health, reason, message, word) in [
        (StoreHealth::Ready, "+StateStoreReady", "State store is ready", "Ready"),
        (StoreHealth::NotOpened("no url"), "-ErrorInitialisingWriter", "no url", "NotReady"),
        (
            StoreHealth::NotPermitted("403"),
            "-ErrorValidatingPermissions",
            "Error validating state store permissions: 403",
            "NotReady",
        ),
        (StoreHealth::SecretNotFound("s"), "-SecretNotFound", "s", "NotReady"),
        (StoreHealth::Failed("x"), "-StateStoreError", "x", "NotReady"),
    ] {
        let (next, event) = store_status(&status, Some(3), health, now()).unwrap();
        assert_eq!(ready(&next), (reason.into(), message.into()));
        assert_eq!((&next["status"], &next["observedGeneration"]), (&json!(word), &json!(3)));
        assert_eq!(event.unwrap().reason, word);
        status = next;
        assert_eq!(store_status(&status, Some(3), health, now()), None);
    }
    let (next, event) = store_status(&status, Some(4), StoreHealth::Failed("x"), now()).unwrap();
    assert_eq!((&next["observedGeneration"], event), (&json!(4), None));
}

#[test]
fn a_placement_says_what_came_of_it() {
    let mut scene = Scene::new(work(&[group("g", "dev")]), &[env("a", "dev")]);
    scene.carry_out(&scene.plan());
    let mut one = scene.placements.remove(0);
    let mut after = |outcome: Outcome<'_>| {
        let (status, event) = after_write(&one, outcome, now())?;
        one.status = status;
        assert_eq!(after_write(&one, outcome, now()), None);
        let kinds = ["ScheduleSucceeded", "WriteSucceeded", "Ready"];
        let said = kinds.map(|kind| says(&one.status, kind));
        Some((said.join(" "), event.map(|event| event.reason), one.is_written()))
    };
    let scheduled = "+ScheduledToDestination";
    let waiting = format!("{scheduled}  -ScheduledToDestination");
    assert_eq!(after(Outcome::Waiting), Some((waiting, None, false)));
    let failed = format!("{scheduled} -WorkloadsFailedWrite -WorkloadsFailedWrite");
    let told = Some("FailedWriteToDestination");
    assert_eq!(after(Outcome::Failed { error: "full" }), Some((failed, told, false)));
    assert_eq!(after(Outcome::Waiting), None, "a failure is not forgotten while it waits");
    let written =
        format!("{scheduled} +WorkloadsWrittenToStateStore +WorkloadsWrittenToTargetDestination");
    let told = Some("WorkloadsWrittenToStateStore");
    let site = &site("a");
    let done = Outcome::Written { generation: 1, version: Some("c0ffee"), site };
    assert_eq!(after(done), Some((written.clone(), told, true)));
    let again = Outcome::Written { generation: 1, version: Some("c0ffee2"), site };
    assert_eq!(after(again), Some((written.clone(), None, true)), "another version is no event");
    assert_eq!(after(again), None);
    let elsewhere = &self::site("b");
    let moved = Outcome::Written { generation: 1, version: Some("c0ffee2"), site: elsewhere };
    assert_eq!(after(moved), Some((written, None, true)));
    assert_eq!((after(moved), after(Outcome::Waiting)), (None, None));
    assert_eq!(after(Outcome::Failed { error: "full" }).map(|said| said.2), Some(false));
    // One that goes has files to delete.
    let going = PlacementSeen { is_going: true, ..one.clone() };
    let (_, told) = after_write(&going, Outcome::Failed { error: "locked" }, now()).unwrap();
    let told = told.unwrap();
    assert_eq!(told.reason, "FailedDeleteFilesFromRepository");
    assert_eq!(told.message, "failed deleting from Destination a: locked");
    assert_eq!(one.status["versionID"], "c0ffee2");
    assert_eq!(one.written_to(), Some(elsewhere.print()), "it is still there");
}

#[test]
fn times_move_with_the_status_alone_and_conditions_of_others_stay() {
    let other = json!({"type": "Mine", "status": "True"});
    let mut status = object(json!({"conditions": [other]})).0;
    let known = &crate::contract::placement::destination::READY_YES;
    let bad = &crate::contract::placement::destination::WRITE_FAILED;
    let later: Timestamp = "2026-02-02T00:00:00Z".parse().unwrap();
    assert!(conditions::set(&mut status, bad, "full", Some(1), now()));
    assert!(conditions::set(&mut status, bad, "still full", Some(1), later));
    assert_eq!(status["conditions"][0]["type"], "Mine");
    assert_eq!(status["conditions"][1]["lastTransitionTime"], "2026-01-02T03:04:05Z");
    assert!(conditions::set(&mut status, known, "", Some(1), later));
    assert_eq!(status["conditions"][1]["lastTransitionTime"], "2026-02-02T00:00:00Z");
    assert!(!conditions::set(&mut status, known, "", Some(1), now()));
    conditions::set(&mut status, bad, &"\u{e4}".repeat(9_000), None, later);
    let message = status["conditions"][1]["message"].as_str().unwrap();
    assert!(message.len() <= 2048 && message.ends_with("..."));
}

#[test]
fn trimmed_objects_are_read_as_whole_ones() {
    let whole = whole_work(&[group("g", "dev"), group("h", "")]);
    let mut trimmed = whole.clone();
    trim(&mut trimmed);
    assert_eq!(WorkSeen::from_object(&trimmed), WorkSeen::from_object(&whole));
    assert!(!trimmed.into_value().to_string().contains("content"));
    let mut scene = Scene::new(WorkSeen::from_object(&whole), &[env("a", "dev")]);
    let plan = scene.plan();
    let placement = created(&plan.creates[0], &whole).unwrap();
    let mut trimmed = placement.clone();
    trim(&mut trimmed);
    trim(&mut trimmed);
    let seen = PlacementSeen::from_object(&placement);
    assert_eq!(PlacementSeen::from_object(&trimmed), seen);
    assert_eq!(seen.digest, scene.work.groups[0].digest);
    // A patch makes what a plan wants of what is there.
    scene.settle();
    scene.work.generation = 2;
    let patch = patch(&scene.plan().updates[0], &whole).unwrap();
    assert_eq!(patch["spec"], placement.into_value()["spec"]);
    assert_eq!(patch["metadata"]["annotations"], json!({(labels::FOLDER): null}));
    assert_eq!(created(&plan.creates[0], &whole_work(&[])), None, "the group is gone");
}
