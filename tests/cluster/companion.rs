//! From nothing to a settled request with three commands, on a node: what docs/reconcile.md begins with. What the request
//! makes comes to a bucket beside the node.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bucket::{BUCKET, Bucket, KEY, KEY_ID};
use crate::pods::kit::{ADAPTER_IMAGE, STAGE_IMAGE, kubectl, wait_for, words};

const PROMISE: &str = include_str!("../../fixtures/database/promise.yaml");
const REQUEST: &str = include_str!("../../fixtures/database/request.yaml");
/// The image that the Promise asks for; no registry is at hand.
const IMAGE: &str = "busybox:1.37";
const SYSTEM: &str = "kratix-platform-system";
/// The address of the node's network namespace that pods reach (tests/cluster/up): on its loopback device.
const BESIDE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// What a Destination holds before anything is placed there.
const CANARIES: [&str; 2] =
    ["dev/dependencies/kratix-canary-namespace.yaml", "dev/resources/kratix-canary-configmap.yaml"];

/// `kubectl apply -f -`.
fn apply(yaml: &str) -> String {
    let mut child = Command::new("kubectl")
        .args(["apply", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

fn install(options: &[&str]) -> String {
    let binary = env!("CARGO_BIN_EXE_bookend");
    let output =
        Command::new(binary).args(["install", "--image", ADAPTER_IMAGE]).args(options).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Objects as `kubectl get` shows them, as JSON; `Null` when there is no such kind or object.
fn get(args: &[&str]) -> Value {
    let output =
        Command::new("kubectl").arg("get").args(args).args(["-o", "json"]).output().unwrap();
    if output.status.success() {
        serde_json::from_slice(&output.stdout).unwrap()
    } else {
        Value::Null
    }
}

fn request() -> Value {
    get(&["-n", "team-shop", "databases.example.org", "orders"])
}

/// Whether a condition says this reason.
fn says(object: &Value, kind: &str, reason: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == kind && one["reason"] == reason)
}

fn jobs() -> Vec<String> {
    let jobs = get(&["-n", "team-shop", "jobs", "-l", "kratix.io/promise-name=database"]);
    let name = |job: &Value| job["metadata"]["name"].as_str().unwrap().to_owned();
    jobs["items"].as_array().into_iter().flatten().map(name).collect()
}

/// Waits until the workflow has run for this generation of the request.
fn configured(generation: i64) -> Value {
    wait_for(&format!("generation {generation} of the request to be configured"), || {
        let request = request();
        let is_done = request["status"]["observedGeneration"] == generation
            && says(&request, "ConfigureWorkflowCompleted", "PipelinesExecutedSuccessfully");
        is_done.then_some(request)
    })
}

/// A Destination for all that the Promise makes, in that bucket.
fn destination(bucket: &Bucket) -> String {
    let api = "platform.kratix.io/v1alpha1";
    let all = [
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": SYSTEM},
            "stringData": {"accessKeyID": KEY_ID, "secretAccessKey": KEY},
        }),
        json!({
            "apiVersion": api, "kind": "BucketStateStore", "metadata": {"name": "store"}, "spec": {
                "bucketName": BUCKET, "endpoint": bucket.address.to_string(), "insecure": true,
                "secretRef": {"name": "keys", "namespace": SYSTEM},
            },
        }),
        json!({
            "apiVersion": api, "kind": "Destination",
            "metadata": {"name": "dev-1", "labels": {
                "environment": "dev", "zone": "internal", "role": "observability",
            }},
            "spec": {"path": "dev", "stateStoreRef": {"kind": "BucketStateStore", "name": "store"}},
        }),
    ];
    all.map(|object| object.to_string()).join("\n---\n")
}

/// Waits until the bucket holds these files of the request, the canaries, and no others.
fn holds(bucket: &Bucket, files: &[&str]) {
    let home = "dev/resources/team-shop/database/orders";
    let files = files.iter().map(|file| format!("{home}/{file}"));
    let expected: BTreeSet<String> = files.chain(CANARIES.map(str::to_owned)).collect();
    wait_for(&format!("the bucket to hold {expected:#?}"), || {
        (bucket.files() == expected).then_some(())
    });
}

fn is_true(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == kind && one["status"] == "True")
}

