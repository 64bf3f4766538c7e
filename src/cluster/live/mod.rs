//! An API server: one request for each verb, no discovery, objects as the JSON they are.

mod answer;
mod ask;
mod clock;
mod config;
mod connection;
#[cfg(test)]
mod doubts;
mod effort;
#[cfg(test)]
mod outages;
mod retry;
#[cfg(test)]
mod tests;
mod url;
pub mod watch;

use std::sync::Arc;

use http::{Method, Uri};
use jiff::Timestamp;
use kube::client::ConfigExt as _;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

use self::answer::Refusal;
use self::ask::Question;
use self::clock::ServerClock;
use self::connection::Connections;
use self::effort::{Calls, Tally};
use super::name::{check_key, check_scope, check_selector};
use super::{Cluster, ClusterError, Reads, Selector};
use crate::contract::labels::FIELD_MANAGER;
use crate::contract::{Kind, Object, ObjectKey};

pub use effort::{Call, Effort};
pub use retry::RetryPolicy;

/// Objects in one page of a list. The API server keeps a page in memory, and so do we.
const PAGE: u32 = 500;
/// How often a list is begun anew because its continuation has expired.
const LISTS_MAX: u32 = 3;
/// Most requests at once, watches not counted: more would only wait in the server's queues.
const REQUESTS_MAX: usize = 64;

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// JSON is YAML too.
const APPLY_PATCH: &str = "application/apply-patch+yaml";
/// Plain JSON is named as well: an old server, or one in between, may not know the first.
const METADATA_JSON: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0.8";

/// A cluster behind an API server.
///
/// Each request has a time limit. One that was not answered, or with "later" (429, 5xx), is sent again within the
/// bounds of the [`RetryPolicy`]; so is one that was refused by a server that may not know our rights yet. A create whose answer was lost may so end in [`ClusterError::Exists`]; a replace in
/// [`ClusterError::Conflict`]. Both mean: read again. Every call can be dropped at any time.
#[derive(Clone)]
pub struct LiveCluster {
    client: Client,
    policy: RetryPolicy,
    server: Uri,
    tally: Arc<Tally>,
    clock: ServerClock,
    calls: Calls,
    /// One for each request that may be under way.
    slots: Arc<Semaphore>,
}

impl LiveCluster {
    /// Finds an API server as `live::config` says; nothing is sent yet. Needs a tokio runtime.
    pub async fn connect(policy: RetryPolicy) -> Result<Self, ClusterError> {
        Self::with(&config::find().await?, policy)
    }

    /// Returns the cluster at an address that asks for no login, such as `kubectl proxy`. Needs a tokio runtime.
    pub fn at(address: &str, policy: RetryPolicy) -> Result<Self, ClusterError> {
        let failed = |why| config::not_configured(&[(address, why)]);
        let uri = address.parse().map_err(|error| failed(config::chain(&error)))?;
        Self::with(&Config::new(uri), policy)
    }

    fn with(config: &Config, policy: RetryPolicy) -> Result<Self, ClusterError> {
        let place = config.cluster_url.to_string();
        if config.proxy_url.is_some() {
            tracing::debug!(
                "connecting directly: the proxy of the kubeconfig or of `HTTPS_PROXY` is not used"
            );
        }
        let failed = |why: String| config::not_configured(&[(&place, why)]);
        let of_client = |error: kube::Error| failed(config::of_client(&error));
        let service = ServiceBuilder::new()
            .option_layer(config.auth_layer().map_err(of_client)?)
            .layer(config.extra_headers_layer().map_err(of_client)?)
            .map_err(tower::BoxError::from)
            .service(Connections::to(config).map_err(failed)?);
        let client = Client::new(service, config.default_namespace.clone());
        let (server, tally) = (config.cluster_url.clone(), Arc::default());
        Ok(Self {
            client,
            policy,
            server,
            tally,
            clock: ServerClock::default(),
            calls: Calls::default(),
            slots: Arc::new(Semaphore::new(REQUESTS_MAX)),
        })
    }

