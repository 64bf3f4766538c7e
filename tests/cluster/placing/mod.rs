//! `bookend reconcile` places Works on a real API server: in a real bucket (versitygw, whose objects are files of a folder), and in
//! repositories behind https (`git http-backend`).

mod commits;
mod direct;
mod in_bucket;
pub(crate) mod in_git;
pub(crate) mod kit;
mod recorded;
mod refused;
mod shown;
mod troubles;
mod turns;

use serde_json::json;

use crate::bucket::KEY;
use crate::reconcile::process::Reconciler;
use in_bucket::World;
use kit::{group, work};

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn a_work_is_placed_changed_and_deleted_and_then_nothing_is_asked() {
    let world = World::new();
    let reconciler = world.reconcile();
    world.destination("dev-1", json!({"env": "dev"}), json!({"path": "dev"}));
    let canaries = [
        "dev/dependencies/kratix-canary-namespace.yaml",
        "dev/resources/kratix-canary-configmap.yaml",
    ];
    world.wait_files(&canaries);
    world.put(&work("one", &[group(".", "dev", &["a.yaml", "d/b.yaml"])]));
    let home = "dev/resources/team-a/vault/one/main/5058f";
    let files = |names: &[&str]| {
        let mut all: Vec<String> = names.iter().map(|name| format!("{home}/{name}")).collect();
        all.extend(canaries.map(str::to_owned));
        all
    };
    world.wait_files(&files(&["a.yaml", "d/b.yaml"]));
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    world.put(&work("one", &[group(".", "dev", &["c.yaml"])]));
    world.wait_files(&files(&["c.yaml"]));
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    world.wait_quiet(&reconciler);
    let counts = || reconciler.counts("kratix_workplacement_");
    // Once as it was made and once as it was changed.
    let expected = [
        r#"outcomes_total{result="scheduled",promise="vault",resource="one",namespace="team-a",destination="dev-1"}"#,
        r#"writes_total{result="success",promise="vault",resource="one",destination="dev-1",pipeline="main"}"#,
    ];
    assert_eq!(counts(), expected.map(|one| (one.to_owned(), 2)).into());
    world.delete("one");
    world.wait_files(&canaries);
    world.wait_for("the Work to be gone", || world.says("one").is_none());
    world.wait_for("its counts to be gone", || counts().is_empty());
    reconciler.ends_well();
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn groups_wait_for_a_destination_stay_where_they_are_and_go_with_it() {
    let world = World::new();
    let _reconciler = world.reconcile();
    let quiet = |more: serde_json::Value| {
        let mut spec = json!({"initWorkloads": {"enabled": false}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    world.destination("dev-1", json!({"env": "dev"}), quiet(json!({"path": "dev"})));
    let groups = [group(".", "dev", &["a.yaml"]), group("baz", "prod", &["baz/x.yaml"])];
    world.put(&work("one", &groups));
    let first = "dev/resources/team-a/vault/one/main/5058f/a.yaml";
    world.wait_files(&[first]);
    let none =
        "No matching destination found for workloadGroups: [73feffa4b7f6bb68e44cf984c85f6e88]";
    world.wait_says("one", "Pending", none);
    let prod = json!({"path": "prod", "filepath": {"mode": "none"}, "cleanup": "all"});
    world.destination("prod-1", json!({"env": "prod"}), quiet(prod));
    let state = "prod/.kratix/team-a-one.prod-1-73fef.yaml";
    world.wait_files(&[first, "prod/baz/x.yaml", state]);
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    world.relabel("dev-1", json!({"env": null}));
    world.wait_says("one", "Misplaced", "Target destination no longer matches destinationSelectors for workloadGroups: [5058f1af8388633f609cadb75a75dc9d]");
    world.relabel("dev-1", json!({"env": "dev"}));
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    world.delete_destination("prod-1");
    world.wait_files(&[first]);
    world.wait_says("one", "Pending", none);
    world.put(&work("one", &groups[..1]));
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn a_state_store_that_says_another_place_is_written_anew_there() {
    let world = World::new();
    let reconciler = world.reconcile();
    world.destination("dev-1", json!({"env": "dev"}), json!({"path": "dev"}));
    world.put(&work("one", &[group(".", "dev", &["a.yaml"])]));
    let files = [
        "dev/dependencies/kratix-canary-namespace.yaml",
        "dev/resources/kratix-canary-configmap.yaml",
        "dev/resources/team-a/vault/one/main/5058f/a.yaml",
    ];
    world.wait_files(&files);
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    world.change("/bucketstatestores/store", json!({"path": "elsewhere"}));
    // What stands at the old place stays there.
    let both: Vec<String> =
        files.iter().flat_map(|file| [file.to_string(), format!("elsewhere/{file}")]).collect();
    world.wait_files(&both);
    world.put(&work("one", &[group(".", "dev", &[])]));
    world.wait_files(&both[..5]);
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    world.wait_quiet(&reconciler);
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn one_file_holds_all_documents_of_a_destination() {
    let world = World::new();
    let _reconciler = world.reconcile();
    let spec = json!({
        "path": "all", "filepath": {"mode": "aggregatedYAML"}, "initWorkloads": {"enabled": false},
    });
    world.destination("dev-1", json!({"env": "dev"}), spec);
    for name in ["one", "two", "three"] {
        world.put(&work(name, &[group(".", "dev", &["a.yaml"])]));
    }
    for name in ["one", "two", "three"] {
        world.wait_says(name, "Ready", "All workplacements scheduled successfully");
    }
    assert_eq!(world.read("all/aggregated.yaml").matches("file: a.yaml").count(), 3);
    world.delete("two");
    world.wait_for("its documents to be gone", || {
        world.read("all/aggregated.yaml").matches("file: a.yaml").count() == 2
    });
    world.delete("one");
    world.delete("three");
    world.wait_files(&[] as &[&str]);
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn what_a_store_does_not_take_is_written_once_it_does() {
    let mut world = World::new();
    world.password("wrong");
    let _reconciler = world.reconcile();
    let spec = json!({"path": "dev", "initWorkloads": {"enabled": false}});
    world.destination("dev-1", json!({"env": "dev"}), spec);
    world.put(&work("one", &[group(".", "dev", &["a.yaml"])]));
    world.wait_for("the store to say so", || world.store_is("False"));
    world.wait_says("one", "Pending", "All workplacements scheduled successfully");
    world.password(KEY);
    let one = "dev/resources/team-a/vault/one/main/5058f/a.yaml";
    world.wait_files(&[one]);
    world.wait_for("the store to be ready", || world.store_is("True"));
    world.stop_store();
    world.put(&work("two", &[group(".", "dev", &["a.yaml"])]));
    world.wait_for("the store to say so", || world.store_is("False"));
    world.start_store();
    world.wait_files(&[one, "dev/resources/team-a/vault/two/main/5058f/a.yaml"]);
    for name in ["one", "two"] {
        world.wait_says(name, "Ready", "All workplacements scheduled successfully");
    }
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn whoever_leads_next_goes_on_where_the_one_before_was_killed() {
    let world = World::new();
    let spec = json!({"path": "dev", "initWorkloads": {"enabled": false}});
    world.destination("dev-1", json!({"env": "dev"}), spec);
    let mut first = world.reconcile();
    let names: Vec<String> = (0..60).map(|number| format!("r{number}")).collect();
    for name in &names {
        world.put(&work(name, &[group(".", "dev", &["a.yaml", "b.yaml"])]));
    }
    world.wait_for("some to be written", || world.files().len() > 20);
    first.kill();
    for name in &names[..20] {
        world.put(&work(name, &[group(".", "dev", &["c.yaml"])]));
    }
    for name in &names[20..30] {
        world.delete(name);
    }
    let _second = world.reconcile();
    let expected: Vec<String> = names
        .iter()
        .enumerate()
        .filter(|(at, _)| !(20..30).contains(at))
        .flat_map(|(at, name)| {
            let files: &[&str] = if at < 20 { &["c.yaml"] } else { &["a.yaml", "b.yaml"] };
            let home = format!("dev/resources/team-a/vault/{name}/main/5058f");
            files.iter().map(move |file| format!("{home}/{file}")).collect::<Vec<_>>()
        })
        .collect();
    world.wait_files(&expected);
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn what_moves_while_nobody_leads_is_written_at_once_and_only_then() {
    let world = World::new();
    let spec = |path: &str, more: serde_json::Value| {
        let mut spec = json!({"path": path, "initWorkloads": {"enabled": false}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    world.destination("dev-1", json!({"env": "dev"}), spec("dev", json!({})));
    world.destination("other-1", json!({"env": "other"}), spec("other", json!({})));
    let one_file = json!({"filepath": {"mode": "aggregatedYAML"}});
    world.destination("all-1", json!({"env": "all"}), spec("all", one_file));
    for env in ["dev", "other", "all"] {
        world.put(&work(env, &[group(".", env, &["a.yaml"])]));
    }
    let first = world.reconcile();
    for env in ["dev", "other", "all"] {
        world.wait_says(env, "Ready", "All workplacements scheduled successfully");
    }
    first.ends_well();
    let file = |root: &str, env: &str| match env {
        "all" => format!("{root}/aggregated.yaml"),
        env => format!("{root}/resources/team-a/vault/{env}/main/5058f/a.yaml"),
    };
    let mut expected = vec![file("dev", "dev"), file("other", "other"), file("all", "all")];
    world.wait_files(&expected);

    // Two Destinations.
    world.change("/destinations/dev-1", json!({"path": "moved"}));
    world.change("/destinations/all-1", json!({"path": "all-moved"}));
    expected.extend([file("moved", "dev"), file("all-moved", "all")]);
    let second = world.reconcile();
    world.wait_files(&expected);
    world.wait_quiet(&second);
    let written = |reconciler: &Reconciler| {
        let all = reconciler.counts("kratix_workplacement_writes_total");
        let of = |name: &str| {
            let name = format!("resource=\"{name}\"");
            all.iter().filter(|(of, _)| of.contains(&name)).map(|(_, count)| count).sum::<u64>()
        };
        [of("dev"), of("other"), of("all")]
    };
    assert_eq!(written(&second), [1, 0, 1]);
    second.ends_well();

    // Nothing: nothing is written, neither there nor here.
    let third = world.reconcile();
    world.wait_quiet(&third);
    assert_eq!(written(&third), [0, 0, 0]);
    let writes = |call: &&String| {
        let kinds = ["works", "workplacements", "destinations", "bucketstatestores"];
        let is_write = ["create", "update", "patch", "delete"];
        is_write.iter().any(|verb| call.contains(&format!("verb=\"{verb}")))
            && kinds.iter().any(|kind| call.contains(&format!("kind=\"{kind}")))
    };
    let calls = third.calls();
    assert_eq!(calls.keys().filter(writes).collect::<Vec<_>>(), Vec::<&String>::new());
    third.ends_well();

    // The state store.
    world.change("/bucketstatestores/store", json!({"path": "deep"}));
    let all = [("moved", "dev"), ("other", "other"), ("all-moved", "all")];
    expected.extend(all.map(|(root, env)| format!("deep/{}", file(root, env))));
    let _fourth = world.reconcile();
    world.wait_files(&expected);
}
