//! Destinations, turns of many writers, and looking before anything is written.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bookend::cluster::Reads as _;
use bookend::cluster::folder::FolderCluster;
use bookend::contract::{Object, kinds, labels};
use serde_json::json;

use super::{FILES, HOME, Pod, SECRET, tip};

/// A cluster with a Destination in a bucket that nobody runs.
fn cluster(pod: &Pod) -> FolderCluster {
    let cluster = FolderCluster::new(pod.path("cluster"));
    let mut destination = Object::new(&kinds::DESTINATION, None, "dev-1");
    destination.set_label("env", "dev");
    let store = json!({"kind": "BucketStateStore", "name": "bucket"});
    destination.0.insert("spec".into(), json!({"path": "dev-1", "stateStoreRef": store}));
    cluster.place(&kinds::DESTINATION, &destination).unwrap();
    cluster
}

#[test]
fn what_is_missing_between_a_destination_and_its_store_is_told_one_after_the_other() {
    let pod = Pod::new(&FILES);
    let cluster = cluster(&pod);
    let check = |name: &str, code: i32, texts: &[&str]| {
        let (found, _, errors) =
            pod.call(&["writer", "--destination", name, "--cluster", "cluster"]);
        assert_eq!(found, Some(code), "{errors}");
        for text in texts {
            assert!(errors.contains(text), "{text}: {errors}");
        }
        assert!(!errors.contains(SECRET), "{errors}");
    };
    check("dev-2", 2, &["there is no Destination `dev-2`", "hint: name one of dev-1"]);
    check("dev-1", 4, &["there is no BucketStateStore/bucket", "hint: create it"]);
    let mut store = Object::new(&kinds::BUCKET_STATE_STORE, None, "bucket");
    let spec = json!({"bucketName": "b", "endpoint": "127.0.0.1:1", "insecure": true});
    store.0.insert("spec".into(), spec);
    cluster.place(&kinds::BUCKET_STATE_STORE, &store).unwrap();
    check("dev-1", 4, &["has no `spec.secretRef.name`, which `authMethod: accessKey` needs"]);
    store.0["spec"]["secretRef"] = json!({"name": "keys", "namespace": "sys"});
    cluster.place(&kinds::BUCKET_STATE_STORE, &store).unwrap();
    check("dev-1", 4, &["there is no Secret `sys/keys`, which BucketStateStore/bucket names"]);
    let mut secret = Object::new(&kinds::SECRET, Some("sys"), "keys");
    secret.0.insert("stringData".into(), json!({}));
    secret.0.insert("data".into(), json!({"accessKeyID": "aWQ="}));
    cluster.place(&kinds::SECRET, &secret).unwrap();
    check("dev-1", 4, &["the Secret has no `secretAccessKey`"]);
    secret.0.insert(
        "data".into(),
        json!({"accessKeyID": "aWQ=", "secretAccessKey": "aHVudGVyMi1pbi10aGUtc2VjcmV0"}),
    );
    cluster.place(&kinds::SECRET, &secret).unwrap();
    pod.file("root/kratix/metadata/destination-selectors.yaml", "- matchLabels: {env: prod}\n");
    check(
        "dev-1",
        4,
        &["the output (env=prod) may not go to the Destination `dev-1`", "hint: it has env=dev;"],
    );
}

