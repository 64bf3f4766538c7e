//! Works that Kratix has made, as they were recorded, and WorkPlacements that it made of them: placed by us, in a repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use bookend::contract::{Object, labels};
use bookend::files::yaml;
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value, json};

use super::in_git::{Fleet, STORE};
use crate::steps::record;

const REPOSITORY: &str = "fleet";
/// Destination of those recordings that have one.
const GOLD: &str = "gold-1";
/// Destination of what selects nothing.
const ANY: &str = "any";
const PLACEMENTS: &str = "WorkPlacement";

/// A Work, and the WorkPlacements that were seen of it.
struct Recorded {
    work: Value,
    placements: Vec<Value>,
}

/// Labels that a group asks for; those of the Promise win. One of a dry run asks for a place for dry runs alone.
fn asked(work: &Value, group: &Value) -> BTreeMap<String, String> {
    if work["metadata"]["labels"][labels::DRY_RUN] == "true" {
        return BTreeMap::from([(labels::DRY_RUN.to_owned(), "true".to_owned())]);
    }
    let selectors = group["destinationSelectors"].as_array();
    let labels = selectors.into_iter().flatten().filter_map(|one| one["matchLabels"].as_object());
    let labels = labels.flat_map(|labels| labels.iter());
    labels.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn groups(work: &Value) -> impl Iterator<Item = &Value> {
    work["spec"]["workloadGroups"].as_array().into_iter().flatten()
}

impl Recorded {
    fn text(&self, keys: &[&str]) -> String {
        let found = keys.iter().try_fold(&self.work, |value, key| value.get(key));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn name(&self) -> String {
        self.text(&["metadata", "name"])
    }

    fn namespace(&self) -> String {
        self.text(&["metadata", "namespace"])
    }

    /// Where a group is below the path of its Destination (contract.md 10.4).
    fn folder(&self, group: &Value) -> String {
        let promise = self.text(&["spec", "promiseName"]);
        let pipeline = self.text(&["metadata", "labels", "kratix.io/pipeline-name"]);
        let start = match self.text(&["spec", "resourceName"]) {
            resource if resource.is_empty() => format!("dependencies/{promise}"),
            resource => format!("resources/{}/{promise}/{resource}", self.namespace()),
        };
        let names = [start, pipeline, group["id"].as_str().unwrap()[..5].to_owned()];
        names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/")
    }
}

/// The newest of each Work of a folder of steps that was not being deleted. What chance had put into a name is `RAND1`, and no
/// name has capitals.
fn read(steps: &[PathBuf]) -> Vec<Recorded> {
    let mut works: BTreeMap<(String, String), Recorded> = BTreeMap::new();
    let key = |object: &Object, name: &str| {
        (object.namespace().unwrap_or_default().to_owned(), name.to_owned())
    };
    let mut files: Vec<PathBuf> = steps
        .iter()
        .flat_map(|step| fs::read_dir(step).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("Work.") && !name.starts_with("WorkPlacement.") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap().replace("-RAND", "-rand");
        let text = text.replace("<TIME>", "2026-01-01T00:00:00Z");
        for object in yaml::parse_objects(text.as_bytes()).unwrap() {
            if object.at(&["metadata", "deletionTimestamp"]).is_some() {
                continue;
            }
            if object.kind() == PLACEMENTS {
                let of = key(&object, object.label("kratix.io/work").unwrap());
                let work = works.get_mut(&of).unwrap();
                work.placements.retain(|one| one["metadata"]["name"] != object.name());
                work.placements.push(object.into_value());
                continue;
            }
            let of = key(&object, object.name());
            let placements = works.remove(&of).map(|old| old.placements).unwrap_or_default();
            works.insert(of, Recorded { work: object.into_value(), placements });
        }
    }
    works.into_values().collect()
}

fn all() -> Vec<Recorded> {
    let Some(folder) = record::folder() else {
        println!("all but those that are carried: skipped, ../shared/golden is not there");
        let carried = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/placements");
        return read(&[carried.join("placed"), carried.join("waiting")]);
    };
    let mut all = Vec::new();
    let mut cases: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in cases {
        let Ok(steps) = fs::read_dir(case.join("steps")) else { continue };
        all.extend(read(&steps.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()));
    }
    all
}

/// Parts them so that in none two have one name, or one folder.
fn rounds(all: Vec<Recorded>) -> Vec<Vec<Recorded>> {
    let mut rounds: Vec<(BTreeSet<String>, Vec<Recorded>)> = Vec::new();
    for one in all {
        let mut taken: BTreeSet<String> =
            groups(&one.work).map(|group| one.folder(group)).collect();
        taken.insert(format!("{}/{}", one.namespace(), one.name()));
        let round = rounds.iter_mut().find(|(known, _)| known.is_disjoint(&taken));
        match round {
            Some((known, works)) => {
                known.extend(taken);
                works.push(one);
            }
            None => rounds.push((taken, vec![one])),
        }
    }
    rounds.into_iter().map(|(_, works)| works).collect()
}

/// Destinations for all that is asked for, by name: `gold-1` is the recorded one. Each group matches exactly one of them.
fn destinations(all: &[Recorded]) -> BTreeMap<String, BTreeMap<String, String>> {
    let asked =
        all.iter().flat_map(|one| groups(&one.work).map(move |group| asked(&one.work, group)));
    let asked: BTreeSet<_> = asked.collect();
    let is_in = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
        one != other && one.iter().all(|(key, value)| other.get(key) == Some(value))
    };
    let widest = asked.iter().filter(|one| !asked.iter().any(|other| is_in(one, other)));
    let mut found = BTreeMap::from([(ANY.to_owned(), BTreeMap::new())]);
    for (number, labels) in widest.enumerate().filter(|(_, labels)| !labels.is_empty()) {
        let is_gold = labels.get("environment").is_some_and(|value| value == "gold");
        let name = if is_gold { GOLD.to_owned() } else { format!("asked-{number}") };
        assert!(found.insert(name, labels.clone()).is_none(), "two for gold");
    }
    found
}

fn unpacked(packed: &Value) -> String {
    let packed =
        base64::engine::general_purpose::STANDARD.decode(packed.as_str().unwrap()).unwrap();
    let mut text = String::new();
    MultiGzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    text
}

/// A WorkPlacement without what the API server, and the writing of it, put into it.
fn meaning(placement: &Value) -> Value {
    let mut value = placement.clone();
    value.as_object_mut().unwrap().remove("status");
    let metadata = value["metadata"].as_object_mut().unwrap();
    for field in ["creationTimestamp", "generation", "resourceVersion", "uid", "managedFields"] {
        metadata.remove(field);
    }
    for owner in metadata["ownerReferences"].as_array_mut().unwrap() {
        owner.as_object_mut().unwrap().remove("uid");
    }
    // It counts the versions of its Work, which had a history before it was recorded.
    value["spec"].as_object_mut().unwrap().remove("generation");
    value
}

/// What is applied of a recording.
fn bare(work: &Value) -> Value {
    let mut metadata = Map::new();
    for key in ["name", "namespace", "labels", "annotations"] {
        if let Some(value) = work["metadata"].get(key) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    json!({"apiVersion": work["apiVersion"], "kind": "Work", "metadata": metadata, "spec": work["spec"]})
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn recorded_works_of_kratix_end_where_the_contract_says() {
    let fleet = Fleet::new(&[REPOSITORY]);
    let all = all();
    let destinations = destinations(&all);
    for (name, labels) in &destinations {
        let spec = json!({
            "path": name, "strictMatchLabels": name != ANY, "initWorkloads": {"enabled": false},
        });
        fleet.destination((STORE, REPOSITORY), name, json!(labels), spec);
    }
    let home = |work: &Value, group: &Value| {
        let asked = asked(work, group);
        let has = |(_, labels): &(&String, &BTreeMap<String, String>)| match asked.is_empty() {
            true => labels.is_empty(),
            false => asked.iter().all(|(key, value)| labels.get(key) == Some(value)),
        };
        let found: Vec<_> = destinations.iter().filter(has).map(|(name, _)| name).collect();
        assert_eq!(found.len(), 1, "{asked:?}: {found:?}");
        found[0]
    };
    let reconciler = fleet.reconcile("t0", &["--alone"]);
    let (mut works, mut files, mut compared) = (0, 0, 0);
    for round in rounds(all) {
        let mut expected = BTreeMap::new();
        let mut placed = BTreeMap::new();
        for one in &round {
            fleet.namespace(&one.namespace());
            fleet.must("POST", &format!("/namespaces/{}/works", one.namespace()), &bare(&one.work));
            for group in groups(&one.work) {
                let destination = home(&one.work, group);
                let id = &group["id"].as_str().unwrap()[..5];
                let name = format!("{}.{destination}-{id}", one.name());
                placed.insert((one.namespace(), name), group["workloads"].clone());
                for file in group["workloads"].as_array().into_iter().flatten() {
                    let path = file["filepath"].as_str().unwrap();
                    let path = format!("{destination}/{}/{path}", one.folder(group));
                    expected.insert(path, unpacked(&file["content"]));
                }
            }
        }
        fleet.wait_same(&expected, || fleet.files(REPOSITORY));
        let found = fleet.all("workplacements");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let said = found.iter().map(|one| {
            let metadata = &one["metadata"];
            (
                (text(&metadata["namespace"]), text(&metadata["name"])),
                one["spec"]["workloads"].clone(),
            )
        });
        assert_eq!(said.collect::<BTreeMap<_, _>>(), placed);
        for recorded in round.iter().flat_map(|one| &one.placements) {
            let is_it = |one: &&Value| {
                ["name", "namespace"]
                    .iter()
                    .all(|key| one["metadata"][key] == recorded["metadata"][key])
            };
            let ours = found.iter().find(is_it).unwrap();
            assert_eq!(meaning(ours), meaning(recorded));
            compared += 1;
        }
        (works, files) = (works + round.len(), files + expected.len());
        for one in &round {
            let path = format!("/namespaces/{}/works/{}", one.namespace(), one.name());
            fleet.must("DELETE", &path, &Value::Null);
        }
        fleet.wait_same(&BTreeMap::new(), || fleet.files(REPOSITORY));
        fleet.wait_for("all to be gone", || {
            fleet.all("works").is_empty() && fleet.all("workplacements").is_empty()
        });
    }
    println!("{works} recorded Works, {files} files, {compared} recorded WorkPlacements");
    assert!(works >= 4 && compared == 3, "{works} Works, {compared} WorkPlacements");
    fleet.repository(REPOSITORY).is_sound();
    reconciler.ends_well();
}
