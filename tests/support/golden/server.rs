//! A small API server in this process: enough Kubernetes for one step, with the answers that a case demands.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::case::{Answer, Case, Objects};
use super::http::{Backend, Reply, Request, listen};
use super::store::{Refusal, Store};

/// A running server; it ends with the process.
pub(crate) struct Server {
    address: String,
    state: Arc<Shared>,
}

struct Shared(Mutex<State>);

struct State {
    store: Store,
    answers: Answers,
    requests: Vec<String>,
}

/// Answers that are given instead of the server's own.
pub(crate) struct Answers(Vec<Answer>);

impl Answers {
    pub(crate) fn new(answers: impl Iterator<Item = Answer>) -> Self {
        Self(answers.collect())
    }

    /// Returns the answer to this request, as often as it shall be given.
    pub(crate) fn take(&mut self, request: &Request) -> Option<Reply> {
        let wanted = |answer: &&mut Answer| {
            answer.times != Some(0) && answer.is_for(&request.method, &request.path)
        };
        let answer = self.0.iter_mut().find(wanted)?;
        answer.times = answer.times.map(|times| times - 1);
        let content_type = answer.content_type.as_deref().unwrap_or("application/json").to_owned();
        Some(Reply { status: answer.status, content_type, body: answer.body.clone().into_bytes() })
    }
}

impl Backend for Shared {
    fn answer(&self, request: &Request) -> Option<Reply> {
        let mut state = self.0.lock().unwrap();
        state.requests.push(format!("{} {}", request.method, request.path));
        if let Some(reply) = state.answers.take(request) {
            return Some(reply);
        }
        let (status, body) = match state.by_itself(request) {
            Ok((status, body)) => (status, body),
            Err(refusal) => (refusal.code, refusal.body()),
        };
        let content_type = "application/json".to_owned();
        Some(Reply { status, content_type, body: serde_json::to_vec(&body).unwrap() })
    }
}

impl Server {
    /// Starts a server that holds these objects and gives the answers of the case.
    pub(crate) fn start(case: &Case, objects: Objects) -> Self {
        let answers = Answers::new(case.inject.iter().chain(&case.refusals).cloned());
        let state = State { store: Store::new(objects), answers, requests: Vec::new() };
        let state = Arc::new(Shared(Mutex::new(state)));
        let backend: Arc<dyn Backend> = Arc::<Shared>::clone(&state);
        Self { address: listen(backend), state }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Every object, as the server would give it.
    pub(crate) fn objects(&self) -> Objects {
        self.state.0.lock().unwrap().store.objects()
    }

    /// Every request so far: method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.0.lock().unwrap().requests.clone()
    }
}

impl State {
    /// Answers as Kubernetes does.
    fn by_itself(&mut self, request: &Request) -> Result<(u16, Value), Refusal> {
        let place = Place::parse(&request.path)
            .ok_or_else(|| Refusal::new(404, "NotFound", "no such path"))?;
        let body = || serde_json::from_slice::<Value>(&request.body).unwrap();
        let store = &mut self.store;
        let plural = &*place.resource;
        match (&*request.method, place.name.as_deref()) {
            ("GET", Some(name)) => Ok((200, store.get(plural, &place.namespace, name)?)),
            ("GET", None) => {
                let mut items = store.list(
                    plural,
                    &place.namespace,
                    &label_selector(&decode(&request.query)),
                )?;
                let partial = request.accept.contains("as=PartialObjectMetadataList");
                if partial {
                    for item in &mut items {
                        item.as_object_mut().unwrap().retain(|key, _| key == "metadata");
                    }
                }
                let kind = if partial { "PartialObjectMetadataList" } else { "List" };
                let version = if partial { "meta.k8s.io/v1" } else { "v1" };
                Ok((
                    200,
                    json!({ "kind": kind, "apiVersion": version, "metadata": {}, "items": items }),
                ))
            }
            ("POST", None) => Ok((201, store.create(body())?)),
            ("PUT", Some(name)) => {
                Ok((200, store.put(plural, &place.namespace, name, &body(), place.status)?))
            }
            ("PATCH", Some(name)) => {
                Ok((200, store.merge(plural, &place.namespace, name, &body(), place.status)?))
            }
            ("DELETE", Some(name)) => Ok((200, store.delete(plural, &place.namespace, name)?)),
            _ => Err(Refusal::new(405, "MethodNotAllowed", "not allowed")),
        }
    }
}

/// What a path names.
struct Place {
    namespace: Option<String>,
    /// `widgets.gold.example.com/v1`.
    resource: String,
    name: Option<String>,
    status: bool,
}

impl Place {
    fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("/apis/")?.split('/').map(decode).peekable();
        let (group, version) = (parts.next()?, parts.next()?);
        let mut namespace = None;
        if parts.peek().is_some_and(|part| part == "namespaces") {
            parts.next();
            namespace = Some(parts.next()?);
        }
        let resource = format!("{}.{group}/{version}", parts.next()?);
        let name = parts.next();
        let status = match parts.next().as_deref() {
            None => false,
            Some("status") => true,
            Some(_) => return None,
        };
        Some(Self { namespace, resource, name, status })
    }
}

/// Returns the `labelSelector` of a query.
fn label_selector(query: &str) -> String {
    let mut parts = query.split(['?', '&']).filter_map(|part| part.strip_prefix("labelSelector="));
    parts.next_back().unwrap_or_default().to_owned()
}

/// Decodes `%2F` and `+`.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}