/// Waits for a condition, with a limit.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn writers_of_many_processes_take_turns_and_nothing_is_lost() {
    let pod = Pod::new(&FILES);
    let url = pod.repository();
    let writers: Vec<Child> = (0..6)
        .map(|number| {
            let mut command = pod.program();
            command.args([
                "writer",
                "--to",
                &url,
                "--lease-namespace",
                "sys",
                "--cluster",
                "cluster",
            ]);
            command.env("KRATIX_OBJECT_NAME", format!("r{number}"));
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut writer in writers {
        assert_eq!(writer.wait().unwrap().code(), Some(0));
    }
    let (paths, ..) = tip(&pod.path("repo.git"));
    let requests: BTreeSet<&str> =
        paths.iter().map(|path| path.split('/').nth(5).unwrap()).collect();
    assert_eq!((requests.len(), paths.len()), (6, 12));
}

#[test]
fn who_is_stopped_while_it_waits_has_written_nothing_and_waits_no_more() {
    let pod = Pod::new(&FILES);
    let cluster = FolderCluster::new(pod.path("cluster"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = bookend::destination::lease::name_of("dir:out");
    let mut lease = Object::new(&kinds::LEASE, Some("sys"), &name);
    lease.0.insert("spec".into(), json!({"holderIdentity": "other", "leaseDurationSeconds": 3600}));
    cluster.place(&kinds::LEASE, &lease).unwrap();
    let waiting = || {
        let lease = runtime.block_on(cluster.get(&lease.key(&kinds::LEASE))).unwrap().unwrap();
        lease.annotation(labels::WAITING).map(str::to_owned)
    };
    let mut command = pod.program();
    command.args(["writer", "--to", "dir:out", "--lease-namespace", "sys", "--cluster", "cluster"]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    wait_for("it waits", || waiting().is_some());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(waiting(), None);
    assert!(!pod.path("out").exists());
}

#[test]
fn a_preview_that_waits_for_a_store_ends_when_it_is_asked_to() {
    let pod = Pod::new(&FILES);
    // It takes connections and answers none.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let url = format!("s3://b?endpoint={}&insecure=true", silent.local_addr().unwrap());
    let mut command = pod.program();
    command.args(["writer", "--dry-run", "--to", &url]);
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("it asks the store", || silent.accept().is_ok());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    // One request may take a minute, and is tried again.
    let begun = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
}

const DESTINATIONS: &str = "\
apiVersion: platform.kratix.io/v1alpha1
kind: Destination
metadata: {name: dev-1, labels: {env: dev}}
spec: {path: dev-1, stateStoreRef: {kind: GitStateStore, name: repo}}
---
apiVersion: platform.kratix.io/v1alpha1
kind: Destination
metadata: {name: prod-1, labels: {env: prod}}
spec: {path: prod-1, stateStoreRef: {kind: GitStateStore, name: repo}}
";

#[test]
fn it_is_shown_where_an_output_would_go_and_why_not_elsewhere() {
    let pod = Pod::new(&FILES);
    pod.file("destinations.yaml", DESTINATIONS);
    pod.file("root/kratix/metadata/destination-selectors.yaml", "- matchLabels: {env: dev}\n");
    let show = |more: &[&str]| {
        let arguments = ["show", "placement", "--folder", "root/kratix"];
        let (code, out, errors) = pod.call(&[&arguments, more].concat());
        assert_eq!(code, Some(0), "{errors}");
        out
    };
    let text = show(&["--destinations", "destinations.yaml"]);
    for line in [
        "  of r1 of redis, pipeline main",
        ".  2 files",
        "  wants env=dev",
        "  matches    dev-1",
        "  no match   prod-1: it has env=prod",
        "  goes to    dev-1: GitStateStore/repo at dev-1/resources/team-a/redis/r1/main/5058f/",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert!(text.contains("would be created"), "{text}");
    let all = show(&["--to", "dir:out"]);
    let expect = "all goes to dir:out, whatever the selectors say\n  2 files at resources/team-a/redis/r1/main/\n";
    assert_eq!(all, expect);
    assert!(!pod.path("out").exists());
}

#[test]
fn it_is_shown_what_would_change_but_no_secret_and_nothing_that_is_no_text() {
    let secret = format!("apiVersion: v1\nkind: Secret\nstringData: {{a: {SECRET}}}\n");
    let pod = Pod::new(&[("a.yaml", "a: 1\nb: 2\n"), ("gone.yaml", "x: 1\n"), ("s.yaml", "")]);
    pod.writes(&["--to", "dir:out"]);
    pod.output(&[("a.yaml", "a: 1\nb: 3\n"), ("s.yaml", &secret), ("t\u{7}", "bell\u{7}")]);
    let diff = |more: &[&str]| {
        let arguments = ["show", "diff", "--folder", "root/kratix", "--to", "dir:out"];
        let (code, out, errors) = pod.call(&[&arguments, more].concat());
        (code, out + &errors)
    };
    let (code, refused) = diff(&[]);
    assert_eq!(code, Some(3), "a path with a control character has no place: {refused}");
    pod.output(&[("a.yaml", "a: 1\nb: 3\n"), ("s.yaml", &secret), ("t", "bell\u{7}")]);
    let expect = format!(
        "dir:out\n  changed  {HOME}/a.yaml  10 B to 10 B\n  removed  {HOME}/gone.yaml  5 B\n  \
         changed  {HOME}/s.yaml  0 B to {} B\n  added    {HOME}/t  5 B\n",
        secret.len()
    );
    assert_eq!(diff(&["--summary"]), (Some(0), expect.clone()));
    let (_, text) = diff(&[]);
    let bodies = text.strip_prefix(&expect).unwrap_or_else(|| panic!("{text}"));
    let expect = format!(
        "--- a/{HOME}/a.yaml\n+++ b/{HOME}/a.yaml\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n\
         --- a/{HOME}/gone.yaml\n+++ b/{HOME}/gone.yaml\n@@ -1 +0,0 @@\n-x: 1\n\
         {HOME}/s.yaml: holds a Secret, not shown\n{HOME}/t: no plain text, not shown\n"
    );
    assert_eq!(bodies, expect);
    pod.writes(&["--to", "dir:out"]);
    assert_eq!(diff(&[]), (Some(0), "dir:out\n  nothing: 3 files are there already\n".to_owned()));
}
