//! Watches: what is there, and every change from then on, for as long as somebody listens.
//!
//! kube's watcher lists, resumes after the last version that was heard of, lists anew when the server has forgotten
//! it, and notices a connection that has died. Here its objects become ours, and its errors say what to do.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use http::{Request, Response};
use kube::api::ObjectMeta;
use kube::client::Body;
use kube::core::DynamicResourceScope;
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt as _, utils::Backoff};
use kube::{Api, Client};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tower::{Service, ServiceBuilder};

use super::effort::Calls;
use super::{LiveCluster, config};
use crate::cluster::ClusterError;
use crate::contract::{Kind, Object};

/// Objects in one page of the list that a watch begins with. Several watches begin at once, and a Job is ten kilobytes: with
/// pages of 500, a start on a thousand requests took three times the memory of the work itself (docs/scale.md).
const PAGE: u32 = 50;
/// Longest wait for the beginning of an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// The pause after the first failure; each further one in a row is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What to watch.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Objects of this kind.
    pub kind: Kind,
    /// In this namespace, or (`None`) in all.
    pub namespace: Option<String>,
    /// With these labels, in the words of `kubectl get -l`; empty for any.
    pub labels: String,
    /// Only the object of this name.
    pub name: Option<String>,
    /// Whether `spec` is left out: that of a Work can be megabytes.
    pub without_spec: bool,
}

impl Watch {
    /// Returns the watch of all objects of a kind.
    pub fn all(kind: &Kind) -> Self {
        let (namespace, labels, name) = (None, String::new(), None);
        Self { kind: kind.clone(), namespace, labels, name, without_spec: false }
    }
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A list begins: of what is known, only what [`Heard::There`] names until [`Heard::Listed`] is still there.
    Listing,
    /// It is there.
    There(Object),
    /// The list is complete.
    Listed,
    /// It is new, or has changed.
    Changed(Object),
    /// It is gone; this is what it was.
    Gone(Object),
}

/// What a watch says, without end. An error is not the end: after a pause it goes on, with a new list if need be.
pub type Hearing = Pin<Box<dyn Stream<Item = Result<Heard, ClusterError>> + Send>>;

impl LiveCluster {
    /// Watches. Nothing is sent before somebody listens; dropping it ends it. Of `managedFields` only each `manager` is
    /// there.
    pub fn watch(&self, watch: &Watch) -> Hearing {
        let mut config = watcher::Config::default().page_size(PAGE);
        if !watch.labels.is_empty() {
            config = config.labels(&watch.labels);
        }
        if let Some(name) = &watch.name {
            config = config.fields(&format!("metadata.name={name}"));
        }
        if watch.without_spec {
            self.hear::<false>(watch, config)
        } else {
            self.hear::<true>(watch, config)
        }
    }

    fn hear<const SPEC: bool>(&self, watch: &Watch, config: watcher::Config) -> Hearing {
        let kind = watch.kind.clone();
        let counted =
            Counted { client: self.client.clone(), calls: self.calls.clone(), kind: kind.clone() };
        let client = Client::new(ServiceBuilder::new().service(counted), "");
        let api: Api<Watched<SPEC>> = match &watch.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &kind),
            None => Api::all_with(client, &kind),
        };
        let events = watcher(api, config).backoff(Pauses::default());
        let (scope, of) = (watch.namespace.clone(), kind);
        Box::pin(events.map(move |event| match event {
            Ok(event) => Ok(heard(event, &of)),
            Err(error) => Err(failed(&error, &of, scope.as_deref())),
        }))
    }
}

fn heard<const SPEC: bool>(event: Event<Watched<SPEC>>, kind: &Kind) -> Heard {
    let object = |watched: Watched<SPEC>| {
        let mut object = watched.object;
        // Items of a list do not say what they are.
        if object.kind().is_empty() {
            object.0.insert("apiVersion".into(), kind.api_version().into());
            object.0.insert("kind".into(), kind.kind.as_ref().into());
        }
        object
    };
    match event {
        Event::Init => Heard::Listing,
        Event::InitApply(watched) => Heard::There(object(watched)),
        Event::InitDone => Heard::Listed,
        Event::Apply(watched) => Heard::Changed(object(watched)),
        Event::Delete(watched) => Heard::Gone(object(watched)),
    }
}

/// Says what went wrong in the words of all other requests.
fn failed(error: &watcher::Error, kind: &Kind, namespace: Option<&str>) -> ClusterError {
    let key = Box::new(kind.object(namespace, "*"));
    let (verb, cause) = match error {
        watcher::Error::InitialListFailed(cause) => ("list", Some(cause)),
        watcher::Error::WatchStartFailed(cause) | watcher::Error::WatchFailed(cause) => {
            ("watch", Some(cause))
        }
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => ("watch", None),
    };
    let status = match (error, cause) {
        (watcher::Error::WatchError(status), _) | (_, Some(kube::Error::Api(status))) => {
            Some(status)
        }
        _ => None,
    };
    let detail = match (status, cause) {
        (Some(status), _) => status.message.clone(),
        (None, Some(cause)) => config::of_client(cause),
        (None, None) => error.to_string(),
    };
    match status.map(|status| status.code) {
        Some(401) => ClusterError::Unauthorized { detail },
        Some(403) => ClusterError::Forbidden { verb, key, detail },
        Some(404) => ClusterError::Missing { key, detail },
        _ => {
            let (tries, waited) = (1, Duration::ZERO);
            ClusterError::Unreachable { verb, key, tries, waited, detail }
        }
    }
}

