//! What these tests share: the cluster, and what is in it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{Api, api};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(40);
const SYSTEM: &str = "kratix-platform-system";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const PROMISES: &str = "/apis/platform.kratix.io/v1alpha1/promises";
const REQUESTS: &str = "/apis/test.example.com/v1/namespaces/team-a/vaults";
const JOBS: &str = "/apis/batch/v1/namespaces/team-a/jobs";
const QUOTAS: &str = "/api/v1/namespaces/team-a/resourcequotas";
/// What may carry the name of a Promise, in all namespaces.
const LABELLED: [&str; 8] = [
    "/api/v1/serviceaccounts",
    "/api/v1/configmaps",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/batch/v1/jobs",
    "/apis/platform.kratix.io/v1alpha1/works",
];

/// A Promise with an API and this many pipelines of its requests: `first`, `second`.
pub(super) fn promise(pipelines: usize) -> Value {
    let pipeline = |name: &&str| {
        json!({
            "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Pipeline", "metadata": {"name": name},
            "spec": {"containers": [{"name": "stage", "image": "example.com/stage:1"}]},
        })
    };
    let pipelines: Vec<Value> = ["first", "second"].iter().take(pipelines).map(pipeline).collect();
    json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Promise", "metadata": {"name": "vault"},
        "spec": {
            "api": {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "vaults.test.example.com"},
                "spec": {
                    "group": "test.example.com", "scope": "Namespaced",
                    "names": {"kind": "Vault", "plural": "vaults", "singular": "vault"},
                    "versions": [{
                        "name": "v1", "served": true, "storage": true,
                        "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                            "spec": {"type": "object", "properties": {"size": {"type": "string"}}},
                        }}},
                    }],
                },
            },
            "workflows": {"resource": {"configure": pipelines}},
        },
    })
}

/// A request of that Promise.
pub(super) fn request(name: &str) -> Value {
    json!({
        "apiVersion": "test.example.com/v1", "kind": "Vault",
        "metadata": {"name": name, "namespace": "team-a"}, "spec": {"size": "small"},
    })
}

/// The cluster, with the CRDs that the program installs. Everything is away again at the end.
pub(super) struct World {
    api: &'static Api,
    /// CRDs of the other tests.
    before: Vec<Value>,
}

impl World {
    pub(super) fn new() -> Self {
        let api = api();
        let mut before = Vec::new();
        for crd in bookend::core::crd::own() {
            let path = format!("{CRDS}/{}", crd.name());
            before.push(api.must("GET", &path, &Value::Null));
            replace_spec(api, &path, &crd.0["spec"]);
        }
        let world = Self { api, before };
        world.wait("the CRDs to be served", || {
            world.api.ask("GET", PROMISES, &Value::Null).0 == 200
        });
        world.clean();
        world
    }

    /// Waits until something holds.
    pub(super) fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "gave up waiting for {what}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Creates a Promise, or a request once its kind is served.
    pub(super) fn create(&self, object: &Value) {
        let path = if object["kind"] == "Promise" { PROMISES } else { REQUESTS };
        self.wait("the object to be created", || {
            let (code, answer) = self.api.ask("POST", path, object);
            assert!(matches!(code, 201 | 404), "{code} {answer}");
            code == 201
        });
    }

    fn get(&self, path: &str) -> Option<Value> {
        let (code, answer) = self.api.ask("GET", path, &Value::Null);
        (code == 200).then_some(answer)
    }

