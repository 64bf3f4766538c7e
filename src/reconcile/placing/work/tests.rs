//! Folders of WorkPlacements that are about to be made, and what a Work says meanwhile.

use serde_json::json;

use super::super::super::cache::Source;
use super::super::caches::Fed;
use super::*;
use crate::contract::Object;

/// A WorkPlacement of a request; all have the same folder.
fn placement(name: &str) -> Object {
    let object = json!({
        "metadata": {"name": name, "namespace": "platform", "uid": name, "resourceVersion": "1"},
        "spec": {
            "targetDestinationName": "d", "id": "g", "promiseName": "redis", "resourceName": "r1",
        },
    });
    Object::from_value(object).unwrap()
}

#[test]
fn what_could_not_be_made_has_no_folder_and_what_was_made_keeps_it() {
    let work = WorkSeen::from_object(
        &Object::from_value(json!({
            "metadata": {"name": "w", "namespace": "platform", "uid": "w"},
            "spec": {"promiseName": "redis", "resourceName": "r1", "workloadGroups": [{"id": "g"}]},
        }))
        .unwrap(),
    );
    let destination = DestinationSeen::from_object(
        &Object::from_value(json!({
            "metadata": {"name": "d", "uid": "d"},
            "spec": {"path": "d", "stateStoreRef": {"kind": "GitStateStore", "name": "git"}},
        }))
        .unwrap(),
    );
    let other = PlacementSeen::from_object(&placement("other"));
    let at: Place = ("platform".into(), "w".into());
    for is_made in [false, true] {
        let placing = Placing::default();
        let plan = schedule(&Seen {
            work: &work,
            destinations: std::slice::from_ref(&destination),
            placements: &[],
            folders: &placing.caches().folders,
            taken: &[],
            refused: &[],
            chooser: Chooser::Stable,
            now: Timestamp::UNIX_EPOCH,
        });
        let [write] = plan.creates.as_slice() else { panic!("{plan:?}") };
        placing.caches().plan_folder(&work, write);
        {
            let _planned = Planned::of(&placing, &at, &plan);
            assert!(placing.caches().folders.is_shared(&other), "it is planned");
            if is_made {
                let made = placement(&write.name);
                placing.caches().put(Source::Write, Fed::Placements, &made);
            }
        }
        assert_eq!(placing.caches().folders.is_shared(&other), is_made);
    }
}

#[test]
fn a_new_work_waits_for_its_files_before_it_says_anything_but_not_long() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut made = placement("p");
    made.set_metadata("creationTimestamp", "1970-01-01T00:01:40Z");
    let written = |seen: &PlacementSeen| {
        PlacementSeen {
        status: json!({"conditions": [{"type": "WriteSucceeded", "status": "True", "observedGeneration": seen.generation}]})
            .as_object()
            .unwrap()
            .clone(),
        ..seen.clone()
    }
    };
    let one = PlacementSeen::from_object(&made);
    let (done, other) = (written(&one), PlacementSeen { name: "q".into(), ..one.clone() });
    let says = |reason| Plan {
        status: json!({"conditions": [{"type": "Ready", "status": "False", "reason": reason}]})
            .as_object()
            .cloned(),
        ..Plan::default()
    };
    let pending = says("WorkplacementsPending");
    let all = |_: &PlacementSeen| true;
    let quiet = |plan: &Plan, of: &[PlacementSeen], now| quiet_until(plan, of, all, at(now));
    assert_eq!(quiet(&pending, &[one.clone(), done.clone()], 105), Some(at(110)));
    // It takes too long; nothing is on its way; one of two is not; something is wrong; nothing is to be said.
    assert_eq!(quiet(&pending, std::slice::from_ref(&one), 110), None);
    assert_eq!(quiet(&pending, &[done], 105), None);
    let not_q = |seen: &PlacementSeen| seen.name != "q";
    assert_eq!(quiet_until(&pending, &[one.clone(), other], not_q, at(105)), None);
    assert_eq!(quiet(&says("UnscheduledWorkloads"), std::slice::from_ref(&one), 105), None);
    assert_eq!(quiet(&Plan::default(), std::slice::from_ref(&one), 105), None);
}
