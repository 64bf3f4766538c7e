//! What these tests share: Works, Destinations, and a bucket whose objects are files.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Api, api};
use crate::reconcile::process::Reconciler;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
const OURS: &str = "/apis/platform.kratix.io/v1alpha1";
const SECRETS: &str = "/api/v1/namespaces/team-a/secrets";
/// Kinds of this part, which are taken away before and after a test.
const KINDS: [&str; 5] =
    ["workplacements", "works", "destinations", "bucketstatestores", "gitstatestores"];

/// A group with these files, for Destinations with this `env`.
pub(super) fn group(directory: &str, env: &str, files: &[&str]) -> Value {
    let file =
        |path: &&str| json!({"filepath": path, "content": packed(&format!("file: {path}\n"))});
    let workloads: Vec<Value> = files.iter().map(file).collect();
    json!({
        "id": bookend::core::hash::md5_hex(directory), "directory": directory, "workloads": workloads,
        "destinationSelectors": [{"matchLabels": {"env": env}, "source": "promise"}],
    })
}

/// The Work of a request.
pub(super) fn work(request: &str, groups: &[Value]) -> Value {
    json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Work",
        "metadata": {"name": request, "namespace": "team-a", "labels": {
            "kratix.io/promise-name": "vault", "kratix.io/resource-name": request,
            "kratix.io/pipeline-name": "main", "kratix.io/work-type": "resource",
        }},
        "spec": {"promiseName": "vault", "resourceName": request, "workloadGroups": groups},
    })
}

fn packed(text: &str) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
    base64::engine::general_purpose::STANDARD.encode(packer.finish().unwrap())
}

