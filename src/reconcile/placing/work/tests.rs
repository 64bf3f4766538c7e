//! Folders of WorkPlacements that are about to be made.

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
            now: jiff::Timestamp::UNIX_EPOCH,
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
