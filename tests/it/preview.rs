//! `--dry-run` of the steps: what they tell, and that they write nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bookend::contract::kinds::{DESTINATION, WORK};
use bookend::contract::{Kind, Layout, ObjectKey, kinds, labels};
use bookend::exit::{Exit, Fault as _};
use bookend::steps::reader::{self, Reader};
use bookend::steps::status::{self, FILE_BYTES_MAX, Status};
use bookend::steps::writer::{self, Preview};
use bookend::steps::{Clock, Context};
use serde_json::{Value, json};

use crate::double::{ALWAYS, Double, Trouble, fault, work};
use crate::pod::Pod;

/// A cluster that refuses whatever is no read.
fn read_only(cluster: Double) -> Double {
    for verb in ["create", "replace", "status", "label", "delete"] {
        cluster.trouble(Some(verb), ALWAYS, Trouble::Fails(fault::forbidden));
    }
    cluster
}

/// Every file below a folder with its content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

async fn sent(pod: &Pod, cluster: &Double) -> Preview {
    let (before, asked) = (files(&pod.path("")), cluster.requests().len());
    let context = Context { layout: Layout::writer_root(&pod.path("")), clock: pod.clock };
    let preview = writer::preview(&context, cluster, &pod.args).await.unwrap();
    assert_eq!(files(&pod.path("")), before);
    assert!(cluster.requests()[asked..].iter().all(|verb| ["get", "list"].contains(verb)));
    preview
}

fn destination(name: &str, own: Value) -> Value {
    json!({ "apiVersion": DESTINATION.api_version(), "kind": "Destination", "metadata": { "name": name, "labels": own } })
}

/// A pod with a default group that two Destinations take, and a directory that none takes.
fn two_groups() -> (Pod, Double) {
    let pod =
        Pod::with(&[("a.yaml", "a: 1\n"), ("sub/b.yaml", "b: 2\n"), ("big/c.yaml", "c: 3\n")]);
    pod.write(
        "metadata/destination-selectors.yaml",
        "- directory: big\n  matchLabels: {size: xl}\n",
    );
    pod.write("kratix-system/promise-scheduling", "- matchlabels: {env: dev}\n  source: promise\n");
    let cluster = Double::with(
        &DESTINATION,
        [
            destination("dev-1", json!({ "env": "dev" })),
            destination("dev-2", json!({ "env": "dev" })),
            destination("prod", json!({ "env": "prod" })),
        ],
    );
    (pod, cluster)
}

#[tokio::test]
async fn a_new_work_is_told_with_its_files_sizes_and_destinations() {
    let (pod, cluster) = two_groups();
    let cluster = read_only(cluster);
    let preview = sent(&pod, &cluster).await;
    assert_eq!(cluster.requests(), ["list", "list"]);
    let (name, bytes) =
        (preview.to_value()["metadata"]["name"].clone(), preview.to_value().to_string().len());
    let expected = "\
would create the Work team-a/NAME
  holds  3 files in 2 groups: 15 B, 108 B stored
  sends  BYTES bytes, 0 % of the 1572864 that it may have

big
  to size=xl (from resource-workflow)
  goes nowhere: no Destination has these labels
└── big/
    └── c.yaml  5 B

.
  to env=dev (from promise)
  goes to one of dev-1, dev-2
├── sub/
│   └── b.yaml  5 B
└── a.yaml  5 B
";
    let seen = preview.describe().replace(&bytes.to_string(), "BYTES");
    assert_eq!(seen.replace(name.as_str().unwrap(), "NAME"), expected);
}

#[tokio::test]
async fn what_is_told_is_what_is_sent() {
    let (mut pod, cluster) = two_groups();
    pod.clock = Clock::Fixed("2026-02-01T00:00:00Z".parse().unwrap());
    for _ in 0..2 {
        let told = sent(&pod, &cluster).await.to_value();
        let told_to = sent(&pod, &cluster).await.describe();
        pod.written(&cluster).await;
        let stored = cluster.works().remove(0).into_value();
        assert_eq!(
            (&told["spec"], &told["metadata"]["name"]),
            (&stored["spec"], &stored["metadata"]["name"])
        );
        assert_eq!(told["metadata"]["labels"], stored["metadata"]["labels"]);
        let verb = if told["metadata"]["resourceVersion"].is_null() { "create" } else { "update" };
        assert!(told_to.starts_with(&format!("would {verb} the Work")), "{told_to}");
    }
}

