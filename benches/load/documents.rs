//! The Promises and requests, and how they get into the cluster.

use std::time::Duration;

use bookend::contract::{Kind, kinds};
use futures::{StreamExt as _, stream};
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Arguments;

/// Namespace of the requests.
pub(super) const NAMESPACE: &str = "load";
const GROUP: &str = "load.example.com";
/// Objects that are created at the same time.
const AT_ONCE: usize = 16;
/// Between two looks at whether an API is served.
const PAUSE: Duration = Duration::from_millis(100);

/// What there shall be.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    name: String,
    promises: usize,
    pub(super) requests: usize,
    pipelines: usize,
    dependencies: bool,
}

impl Ask {
    pub(super) fn of(arguments: &Arguments) -> Self {
        Self {
            name: arguments.name.clone(),
            promises: arguments.promises,
            requests: arguments.requests,
            pipelines: arguments.pipelines,
            dependencies: arguments.dependencies,
        }
    }

    /// Name of a Promise, also of its kind.
    fn promise(&self, index: usize) -> String {
        format!("{}{index}", self.name)
    }

    /// The kinds of the requests, one for each Promise.
    pub(super) fn kinds(&self) -> impl Iterator<Item = ApiResource> {
        (0..self.promises).map(|index| {
            let name = self.promise(index);
            let kind = GroupVersionKind::gvk(GROUP, "v1", &name);
            ApiResource::from_gvk_with_plural(&kind, &format!("{name}s"))
        })
    }

    fn document(&self, index: usize) -> Value {
        let name = self.promise(index);
        let pipeline = |index: usize| {
            json!({
                "apiVersion": kinds::PROMISE.api_version(), "kind": kinds::PIPELINE_KIND,
                "metadata": { "name": format!("pipe-{index}") },
                "spec": { "containers": [{ "name": "one", "image": "example.com/stage:1" }] },
            })
        };
        let dependency = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "dependency" },
        });
        let schema = json!({ "type": "object", "properties": { "spec": {
            "type": "object", "properties": { "size": { "type": "integer" } },
        } } });
        json!({
            "apiVersion": kinds::PROMISE.api_version(), "kind": kinds::PROMISE.kind,
            "metadata": { "name": name },
            "spec": {
                "api": {
                    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                    "metadata": { "name": format!("{name}s.{GROUP}") },
                    "spec": {
                        "group": GROUP, "scope": "Namespaced",
                        "names": { "plural": format!("{name}s"), "singular": name, "kind": name },
                        "versions": [{
                            "name": "v1", "served": true, "storage": true,
                            "schema": { "openAPIV3Schema": schema },
                        }],
                    },
                },
                "dependencies": if self.dependencies { vec![dependency] } else { Vec::new() },
                "workflows": { "resource": {
                    "configure": (0..self.pipelines).map(pipeline).collect::<Vec<_>>(),
                } },
            },
        })
    }
}

/// Returns kube's name of one of our kinds.
fn resource(kind: &Kind) -> ApiResource {
    let gvk = GroupVersionKind::gvk(&kind.group, &kind.version, &kind.kind);
    ApiResource::from_gvk_with_plural(&gvk, &kind.plural)
}

/// Creates the Promises and waits until each can fulfil requests.
pub(super) async fn install(client: &Client, ask: &Ask) {
    let promises: Api<DynamicObject> = Api::all_with(client.clone(), &resource(&kinds::PROMISE));
    let documents = (0..ask.promises).map(|index| ask.document(index));
    stream::iter(documents)
        .for_each_concurrent(AT_ONCE, |document| {
            let promises = promises.clone();
            async move {
                let name = document["metadata"]["name"].as_str().unwrap().to_owned();
                let document = serde_json::from_value(document).unwrap();
                promises.create(&PostParams::default(), &document).await.unwrap();
                while !is_available(&promises.get(&name).await.unwrap()) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        })
        .await;
}

/// Whether the Promise says that it is available.
fn is_available(promise: &DynamicObject) -> bool {
    let conditions = promise.data["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Available" && one["status"] == "True")
}

/// Creates a request of each number of each kind.
pub(super) async fn create(client: &Client, ask: &Ask) {
    let all = (0..ask.requests).flat_map(|number| ask.kinds().map(move |kind| (kind, number)));
    stream::iter(all)
        .for_each_concurrent(AT_ONCE, |(kind, number)| async move {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &kind);
            let mut request = DynamicObject::new(&format!("request-{number}"), &kind);
            request.data = json!({ "spec": { "size": number } });
            api.create(&PostParams::default(), &request).await.unwrap();
        })
        .await;
}