    fn items(&self, path: &str) -> Vec<Value> {
        let list = self.get(path).unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    pub(super) fn get_request(&self, name: &str) -> Option<Value> {
        self.get(&format!("{REQUESTS}/{name}"))
    }

    pub(super) fn get_promise(&self) -> Option<Value> {
        self.get(&format!("{PROMISES}/vault"))
    }

    pub(super) fn get_crd(&self) -> Option<Value> {
        self.get(&format!("{CRDS}/vaults.test.example.com"))
    }

    pub(super) fn delete_request(&self, name: &str) {
        self.api.must("DELETE", &format!("{REQUESTS}/{name}"), &Value::Null);
    }

    pub(super) fn delete_promise(&self) {
        self.api.must("DELETE", &format!("{PROMISES}/vault"), &Value::Null);
    }

    /// Whether the Promise can fulfil requests.
    pub(super) fn is_available(&self) -> bool {
        self.get_promise().is_some_and(|promise| has(&promise, "Available", "True"))
    }

    /// Whether a request stands as it should.
    pub(super) fn is_reconciled(&self, name: &str) -> bool {
        self.get_request(name).is_some_and(|request| {
            has(&request, "Reconciled", "True")
                && has(&request, "ConfigureWorkflowCompleted", "True")
        })
    }

    /// All Jobs of requests.
    pub(super) fn jobs(&self) -> Vec<Value> {
        self.items(JOBS)
    }

    /// The Job of a pipeline of a request, if it is there.
    pub(super) fn try_job(&self, request: &str, pipeline: &str) -> Option<Value> {
        self.jobs().into_iter().find(|job| {
            let labels = &job["metadata"]["labels"];
            labels["kratix.io/resource-name"] == request
                && labels["kratix.io/pipeline-name"] == pipeline
        })
    }

    /// The Job of a pipeline of a request, once it is there.
    pub(super) fn job(&self, request: &str, pipeline: &str) -> Value {
        self.wait(&format!("the Job of {pipeline} of {request}"), || {
            self.try_job(request, pipeline).is_some()
        });
        self.try_job(request, pipeline).unwrap()
    }

    /// Ends a Job, in the words of the Job controller.
    pub(super) fn finish(&self, job: &Value, well: bool) {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let names =
            if well { ["SuccessCriteriaMet", "Complete"] } else { ["FailureTarget", "Failed"] };
        let condition = |name: &&str| json!({"type": name, "status": "True", "reason": "Test", "lastTransitionTime": now});
        let conditions: Vec<Value> = names.iter().map(condition).collect();
        let mut status = json!({
            "startTime": now, "active": 0, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
            "conditions": conditions,
        });
        if well {
            status["completionTime"] = now.clone().into();
            status["succeeded"] = 1.into();
        } else {
            status["failed"] = 1.into();
        }
        let name = job["metadata"]["name"].as_str().unwrap();
        self.api.must("PATCH", &format!("{JOBS}/{name}/status"), &json!({"status": status}));
    }

    /// Reasons of the events about a request.
    pub(super) fn events(&self, request: &str) -> Vec<String> {
        self.reasons("team-a", "Vault", request)
    }

    /// Reasons of the events about the settings.
    pub(super) fn config_events(&self) -> Vec<String> {
        self.reasons(SYSTEM, "ConfigMap", "kratix")
    }

    fn reasons(&self, namespace: &str, kind: &str, name: &str) -> Vec<String> {
        let events = self.items(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"));
        let about = |event: &Value| {
            event["regarding"]["kind"] == kind && event["regarding"]["name"] == name
        };
        let found = events.into_iter().filter(about);
        found.map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Lets no Job in.
    pub(super) fn forbid_jobs(&self) {
        let hard = json!({"hard": {"count/jobs.batch": "0"}});
        let mut quota = json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": hard,
        });
        quota = self.api.must("POST", QUOTAS, &quota);
        // There is no controller that would count.
        quota["status"] = json!({"hard": hard["hard"], "used": {"count/jobs.batch": "0"}});
        self.api.must("PUT", &format!("{QUOTAS}/none/status"), &quota);
    }

    /// Lets them in again.
    pub(super) fn allow_jobs(&self) {
        self.api.must("DELETE", &format!("{QUOTAS}/none"), &Value::Null);
    }

    /// Sets the settings of the installation.
    pub(super) fn configure(&self, text: &str) {
        let path = format!("/api/v1/namespaces/{SYSTEM}/configmaps");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kratix"},
            "data": {"config": text}});
        if self.api.ask("POST", &path, &map).0 == 409 {
            self.api.must("PUT", &format!("{path}/kratix"), &map);
        }
    }

    /// What carries the name of the Promise.
    pub(super) fn labelled(&self) -> Vec<String> {
        let named = LABELLED.iter().flat_map(|path| {
            let path = format!("{path}?labelSelector=kratix.io%2Fpromise-name%3Dvault");
            self.items(&path).into_iter().map(move |item| {
                format!("{path} {}", item["metadata"]["name"].as_str().unwrap_or_default())
            })
        });
        named.collect()
    }

    /// Removes whatever a test has left.
    fn clean(&self) {
        let off = json!({"metadata": {"finalizers": null}});
        for request in self.items("/apis/test.example.com/v1/vaults") {
            let path = format!("{REQUESTS}/{}", request["metadata"]["name"].as_str().unwrap());
            self.api.ask("PATCH", &path, &off);
            self.api.ask("DELETE", &path, &Value::Null);
        }
        for path in [format!("{PROMISES}/vault"), format!("{CRDS}/vaults.test.example.com")] {
            self.api.ask("PATCH", &path, &off);
            self.api.ask("DELETE", &path, &Value::Null);
        }
        self.api.ask("DELETE", &format!("{QUOTAS}/none"), &Value::Null);
        let config = format!("/api/v1/namespaces/{SYSTEM}/configmaps/kratix");
        self.api.ask("DELETE", &config, &Value::Null);
        let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/bookend");
        self.api.ask("DELETE", &lease, &Value::Null);
        let events = "/apis/events.k8s.io/v1/namespaces/team-a/events";
        self.api.ask("DELETE", events, &Value::Null);
        for path in LABELLED {
            for item in
                self.items(&format!("{path}?labelSelector=kratix.io%2Fpromise-name%3Dvault"))
            {
                let metadata = &item["metadata"];
                let name = metadata["name"].as_str().unwrap();
                let (start, plural) = path.rsplit_once('/').unwrap();
                let path = match metadata["namespace"].as_str() {
                    Some(namespace) => format!("{start}/namespaces/{namespace}/{plural}/{name}"),
                    None => format!("{path}/{name}"),
                };
                self.api.ask("DELETE", &path, &json!({"propagationPolicy": "Background"}));
            }
        }
        self.wait("the API to be gone", || self.get_crd().is_none());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            // What is left says what went wrong; the next one cleans up.
            return;
        }
        self.clean();
        for crd in &self.before {
            let path = format!("{CRDS}/{}", crd["metadata"]["name"].as_str().unwrap());
            replace_spec(self.api, &path, &crd["spec"]);
        }
    }
}

fn replace_spec(api: &Api, path: &str, spec: &Value) {
    let mut crd = api.must("GET", path, &Value::Null);
    crd["spec"] = spec.clone();
    api.must("PUT", path, &crd);
}

fn has(object: &Value, condition: &str, status: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == condition && one["status"] == status)
}