#[tokio::test]
async fn an_update_tells_which_files_change() {
    let (pod, cluster) = two_groups();
    pod.written(&cluster).await;
    assert!(sent(&pod, &Double::default()).await.describe().contains("would create"));
    // `written` is a request of the same cluster: a new one holds the Work.
    let held = || {
        let works = cluster.works().into_iter().map(|work| work.into_value());
        read_only(Double::with(&WORK, works))
    };
    let same = sent(&pod, &held()).await.describe();
    assert!(same.contains("\n  files  as in the one that is there\n"), "{same}");
    pod.write("input/a.yaml", "a: 2\n");
    pod.write("input/it's new.yaml", "");
    fs::remove_file(pod.path("input/sub/b.yaml")).unwrap();
    let other = sent(&pod, &held()).await.describe();
    let expected = "\n  files  not as in the one that is there:\n    changed a.yaml\n    added it's new.yaml\n    removed sub/b.yaml\n";
    assert!(other.contains(expected), "{other}");
    assert!(other.contains("\n  goes nowhere: there are no Destinations\n"), "{other}");
}

#[tokio::test]
async fn an_account_that_may_not_list_destinations_is_told_how_to_ask() {
    let (pod, cluster) = two_groups();
    let cluster = read_only(cluster);
    cluster.trouble(Some("list"), 2..=2, Trouble::Fails(fault::forbidden));
    let text = sent(&pod, &cluster).await.describe();
    let find = "\n  find them: kubectl get destinations -l 'env=dev,kratix.io/dry-run!=true'\n";
    assert!(text.contains(find), "{text}");
    let end = "\nthe Destinations are not known: this account may not list them, and need not\n";
    assert!(text.ends_with(end), "{text}");
}

#[tokio::test]
async fn a_dry_run_of_kratix_is_another_thing() {
    let (mut pod, cluster) = two_groups();
    pod.args.dry_run = true;
    cluster.insert(
        &DESTINATION,
        bookend::contract::Object::from_value(destination(
            "dry",
            json!({ labels::DRY_RUN: "true" }),
        ))
        .unwrap(),
    );
    let preview = sent(&pod, &read_only(cluster)).await;
    assert_eq!(preview.to_value()["metadata"]["labels"][labels::DRY_RUN], "true");
    assert_eq!(preview.describe().matches("goes to dry\n").count(), 2);
}

#[tokio::test]
async fn a_workflow_that_waits_writes_no_work() {
    for (control, expected) in [
        (
            "suspend: true\nmessage: \"ask\\nBob's \\\"team\\\"\"\n",
            "would write no Work: the pipeline asks its workflow to wait until somebody resumes it\n  message  ask\\nBob's \"team\"\n",
        ),
        (
            "retryAfter: 90m\n",
            "would write no Work: the pipeline asks its workflow to wait until it is tried again after 1h30m0s\n",
        ),
    ] {
        let pod = Pod::with(&[]);
        pod.write("metadata/workflow-control.yaml", control);
        let cluster = Double::default();
        let preview = sent(&pod, &cluster).await;
        assert_eq!(cluster.requests(), [""; 0]);
        assert_eq!(preview.describe(), expected);
        assert_eq!(preview.to_value(), Value::Null);
    }
}

#[tokio::test]
async fn what_would_fail_fails() {
    let mut pod = Pod::with(&[("a", "0123456789")]);
    pod.args.work_bytes_max = 100;
    let context = Context { layout: Layout::writer_root(&pod.path("")), clock: pod.clock };
    let error = writer::preview(&context, &Double::default(), &pod.args).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let other = Double::with(&WORK, [work("team-a", "w", &[])]);
    other.fail("list", 1, fault::forbidden);
    pod.args.work_bytes_max = 10_000;
    assert!(writer::preview(&context, &other, &pod.args).await.is_err());
}

