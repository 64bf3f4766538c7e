//! What these tests share: Works, Destinations, state stores, and what they say of themselves.

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::api::{Api, api};
use crate::reconcile::process::Reconciler;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const OURS: &str = "/apis/platform.kratix.io/v1alpha1";
const SECRET: &str = "keys";
const CONFIG_MAPS: &str = "/api/v1/namespaces/kratix-platform-system/configmaps";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kratix-platform-system/leases";
const SECRETS: &str = "/api/v1/namespaces/team-a/secrets";
/// Kinds of this part, which are taken away before and after a test.
const KINDS: [&str; 5] =
    ["workplacements", "works", "destinations", "bucketstatestores", "gitstatestores"];

/// A group with these files, for Destinations with this `env`.
pub(crate) fn group(directory: &str, env: &str, files: &[&str]) -> Value {
    let file = |path: &&str| ((*path).to_owned(), format!("file: {path}\n"));
    group_of(directory, env, files.iter().map(file))
}

/// A group with these files, each with its content.
pub(crate) fn group_of(
    directory: &str,
    env: &str,
    files: impl IntoIterator<Item = (String, String)>,
) -> Value {
    let file = |(path, text): (String, String)| json!({"filepath": path, "content": packed(&text)});
    let workloads: Vec<Value> = files.into_iter().map(file).collect();
    json!({
        "id": bookend::core::hash::md5_hex(directory), "directory": directory, "workloads": workloads,
        "destinationSelectors": [{"matchLabels": {"env": env}, "source": "promise"}],
    })
}

