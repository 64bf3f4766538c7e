//! `writer --destination` into a real repository: Destination, state store and Secret of a cluster, and turns by its Lease.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bookend::cluster::Reads as _;
use bookend::cluster::folder::FolderCluster;
use bookend::contract::{Kind, Object, kinds, labels};
use serde_json::{Value, json};

use crate::remotes::certificates::Authority;
use crate::remotes::https::Server;
use crate::remotes::repository::Repository;

const WRITERS: usize = 6;
const PASSWORD: &str = "hunter2-in-the-secret";

/// A cluster with a Destination in a repository.
fn cluster(folder: &Path, url: &str) -> FolderCluster {
    let cluster = FolderCluster::new(folder);
    let place = |kind: &Kind, namespace: Option<&str>, name: &str, parts: Value| {
        let mut object = Object::new(kind, namespace, name);
        object.0.extend(parts.as_object().unwrap().clone());
        cluster.place(kind, &object).unwrap();
    };
    let store = json!({"kind": "GitStateStore", "name": "fleet"});
    let destination = json!({"spec": {"path": "dev-1", "stateStoreRef": store}});
    place(&kinds::DESTINATION, None, "dev-1", destination);
    let secret = json!({"name": "fleet", "namespace": "sys"});
    let store =
        json!({"spec": {"url": url, "branch": "main", "path": "clusters", "secretRef": secret}});
    place(&kinds::GIT_STATE_STORE, None, "fleet", store);
    let data = json!({"stringData": {"username": "me", "password": PASSWORD}});
    place(&kinds::SECRET, Some("sys"), "fleet", data);
    cluster
}

fn writer(folder: &Path, number: usize) -> Child {
    let root = folder.join(format!("pod-{number}"));
    for one in ["files/input", "files/metadata", "dev"] {
        fs::create_dir_all(root.join(one)).unwrap();
    }
    fs::write(root.join("files/input/a.yaml"), format!("of: {number}\n")).unwrap();
    fs::write(root.join("dev/termination-log"), "").unwrap();
    let mut writer = Command::new(env!("CARGO_BIN_EXE_bookend"));
    writer
        .env_clear()
        .env("SSL_CERT_FILE", folder.join("ca.pem"))
        .env("TMPDIR", folder)
        .env("BOOKEND_POD_ROOT", &root)
        .args([
            "writer",
            "--input-directory",
            "/files",
            "--promise-name",
            "redis",
            "--pipeline-name",
            "main",
        ])
        .args(["--namespace", "team-a", "--resource-name", &format!("r{number}")])
        .args(["--destination", "dev-1", "--lease-namespace", "sys", "--cluster"])
        .arg(folder.join("cluster"))
        .args(["--version-status", "published", "--commit-message", "{name} for {destination}"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    writer.spawn().unwrap()
}

#[test]
fn writers_of_a_destination_take_turns_at_its_repository_and_tell_their_commits() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let repository = Repository::with_commit(folder.path().join("r.git"));
    repository.git(&["config", "http.receivepack", "true"]);
    let server = Server::start(folder.path(), &authority.certify("localhost", false));
    server.let_in("Basic bWU6aHVudGVyMi1pbi10aGUtc2VjcmV0");
    let cluster = cluster(&folder.path().join("cluster"), &server.url("r.git"));
    let writers: Vec<Child> = (0..WRITERS).map(|number| writer(folder.path(), number)).collect();
    for writer in writers {
        let done = writer.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(0), "{said}");
        assert!(said.contains("attempts=1"), "it was its turn: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let files = repository.git(&["ls-tree", "-r", "--name-only", "main", "clusters"]);
    let expect: Vec<String> = (0..WRITERS)
        .map(|number| format!("clusters/dev-1/resources/team-a/redis/r{number}/main/5058f/a.yaml"))
        .collect();
    assert_eq!(files.lines().collect::<Vec<_>>(), expect);
    repository.is_sound();
    // Each tells the commit that is its own.
    for number in 0..WRITERS {
        let root = folder.path().join(format!("pod-{number}"));
        let told = fs::read(root.join("dev/termination-log")).unwrap();
        let told: Value = serde_json::from_slice(&told).unwrap();
        let version = told["version"].as_str().unwrap();
        let subject = repository.git(&["log", "-1", "--format=%s", version]);
        assert!(
            subject.contains(&format!("r{number}")) && subject.ends_with("for dev-1"),
            "{subject}"
        );
        let status = fs::read_to_string(root.join("files/metadata/status.yaml")).unwrap();
        assert!(status.contains(version) && status.starts_with("published:"), "{status}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let leases = runtime.block_on(cluster.list(&kinds::LEASE, Some("sys"), &[])).unwrap();
    let [lease] = &leases[..] else { panic!("{leases:?}") };
    let transitions = lease.at(&["spec", "leaseTransitions"]).and_then(Value::as_u64);
    assert_eq!(transitions, Some(WRITERS as u64 - 1), "each had it once");
    assert_eq!(lease.text_at(&["spec", "holderIdentity"]), None);
    assert_eq!(lease.annotation(labels::WAITING), None);
}
