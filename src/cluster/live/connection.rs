//! HTTP/1.1 connections to one API server, kept for the next request.
//!
//! kube brings a pooling client with it. This one does less: a step sends one to three requests, one after the
//! other, and lives for a few milliseconds, so what counts is what it costs to begin (docs/benchmarks.md). A reconciler
//! sends many at once and keeps watches for minutes: each has a connection of its own until its answer has been read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Request, Response};
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;
use kube::Config;
use kube::client::{Body, ConfigExt as _};

use crate::net::{self, Server};

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error(transparent)]
    Net(#[from] net::ConnectionError),
    #[error("failed to write the address of a request")]
    Address(#[source] http::uri::InvalidUri),
}

impl ConnectionError {
    /// Whether the next try would end in the same way.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Net(error) => error.is_final(),
            Self::Address(_) => true,
        }
    }
}

/// Sends requests to one server; cheap to clone.
#[derive(Clone)]
pub(super) struct Connections {
    server: Arc<Server>,
    /// What stands before every path; empty for nearly all servers.
    base_path: Arc<str>,
    idle: Idle,
}

/// Connections whose last answer has been read, or is about to have been.
type Idle = Arc<Mutex<Vec<SendRequest<Body>>>>;

impl Connections {
    /// Returns connections to the server of a configuration; nothing is connected yet.
    pub(super) fn to(config: &Config) -> Result<Self, String> {
        let uri = &config.cluster_url;
        let tls =
            || config.rustls_client_config().map_err(|error| super::config::of_client(&error));
        let server = Server::at(uri, config.tls_server_name.as_deref(), tls);
        Ok(Self {
            server: Arc::new(server.map_err(|error| error.to_string())?),
            base_path: uri.path().trim_end_matches('/').into(),
            idle: Arc::default(),
        })
    }

    async fn send(self, mut request: Request<Body>) -> Result<Response<Held>, ConnectionError> {
        let path = self.path_of(&request).map_err(ConnectionError::Address)?;
        self.server.address(&mut request, path);
        let mut sender = match self.take_idle().await {
            Some(sender) => sender,
            None => self.server.open().await?,
        };
        let response =
            sender.send_request(request).await.map_err(|error| self.server.lost(error))?;
        Ok(response.map(|body| Held { body, is_read: false, back: Some((sender, self.idle)) }))
    }

    /// Puts the path of a request below that of the server.
    fn path_of(&self, request: &Request<Body>) -> Result<PathAndQuery, http::uri::InvalidUri> {
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        PathAndQuery::try_from(format!("{}{path}", self.base_path))
    }

    /// Returns a connection that has finished its last answer and is still open.
    async fn take_idle(&self) -> Option<SendRequest<Body>> {
        loop {
            let mut sender = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }
}

/// The body of an answer, which keeps its connection to itself until it has been read to its end. One that is dropped
/// before ends the connection: that is how a watch stops.
pub(super) struct Held {
    body: Incoming,
    is_read: bool,
    back: Option<(SendRequest<Body>, Idle)>,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.is_read = matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if (self.is_read || self.body.is_end_stream())
            && let Some((sender, idle)) = self.back.take()
        {
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        }
    }
}

impl tower::Service<Request<Body>> for Connections {
    type Response = Response<Held>;
    type Error = ConnectionError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
