//! `show status` on a folder cluster: the text that somebody on call reads.

use bookend::cluster::Reads;
use bookend::cluster::folder::FolderCluster;
use bookend::contract::kinds::PROMISE;
use bookend::contract::{Kind, Object, ObjectKey};
use bookend::report;
use bookend::show::status::{self, ShowStatus, Target};
use serde_json::{Value, json};

use crate::double::Double;

fn redis() -> Kind {
    Kind {
        group: "gold.example.com".into(),
        version: "v1".into(),
        kind: "Redis".into(),
        plural: "redises".into(),
        namespaced: true,
    }
}

/// A cluster with the Promise `redis` and a request `team-a/one` with this status.
fn cluster(suspended: bool, status: Value) -> (tempfile::TempDir, FolderCluster) {
    let root = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(root.path());
    let names =
        json!({"kind": "Redis", "plural": "redises", "singular": "redis", "shortNames": ["rds"]});
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "redises.gold.example.com"},
        "spec": {"group": "gold.example.com", "scope": "Namespaced", "names": names,
                 "versions": [{"name": "v1", "served": true, "storage": true}]},
    });
    let mut promise = Object::new(&PROMISE, None, "redis");
    promise.0.insert("spec".into(), json!({"api": crd}));
    cluster.place(&PROMISE, &promise).unwrap();
    let mut request = Object::new(&redis(), Some("team-a"), "one");
    request.set_label("kratix.io/promise-name", "redis");
    if suspended {
        request.set_label("kratix.io/workflow-suspended", "true");
    }
    request.set_metadata("generation", 3);
    request.0.insert("status".into(), status);
    cluster.place(&redis(), &request).unwrap();
    (root, cluster)
}

fn args(target: Target) -> ShowStatus {
    let now = "2026-01-02T12:00:00Z".parse().unwrap();
    ShowStatus { target, as_json: false, with_commands: true, now }
}

fn named(kind: &str, name: &str) -> Target {
    Target::Named { kind: kind.into(), name: name.into(), namespace: Some("team-a".into()) }
}

async fn shown(cluster: &impl Reads, args: &ShowStatus) -> String {
    match status::run(cluster, args).await {
        Ok(text) => text,
        Err(error) => report::render(&error),
    }
}

fn flat() -> Value {
    json!({
        "message": "Pending", "observedGeneration": 2, "endpoint": "redis.team-a:6379",
        "workflows": 2, "workflowsSucceeded": 1, "workflowsFailed": 0,
        "kratix": {"workflows": {"suspendedGeneration": 3, "pipelines": [
            {"name": "check", "phase": "Succeeded", "lastTransitionTime": "2026-01-02T11:55:00Z"},
            {"name": "deploy", "phase": "Suspended", "lastTransitionTime": "2026-01-02T11:58:00Z",
             "message": "quota is not granted yet", "attempts": 2, "nextRetryAt": "2026-01-02T12:04:00Z"},
        ]}},
        "conditions": [
            {"type": "ConfigureWorkflowCompleted", "status": "False", "reason": "PipelinesInProgress",
             "message": "Pipelines are still in progress", "lastTransitionTime": "2026-01-02T11:50:00Z"},
            {"type": "Reconciled", "status": "Unknown", "reason": "WorkflowSuspended",
             "message": "Suspended", "lastTransitionTime": "2026-01-02T11:58:00Z"},
        ],
    })
}

#[tokio::test]
async fn a_suspended_request_says_until_when_and_how_to_go_on() {
    let (_root, cluster) = cluster(true, flat());
    let expected = "\
Redis team-a/one
  suspended: suspended by pipeline `deploy` until 2026-01-02T12:04:00Z (in 4m), attempt 2: quota is not granted yet
  to go on now: kubectl label redises.gold.example.com one -n team-a kratix.io/workflow-suspended-
  to start again with the first pipeline: kubectl label redises.gold.example.com one -n team-a kratix.io/manual-reconciliation=true

  message    Pending
  generation 3, finished 2
  layout     flat
  counters   workflows 2, workflowsSucceeded 1, workflowsFailed 0
  suspended  generation 3
  also holds endpoint

PIPELINE  PHASE      CHANGED  ATTEMPTS  NEXT RETRY            MESSAGE
check     Succeeded  5m ago   -         -                     -
deploy    Suspended  2m ago   2         2026-01-02T12:04:00Z  quota is not granted yet

CONDITION                   STATUS   REASON               CHANGED  MESSAGE
ConfigureWorkflowCompleted  False    PipelinesInProgress  10m ago  Pipelines are still in progress
Reconciled                  Unknown  WorkflowSuspended    2m ago   Suspended
";
    for kind in [
        "redis",
        "Redis",
        "redises",
        "rds",
        "redises.gold.example.com",
        "redises.v1.gold.example.com",
    ] {
        assert_eq!(shown(&cluster, &args(named(kind, "one"))).await, expected, "{kind}");
    }
    let key = redis().object(Some("team-a"), "one");
    assert_eq!(shown(&cluster, &args(Target::Key(key))).await, expected, "named by variables");
}

