//! HTTP/1.1 connections to one API server, kept for the next request.
//!
//! kube brings a pooling client with it. This one does less: a step sends one to three requests, one after the
//! other, and lives for a few milliseconds, so what counts is what it costs to begin (docs/benchmarks.md).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use kube::Config;
use kube::client::{Body, ConfigExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, pki_types::ServerName};

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("failed to connect to {address}")]
    Connect { address: String, source: io::Error },
    #[error("failed to agree on TLS with {address}")]
    Tls { address: String, source: io::Error },
    #[error("lost the connection to {address}")]
    Lost { address: String, source: hyper::Error },
    #[error("failed to write the address of a request")]
    Address(#[source] http::Error),
}

impl ConnectionError {
    /// Whether the next try would end in the same way: a certificate does not get better.
    pub(super) fn is_final(&self) -> bool {
        let Self::Tls { source, .. } = self else { return matches!(self, Self::Address(_)) };
        source
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<rustls::Error>())
            .is_some_and(|cause| matches!(cause, rustls::Error::InvalidCertificate(_)))
    }
}

/// Where requests go.
struct Server {
    /// `https://host:port`, for messages.
    address: String,
    host: String,
    port: u16,
    /// The header `Host`.
    authority: HeaderValue,
    /// What stands before every path; empty for nearly all servers.
    base_path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Sends requests to one server; cheap to clone.
#[derive(Clone)]
pub(super) struct Connections {
    server: Arc<Server>,
    idle: Arc<Mutex<Vec<SendRequest<Body>>>>,
}

impl Connections {
    /// Returns connections to the server of a configuration; nothing is connected yet.
    pub(super) fn to(config: &Config) -> Result<Self, String> {
        let uri = &config.cluster_url;
        let host = uri.host().ok_or_else(|| format!("`{uri}` has no host"))?;
        let bare_host = host.trim_start_matches('[').trim_end_matches(']');
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let authority = uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let tls = if is_tls {
            let tls =
                config.rustls_client_config().map_err(|error| super::config::of_client(&error))?;
            let name = config.tls_server_name.as_deref().unwrap_or(bare_host);
            let name = ServerName::try_from(name.to_owned())
                .map_err(|_| format!("`{name}` is no name of a server"))?;
            Some((TlsConnector::from(Arc::new(tls)), name))
        } else {
            None
        };
        let server = Server {
            address: format!("{}://{host}:{port}", uri.scheme_str().unwrap_or("http")),
            host: bare_host.to_owned(),
            port,
            authority: HeaderValue::try_from(authority)
                .map_err(|_| format!("`{uri}` is no address"))?,
            base_path: uri.path().trim_end_matches('/').to_owned(),
            tls,
        };
        Ok(Self { server: Arc::new(server), idle: Arc::default() })
    }

    async fn send(self, mut request: Request<Body>) -> Result<Response<Incoming>, ConnectionError> {
        self.server.address_request(&mut request).map_err(ConnectionError::Address)?;
        let mut sender = match self.take_idle().await {
            Some(sender) => sender,
            None => self.server.open().await?,
        };
        let response =
            sender.send_request(request).await.map_err(|error| self.server.lost(error))?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        Ok(response)
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

impl Server {
    /// Puts the path below the server's and names the host, as HTTP/1.1 wants it.
    fn address_request(&self, request: &mut Request<Body>) -> Result<(), http::Error> {
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let path = PathAndQuery::try_from(format!("{}{path}", self.base_path))?;
        *request.uri_mut() = Uri::from(path);
        request.headers_mut().insert(header::HOST, self.authority.clone());
        Ok(())
    }

    async fn open(&self) -> Result<SendRequest<Body>, ConnectionError> {
        let failed = |source| ConnectionError::Connect { address: self.address.clone(), source };
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        match &self.tls {
            None => self.talk(stream).await,
            Some((connector, name)) => {
                let failed =
                    |source| ConnectionError::Tls { address: self.address.clone(), source };
                let stream = connector.connect(name.clone(), stream).await.map_err(failed)?;
                self.talk(stream).await
            }
        }
    }

    async fn talk<S>(&self, stream: S) -> Result<SendRequest<Body>, ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.lost(error))?;
        // Ends with the sender, or with the server. Its error is also that of the request it belongs to.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn lost(&self, source: hyper::Error) -> ConnectionError {
        ConnectionError::Lost { address: self.address.clone(), source }
    }
}

impl tower::Service<Request<Body>> for Connections {
    type Response = Response<Incoming>;
    type Error = ConnectionError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
