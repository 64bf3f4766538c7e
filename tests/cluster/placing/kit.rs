//! What these tests share: Works, Destinations, and a bucket whose objects are files.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::api::{Api, api};
use crate::bucket::{BUCKET, Bucket, KEY, KEY_ID};
use crate::reconcile::process::Reconciler;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
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
    pub(super) api: &'static Api,
    store: Bucket,
}

impl World {
    pub(super) fn new() -> Self {
        let store = Bucket::start(Ipv4Addr::LOCALHOST.into());
        let world = Self { api: api(), store };
        world.clean();
        world.password(KEY);
        world.must("POST", "/bucketstatestores", &json!({
            "apiVersion": "platform.kratix.io/v1alpha1", "kind": "BucketStateStore",
            "metadata": {"name": "store"}, "spec": {
                "bucketName": BUCKET, "endpoint": world.store.address.to_string(), "insecure": true,
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
        self.store.start_again();
    }

    pub(super) fn stop_store(&mut self) {
        self.store.stop();
    }

    /// Sets the password of the store's Secret.
    pub(super) fn password(&self, password: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"accessKeyID": KEY_ID, "secretAccessKey": password},
        });
        if self.api.ask("POST", SECRETS, &secret).0 == 409 {
            self.api.must("PUT", &format!("{SECRETS}/keys"), &secret);
        }
    }

    pub(super) fn destination(&self, name: &str, labels: Value, mut spec: Value) {
        if spec["stateStoreRef"].is_null() {
            spec["stateStoreRef"] = json!({"kind": "BucketStateStore", "name": "store"});
        }
        self.must(
            "POST",
            "/destinations",
            &json!({
                "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Destination",
                "metadata": {"name": name, "labels": labels}, "spec": spec,
            }),
        );
    }

    /// Changes the spec of a Destination, or of the state store.
    pub(super) fn change(&self, path: &str, spec: Value) {
        self.must("PATCH", path, &json!({"spec": spec}));
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

    /// Makes a repository a state store, over ssh with this Secret.
    pub(super) fn git_store(&self, name: &str, url: &str, secret: &str) {
        self.must(
            "POST",
            "/gitstatestores",
            &json!({
                "apiVersion": "platform.kratix.io/v1alpha1", "kind": "GitStateStore",
                "metadata": {"name": name}, "spec": {
                    "url": url, "branch": "main", "authMethod": "ssh",
                    "secretRef": {"name": secret, "namespace": "team-a"},
                },
            }),
        );
    }

    /// What a Git state store says of itself.
    pub(super) fn git_store_says(&self, name: &str) -> String {
        let path = format!("{OURS}/gitstatestores/{name}");
        Self::message(&self.api.must("GET", &path, &Value::Null), "Ready")
    }

    /// Whether the store's `Ready` has that status.
    pub(super) fn store_is(&self, status: &str) -> bool {
        let path = format!("{OURS}/bucketstatestores/store");
        let object = self.api.must("GET", &path, &Value::Null);
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.iter().any(|one| one["type"] == "Ready" && one["status"] == status)
    }

    /// All files in the store.
    pub(super) fn files(&self) -> BTreeSet<String> {
        self.store.files()
    }

    pub(super) fn read(&self, path: &str) -> String {
        self.store.read(path)
    }

    /// When each file in the store was written.
    pub(super) fn stamps(&self) -> BTreeMap<String, SystemTime> {
        self.store.stamps()
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

    /// Waits until for a while nothing has been asked: what follows a last write ends, what goes on for ever does not.
    pub(super) fn wait_quiet(&self, reconciler: &Reconciler) {
        let end = Instant::now() + PATIENCE;
        loop {
            let before = reconciler.calls();
            // That nothing happens takes time to see.
            thread::sleep(Duration::from_secs(5));
            let after = reconciler.calls();
            // Nothing at all is no answer.
            if !after.is_empty() && after == before {
                return;
            }
            assert!(Instant::now() < end, "not quiet: {before:#?}, then {after:#?}");
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
        if !thread::panicking() {
            self.clean();
        }
    }
}
