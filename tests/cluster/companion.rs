//! From nothing to a settled request with three commands, on a node: what docs/reconcile.md begins with.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::pods::kit::{ADAPTER_IMAGE, STAGE_IMAGE, kubectl, wait_for, words};

const PROMISE: &str = include_str!("../../fixtures/database/promise.yaml");
const REQUEST: &str = include_str!("../../fixtures/database/request.yaml");
/// The image that the Promise asks for; no registry is at hand.
const IMAGE: &str = "busybox:1.37";
const SYSTEM: &str = "kratix-platform-system";

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

#[test]
#[ignore = "needs a node: tests/cluster/run --companion"]
fn three_commands_lead_from_nothing_to_a_settled_request() {
    kubectl(&["create", "namespace", "team-shop"]);
    apply(&install(&["--replicas", "2"]));
    // A Promise may come before its controller runs; a request only after the Promise's API is there.
    apply(&PROMISE.replace(IMAGE, STAGE_IMAGE));
    let deployment = "deployment/kratix-platform-controller-manager";
    kubectl(&["-n", SYSTEM, "rollout", "status", deployment, "--timeout=60s"]);
    kubectl(&["wait", "promise/database", "--for=condition=Available", "--timeout=60s"]);
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

    kubectl(&["-n", "team-shop", "delete", "databases", "orders", "--timeout=60s"]);
    assert_eq!(jobs(), Vec::<String>::new());
    assert_eq!(get(&["-n", "team-shop", "works.platform.kratix.io"])["items"], json!([]));
    kubectl(&["delete", "promise", "database", "--timeout=60s"]);
    assert_eq!(get(&["crd", "databases.example.org"]), Value::Null);
    let left =
        get(&["-n", "team-shop", "sa,role,rolebinding", "-l", "kratix.io/promise-name=database"]);
    assert_eq!(left["items"], json!([]), "no rights are left");

    let log = kubectl(&["-n", SYSTEM, "logs", "-l", "app.kubernetes.io/name=bookend", "--tail=-1"]);
    let errors: Vec<_> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
