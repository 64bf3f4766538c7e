//! `git http-backend` behind TLS, with rules that make it misbehave.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use super::certificates::Certified;
use super::repository::git;

type Body = BoxBody<Bytes, std::io::Error>;

/// What a server does with a request in place of asking Git.
#[derive(Clone)]
pub(crate) enum Then {
    /// It answers so.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It never answers.
    Stall,
    /// Git answers, but the connection ends after so many bytes of it.
    CutAfter(usize),
    /// Git answers, but nothing more comes after so many bytes of it.
    StallAfter(usize),
    /// This is done before Git answers.
    After(Arc<dyn Fn() + Send + Sync>),
}

/// For the next `times` requests whose method and path hold `of`.
struct Rule {
    of: String,
    times: usize,
    then: Then,
}

/// What came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `GET /repository/info/refs?service=git-upload-pack`.
    pub(crate) request: String,
    pub(crate) headers: HashMap<String, String>,
}

#[derive(Default)]
struct State {
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
    /// The header `Authorization` that lets in; anybody when `None`.
    let_in: Mutex<Option<String>>,
    root: PathBuf,
}

/// A server, until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Serves the repositories in `root`.
    pub(crate) fn start(root: &Path, certified: &Certified) -> Self {
        let certificate = CertificateDer::from_pem_slice(certified.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let state = Arc::new(State { root: root.to_owned(), ..State::default() });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, acceptor, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port, state, stop: Some(stop), thread: Some(thread) }
    }

    /// The URL of a repository in the root.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("https://localhost:{}/{name}", self.port)
    }

    /// Lets in only who shows this.
    pub(crate) fn let_in(&self, authorization: &str) {
        *self.state.let_in.lock().unwrap() = Some(authorization.to_owned());
    }

    /// Does something else for the next `times` requests like `of`.
    pub(crate) fn rule(&self, of: &str, times: usize, then: Then) {
        self.state.rules.lock().unwrap().push(Rule { of: of.to_owned(), times, then });
    }

    /// Answers the next `times` requests like `of` with a status.
    pub(crate) fn answer(
        &self,
        of: &str,
        times: usize,
        status: u16,
        headers: &[(&'static str, &str)],
        body: &str,
    ) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.rule(of, times, Then::Answer(status, headers, body.to_owned()));
    }

    /// The requests that came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        *state.connections.lock().unwrap() += 1;
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request| answer(request, Arc::clone(&state)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Body>, Infallible> {
    let (parts, request_body) = request.into_parts();
    let text = format!("{} {}", parts.method, parts.uri);
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    state.seen.lock().unwrap().push(Seen { request: text.clone(), headers });
    let then = {
        let mut rules = state.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.times > 0 && text.contains(&rule.of));
        rule.map(|rule| {
            rule.times -= 1;
            rule.then.clone()
        })
    };
    if let Some(Then::Answer(status, headers, body)) = &then {
        let mut response = Response::builder().status(*status);
        for (name, value) in headers {
            response = response.header(*name, value);
        }
        let answer = response.body(of_bytes(body.clone().into_bytes(), None)).unwrap();
        // As servers do that want their refusal to be read: what still comes is thrown away.
        tokio::spawn(request_body.collect());
        return Ok(answer);
    }
    if matches!(then, Some(Then::Stall)) {
        return std::future::pending().await;
    }
    if let Some(expect) = &*state.let_in.lock().unwrap()
        && parts.headers.get(header::AUTHORIZATION).is_none_or(|found| found != expect)
    {
        let response = Response::builder().status(401).header("www-authenticate", "Basic");
        return Ok(response.body(of_bytes(b"who are you?".to_vec(), None)).unwrap());
    }
    let Ok(body) = request_body.collect().await else {
        return Ok(Response::builder().status(400).body(of_bytes(Vec::new(), None)).unwrap());
    };
    if let Some(Then::After(work)) = &then {
        work();
    }
    let (root, body) = (state.root.clone(), body.to_bytes());
    let (path, query) =
        (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let output = tokio::task::spawn_blocking(move || {
        backend(&root, parts.method.as_str(), &path, &query, &parts.headers, &body)
    });
    Ok(of_backend(&output.await.unwrap(), then))
}

/// Runs Git's own CGI program.
fn backend(
    root: &Path,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Vec<u8> {
    let kind = headers.get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap());
    let mut child = git()
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "tester")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", kind)
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let body = body.to_owned();
    let writer = thread::spawn(move || input.write_all(&body));
    let output = child.wait_with_output().unwrap().stdout;
    let _ = writer.join();
    output
}

/// Makes an answer of what a CGI program prints.
fn of_backend(output: &[u8], then: Option<Then>) -> Response<Body> {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    let body = output.get(end + 4..).unwrap_or_default().to_vec();
    response.body(of_bytes(body, then)).unwrap()
}

fn of_bytes(mut bytes: Vec<u8>, then: Option<Then>) -> Body {
    let end = match then {
        Some(Then::CutAfter(at)) => {
            bytes.truncate(at);
            stream::once(async { Err(std::io::Error::other("cut")) }).boxed()
        }
        Some(Then::StallAfter(at)) => {
            bytes.truncate(at);
            stream::pending().boxed()
        }
        _ => stream::empty().boxed(),
    };
    let pieces = stream::once(async move { Ok(Frame::data(Bytes::from(bytes))) }).chain(end);
    let pieces = SyncStream(Mutex::new(pieces.boxed()));
    BodyExt::boxed(StreamBody::new(pieces))
}

/// A stream that can be shared, as a boxed body must be.
struct SyncStream(Mutex<stream::BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>>);

impl futures::Stream for SyncStream {
    type Item = Result<Frame<Bytes>, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.get_mut().0.get_mut().unwrap().poll_next_unpin(context)
    }
}