/// Sends the requests of one watch: counts them, and waits for the beginning of an answer only so long.
#[derive(Clone)]
struct Counted {
    client: Client,
    calls: Calls,
    kind: Kind,
}

impl Service<Request<Body>> for Counted {
    type Response = Response<Body>;
    type Error = tower::BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, tower::BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { client, calls, kind } = self.clone();
        Box::pin(async move {
            let query = request.uri().query().unwrap_or_default();
            let is_watch = query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1"));
            let verb = if is_watch { "watch" } else { "list" };
            let answer = tokio::time::timeout(ANSWER_TIME_MAX, client.send(request)).await;
            let code = match &answer {
                Ok(Ok(answer)) => answer.status().as_u16(),
                Ok(Err(_)) | Err(_) => 0,
            };
            calls.tell(verb, &kind, code);
            Ok(answer??)
        })
    }
}

/// After which time without a failure the next one counts as the first: longer than a pause and the wait for an answer.
const CALM: Duration = Duration::from_secs(60);

/// Pauses between failures: doubled each time, of which the second half is left to chance.
#[derive(Debug, Default)]
struct Pauses {
    failures: u32,
    last: Option<Instant>,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.last.replace(Instant::now()).is_some_and(|last| last.elapsed() > CALM) {
            self.failures = 0;
        }
        let doublings = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let half = PAUSE_FIRST.saturating_mul(doublings).min(PAUSE_MAX) / 2;
        Some(half + half.mul_f64((crate::cluster::chance::number() % 1024) as f64 / 1023.0))
    }
}

impl Backoff for Pauses {
    /// Not here: kube says that a list begins before it asks for it, so a list that is refused for ever would begin
    /// anew at the first pause for ever. Time does it ([`CALM`]).
    fn reset(&mut self) {}
}

/// Leaves of `managedFields`, often half of an object, who they are of.
fn keep_managers(object: &mut Object) {
    let Some(Value::Object(metadata)) = object.0.get_mut("metadata") else { return };
    let Some(Value::Array(entries)) = metadata.get_mut("managedFields") else { return };
    for entry in entries {
        if let Value::Object(entry) = entry {
            entry.retain(|field, _| field == "manager");
        }
    }
}

/// An object as a watch decodes it: nothing typed away, and nothing kept that is not wanted.
///
/// A field that is nested too deep is left out, whoever wrote it: an error would end the watch of all objects of its kind,
/// again and again.
#[derive(Debug, Clone)]
struct Watched<const SPEC: bool> {
    object: Object,
    /// What kube wants to know: name, namespace and version.
    meta: ObjectMeta,
}

impl<'de, const SPEC: bool> serde::Deserialize<'de> for Watched<SPEC> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<const SPEC: bool>;
        impl<'de, const SPEC: bool> Visitor<'de> for Fields<SPEC> {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Map::new();
                while let Some(key) = map.next_key::<String>()? {
                    if !SPEC && key == "spec" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let raw = map.next_value::<&RawValue>()?;
                    match serde_json::from_str(raw.get()) {
                        Ok(value) => {
                            fields.insert(key, value);
                        }
                        Err(_) => tracing::debug!(key, "a field is nested too deep, and left out"),
                    }
                }
                Ok(fields)
            }
        }
        let mut object = Object(deserializer.deserialize_map(Fields::<SPEC>)?);
        keep_managers(&mut object);
        let meta = ObjectMeta {
            name: Some(object.name().to_owned()),
            namespace: object.namespace().map(str::to_owned),
            resource_version: object.resource_version().map(str::to_owned),
            ..ObjectMeta::default()
        };
        Ok(Self { object, meta })
    }
}

impl<const SPEC: bool> kube::Resource for Watched<SPEC> {
    type DynamicType = Kind;
    type Scope = DynamicResourceScope;

    fn kind(kind: &Kind) -> Cow<'_, str> {
        kind.kind.as_ref().into()
    }

    fn group(kind: &Kind) -> Cow<'_, str> {
        kind.group.as_ref().into()
    }

    fn version(kind: &Kind) -> Cow<'_, str> {
        kind.version.as_ref().into()
    }

    fn plural(kind: &Kind) -> Cow<'_, str> {
        kind.plural.as_ref().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod pauses {
    use super::*;

    #[test]
    fn a_list_that_is_refused_for_ever_is_asked_for_more_and_more_rarely() {
        let mut pauses = Pauses::default();
        let mut last = Duration::ZERO;
        for _ in 0..5 {
            // What kube does with the word that a list begins.
            pauses.reset();
            last = pauses.next().unwrap();
        }
        assert!(last >= PAUSE_FIRST * 8, "{last:?}");
        pauses.last = Instant::now().checked_sub(CALM * 2);
        assert!(pauses.next().unwrap() <= PAUSE_FIRST, "a calm time is a new beginning");
    }
}
