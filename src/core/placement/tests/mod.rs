//! Tables of the rules of placement, and a small world that puts them together.

mod choosing;
mod destinations;
mod folders;
mod layout;
mod rewrite;
mod rules;
mod said;
mod world;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::contract::{Object, kinds, labels};

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

/// A Destination `name` with these labels; `spec` is laid over one that is complete.
fn destination(name: &str, own: &[(&str, &str)], spec: Value) -> DestinationSeen {
    let own: serde_json::Map<_, _> =
        own.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let mut whole = json!({
        "metadata": {
            "name": name, "uid": format!("uid-{name}"), "labels": own, "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"path": name, "stateStoreRef": {"kind": "GitStateStore", "name": "git"}},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole["spec"][key] = value.clone();
    }
    DestinationSeen::from_object(&object(whole))
}

/// Where files stand below this path.
fn site(path: &str) -> Site {
    Site::of(&destination(path, &[], json!({})).setup.unwrap(), "")
}

/// A plain Destination with the label `env`.
fn env(name: &str, value: &str) -> DestinationSeen {
    destination(name, &[("env", value)], json!({}))
}

/// A group: its id, and what it wants of `env`; nothing, when that is empty.
fn group(id: &str, wants: &str) -> Value {
    let selectors = match wants {
        "" => json!([]),
        wants => json!([{"matchLabels": {"env": wants}, "source": "promise"}]),
    };
    json!({
        "id": id, "directory": format!("dir-{id}"), "destinationSelectors": selectors,
        "workloads": [{"filepath": format!("{id}.yaml"), "content": "H4s"}],
    })
}

/// The Work of a request, as a whole.
fn whole_work(groups: &[Value]) -> Object {
    object(json!({
        "apiVersion": kinds::WORK.api_version(), "kind": "Work",
        "metadata": {
            "name": "redis-r1-main-1a2b3", "namespace": "default", "uid": "work-1", "generation": 1,
            "labels": {(labels::PIPELINE_NAME): "main", (labels::WORK_TYPE): "resource"},
            "finalizers": [crate::contract::finalizers::WORK_CLEANUP],
        },
        "spec": {"promiseName": "redis", "resourceName": "r1", "workloadGroups": groups},
    }))
}

fn work(groups: &[Value]) -> WorkSeen {
    WorkSeen::from_object(&whole_work(groups))
}

/// The Work of a Promise.
fn dependency(groups: &[Value]) -> WorkSeen {
    WorkSeen { resource: String::new(), ..work(groups) }
}

/// What a scheduler knows.
struct Scene {
    work: WorkSeen,
    destinations: Vec<DestinationSeen>,
    placements: Vec<PlacementSeen>,
    folders: Folders,
    taken: Vec<String>,
    refused: Vec<(String, String)>,
    chooser: Chooser,
}

impl Scene {
    fn new(work: WorkSeen, destinations: &[DestinationSeen]) -> Self {
        Self {
            work,
            destinations: destinations.to_vec(),
            placements: Vec::new(),
            folders: Folders::default(),
            taken: Vec::new(),
            refused: Vec::new(),
            chooser: Chooser::Stable,
        }
    }

    fn plan(&self) -> Plan {
        schedule(&Seen {
            work: &self.work,
            destinations: &self.destinations,
            placements: &self.placements,
            folders: &self.folders,
            taken: &self.taken,
            refused: &self.refused,
            chooser: self.chooser,
            now: now(),
        })
    }

    /// Does what a plan says, as an API server would.
    fn carry_out(&mut self, plan: &Plan) {
        if let Some(all) = &plan.finalizers {
            self.work.finalizers.clone_from(all);
        }
        for status in &plan.moved {
            let one = self.placements.iter_mut().find(|one| one.name == status.name).unwrap();
            one.status.clone_from(&status.status);
        }
        for write in plan.creates.iter().chain(&plan.updates) {
            let mut seen = self.written(write);
            let old = self.placements.iter().position(|one| one.name == write.name);
            if let Some(old) = old {
                let old = self.placements.remove(old);
                seen.generation = old.generation + 1;
                (seen.uid, seen.created, seen.status) = (old.uid, old.created, old.status);
            }
            self.placements.push(seen);
        }
        for relabel in &plan.relabels {
            let one = self.placements.iter_mut().find(|one| one.name == relabel.name).unwrap();
            for (all, changes) in
                [(&mut one.labels, &relabel.labels), (&mut one.annotations, &relabel.annotations)]
            {
                for (key, value) in changes {
                    match value {
                        Some(value) => all.insert(key.clone(), value.clone()),
                        None => all.remove(key),
                    };
                }
            }
        }
        for (name, _) in &plan.deletes {
            let one = self.placements.iter_mut().find(|one| one.name == *name).unwrap();
            one.is_going = true;
        }
        for status in &plan.statuses {
            let one = self.placements.iter_mut().find(|one| one.name == status.name).unwrap();
            one.status.clone_from(&status.status);
        }
        if let Some(status) = &plan.status {
            self.work.status.clone_from(status);
        }
        for one in &self.placements {
            self.folders.note(one);
        }
    }

    fn written(&self, write: &Write) -> PlacementSeen {
        let group = self.work.groups.iter().find(|one| one.id == write.group).unwrap();
        let mut labels = write.labels.clone();
        if write.is_misplaced {
            labels.insert(labels::MISPLACED.into(), labels::TRUE.into());
        }
        let mut annotations = write.annotations.clone();
        annotations.extend(write.folder.clone().map(|folder| (labels::FOLDER.into(), folder)));
        PlacementSeen {
            name: write.name.clone(),
            namespace: self.work.namespace.clone(),
            uid: format!("uid-{}", write.name),
            generation: 1,
            created: Some(now()),
            labels,
            annotations,
            finalizers: write.finalizers.clone(),
            owner: self.work.uid.clone(),
            destination: write.destination.clone(),
            group: write.group.clone(),
            promise: self.work.promise.clone(),
            resource: self.work.resource.clone(),
            work_generation: self.work.generation,
            digest: group.digest.clone(),
            is_going: false,
            status: serde_json::Map::new(),
        }
    }

    /// Writes what has to be written.
    fn write_all(&mut self) {
        for one in self.placements.iter_mut().filter(|one| one.needs_write()) {
            let outcome = Outcome::Written {
                generation: one.generation,
                version: Some("c0ffee"),
                site: &site("a"),
            };
            if let Some((status, _)) = after_write(one, outcome, now()) {
                one.status = status;
            }
        }
    }

    /// Plans and writes until nothing is left to do; returns all plans.
    fn settle(&mut self) -> Vec<Plan> {
        let mut plans = Vec::new();
        for _ in 0..9 {
            let plan = self.plan();
            if plan.is_empty() {
                return plans;
            }
            self.carry_out(&plan);
            // What goes is gone at once.
            let folders = &mut self.folders;
            self.placements.retain(|one| {
                if one.is_going {
                    folders.forget(&one.namespace, &one.name);
                }
                !one.is_going
            });
            self.write_all();
            plans.push(plan);
        }
        panic!("it does not settle: {:#?}", self.plan());
    }

    /// Where the groups are: `group@destination`, with `!` when it is misplaced.
    fn places(&self) -> Vec<String> {
        let text = |one: &PlacementSeen| {
            let mark = if one.is_marked_misplaced() { "!" } else { "" };
            format!("{}@{}{mark}", one.group, one.destination)
        };
        let mut all: Vec<_> = self.placements.iter().map(text).collect();
        all.sort();
        all
    }

    /// Reason of a condition of the Work, with `+` before it when it is true and `-` when it is not.
    fn work_says(&self, kind: &str) -> String {
        says(&self.work.status, kind)
    }
}

fn says(status: &serde_json::Map<String, Value>, kind: &str) -> String {
    match conditions::get(status, kind) {
        None => String::new(),
        Some(one) => {
            let mark = if one["status"] == "True" { "+" } else { "-" };
            format!("{mark}{}", one["reason"].as_str().unwrap())
        }
    }
}
