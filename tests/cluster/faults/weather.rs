//! Bad weather between a reconciler and the API server: a proxy that fails a share of the calls and cuts watches.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

type Pieces = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, io::Error>> + Send>>;
type Answer = Response<StreamBody<Pieces>>;

/// A running proxy; it ends with the process.
pub(super) struct Weather {
    address: String,
    sky: Arc<Sky>,
}

struct Sky {
    client: Client,
    /// Of a hundred calls so many fail.
    failing: u64,
    chance: Chance,
    calls: AtomicUsize,
    failed: AtomicUsize,
    cut: watch::Sender<u64>,
}

/// What becomes of a call.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    /// Not sent on: refused with this code.
    Refused(u16),
    /// Not sent on: the connection is closed.
    Dropped,
    /// Sent on, and the answer is lost.
    Unheard,
}

impl Weather {
    /// Starts one that fails `failing` of a hundred calls: a third of them refused with 500, 503 or 429, a third dropped
    /// before they arrive, a third after the server has done them.
    pub(super) async fn start(client: Client, failing: u64, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let sky = Arc::new(Sky {
            client,
            failing,
            chance: Chance::new(seed),
            calls: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            cut: watch::channel(0).0,
        });
        let listening = Arc::clone(&sky);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let sky = Arc::clone(&listening);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let sky = Arc::clone(&sky);
                        async move { sky.pass(request).await }
                    });
                    // An error is what closes the connection.
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, sky }
    }

    /// Writes a kubeconfig that leads here.
    pub(super) fn kubeconfig(&self, file: &Path) {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "weather",
            "clusters": [{ "name": "weather", "cluster": { "server": self.address } }],
            "users": [{ "name": "nobody", "user": {} }],
            "contexts": [{ "name": "weather", "context": { "cluster": "weather", "user": "nobody" } }],
        });
        std::fs::write(file, config.to_string()).unwrap();
    }

    /// Ends every answer that is still being given: all watches.
    pub(super) fn cut(&self) {
        self.sky.cut.send_modify(|number| *number += 1);
    }

    /// How many calls there were, and how many of them failed.
    pub(super) fn calls(&self) -> (usize, usize) {
        (self.sky.calls.load(Ordering::Relaxed), self.sky.failed.load(Ordering::Relaxed))
    }
}

impl Sky {
    fn fate(&self) -> Fate {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.chance.below(100) >= self.failing {
            return Fate::Answered;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        match self.chance.below(9) {
            0 => Fate::Refused(500),
            1 => Fate::Refused(503),
            2 => Fate::Refused(429),
            3..6 => Fate::Dropped,
            _ => Fate::Unheard,
        }
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Answer, io::Error> {
        let fate = self.fate();
        match fate {
            Fate::Refused(code) => return Ok(refusal(code)),
            Fate::Dropped => return Err(io::ErrorKind::ConnectionReset.into()),
            Fate::Answered | Fate::Unheard => {}
        }
        let (mut parts, body) = request.into_parts();
        parts.headers.remove("host");
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Request::from_parts(parts, Body::from(body.to_vec()));
        let answer = self.client.send(request).await.map_err(io::Error::other)?;
        if matches!(fate, Fate::Unheard) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let cut = self.cut.subscribe();
        Ok(answer.map(|body| StreamBody::new(until_cut(body, cut))))
    }
}

/// An answer that breaks off in its middle when it is cut.
fn until_cut(body: Body, cut: watch::Receiver<u64>) -> Pieces {
    let begun = (body.into_data_stream(), cut, false);
    Box::pin(stream::unfold(begun, |(mut body, mut cut, is_over)| async move {
        if is_over {
            return None;
        }
        tokio::select! {
            piece = body.next() => {
                let piece = piece?.map(Frame::data).map_err(io::Error::other);
                Some((piece, (body, cut, false)))
            }
            _ = cut.changed() => Some((Err(io::ErrorKind::ConnectionReset.into()), (body, cut, true))),
        }
    }))
}

fn refusal(code: u16) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "message": "bad weather", "reason": "InternalError",
    });
    let piece = Ok(Frame::data(Bytes::from(status.to_string())));
    let pieces: Pieces = Box::pin(stream::once(async { piece }));
    let mut answer = Response::builder().status(code).header("content-type", "application/json");
    if code == 429 {
        answer = answer.header("retry-after", "1");
    }
    answer.body(StreamBody::new(pieces)).unwrap()
}

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Chance(Mutex<u64>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed | 1))
    }

    /// A number from 0 to below `limit` (xorshift64*).
    pub(crate) fn below(&self, limit: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}
