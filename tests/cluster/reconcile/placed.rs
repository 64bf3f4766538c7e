//! From a Promise and its request to files in a repository, with everything on but pods: a test is the pod.

use std::collections::BTreeMap;

use serde_json::json;

use super::kit::{World, promise, request};
use crate::placing::in_git::{Fleet, STORE};
use crate::placing::kit::{group, work};

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_request_is_settled_when_its_files_are_in_the_repository_and_takes_them_along() {
    let world = World::new();
    let fleet = Fleet::new(&["fleet"]);
    let spec = json!({"path": "dev", "initWorkloads": {"enabled": false}});
    fleet.destination((STORE, "fleet"), "dev", json!({"env": "dev"}), spec);
    let reconciler = fleet.reconcile("t0", &["--alone"]);
    let mut with_dependencies = promise(1);
    with_dependencies["spec"]["destinationSelectors"] = json!([{"matchLabels": {"env": "dev"}}]);
    with_dependencies["spec"]["dependencies"] = json!([
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vaults"}},
    ]);
    world.create(&with_dependencies);
    let names = || fleet.files("fleet").into_keys().collect::<Vec<_>>();
    let dependencies = "dev/dependencies/vault/5058f/static/vault-dependencies.yaml".to_owned();
    fleet.wait_same(&vec![dependencies.clone()], names);
    world.create(&request("one"));
    let job = world.job("one", "first");
    let mut written = work("one", &[group(".", "dev", &["a.yaml"])]);
    written["metadata"]["labels"]["kratix.io/pipeline-name"] = json!("first");
    // The repository takes nothing: the request must not say that it is settled.
    fleet.lets_in("another");
    fleet.put(&written);
    world.finish(&job, true);
    fleet.wait_for("the Work to fail", || {
        fleet.says("one").is_some_and(|(ready, _)| ready == "Failing")
    });
    assert!(!world.is_reconciled("one"));
    fleet.lets_back_in();
    world.wait("one to be reconciled", || world.is_reconciled("one"));
    let home = "dev/resources/team-a/vault/one/first/5058f/a.yaml".to_owned();
    let all = BTreeMap::from([(home, "file: a.yaml\n".to_owned())]);
    let mut found = fleet.files("fleet");
    assert!(found.remove(&dependencies).is_some_and(|text| text.contains("vaults")));
    assert_eq!(found, all);
    world.delete_request("one");
    world.wait("one to be gone", || world.get_request("one").is_none());
    fleet.wait_same(&vec![dependencies], names);
    world.delete_promise();
    world.wait("the Promise to be gone", || world.get_promise().is_none());
    fleet.wait_same(&Vec::new(), names);
    reconciler.ends_well();
}
