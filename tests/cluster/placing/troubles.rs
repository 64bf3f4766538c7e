//! State stores that hang, refuse, are gone and come back, or are deleted: who waits, who does not, and what is said meanwhile.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::in_git::{Fleet, PASSWORD, STORE};
use super::kit::{Stage, group, work};
use crate::remotes::https::Then;

const ALL_WELL: (&str, &str) = ("Ready", "All workplacements scheduled successfully");
/// How much the reconciler works on at once, so that little is enough to keep all of it busy.
const WORKERS: &str = "4";

/// A Destination without canaries for each state store, with the label and the path that is its name.
fn destinations(fleet: &Fleet, names: &[&str]) {
    for name in names {
        let spec = json!({"path": name, "initWorkloads": {"enabled": false}});
        fleet.destination((STORE, name), name, json!({"env": name}), spec);
    }
}

fn is_well(fleet: &Stage, work: &str) -> bool {
    fleet.says(work) == Some((ALL_WELL.0.to_owned(), ALL_WELL.1.to_owned()))
}

fn store_is(fleet: &Stage, status: &str, reason: &str) -> bool {
    let ready = fleet.condition("/gitstatestores/fleet", "Ready");
    ready["status"] == status && ready["reason"] == reason
}

/// Paths of the only files of these Works.
fn paths(destination: &str, works: &[String]) -> BTreeSet<String> {
    let path =
        |work: &String| format!("{destination}/resources/team-a/vault/{work}/main/5058f/a.yaml");
    works.iter().map(path).collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_store_that_hangs_holds_back_no_works_of_others_and_no_destination_that_goes() {
    let fleet = Fleet::new(&["slow", "fast"]);
    destinations(&fleet, &["slow", "fast"]);
    // Those that go have canaries in the store that hangs.
    let going: Vec<String> = (0..8).map(|at| format!("going-{at}")).collect();
    for name in &going {
        let spec = json!({"path": name, "cleanup": "all"});
        fleet.destination((STORE, "slow"), name, json!({}), spec);
    }
    let reconciler = fleet.reconcile("t0", &["--alone", "--placement-workers", WORKERS]);
    fleet.put(&work("first", &[group(".", "slow", &["a.yaml"])]));
    fleet.wait_for("the first to be well", || is_well(&fleet, "first"));
    let ready = |name: &String| {
        fleet.condition(&format!("/destinations/{name}"), "Ready")["status"] == "True"
    };
    fleet.wait_for("canaries", || going.iter().all(ready));

    let (opens, gate) = watch::channel(false);
    fleet.server().rule("/slow.git", usize::MAX, Then::Hold(gate));
    let before = fleet.server().seen().len();
    for name in &going {
        fleet.delete_destination(name);
    }
    let slow: Vec<String> = (0..12).map(|at| format!("slow-{at}")).collect();
    for name in &slow {
        fleet.put(&work(name, &[group(".", "slow", &["a.yaml"])]));
    }
    fleet.wait_for("the server to be asked", || fleet.server().seen().len() > before);
    let mut fast: Vec<String> = (0..12).map(|at| format!("fast-{at}")).collect();
    for name in &fast {
        fleet.put(&work(name, &[group(".", "fast", &["a.yaml"])]));
    }
    let both = [group(".", "fast", &["a.yaml"]), group("d", "slow", &["a.yaml"])];
    fleet.put(&work("both", &both));
    fleet.wait_for("the others to be well", || fast.iter().all(|name| is_well(&fleet, name)));
    fast.push("both".to_owned());
    let found = || fleet.files("fast").into_keys().collect();
    fleet.wait_same(&paths("fast", &fast), found);
    // It still hangs: nobody has given up waiting for it.
    assert_eq!(fleet.condition("/gitstatestores/slow", "Ready")["status"], "True");
    assert!(slow.iter().chain(["both".to_owned()].iter()).all(|name| !is_well(&fleet, name)));
    assert_eq!(fleet.all("destinations").len(), 2 + going.len());

    opens.send(true).unwrap();
    fleet.wait_for("all to be well", || slow.iter().chain(&fast).all(|name| is_well(&fleet, name)));
    fleet.wait_for("those to be gone that go", || fleet.all("destinations").len() == 2);
    let mut all = paths("slow", &slow);
    all.extend(paths("slow", &["first".to_owned()]));
    all.insert(format!(
        "slow/resources/team-a/vault/both/main/{}/a.yaml",
        &bookend::core::hash::md5_hex("d")[..5]
    ));
    fleet.wait_same(&all, || fleet.files("slow").into_keys().collect());
    reconciler.ends_well();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_repository_that_refuses_us_or_is_gone_says_so_and_heals() {
    let mut fleet = Fleet::new(&["fleet"]);
    destinations(&fleet, &["fleet"]);
    let reconciler = fleet.reconcile("t0", &["--alone"]);
    let mut works = vec!["first".to_owned()];
    let put =
        |fleet: &Fleet, name: &str| fleet.put(&work(name, &[group(".", "fleet", &["a.yaml"])]));
    put(&fleet, "first");
    fleet.wait_for("the first to be well", || is_well(&fleet, "first"));

    for (trouble, reason, words) in [
        ("refused", "ErrorValidatingPermissions", "the credentials are refused"),
        ("changed", "ErrorValidatingPermissions", "the credentials are refused"),
        ("gone", "StateStoreError", "it cannot be reached"),
    ] {
        match trouble {
            "gone" => fleet.stop_server(),
            _ => fleet.lets_in("another"),
        }
        put(&fleet, trouble);
        fleet.wait_for(&format!("{trouble}: the state store to say so"), || {
            store_is(&fleet, "False", reason)
        });
        fleet.wait_for(&format!("{trouble}: the Work to say so"), || {
            fleet.says(trouble).is_some_and(|(ready, _)| ready == "Failing")
        });
        let placement = format!("/namespaces/team-a/workplacements/{trouble}.fleet-5058f");
        let written = fleet.condition(&placement, "WriteSucceeded");
        let told = fleet.condition("/gitstatestores/fleet", "Ready");
        fleet.wait_for(&format!("{trouble}: the Destination to say so"), || {
            fleet.condition("/destinations/fleet", "Ready")["reason"] == "StateStoreNotReady"
        });
        assert_eq!(
            (&written["status"], &written["reason"]),
            (&json!("False"), &json!("WorkloadsFailedWrite"))
        );
        for said in [&written, &told] {
            let text = said["message"].as_str().unwrap();
            assert!(text.contains(words) && !text.contains(PASSWORD), "{trouble}: {said}");
        }
        // What was written stays what it is.
        assert!(is_well(&fleet, "first"), "{trouble}: {:?}", fleet.says("first"));
        match trouble {
            "gone" => fleet.start_server(),
            "changed" => fleet.password("another"),
            _ => fleet.lets_back_in(),
        }
        fleet.wait_for(&format!("{trouble}: to heal"), || {
            is_well(&fleet, trouble) && store_is(&fleet, "True", "StateStoreReady")
        });
        fleet.wait_for(&format!("{trouble}: the Destination to heal"), || {
            fleet.condition("/destinations/fleet", "Ready")["status"] == "True"
        });
        if trouble == "changed" {
            fleet.lets_back_in();
            fleet.password(PASSWORD);
        }
        works.push(trouble.to_owned());
    }
    fleet.wait_same(&paths("fleet", &works), || fleet.files("fleet").into_keys().collect());
    fleet.repository("fleet").is_sound();
    let event = |kind: &str, reason: &str| (kind.to_owned(), reason.to_owned());
    let (bad, good) = (event("Warning", "NotReady"), event("Normal", "Ready"));
    let mut told = vec![good.clone()];
    told.extend([bad, good].into_iter().cycle().take(6));
    assert_eq!(fleet.events(STORE, "fleet"), told, "one event for each change");
    let failed = event("Warning", "FailedWriteToDestination");
    for name in &works[1..] {
        let events = fleet.events("WorkPlacement", &format!("{name}.fleet-5058f"));
        assert!(events.contains(&failed), "{name}: {events:?}");
    }
    assert!(!reconciler.log().contains(PASSWORD));
    reconciler.ends_well();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn what_goes_says_that_its_state_store_is_not_there_and_goes_when_it_is_again() {
    let fleet = Fleet::new(&["fleet"]);
    let spec = json!({"path": "fleet", "cleanup": "all"});
    fleet.destination((STORE, "fleet"), "fleet", json!({"env": "fleet"}), spec);
    let reconciler = fleet.reconcile("t0", &["--alone"]);
    let names = ["one", "two"];
    for name in names {
        fleet.put(&work(name, &[group(".", "fleet", &["a.yaml"])]));
        fleet.wait_for("it to be well", || is_well(&fleet, name));
    }
    let store = fleet.must("GET", "/gitstatestores/fleet", &Value::Null);
    fleet.must("DELETE", "/gitstatestores/fleet", &Value::Null);
    fleet.wait_for("the Destination to miss it", || {
        fleet.condition("/destinations/fleet", "Ready")["reason"] == "StateStoreNotFound"
    });
    // One goes by its Work, the other one by its Destination.
    fleet.delete("one");
    let says = |path: &str, kind: &str| {
        let said = fleet.condition(path, kind);
        let text = said["message"].as_str().unwrap_or_default();
        said["status"] == "False" && text.contains("GitStateStore/fleet: not found; make it again")
    };
    let placement = |name: &str| format!("/namespaces/team-a/workplacements/{name}.fleet-5058f");
    fleet.wait_for("the first to say so", || says(&placement("one"), "WriteSucceeded"));
    fleet.delete_destination("fleet");
    fleet.wait_for("the second to say so", || says(&placement("two"), "WriteSucceeded"));
    fleet.wait_for("the Destination to say so", || says("/destinations/fleet", "Ready"));
    assert_eq!(fleet.condition("/destinations/fleet", "Ready")["reason"], "StateStoreNotFound");
    assert_eq!(fleet.files("fleet").len(), 4, "two files and two canaries");
    fleet.state_store(STORE, "fleet", store["spec"].clone());
    fleet.wait_for("all to be gone", || {
        fleet.all("workplacements").is_empty() && fleet.all("destinations").is_empty()
    });
    fleet.wait_same(&BTreeSet::new(), || fleet.files("fleet").into_keys().collect());
    reconciler.ends_well();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn what_was_under_way_to_the_place_that_a_state_store_had_before_is_written_to_the_new_one() {
    let fleet = Fleet::new(&["one", "two"]);
    let destination = |name: &str, labels: Value| {
        fleet.destination((STORE, "one"), name, labels, json!({"path": name}));
    };
    destination("first", json!({"env": "first"}));
    let reconciler = fleet.reconcile("t0", &["--alone"]);
    fleet.put(&work("early", &[group(".", "first", &["a.yaml"])]));
    fleet.wait_for("it to be well", || is_well(&fleet, "early"));
    let (opens, gate) = watch::channel(false);
    fleet.server().rule("POST /one.git/git-receive-pack", usize::MAX, Then::Hold(gate));
    destination("second", json!({}));
    fleet.wait_for("a push of its canaries", || fleet.server().held() > 0);
    fleet.put(&work("late", &[group(".", "first", &["a.yaml"])]));
    fleet.wait_for("its WorkPlacement", || fleet.all("workplacements").len() == 2);
    let url = json!({"spec": {"url": fleet.server().url("two.git")}});
    fleet.must("PATCH", "/gitstatestores/one", &url);
    // It is open there: what is not under way is written anew.
    let early = paths("first", &["early".to_owned()]);
    fleet.wait_for("the new place", || {
        let files: BTreeSet<String> = fleet.files("two").into_keys().collect();
        early.is_subset(&files)
    });
    opens.send(true).unwrap();
    let mut all = paths("first", &["early".to_owned(), "late".to_owned()]);
    for name in ["first", "second"] {
        all.insert(format!("{name}/dependencies/kratix-canary-namespace.yaml"));
        all.insert(format!("{name}/resources/kratix-canary-configmap.yaml"));
    }
    fleet.wait_same(&all, || fleet.files("two").into_keys().collect());
    fleet.wait_for("all to be well", || {
        is_well(&fleet, "late")
            && fleet.condition("/destinations/second", "Ready")["status"] == "True"
    });
    reconciler.ends_well();
}