/// Waits until all Works of the request are at their Destinations.
fn placed() {
    wait_for("the request's Works to be placed", || {
        is_true(&request(), "WorksSucceeded").then_some(())
    });
}

#[test]
#[ignore = "needs a node: tests/cluster/run --companion"]
fn three_commands_lead_from_nothing_to_a_settled_request() {
    let bucket = Bucket::start(BESIDE.into());
    kubectl(&["create", "namespace", "team-shop"]);
    apply(&install(&["--replicas", "2"]));
    // A Promise may come before its controller runs; a request only after the Promise's API is there.
    apply(&PROMISE.replace(IMAGE, STAGE_IMAGE));
    let deployment = "deployment/kratix-platform-controller-manager";
    kubectl(&["-n", SYSTEM, "rollout", "status", deployment, "--timeout=60s"]);
    kubectl(&["wait", "promise/database", "--for=condition=Available", "--timeout=60s"]);
    apply(&destination(&bucket));
    kubectl(&["wait", "destination/dev-1", "--for=condition=Ready", "--timeout=120s"]);
    holds(&bucket, &[]);
    apply(REQUEST);

    let first = configured(1);
    let status = &first["status"];
    assert_eq!(status["message"], "database at orders-rw.team-shop.svc, backed up every night");
    let pipelines = &status["kratix"]["workflows"]["configure"]["pipelines"];
    let phases: Vec<_> = pipelines.as_array().unwrap().iter().map(|one| &one["phase"]).collect();
    assert_eq!(phases, ["Succeeded", "Succeeded"]);
    assert_eq!(jobs().len(), 2);
    let works = get(&["-n", "team-shop", "works.platform.kratix.io"]);
    assert_eq!(works["items"].as_array().unwrap().len(), 2);
    let shown = words(&kubectl(&["-n", "team-shop", "get", "databases"]));
    assert!(shown.contains("orders database at orders-rw"), "{shown}");

    placed();
    let files = [
        "instance/5058f/cluster.yaml",
        "instance/126c4/dashboards/orders.yaml",
        "backup/5058f/backup.yaml",
    ];
    holds(&bucket, &files);
    let cluster = "dev/resources/team-shop/database/orders/instance/5058f/cluster.yaml";
    assert!(bucket.read(cluster).contains("instances: 2"), "{}", bucket.read(cluster));

    // Settled means that nothing is written any more, also by a controller that begins anew.
    let version = request()["metadata"]["resourceVersion"].clone();
    let leader = || get(&["-n", SYSTEM, "lease"])["items"][0]["spec"]["holderIdentity"].clone();
    let old = leader();
    let pod = old.as_str().unwrap().split('_').next().unwrap().to_owned();
    kubectl(&["-n", SYSTEM, "delete", "pod", &pod]);
    wait_for("another leader", || {
        let now = leader();
        (now != old && now.as_str().is_some_and(|holder| !holder.is_empty())).then_some(())
    });
    apply(&REQUEST.replace("medium", "large"));
    let second = configured(2);
    assert_ne!(second["metadata"]["resourceVersion"], version);
    assert_eq!(jobs().len(), 4, "one Job for each run, and none again");
    wait_for("what has changed to be in the bucket", || {
        bucket.read(cluster).contains("instances: 3").then_some(())
    });
    holds(&bucket, &files);
    placed();

    kubectl(&["-n", "team-shop", "delete", "databases", "orders", "--timeout=60s"]);
    assert_eq!(jobs(), Vec::<String>::new());
    assert_eq!(get(&["-n", "team-shop", "works.platform.kratix.io"])["items"], json!([]));
    holds(&bucket, &[]);
    kubectl(&["delete", "promise", "database", "--timeout=60s"]);
    assert_eq!(get(&["crd", "databases.example.org"]), Value::Null);
    let left =
        get(&["-n", "team-shop", "sa,role,rolebinding", "-l", "kratix.io/promise-name=database"]);
    assert_eq!(left["items"], json!([]), "no rights are left");

    let log = kubectl(&["-n", SYSTEM, "logs", "-l", "app.kubernetes.io/name=bookend", "--tail=-1"]);
    let errors: Vec<_> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
