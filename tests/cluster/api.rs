//! The API server under test, for the tests themselves: objects in, objects out, all of it away.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::support::case::Objects;
use crate::support::http::Reply;
use crate::support::objects::{KINDS, Kind, key};

/// Namespaces of the cases; `nowhere` is the one that must not be there.
const NAMESPACES: [&str; 3] = ["team-a", "team-b", "kratix-platform-system"];
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Where Kratix's own kinds are.
const OURS: &str = "/apis/platform.kratix.io/v1alpha1";
/// How long a CRD may take to be served.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the API server as its administrator.
pub(crate) struct Api {
    client: Client,
    handle: Handle,
}

/// Returns the API server, with namespaces and CRDs in it and without any object of a case.
pub(crate) fn api() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    let api = API.get_or_init(|| {
        let api = Api::connect("BOOKEND_TEST_CLUSTER");
        api.install_namespaces();
        api.install_kinds();
        api
    });
    api.remove_all();
    api
}

/// Returns the API server beside the node, with the CRDs in it. Tests of pods run side by side: nothing is removed.
pub(crate) fn node() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| {
        let api = Api::connect("BOOKEND_TEST_NODE");
        api.install_kinds();
        api
    })
}

/// Returns the API server that a reconciler works on, with the CRDs of an installation in it.
pub(crate) fn reconciled() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| {
        let api = Api::connect("BOOKEND_TEST_MANAGER");
        api.install_namespaces();
        let mut plurals = Vec::new();
        for crd in bookend::core::crd::own() {
            plurals.push(crd.name().split('.').next().unwrap_or_default().to_owned());
            api.must("POST", CRDS, &crd.into_value());
        }
        let is_served =
            |plural: &String| api.ask("GET", &format!("{OURS}/{plural}"), &Value::Null).0 == 200;
        let end = Instant::now() + PATIENCE;
        while !plurals.iter().all(is_served) {
            assert!(Instant::now() < end, "the CRDs of an installation are not served");
        }
        api
    })
}

impl Api {
    /// The client, for watches.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where futures run.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn connect(marker: &str) -> Self {
        assert!(
            std::env::var_os(marker).is_some(),
            "start this with tests/cluster/run: it must not meet another cluster"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let client = runtime.block_on(async {
            let kubeconfig = Kubeconfig::from_env().unwrap().expect("KUBECONFIG is set");
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            Client::try_from(config).unwrap()
        });
        // The runtime turns in this thread; the tests wait on its handle.
        thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        Self { client, handle }
    }

    /// Sends one request, as another user when there is one, and returns whatever is answered.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Reply {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        self.handle.block_on(async {
            let response = self.client.send(request).await.unwrap();
            let content_type = response.headers().get("content-type");
            let content_type = content_type.map_or("", |value| value.to_str().unwrap()).to_owned();
            let status = response.status().as_u16();
            let body = response.into_body().collect_bytes().await.unwrap().to_vec();
            Reply { status, content_type, body }
        })
    }

    /// Sends JSON and returns code and JSON.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let content_type =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let reply = self.send(method, path, &[("content-type", content_type)], body);
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    /// Sends JSON that has to be accepted, and returns the answer.
    pub(crate) fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn install_namespaces(&self) {
        for name in NAMESPACES {
            let namespace =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            let (status, answer) = self.ask("POST", "/api/v1/namespaces", &namespace);
            assert!(status == 201 || status == 409, "{name}: {answer}");
        }
    }

    fn install_kinds(&self) {
        let crds = bookend::files::yaml::parse_objects(include_bytes!("crds.yaml")).unwrap();
        let end = Instant::now() + PATIENCE;
        // Those of placement are as they are installed: no test has its own.
        for crd in crds.into_iter().chain(bookend::core::crd::for_placement()) {
            let (status, answer) = self.ask("POST", CRDS, &crd.into_value());
            assert!(status == 201 || status == 409, "{answer}");
        }
        for kind in ["workplacements", "destinations", "gitstatestores", "bucketstatestores"] {
            while self.ask("GET", &format!("{OURS}/{kind}"), &Value::Null).0 != 200 {
                assert!(Instant::now() < end, "{kind} are not served");
            }
        }
        for kind in KINDS {
            while self.ask("GET", &collection(kind, None), &Value::Null).0 != 200 {
                assert!(Instant::now() < end, "{} is not served", kind.name);
            }
        }
    }

    /// Creates an object with its status, and returns it as stored.
    pub(crate) fn create(&self, object: &Value) -> Value {
        let kind = Kind::of(object);
        let namespace = object["metadata"]["namespace"].as_str();
        let mut stored = self.must("POST", &collection(kind, namespace), object);
        if kind.status && !object["status"].is_null() {
            stored["status"] = object["status"].clone();
            stored = self.must("PUT", &format!("{}/status", path(object)), &stored);
        }
        stored
    }

    pub(crate) fn get(&self, object: &Value) -> Value {
        self.must("GET", &path(object), &Value::Null)
    }

    /// Returns every object of the kinds of the cases.
    pub(crate) fn objects(&self) -> Objects {
        let mut found = Objects::new();
        for kind in KINDS {
            let list = self.must("GET", &collection(kind, None), &Value::Null);
            for item in list["items"].as_array().unwrap() {
                found.insert(key(item), item.clone());
            }
        }
        found
    }

    /// Removes every object of the kinds of the cases.
    pub(crate) fn remove_all(&self) {
        for object in self.objects().values() {
            if object["metadata"].get("finalizers").is_some() {
                let patch = json!({ "metadata": { "finalizers": null } });
                self.must("PATCH", &path(object), &patch);
            }
            self.must("DELETE", &path(object), &Value::Null);
        }
    }
}

/// Path of all objects of a kind, in one namespace or in all.
fn collection(kind: Kind, namespace: Option<&str>) -> String {
    let Kind { group, version, plural, .. } = kind;
    match namespace {
        Some(namespace) => format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("/apis/{group}/{version}/{plural}"),
    }
}

/// Path of an object.
pub(crate) fn path(object: &Value) -> String {
    let metadata = &object["metadata"];
    let collection = collection(Kind::of(object), metadata["namespace"].as_str());
    format!("{collection}/{}", metadata["name"].as_str().unwrap())
}
