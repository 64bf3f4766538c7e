//! A small API server in this process: enough HTTP and Kubernetes for one step, with the answers that a case demands.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::case::{Answer, Case, Objects};
use super::store::{Refusal, Store};

/// A running server. It ends with its last connection, and with the process at the latest.
pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

struct State {
    store: Store,
    answers: Vec<Answer>,
    requests: Vec<String>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    accept: String,
    body: Vec<u8>,
}

impl Server {
    /// Starts a server that holds these objects and gives the answers of the case.
    pub(crate) fn start(case: &Case, objects: Objects) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let answers = case.inject.iter().chain(&case.refusals).cloned().collect();
        let state = State { store: Store::new(objects), answers, requests: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Every object, as the server would give it.
    pub(crate) fn objects(&self) -> Objects {
        self.state.lock().unwrap().store.objects()
    }

    /// Every request so far: method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

/// Answers the requests of one connection until the client closes it.
fn serve(stream: &TcpStream, state: &Mutex<State>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let (status, content_type, body) = state.lock().unwrap().answer(&request);
        let head = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = stream;
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut accept) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().ok()?,
            "accept" => value.clone_into(&mut accept),
            "transfer-encoding" => panic!("a body without a length"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request { method, path: path.to_owned(), query: decode(query), accept, body })
}

impl State {
    fn answer(&mut self, request: &Request) -> (u16, String, Vec<u8>) {
        self.requests.push(format!("{} {}", request.method, request.path));
        for answer in &mut self.answers {
            let left = answer.times.unwrap_or(usize::MAX);
            if left > 0 && answer.is_for(&request.method, &request.path) {
                answer.times = answer.times.map(|times| times - 1);
                let content_type =
                    answer.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
                return (answer.status, content_type, answer.body.clone().into_bytes());
            }
        }
        let (status, body) = match self.by_itself(request) {
            Ok((status, body)) => (status, body),
            Err(refusal) => (refusal.code, refusal.body()),
        };
        (status, "application/json".to_owned(), serde_json::to_vec(&body).unwrap())
    }

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
                let mut items =
                    store.list(plural, &place.namespace, &label_selector(&request.query))?;
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
    let mut parts = query.split('&').filter_map(|part| part.strip_prefix("labelSelector="));
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
