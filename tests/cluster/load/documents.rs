//! The Promises and requests, and how they get into the cluster.

use std::ops::Range;
use std::time::Duration;

use bookend::contract::{Kind, kinds};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};

/// Namespace of the requests.
pub(crate) const NAMESPACE: &str = "load";
const GROUP: &str = "load.example.com";
/// Objects that are created at the same time.
const AT_ONCE: usize = 16;
/// How often a server is asked that is not there.
const TRIES: usize = 300;
/// Between two looks at whether an API is served.
const PAUSE: Duration = Duration::from_millis(100);

/// What there shall be.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// What the names of Promises and kinds begin with.
    pub(crate) name: String,
    /// How many Promises.
    pub(crate) promises: usize,
    /// How many pipelines each request runs.
    pub(crate) pipelines: usize,
    /// Whether the Promises have dependencies.
    pub(crate) dependencies: bool,
    /// Where the requests are.
    pub(crate) namespace: String,
}

impl Ask {
    /// Name of a Promise, also of its kind.
    fn promise(&self, index: usize) -> String {
        format!("{}{index}", self.name)
    }

    /// The kinds of the requests, one for each Promise.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = ApiResource> {
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
pub(crate) fn resource(kind: &Kind) -> ApiResource {
    let gvk = GroupVersionKind::gvk(&kind.group, &kind.version, &kind.kind);
    ApiResource::from_gvk_with_plural(&gvk, &kind.plural)
}

/// Creates the Promises and waits until each can fulfil requests.
pub(crate) async fn install(client: &Client, ask: &Ask) {
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

/// Creates a request of each of these numbers of each kind.
pub(crate) async fn create(client: &Client, ask: &Ask, numbers: Range<usize>) {
    let all = numbers.flat_map(|number| ask.kinds().map(move |kind| (kind, number)));
    stream::iter(all)
        .for_each_concurrent(AT_ONCE, |(kind, number)| async move {
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &ask.namespace, &kind);
            let mut request = DynamicObject::new(&format!("request-{number}"), &kind);
            request.data = json!({ "spec": { "size": number } });
            make(&api, &request).await;
        })
        .await;
}

/// Creates a request; a server that is away for a moment is asked again.
async fn make(api: &Api<DynamicObject>, request: &DynamicObject) {
    let mut tries = TRIES;
    loop {
        match api.create(&PostParams::default(), request).await {
            Ok(_) => return,
            // It was created by a try whose answer was lost.
            Err(kube::Error::Api(answer)) if answer.code == 409 => return,
            Err(error) if tries == 0 => panic!("{error}"),
            Err(_) => tries -= 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Makes a namespace be there.
pub(crate) async fn make_namespace(client: &Client, name: &str) {
    let namespace = json!({ "metadata": { "name": name } });
    let namespace = serde_json::from_value(namespace).unwrap();
    match Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await {
        Err(kube::Error::Api(answer)) if answer.code == 409 => {}
        made => drop(made.unwrap()),
    }
}