/// The cluster, and a bucket beside it.
pub(super) struct World {
    api: &'static Api,
    folder: TempDir,
    port: u16,
    store: Option<Child>,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("objects/bucket")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut world = Self { api: api(), folder, port, store: None };
        world.clean();
        world.start_store();
        world.password("secretsecret");
        world.must("POST", "/bucketstatestores", &json!({
            "apiVersion": "platform.kratix.io/v1alpha1", "kind": "BucketStateStore",
            "metadata": {"name": "store"}, "spec": {
                "bucketName": "bucket", "endpoint": format!("127.0.0.1:{port}"), "insecure": true,
                "secretRef": {"name": "keys", "namespace": "team-a"},
            },
        }));
        world
    }

    /// The program under test.
    pub(super) fn reconcile(&self) -> Reconciler {
        Reconciler::start_placing(&["--alone"])
    }

    pub(super) fn start_store(&mut self) {
        let program = std::env::var_os("VERSITYGW").map(PathBuf::from).unwrap_or_else(|| {
            let home = std::env::var_os("HOME").unwrap_or_default();
            Path::new(&home).join(".cache/bookend/tools/bin/versitygw")
        });
        let store = Command::new(&program)
            .args(["--port", &format!("127.0.0.1:{}", self.port), "posix"])
            .arg(self.folder.path().join("objects"))
            .envs([("ROOT_ACCESS_KEY", "access"), ("ROOT_SECRET_KEY", "secretsecret")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.store = Some(store.unwrap_or_else(|error| {
            panic!(
                "failed to start `{}`, which tests/stores/run builds: {error}",
                program.display()
            )
        }));
        self.wait_for("the store", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    pub(super) fn stop_store(&mut self) {
        if let Some(mut store) = self.store.take() {
            store.kill().unwrap();
            store.wait().unwrap();
        }
    }

    /// Sets the password of the store's Secret.
    pub(super) fn password(&self, password: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"accessKeyID": "access", "secretAccessKey": password},
        });
        if self.api.ask("POST", SECRETS, &secret).0 == 409 {
            self.api.must("PUT", &format!("{SECRETS}/keys"), &secret);
        }
    }

    pub(super) fn destination(&self, name: &str, labels: Value, mut spec: Value) {
        spec["stateStoreRef"] = json!({"kind": "BucketStateStore", "name": "store"});
        self.must(
            "POST",
            "/destinations",
            &json!({
                "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Destination",
                "metadata": {"name": name, "labels": labels}, "spec": spec,
            }),
        );
    }

    pub(super) fn relabel(&self, name: &str, labels: Value) {
        let patch = json!({"metadata": {"labels": labels}});
        self.must("PATCH", &format!("/destinations/{name}"), &patch);
    }

    pub(super) fn delete_destination(&self, name: &str) {
        self.must("DELETE", &format!("/destinations/{name}"), &Value::Null);
    }

    /// Creates a Work, or replaces its spec.
    pub(super) fn put(&self, work: &Value) {
        let path = format!("{OURS}/namespaces/team-a/works");
        if self.api.ask("POST", &path, work).0 == 409 {
            let name = work["metadata"]["name"].as_str().unwrap();
            self.api.must("PATCH", &format!("{path}/{name}"), &json!({"spec": work["spec"]}));
        }
    }

    pub(super) fn delete(&self, work: &str) {
        self.must("DELETE", &format!("/namespaces/team-a/works/{work}"), &Value::Null);
    }

    fn must(&self, method: &str, path: &str, body: &Value) {
        self.api.must(method, &format!("{OURS}{path}"), body);
    }

    fn message(object: &Value, kind: &str) -> String {
        let all = object["status"]["conditions"].as_array();
        let one = all.into_iter().flatten().find(|one| one["type"] == kind);
        one.and_then(|one| one["message"].as_str()).unwrap_or_default().to_owned()
    }

    /// What a Work says of itself: whether it is ready, and how it is scheduled.
    pub(super) fn says(&self, work: &str) -> Option<(String, String)> {
        let path = format!("{OURS}/namespaces/team-a/works/{work}");
        let (code, object) = self.api.ask("GET", &path, &Value::Null);
        let said =
            || (Self::message(&object, "Ready"), Self::message(&object, "ScheduleSucceeded"));
        (code == 200).then(said)
    }

    pub(super) fn wait_says(&self, work: &str, ready: &str, scheduled: &str) {
        let wanted = Some((ready.to_owned(), scheduled.to_owned()));
        self.wait_for(&format!("{work} to say {wanted:?}"), || self.says(work) == wanted);
    }

    /// Whether the store's `Ready` has that status.
    pub(super) fn store_is(&self, status: &str) -> bool {
        let path = format!("{OURS}/bucketstatestores/store");
        let object = self.api.must("GET", &path, &Value::Null);
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.iter().any(|one| one["type"] == "Ready" && one["status"] == status)
    }

    fn bucket(&self) -> PathBuf {
        self.folder.path().join("objects/bucket")
    }

    /// All files in the store.
    pub(super) fn files(&self) -> BTreeSet<String> {
        let root = self.bucket();
        let all = walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok);
        let files = all.filter(|entry| entry.file_type().is_file());
        let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        // Those that the server has begun have names of its own.
        files.map(|entry| name(entry.path())).filter(|name| !name.starts_with(".sgwtmp")).collect()
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.bucket().join(path)).unwrap_or_default()
    }

    /// Waits until the store holds these files and no others.
    pub(super) fn wait_files(&self, expected: &[impl AsRef<str>]) {
        let expected: BTreeSet<String> =
            expected.iter().map(|path| path.as_ref().to_owned()).collect();
        let end = Instant::now() + PATIENCE;
        while self.files() != expected {
            assert!(Instant::now() < end, "expected {expected:#?}, found {:#?}", self.files());
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn wait_for(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "gave up waiting for {what}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn clean(&self) {
        let off = json!({"metadata": {"finalizers": null}});
        for kind in KINDS {
            let list = self.api.ask("GET", &format!("{OURS}/{kind}"), &Value::Null).1;
            for item in list["items"].as_array().into_iter().flatten() {
                let name = item["metadata"]["name"].as_str().unwrap();
                let path = match item["metadata"]["namespace"].as_str() {
                    Some(namespace) => format!("{OURS}/namespaces/{namespace}/{kind}/{name}"),
                    None => format!("{OURS}/{kind}/{name}"),
                };
                self.api.ask("PATCH", &path, &off);
                self.api.ask("DELETE", &path, &Value::Null);
            }
        }
        self.api.ask("DELETE", &format!("{SECRETS}/keys"), &Value::Null);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut store) = self.store.take() {
            let _ = store.kill();
            let _ = store.wait();
        }
        if !thread::panicking() {
            self.clean();
        }
    }
}