#[tokio::test]
async fn the_keyed_layout_shows_its_keys_and_hashes() {
    let list = |name: &str, phase: &str| {
        json!({"pipelines": [{"name": name, "phase": phase, "hash": "0123abcd",
               "lastTransitionTime": "2026-01-02T11:59:30Z"}]})
    };
    let status = json!({"kratix": {"workflows": {
        "configure": list("deploy", "Running"), "delete": list("remove", "Pending"),
    }}});
    let (_root, cluster) = cluster(false, status);
    let expected = "\
Redis team-a/one
  running: pipeline `deploy` runs, for 30s
  to see more: kubectl get pods -A -l kratix.io/promise-name=redis,kratix.io/resource-name=one,\
kratix.io/workflow-type=resource,kratix.io/pipeline-name=deploy

  generation 3
  layout     keyed

WORKFLOW   PIPELINE  PHASE    CHANGED  HASH
configure  deploy    Running  30s ago  0123abcd
delete     remove    Pending  30s ago  0123abcd
";
    assert_eq!(shown(&cluster, &args(named("redis", "one"))).await, expected);
}

#[tokio::test]
async fn a_folder_gets_no_commands_for_kubectl() {
    let (_root, cluster) = cluster(true, flat());
    let folder = ShowStatus { with_commands: false, ..args(named("redis", "one")) };
    let text = shown(&cluster, &folder).await;
    assert!(text.contains("suspended by pipeline `deploy`"), "{text}");
    assert!(!text.contains("kubectl"), "{text}");
}

#[tokio::test]
async fn json_holds_the_same_for_programs() {
    let (_root, cluster) = cluster(true, flat());
    let as_json = ShowStatus { as_json: true, ..args(named("redis", "one")) };
    let json: Value = serde_json::from_str(&shown(&cluster, &as_json).await).unwrap();
    let picked = [
        &json["kind"],
        &json["apiVersion"],
        &json["namespace"],
        &json["state"],
        &json["layout"],
        &json["counters"]["workflowsSucceeded"],
        &json["workflows"][0]["suspendedGeneration"],
        &json["workflows"][0]["pipelines"][1]["nextRetryAt"],
        &json["conditions"][1]["reason"],
        &json["alsoHolds"][0],
    ];
    let expected = json!([
        "Redis",
        "gold.example.com/v1",
        "team-a",
        "suspended",
        "flat",
        1,
        3,
        "2026-01-02T12:04:00Z",
        "WorkflowSuspended",
        "endpoint"
    ]);
    assert_eq!(json!(picked), expected);
    assert!(json["says"].as_str().unwrap().starts_with("suspended by pipeline `deploy`"));
    assert_eq!(json["todo"][0]["purpose"], "to go on now");
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_is() {
    let (_root, cluster) = cluster(false, json!({}));
    let cases = [
        (
            named("kafka", "one"),
            "error: no Promise offers a kind `kafka`\n  hint: choose one of promises.platform.kratix.io, \
             redises.gold.example.com, or give it as PLURAL.VERSION.GROUP\n",
        ),
        (
            named("redis", "two"),
            "error: there is no redises.gold.example.com team-a/two\n  hint: look at its name and namespace \
             (`-n`): they are those of the object, not of its pod\n",
        ),
        (
            named("promise", "kafka"),
            "error: there is no promises.platform.kratix.io kafka\n  hint: look at its name and namespace \
             (`-n`): they are those of the object, not of its pod\n",
        ),
    ];
    for (target, expected) in cases {
        assert_eq!(shown(&cluster, &args(target)).await, expected);
    }
    let promise: ObjectKey = PROMISE.object(None, "redis");
    let text = shown(&cluster, &args(Target::Key(promise))).await;
    assert!(text.starts_with("Promise redis\n  untouched: "), "{text}");
}

#[tokio::test]
async fn a_promise_is_one_however_it_is_named() {
    let (_root, cluster) = cluster(false, json!({}));
    let mut promise = Object::new(&PROMISE, None, "kafka");
    let pipelines = json!([{"name": "up", "phase": "Failed"}]);
    promise.0.insert("status".into(), json!({"kratix": {"workflows": {"pipelines": pipelines}}}));
    cluster.place(&PROMISE, &promise).unwrap();
    // Of variables, those without which the step can do; and a version that is not the usual one.
    let untold = Kind { kind: "".into(), version: "v1beta1".into(), ..PROMISE };
    for target in [
        named("promise", "kafka"),
        named("promises.platform.kratix.io", "kafka"),
        named("promises.v1alpha1.platform.kratix.io", "kafka"),
        Target::Key(untold.object(None, "kafka")),
    ] {
        let text = shown(&cluster, &args(target)).await;
        let pods = "pods -A -l kratix.io/promise-name=kafka,kratix.io/workflow-type=promise,kratix.io/pipeline-name=up\n";
        assert!(text.starts_with("Promise kafka\n") && text.contains(pods), "{text}");
    }
}

#[tokio::test]
async fn ages_go_by_the_clock_of_the_cluster() {
    let (_root, folder) = cluster(true, flat());
    let key = redis().object(Some("team-a"), "one");
    let request = folder.get(&key).await.unwrap().unwrap();
    let told =
        Double::with(&redis(), [request.into_value()]).at("2026-01-02T11:59:00Z".parse().unwrap());
    let text = shown(&told, &args(Target::Key(key))).await;
    for part in ["T12:04:00Z (in 5m)", "check     Succeeded  4m ago "] {
        assert!(text.contains(part), "{text}");
    }
}