    /// Tells `listener` of every request once it was answered, those of clones that are made later and of watches too.
    pub fn telling(mut self, listener: impl Fn(&Call<'_>) + Send + Sync + 'static) -> Self {
        self.calls = Calls::to(listener);
        self
    }

    /// What all requests, also those of clones, have cost so far.
    pub fn effort(&self) -> Effort {
        self.tally.effort()
    }

    /// Writes an object to `path`, which is `resource` (create) or `resource/name` and more.
    async fn write(
        &self,
        verb: &'static str,
        method: Method,
        key: &ObjectKey,
        path: String,
        object: &Object,
    ) -> Result<Object, ClusterError> {
        let body = serde_json::to_vec(object).map_err(|error| ClusterError::Invalid {
            key: Box::new(key.clone()),
            detail: error.to_string(),
        })?;
        let path = format!("{path}?fieldManager={FIELD_MANAGER}");
        let question = Question { verb, key, method, path, accept: JSON, body: Some((JSON, body)) };
        self.ask(question).await.map_err(|refusal| refusal.error)
    }

    /// Lists page by page. A continuation that has expired meanwhile begins anew.
    async fn list_as(
        &self,
        accept: &'static str,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        check_scope(kind, namespace)?;
        check_selector(labels)?;
        let key = kind.object(namespace, "*");
        let mut first = format!("{}?limit={PAGE}", url::collection(kind, namespace));
        if !labels.is_empty() {
            first = format!("{first}&labelSelector={}", url::selector(labels));
        }
        let mut objects = Vec::new();
        let (mut path, mut lists) = (first.clone(), 1);
        loop {
            let question =
                Question { verb: "list", key: &key, method: Method::GET, path, accept, body: None };
            match self.ask(question).await {
                Ok(mut page) => {
                    objects.extend(items(&mut page, kind));
                    match page.text_at(&["metadata", "continue"]) {
                        Some(next) => path = format!("{first}&continue={}", url::encode(next)),
                        None => break,
                    }
                }
                Err(refusal) if refusal.code == 410 && lists < LISTS_MAX => {
                    lists += 1;
                    objects.clear();
                    path = first.clone();
                }
                Err(refusal) => return Err(refusal.error),
            }
        }
        objects.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        Ok(objects)
    }
}

impl Reads for LiveCluster {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        check_key(key)?;
        let path = url::object(&key.kind, key.namespace.as_deref(), &key.name);
        let question =
            Question { verb: "get", key, method: Method::GET, path, accept: JSON, body: None };
        match self.ask(question).await {
            Ok(object) => Ok(Some(object)),
            Err(refusal) if refusal.object_is_missing => Ok(None),
            Err(refusal) => Err(refusal.error),
        }
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        self.list_as(JSON, kind, namespace, labels).await
    }

    async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        let mut objects = self.list_as(METADATA_JSON, kind, namespace, labels).await?;
        for object in &mut objects {
            object
                .0
                .retain(|field, _| matches!(field.as_str(), "apiVersion" | "kind" | "metadata"));
        }
        Ok(objects)
    }

    fn time(&self) -> Option<Timestamp> {
        self.clock.now()
    }
}

impl Cluster for LiveCluster {
    async fn create(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        check_key(&key)?;
        let path = url::collection(kind, key.namespace.as_deref());
        self.write("create", Method::POST, &key, path, object).await
    }

    async fn replace(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        check_key(&key)?;
        let path = url::object(kind, key.namespace.as_deref(), &key.name);
        self.write("update", Method::PUT, &key, path, object).await
    }

    async fn replace_status(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        check_key(&key)?;
        let path = url::object(kind, key.namespace.as_deref(), &key.name) + "/status";
        self.write("update", Method::PUT, &key, path, object).await
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        check_key(key)?;
        let mut patch = json!({"metadata": {"labels": {label: value}}});
        if let Some(uid) = uid {
            patch["metadata"]["uid"] = uid.into();
        }
        self.patch(key, &patch).await.map(|_| ())
    }

    async fn patch(&self, key: &ObjectKey, patch: &Value) -> Result<Object, ClusterError> {
        check_key(key)?;
        let body = (MERGE_PATCH, patch.to_string().into_bytes());
        match self.ask(patching(key, "", body)).await {
            Ok(object) => Ok(object),
            // Another object has taken the name: the server says so by refusing a change of the uid.
            Err(Refusal { error: ClusterError::Invalid { key, detail }, .. })
                if patch["metadata"]["uid"].is_string() && detail.contains("metadata.uid") =>
            {
                Err(ClusterError::Conflict { key, detail })
            }
            Err(refusal) => Err(refusal.error),
        }
    }

    async fn apply(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let key = object.key(kind);
        check_key(&key)?;
        let body = serde_json::to_vec(object).map_err(|error| ClusterError::Invalid {
            key: Box::new(key.clone()),
            detail: error.to_string(),
        })?;
        let question = patching(&key, "&force=true", (APPLY_PATCH, body));
        self.ask(question).await.map_err(|refusal| refusal.error)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        check_key(key)?;
        let path = url::object(&key.kind, key.namespace.as_deref(), &key.name);
        let path = format!("{path}?propagationPolicy=Background");
        let question = Question {
            verb: "delete",
            key,
            method: Method::DELETE,
            path,
            accept: JSON,
            body: None,
        };
        match self.ask(question).await {
            Err(refusal) if refusal.code != 404 => Err(refusal.error),
            _ => Ok(()),
        }
    }
}

/// Returns the question of a patch, under our name.
fn patching<'a>(key: &'a ObjectKey, options: &str, body: (&'static str, Vec<u8>)) -> Question<'a> {
    let path = url::object(&key.kind, key.namespace.as_deref(), &key.name);
    let path = format!("{path}?fieldManager={FIELD_MANAGER}{options}");
    Question { verb: "patch", key, method: Method::PATCH, path, accept: JSON, body: Some(body) }
}

/// Returns the objects of a page, each with the kind that the server leaves out of lists.
fn items(page: &mut Object, kind: &Kind) -> Vec<Object> {
    let Some(Value::Array(items)) = page.0.remove("items") else { return Vec::new() };
    items
        .into_iter()
        .filter_map(Object::from_value)
        .map(|mut object| {
            if object.kind().is_empty() || object.kind() == "PartialObjectMetadata" {
                object.0.insert("apiVersion".into(), kind.api_version().into());
                object.0.insert("kind".into(), kind.kind.as_ref().into());
            }
            object
        })
        .collect()
}