fn widgets() -> ObjectKey {
    let kind = Kind {
        group: "example.com".into(),
        version: "v1".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        namespaced: true,
    };
    kind.object(Some("team-a"), "sample")
}

async fn status_told(before: Value, report: &str, control: &str, is_last: bool) -> String {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("metadata")).unwrap();
    for (name, text) in [("status.yaml", report), ("workflow-control.yaml", control)] {
        fs::write(root.path().join("metadata").join(name), text).unwrap();
    }
    let key = widgets();
    let object = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": { "name": "sample", "namespace": "team-a", "generation": 7 }, "status": before,
    });
    let cluster = read_only(Double::with(&key.kind, [object]));
    let clock = Clock::Fixed("2026-01-02T03:04:05Z".parse().unwrap());
    let context = Context { layout: Layout::writer_root(root.path()), clock };
    let args = Status {
        key,
        workflow_type: "resource".into(),
        action: "configure".into(),
        pipeline: "main".into(),
        is_last,
        dry_run: false,
        file_bytes_max: FILE_BYTES_MAX,
    };
    let preview = status::preview(&context, &cluster, &args).await.unwrap();
    assert_eq!(cluster.requests(), ["get"]);
    preview.describe()
}

fn running() -> Value {
    json!({ "message": "Pending", "kratix": { "workflows": { "pipelines": [{ "name": "main", "phase": "Running" }] } } })
}

#[tokio::test]
async fn a_status_is_told_field_by_field() {
    let seen =
        status_told(running(), "message: ready\nhost's: {a: 1, b: \"\\u009b\"}\n", "", true).await;
    let expected = "\
would update the status of widgets.example.com team-a/sample
  status.conditions: added [{\"lastTransitionTime\":\"2026-01-02T03:04:05Z\",\"message\":\"Pipelines completed\",\"reason\":\"PipelinesExecutedSuccessfully\",\"status\":\"True\",\"type\":\"ConfigureWorkflowCompleted\"}]
  status.host's: added {\"a\":1,\"b\":\"\\u{9b}\"}
  status.message: \"Pending\" -> \"ready\"
then the configure workflow is complete
";
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_suspension_is_told_with_label_and_time() {
    let seen = status_told(running(), "", "retryAfter: 1h\nmessage: later\n", false).await;
    let expected = "\
would update the status of widgets.example.com team-a/sample
  status.kratix.workflows.pipelines[main].attempts: added 1
  status.kratix.workflows.pipelines[main].message: added \"later\"
  status.kratix.workflows.pipelines[main].nextRetryAt: added \"2026-01-02T04:04:05Z\"
  status.kratix.workflows.pipelines[main].phase: \"Running\" -> \"Suspended\"
  status.kratix.workflows.suspendedGeneration: added 7
would set the label kratix.io/workflow-suspended=true
then the workflow waits, and is tried again at 2026-01-02T04:04:05Z
";
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_status_that_stands_like_that_is_left() {
    let seen = status_told(running(), "message: Pending\n", "", false).await;
    let expected = "would leave the status of widgets.example.com team-a/sample as it is\nthen the workflow goes on\n";
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_object_is_told_with_its_place_and_is_still_yaml() {
    let object =
        json!({ "metadata": { "name": "a", "namespace": "team-a" }, "data": { "k": "v" } });
    let cluster = read_only(Double::with(&kinds::CONFIG_MAP, [object]));
    let layout = Layout::pod().with_input_dir("/none/\n- x".into());
    let context = Context { layout, clock: Clock::System };
    let key = kinds::CONFIG_MAP.object(Some("team-a"), "a");
    let args = Reader { key, dry_run: false, keep_managed_fields: false };
    let text = reader::plan(&context, &cluster, &args).await.unwrap().describe();
    assert_eq!(cluster.requests(), ["get"]);
    let (first, document) = text.split_once('\n').unwrap();
    assert_eq!(
        first,
        format!("# would write {} bytes to /none/\\n- x/object.yaml", document.len())
    );
    let value = bookend::files::yaml::parse(text.as_bytes()).unwrap().to_json().unwrap();
    assert_eq!(value["data"], json!({ "k": "v" }));
}