/// The Work of a request.
pub(crate) fn work(request: &str, groups: &[Value]) -> Value {
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

/// The cluster with nothing of this part in it.
pub(crate) struct Stage {
    pub(super) api: &'static Api,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let stage = Self { api: api() };
        stage.clean();
        stage
    }

    /// Makes a namespace, unless it is there.
    pub(crate) fn namespace(&self, name: &str) {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.api.ask("POST", "/api/v1/namespaces", &namespace);
    }

    /// Sets the Secret of the state stores.
    pub(crate) fn secret(&self, data: &Value) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": data,
        });
        if self.api.ask("POST", SECRETS, &secret).0 == 409 {
            self.api.must("PUT", &format!("{SECRETS}/{SECRET}"), &secret);
        }
    }

    /// Makes a state store; its Secret is [`Stage::secret`].
    pub(crate) fn state_store(&self, kind: &str, name: &str, mut spec: Value) {
        spec["secretRef"] = json!({"name": SECRET, "namespace": "team-a"});
        let store = json!({
            "apiVersion": "platform.kratix.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
        });
        self.must("POST", &format!("/{}s", kind.to_lowercase()), &store);
    }

    /// Makes a repository a state store, over ssh with this Secret.
    pub(super) fn git_store(&self, name: &str, url: &str, secret: &str) {
        let store = json!({
            "apiVersion": "platform.kratix.io/v1alpha1", "kind": "GitStateStore",
            "metadata": {"name": name}, "spec": {
                "url": url, "branch": "main", "authMethod": "ssh",
                "secretRef": {"name": secret, "namespace": "team-a"},
            },
        });
        self.must("POST", "/gitstatestores", &store);
    }

    /// What a Git state store says of itself.
    pub(super) fn git_store_says(&self, name: &str) -> String {
        let ready = self.condition(&format!("/gitstatestores/{name}"), "Ready");
        ready["message"].as_str().unwrap_or_default().to_owned()
    }

    /// Changes the spec of a Destination, or of the state store.
    pub(super) fn change(&self, path: &str, spec: Value) {
        self.must("PATCH", path, &json!({"spec": spec}));
    }

    /// Makes a Destination in the state store of this kind and name, unless the spec names another.
    pub(crate) fn destination(
        &self,
        (kind, store): (&str, &str),
        name: &str,
        labels: Value,
        mut spec: Value,
    ) {
        if spec["stateStoreRef"].is_null() {
            spec["stateStoreRef"] = json!({"kind": kind, "name": store});
        }
        let destination = json!({
            "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Destination",
            "metadata": {"name": name, "labels": labels}, "spec": spec,
        });
        self.must("POST", "/destinations", &destination);
    }

    pub(crate) fn relabel(&self, name: &str, labels: Value) {
        let patch = json!({"metadata": {"labels": labels}});
        self.must("PATCH", &format!("/destinations/{name}"), &patch);
    }

    pub(crate) fn delete_destination(&self, name: &str) {
        self.must("DELETE", &format!("/destinations/{name}"), &Value::Null);
    }

    /// Creates a Work, or replaces its spec.
    pub(crate) fn put(&self, work: &Value) {
        let path = format!("{OURS}/namespaces/team-a/works");
        if self.api.ask("POST", &path, work).0 == 409 {
            let name = work["metadata"]["name"].as_str().unwrap();
            self.api.must("PATCH", &format!("{path}/{name}"), &json!({"spec": work["spec"]}));
        }
    }

    pub(crate) fn delete(&self, work: &str) {
        self.must("DELETE", &format!("/namespaces/team-a/works/{work}"), &Value::Null);
    }

    /// Asks for something of our kinds, which has to be answered well.
    pub(crate) fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        self.api.must(method, &format!("{OURS}{path}"), body)
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, kind: &str) -> Vec<Value> {
        let mut list = self.must("GET", &format!("/{kind}"), &Value::Null);
        serde_json::from_value(list["items"].take()).unwrap()
    }

    fn message(object: &Value, kind: &str) -> String {
        let all = object["status"]["conditions"].as_array();
        let one = all.into_iter().flatten().find(|one| one["type"] == kind);
        one.and_then(|one| one["message"].as_str()).unwrap_or_default().to_owned()
    }

    /// What a Work says of itself: whether it is ready, and how it is scheduled.
    pub(crate) fn says(&self, work: &str) -> Option<(String, String)> {
        let path = format!("{OURS}/namespaces/team-a/works/{work}");
        let (code, object) = self.api.ask("GET", &path, &Value::Null);
        let said =
            || (Self::message(&object, "Ready"), Self::message(&object, "ScheduleSucceeded"));
        (code == 200).then(said)
    }

    pub(crate) fn wait_says(&self, work: &str, ready: &str, scheduled: &str) {
        let wanted = Some((ready.to_owned(), scheduled.to_owned()));
        self.wait_for(&format!("{work} to say {wanted:?}"), || self.says(work) == wanted);
    }

    /// A condition of an object, by the path of that one.
    pub(crate) fn condition(&self, path: &str, kind: &str) -> Value {
        let object = self.must("GET", path, &Value::Null);
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["type"] == kind).unwrap_or_default()
    }

    /// Type and reason of the events about an object, in the order in which they came.
    pub(crate) fn events(&self, kind: &str, name: &str) -> Vec<(String, String)> {
        let list = self.api.must("GET", "/apis/events.k8s.io/v1/events", &Value::Null);
        let mut all = list["items"].as_array().cloned().unwrap_or_default();
        all.retain(|one| one["regarding"]["kind"] == kind && one["regarding"]["name"] == name);
        // Their times are too coarse.
        let version =
            |one: &Value| one["metadata"]["resourceVersion"].as_str()?.parse::<u64>().ok();
        all.sort_by_key(version);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.iter().map(|one| (text(&one["type"]), text(&one["reason"]))).collect()
    }

    /// Who holds the Lease of the reconcilers; empty when nobody does.
    pub(crate) fn holder(&self) -> String {
        let lease = self.api.ask("GET", &format!("{LEASES}/bookend"), &Value::Null).1;
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    }

    /// Has a Lease end soon, so that a test of many hand-overs does not wait for minutes.
    pub(crate) fn short_lease(&self) {
        let times = "{leaseDuration: 3s, renewDeadline: 2s, retryPeriod: 500ms}";
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kratix"},
            "data": {"config": format!("controllerLeaderElection: {times}")},
        });
        self.api.must("POST", CONFIG_MAPS, &map);
    }

    /// Waits until for a while nothing has been asked: what follows a last write ends, what goes on for ever does not.
    pub(crate) fn wait_quiet(&self, reconciler: &Reconciler) {
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

    /// Waits until something is as expected, and shows how it is if it never is.
    pub(crate) fn wait_same<T: PartialEq + std::fmt::Debug>(
        &self,
        expected: &T,
        found: impl Fn() -> T,
    ) {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = found();
            if found == *expected {
                return;
            }
            assert!(Instant::now() < end, "expected {expected:#?}, found {found:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn wait_for(&self, what: &str, mut holds: impl FnMut() -> bool) {
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
        for path in [
            SECRETS.to_owned() + "/keys",
            CONFIG_MAPS.to_owned() + "/kratix",
            LEASES.to_owned() + "/bookend",
        ] {
            self.api.ask("DELETE", &path, &Value::Null);
        }
        self.api.ask("DELETE", "/apis/events.k8s.io/v1/namespaces/default/events", &Value::Null);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.clean();
        }
    }
}
