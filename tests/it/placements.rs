//! Our plans against WorkPlacements and Works that Kratix's scheduler has left (`fixtures/placements`).

use std::fs;
use std::path::{Path, PathBuf};

use bookend::contract::Object;
use bookend::core::placement::{
    Chooser, DestinationSeen, Folders, PlacementSeen, Plan, Seen, WorkSeen, created, schedule,
};
use bookend::files::yaml;
use serde_json::{Value, json};

use crate::steps::record;

/// What the recordings add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Works with at least one WorkPlacement.
    placed: usize,
    /// WorkPlacements.
    placements: usize,
    /// Works that wait for a Destination.
    waiting: usize,
}

/// Everything of one folder.
#[derive(Default)]
struct Step {
    works: Vec<Object>,
    placements: Vec<Object>,
    destinations: Vec<DestinationSeen>,
}

fn documents(path: &Path) -> Vec<Object> {
    // A recording says `RAND1` for what chance had put into a name, and no name has capitals.
    let text = fs::read_to_string(path).unwrap().replace("-RAND", "-rand");
    yaml::parse_objects(text.as_bytes()).unwrap()
}

fn read(folder: &Path) -> Step {
    let mut step = Step::default();
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        ["Work.", "WorkPlacement.", "destinations"].iter().any(|start| name.starts_with(start))
    };
    for object in files.iter().filter(|path| is_ours(path)).flat_map(|path| documents(path)) {
        match object.kind() {
            "Work" => step.works.push(object),
            "WorkPlacement" => step.placements.push(object),
            "Destination" => step.destinations.push(DestinationSeen::from_object(&object)),
            _ => {}
        }
    }
    step
}

fn plan(step: &Step, work: &Object, placements: &[&Object]) -> Plan {
    let placements: Vec<_> = placements.iter().map(|one| PlacementSeen::from_object(one)).collect();
    let mut folders = Folders::default();
    placements.iter().for_each(|one| folders.note(one));
    schedule(&Seen {
        work: &WorkSeen::from_object(work),
        destinations: &step.destinations,
        placements: &placements,
        folders: &folders,
        taken: &[],
        refused: &[],
        chooser: Chooser::Stable,
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
    })
}

/// A WorkPlacement as it was created: without what an API server, and the writing of it, put into it.
fn as_created(object: &Object) -> Value {
    let mut value = object.clone().into_value();
    let metadata = value["metadata"].as_object_mut().unwrap();
    for field in ["creationTimestamp", "generation", "resourceVersion", "uid"] {
        metadata.remove(field);
    }
    value.as_object_mut().unwrap().remove("status");
    value
}

/// Conditions and counts of a Work, without times and without what only we say.
fn said(status: &Value) -> Value {
    let mut status = status.clone();
    let conditions = status["conditions"].as_array_mut().unwrap();
    for condition in conditions.iter_mut() {
        let condition = condition.as_object_mut().unwrap();
        condition.remove("lastTransitionTime");
        condition.remove("observedGeneration");
    }
    conditions.sort_by_key(|condition| condition["type"].to_string());
    status
}

/// Compares what we would do with what is there.
fn compare(name: &str, step: &Step, counts: &mut Counts) {
    let is_going = |object: &Object| object.at(&["metadata", "deletionTimestamp"]).is_some();
    for work in step.works.iter().filter(|work| !is_going(work)) {
        let is_of = |one: &&Object| {
            one.label("kratix.io/work") == Some(work.name()) && one.namespace() == work.namespace()
        };
        let recorded: Vec<_> = step.placements.iter().filter(is_of).collect();
        if recorded.iter().any(|one| is_going(one)) {
            continue;
        }
        let mut bare = work.clone();
        bare.0.remove("status");
        let first = plan(step, &bare, &[]);
        assert_eq!(first.finalizers, None, "{name}");
        let mut ours: Vec<_> =
            first.creates.iter().map(|write| as_created(&created(write, work).unwrap())).collect();
        let mut theirs: Vec<_> = recorded.iter().map(|one| as_created(one)).collect();
        ours.sort_by_key(|one| one["metadata"]["name"].to_string());
        theirs.sort_by_key(|one| one["metadata"]["name"].to_string());
        assert_eq!(ours, theirs, "{name}: {}", work.name());
        // What is there is taken over as it is; only what it says of itself may change.
        let then = plan(step, work, &recorded);
        let untouched = (&then.creates, &then.updates, &then.relabels, &then.deletes);
        assert_eq!(untouched, (&vec![], &vec![], &vec![], &vec![]), "{name}");
        if recorded.is_empty() {
            // What they say without a Destination, we say.
            let Some(status) = work.status().filter(|status| status["conditions"].is_array())
            else {
                continue;
            };
            let ours = Value::Object(first.status.unwrap());
            assert_eq!(said(&ours), said(status), "{name}: {}", work.name());
            counts.waiting += 1;
        } else {
            // They say `Ready` at once; we say so when all is written.
            let ours = said(&json!(then.status.unwrap()));
            assert_eq!(ours["conditions"][0]["reason"], "WorkplacementsPending", "{name}");
            assert_eq!(ours["conditions"][1], said(work.status().unwrap())["conditions"][1]);
            counts.placed += 1;
            counts.placements += recorded.len();
        }
    }
}

#[test]
fn recorded_works_are_placed_the_same() {
    let mut counts = Counts::default();
    for name in ["placed", "waiting"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/placements").join(name);
        compare(name, &read(&folder), &mut counts);
    }
    assert_eq!(counts, Counts { placed: 2, placements: 3, waiting: 2 });
}

#[test]
#[ignore = "needs ../shared/golden, a part of which is not ours to carry; .ci/run runs it where that is"]
fn all_recorded_works_are_placed_the_same() {
    let folder = record::folder().expect("shared/golden stands beside the project");
    let mut counts = Counts::default();
    for case in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(steps) = fs::read_dir(case.join("steps")) else { continue };
        let about: Value =
            serde_json::from_slice(&fs::read(case.join("case.json")).unwrap()).unwrap();
        let pre = about["pre"].as_array().into_iter().flatten().cloned();
        let destinations: Vec<_> = pre
            .filter_map(Object::from_value)
            .filter(|one| one.kind() == "Destination")
            .map(|one| DestinationSeen::from_object(&one))
            .collect();
        for folder in steps.map(|entry| entry.unwrap().path()) {
            let step = Step { destinations: destinations.clone(), ..read(&folder) };
            compare(&folder.display().to_string(), &step, &mut counts);
        }
    }
    println!("{counts:?}");
    assert!(counts.placements > 3 && counts.waiting > 100, "{counts:?}");
}
