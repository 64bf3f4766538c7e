//! Older systems under the reconciler: `xaasRequestPipeline` as it was written, and the early layout.

use serde_json::{Value, json};

use super::kit::{World, promise, request};
use super::process::Reconciler;

fn names(job: &Value, list: &str) -> Vec<String> {
    let all = job["spec"]["template"]["spec"][list].as_array().unwrap();
    all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_promise_of_the_old_form_settles_and_goes() {
    let world = World::new();
    let reconciler = Reconciler::start(&["--alone"]);
    let mut old = promise(1);
    let spec = old["spec"].as_object_mut().unwrap();
    spec.remove("workflows");
    let crd = spec.remove("api").unwrap();
    spec.insert("xaasCrd".into(), crd);
    spec.insert("xaasRequestPipeline".into(), json!(["example.com/a:1", "example.com/b:1"]));
    world.create(&old);
    world.create(&request("one"));
    let job = world.job("one", "request");
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "vault-default-promise-pipeline");
    assert_eq!(names(&job, "initContainers"), ["reader", "stage-1", "stage-2", "work-writer"]);
    world.finish(&job, true);
    world.wait("one to be reconciled", || world.is_reconciled("one"));
    let stored = world.get_promise().unwrap();
    assert_eq!(stored["spec"]["xaasRequestPipeline"], old["spec"]["xaasRequestPipeline"]);
    assert_eq!(stored["spec"].get("workflows"), None, "it is stored as it was written");
    world.delete_request("one");
    world.wait("one to be gone", || world.get_request("one").is_none());
    world.delete_promise();
    world.wait("the Promise to be gone", || world.get_promise().is_none());
    assert_eq!(world.labelled(), Vec::<String>::new());
    reconciler.ends_well();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_early_delete_settles_though_no_status_step_runs() {
    let world = World::new();
    let reconciler = Reconciler::start(&["--alone"]);
    let mut early = promise(1);
    let workflows = &mut early["spec"]["workflows"]["resource"];
    let mut gone = workflows["configure"][0].clone();
    gone["metadata"] = json!({"name": "gone", "annotations": {"bookend/layout": "early"}});
    workflows["delete"] = json!([gone]);
    world.create(&early);
    world.create(&request("one"));
    world.finish(&world.job("one", "first"), true);
    world.wait("one to be reconciled", || world.is_reconciled("one"));
    world.delete_request("one");
    let job = world.job("one", "gone");
    assert_eq!(names(&job, "initContainers"), ["reader"]);
    assert_eq!(names(&job, "containers"), ["stage"]);
    world.finish(&job, true);
    world.wait("one to be gone", || world.get_request("one").is_none());
    reconciler.ends_well();
}
