//! Two reconcilers take turns: the one that leads is killed, or stands still until the other one has followed and written.
//!
//! `BOOKEND_TEST_TURNS` is how often, `BOOKEND_SEED` the chance of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::in_git::{Fleet, STORE};
use super::kit::{group_of, work};
use crate::faults::scene::seed;
use crate::faults::weather::Chance;
use crate::reconcile::process::Reconciler;
use crate::remotes::https::Then;

/// How often the leader goes, where [`TURNS_SET`] says nothing.
const TURNS: usize = 3;
/// Variable with another number.
const TURNS_SET: &str = "BOOKEND_TEST_TURNS";
/// Names that Works have.
const WORKS: u64 = 40;
/// The only repository.
const REPOSITORY: &str = "fleet";
/// How a push begins.
const PUSH: &str = "POST /fleet.git/git-receive-pack";
/// Name of the one file of the Destination that has only one.
const AGGREGATE: &str = "one/aggregated.yaml";

/// The Works as they should be.
struct Model<'a> {
    fleet: &'a Fleet,
    chance: &'a Chance,
    /// By number of the Work which version it has.
    works: BTreeMap<u64, u64>,
    versions: u64,
}

fn name(number: u64) -> String {
    format!("r{number:02}")
}

/// What a Work brings, by directory: for the Destination with nested folders, for the one with none, and for that with one file.
fn files(number: u64, version: u64) -> [(&'static str, Vec<(String, String)>); 3] {
    let text = format!("work: {}\nversion: {version}\n", name(number));
    let named = |names: Range<u64>, folder: &str| {
        let file = |at| (format!("{folder}{at}-{}.yaml", name(number)), text.clone());
        names.map(file).collect::<Vec<_>>()
    };
    [
        // One of its names is new with each version, and one goes.
        (".", named(version..version + 3, "f")),
        (
            "p",
            if number.is_multiple_of(2) { named(version..version + 2, "p/") } else { Vec::new() },
        ),
        ("q", if number % 4 == 1 { named(0..1, "q/") } else { Vec::new() }),
    ]
}

impl<'a> Model<'a> {
    fn new(fleet: &'a Fleet, chance: &'a Chance) -> Self {
        for (name, spec) in [
            ("nested", json!({})),
            ("plain", json!({"filepath": {"mode": "none"}})),
            ("one", json!({"filepath": {"mode": "aggregatedYAML"}})),
        ] {
            let mut spec = spec;
            (spec["path"], spec["initWorkloads"]) = (json!(name), json!({"enabled": false}));
            fleet.destination((STORE, REPOSITORY), name, json!({"env": name}), spec);
        }
        Self { fleet, chance, works: BTreeMap::new(), versions: 0 }
    }

    /// Makes, changes or deletes some Works.
    fn change(&mut self, count: usize) {
        for _ in 0..count {
            let number = self.chance.below(WORKS);
            match self.works.contains_key(&number) {
                true if self.chance.below(3) == 0 => self.delete(number),
                // The one before it has not gone yet.
                false if self.fleet.says(&name(number)).is_some() => {}
                _ => self.put(number),
            }
        }
    }

    fn delete(&mut self, number: u64) {
        self.works.remove(&number);
        self.fleet.delete(&name(number));
    }

    fn put(&mut self, number: u64) {
        self.versions += 1;
        let envs = ["nested", "plain", "one"];
        let groups = files(number, self.versions).into_iter().zip(envs);
        let groups = groups.filter(|((_, files), _)| !files.is_empty());
        let groups: Vec<Value> =
            groups.map(|((directory, files), env)| group_of(directory, env, files)).collect();
        self.fleet.put(&work(&name(number), &groups));
        self.works.insert(number, self.versions);
    }

    /// What the repository shall hold.
    fn expected(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let mut documents = Vec::new();
        for (number, version) in &self.works {
            let [nested, plain, one] = files(*number, *version);
            for (path, text) in nested.1 {
                let folder = format!("nested/resources/team-a/vault/{}/main", name(*number));
                all.insert(format!("{folder}/{}/{path}", id(nested.0)), text);
            }
            if !plain.1.is_empty() {
                let paths: Vec<_> =
                    plain.1.iter().map(|(path, _)| format!("plain/{path}")).collect();
                let state = format!("team-a-{}.plain-{}.yaml", name(*number), id(plain.0));
                let list = bookend::files::yaml::write(&json!({"files": paths}));
                all.insert(format!("plain/.kratix/{state}"), list);
            }
            all.extend(plain.1.into_iter().map(|(path, text)| (format!("plain/{path}"), text)));
            documents.extend(one.1.into_iter().map(|(_, text)| text));
        }
        if !documents.is_empty() {
            all.insert(AGGREGATE.to_owned(), documents.join("\n---\n"));
        }
        all
    }

    /// Waits until the repository is as it shall be and everybody says so, and looks at all of it.
    fn settles(&self) {
        let expected = self.expected();
        self.fleet.wait_same(&expected, || self.fleet.files(REPOSITORY));
        self.fleet.wait_for("all to be ready", || {
            let works = self.fleet.all("works");
            works.len() == self.works.len()
                && works.iter().all(|one| is_so(one, "Ready"))
                && self.fleet.all("workplacements").iter().all(|one| is_so(one, "WriteSucceeded"))
        });
    }

    /// Checks, with nobody there any more who writes, that the repository is as it shall be, and that each WorkPlacement names a commit
    /// of the branch that has its files.
    fn check(&self) {
        let expected = self.expected();
        assert_eq!(self.fleet.files(REPOSITORY), expected);
        let repository = self.fleet.repository(REPOSITORY);
        repository.is_sound();
        let mut commits: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        let placements = self.fleet.all("workplacements");
        for placement in &placements {
            let commit = placement["status"]["versionID"].as_str().unwrap().to_owned();
            let files = commits.entry(commit.clone()).or_insert_with(|| {
                repository.git(&["merge-base", "--is-ancestor", &commit, "main"]);
                repository.files(&commit)
            });
            let of = placement["spec"]["resourceName"].as_str().unwrap();
            let text = |file: &[u8]| String::from_utf8_lossy(file).into_owned();
            match placement["spec"]["targetDestinationName"].as_str().unwrap() {
                "one" => {
                    let number: u64 = of[1..].parse().unwrap();
                    let [.., one] = files_of(number, &self.works);
                    assert!(text(&files[AGGREGATE]).contains(&one.1[0].1), "{of} in {commit}");
                }
                destination => {
                    let is_its = |path: &str| {
                        path.starts_with(&format!("{destination}/")) && path.contains(of)
                    };
                    let its = |all: BTreeMap<String, String>| {
                        all.into_iter().filter(|(path, _)| is_its(path)).collect::<Vec<_>>()
                    };
                    let held = files.iter().map(|(path, file)| (path.clone(), text(file)));
                    assert_eq!(its(held.collect()), its(expected.clone()), "{of} in {commit}");
                }
            }
        }
        println!(
            "{} Works, {} WorkPlacements, {} commits",
            self.works.len(),
            placements.len(),
            repository.git(&["rev-list", "--count", "main"])
        );
    }
}

fn files_of(number: u64, works: &BTreeMap<u64, u64>) -> [(&'static str, Vec<(String, String)>); 3] {
    files(number, works[&number])
}

/// What folders have of a group's id.
fn id(directory: &str) -> String {
    bookend::core::hash::md5_hex(directory)[..5].to_owned()
}

/// Whether a condition of an object is true, of the object as it is.
fn is_so(object: &Value, kind: &str) -> bool {
    let all = object["status"]["conditions"].as_array();
    all.into_iter().flatten().any(|one| {
        one["type"] == kind
            && one["status"] == "True"
            && one["observedGeneration"] == object["metadata"]["generation"]
    })
}

/// Two of them.
struct Team<'a> {
    fleet: &'a Fleet,
    members: Vec<(String, Reconciler)>,
    started: usize,
}

impl<'a> Team<'a> {
    fn start(fleet: &'a Fleet) -> Self {
        fleet.short_lease();
        let mut team = Self { fleet, members: Vec::new(), started: 0 };
        team.join();
        team.join();
        team
    }

    fn join(&mut self) {
        let name = format!("t{}", self.started);
        self.started += 1;
        self.members.push((name.clone(), self.fleet.reconcile(&name, &[])));
    }

    /// Which one leads, once one of them does.
    fn leader(&self) -> usize {
        let mut found = None;
        self.fleet.wait_for("a leader", || {
            let holder = self.fleet.holder();
            let is_it = |(name, _): &(String, Reconciler)| holder.starts_with(&format!("{name}_"));
            found = self.members.iter().position(is_it);
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until another one leads than this.
    fn follows(&self, leader: usize) {
        self.fleet.wait_for("another one to lead", || self.leader() != leader);
    }

    fn ends(self) {
        for (_, member) in self.members {
            member.ends_well();
        }
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn whoever_leads_and_goes_at_any_moment_leaves_a_repository_that_equals_the_works() {
    let turns =
        std::env::var_os(TURNS_SET).map_or(TURNS, |text| text.to_str().unwrap().parse().unwrap());
    let chance = Chance::new(seed());
    let fleet = Fleet::new(&[REPOSITORY]);
    let mut model = Model::new(&fleet, &chance);
    let mut team = Team::start(&fleet);
    for turn in 0..turns {
        let leader = team.leader();
        model.change(15);
        // A moment by chance, nothing that is waited for.
        thread::sleep(Duration::from_millis(chance.below(700)));
        if turn % 2 == 0 {
            team.members.remove(leader).1.kill();
            model.change(5);
            team.join();
            continue;
        }
        team.members[leader].1.freeze();
        model.change(10);
        team.follows(leader);
        let tip = fleet.repository(REPOSITORY).tip("main");
        // Something that nobody else can have written.
        model.put(WORKS + turn as u64);
        fleet.wait_for("the one that follows to write", || {
            fleet.repository(REPOSITORY).tip("main") != tip
        });
        team.members[leader].1.thaw();
    }
    model.settles();
    team.ends();
    model.check();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn what_a_leader_had_under_way_when_it_stood_still_does_not_come_after_the_next() {
    let fleet = Fleet::new(&[REPOSITORY]);
    let chance = Chance::new(1);
    let mut model = Model::new(&fleet, &chance);
    let team = Team::start(&fleet);
    model.put(2);
    model.settles();
    // The next push is under way for long.
    let (opens, gate) = watch::channel(false);
    fleet.server().rule(PUSH, 1, Then::Hold(gate));
    model.put(4);
    fleet.wait_for("a push", || fleet.server().held() > 0);
    let leader = team.leader();
    team.members[leader].1.freeze();
    // What it brings is to be nowhere: who follows finds nothing of it that would have to be deleted.
    model.delete(4);
    team.follows(leader);
    fleet.wait_for("the WorkPlacements to be gone", || {
        let all = fleet.all("workplacements");
        all.iter().all(|one| one["spec"]["resourceName"] != name(4).as_str())
    });
    team.members[leader].1.thaw();
    opens.send(true).unwrap();
    fleet.wait_for("the push to be answered", || {
        fleet.server().answered() == fleet.server().seen().len()
    });
    model.settles();
    team.ends();
    model.check();
}
