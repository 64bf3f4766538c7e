//! The stand-in for the kubelet, on Jobs made by hand: what it says of them is what a Job controller would say.

use std::time::Duration;

use bookend::contract::labels;
use kube::Client;
use serde_json::{Value, json};

use crate::api::{Api, api};
use crate::standin::{Ending, Run, Settings, StandIn};

const LIMIT: Duration = Duration::from_secs(20);
const JOBS: &str = "/apis/batch/v1/namespaces/team-a/jobs";

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn jobs_are_finished_after_their_status_step_has_run() {
    let api = api();
    remove_jobs(api);
    let widget = api.create(&json!({
        "apiVersion": "gold.example.com/v1", "kind": "Widget",
        "metadata": { "name": "sample", "namespace": "team-a" }, "spec": {},
        "status": { "kratix": { "workflows": { "pipelines": [{ "name": "good", "phase": "Running" }] } } },
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ending = |run: &Run| match &*run.identity.pipeline {
        "bad" => Ending::Failed,
        "stopped" => Ending::Never,
        _ => Ending::Complete,
    };
    let standin = runtime.block_on(async {
        let client = Client::try_default().await.unwrap();
        StandIn::start(client, Settings { delay: Duration::from_millis(300), ending }).await
    });
    for pipeline in ["good", "bad", "stopped"] {
        api.must("POST", JOBS, &job(pipeline));
    }
    api.must("PATCH", &format!("{JOBS}/stopped"), &json!({ "spec": { "suspend": true } }));
    let all_ended = |runs: &[Run]| runs.iter().filter(|run| run.ended.is_some()).count() == 3;
    runtime.block_on(standin.wait(LIMIT, all_ended));
    let state = |name: &str| conditions(&api.must("GET", &format!("{JOBS}/{name}"), &Value::Null));
    assert_eq!(state("good"), ["SuccessCriteriaMet", "Complete"]);
    assert_eq!(state("bad"), ["FailureTarget", "Failed"]);
    assert_eq!(state("stopped"), ["Suspended"]);
    assert_eq!(conditions(&api.get(&widget)), ["ConfigureWorkflowCompleted"]);
    assert!(standin.runs().iter().all(|run| run.fault.is_none()), "{:?}", standin.runs());
    let good = standin.runs().into_iter().find(|run| run.job == "good").unwrap();
    assert_eq!((&*good.identity.name, &*good.identity.run), ("sample", "7"));
    remove_jobs(api);
}

fn remove_jobs(api: &Api) {
    api.must("DELETE", JOBS, &json!({ "propagationPolicy": "Background" }));
}

fn conditions(object: &Value) -> Vec<String> {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let is_true = conditions.iter().filter(|one| one["status"] == "True");
    is_true.map(|one| one["type"].as_str().unwrap().to_owned()).collect()
}

fn job(pipeline: &str) -> Value {
    let variables = [
        ("KRATIX_WORKFLOW_ACTION", "configure"),
        ("KRATIX_WORKFLOW_TYPE", "resource"),
        ("KRATIX_PROMISE_NAME", "widget"),
        ("KRATIX_PIPELINE_NAME", pipeline),
        ("KRATIX_OBJECT_KIND", "Widget"),
        ("KRATIX_OBJECT_GROUP", "gold.example.com"),
        ("KRATIX_OBJECT_VERSION", "v1"),
        ("KRATIX_OBJECT_NAME", "sample"),
        ("KRATIX_OBJECT_NAMESPACE", "team-a"),
        ("KRATIX_CRD_PLURAL", "widgets"),
        ("KRATIX_CLUSTER_SCOPED", "false"),
        ("IS_LAST_PIPELINE", "true"),
    ];
    let env: Vec<Value> =
        variables.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": pipeline,
            "labels": { labels::MANAGED_BY: labels::MANAGED_BY_KRATIX, labels::PIPELINE_NAME: pipeline },
            "annotations": { labels::JOB_RESOURCE_NAME: "sample", labels::RUN: "7" },
        },
        "spec": { "template": { "spec": { "restartPolicy": "OnFailure", "containers": [{
            "name": "status-writer", "image": "example.com/bookend:1",
            "command": ["/bin/pipeline-adapter"], "args": ["update-status"], "env": env,
        }] } } },
    })
}
