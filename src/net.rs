//! Opens HTTP/1.1 connections: to an API server, and to a collector of traces.
//!
//! Whoever asks here sends a handful of requests and ends, so a connection is all there is: no pool, no redirects, no
//! proxies (docs/benchmarks.md).

use std::error::Error;
use std::io;
use std::sync::Arc;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri, header};
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, ClientConfig, pki_types::ServerName};

/// Why there can be no connection to an address. No text holds the address: it can hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// It names no host.
    #[error("the address has no host")]
    NoHost,
    /// The name that its certificate shall have.
    #[error("`{0}` is no name of a server")]
    Name(String),
    /// What TLS needs is not there.
    #[error("{0}")]
    Tls(String),
}

/// Why a request got no answer. Of the address it says scheme, host and port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Nobody listens, or the name is not known.
    #[error("failed to connect to {address}")]
    Connect {
        /// Where to.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody listens who is not to be trusted, or does not speak TLS.
    #[error("failed to agree on TLS with {address}")]
    Tls {
        /// With whom.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// It ended before the answer did.
    #[error("lost the connection to {address}")]
    Lost {
        /// Where to.
        address: String,
        /// Why.
        source: hyper::Error,
    },
}

impl ConnectionError {
    /// Whether the next try would end in the same way: a certificate does not get better.
    pub fn is_final(&self) -> bool {
        let Self::Tls { source, .. } = self else { return false };
        source
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<rustls::Error>())
            .is_some_and(|cause| matches!(cause, rustls::Error::InvalidCertificate(_)))
    }
}

/// Where requests go.
pub struct Server {
    /// `https://host:port`, for messages.
    address: String,
    host: String,
    port: u16,
    /// The header `Host`.
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Server {
    /// Returns the server of an address; nothing is connected yet. For `https`, `tls` says whom to trust, and `name` is
    /// what the certificate is made out to, if not to the host.
    pub fn at(
        uri: &Uri,
        name: Option<&str>,
        tls: impl FnOnce() -> Result<ClientConfig, String>,
    ) -> Result<Self, ServerError> {
        let host = uri.host().ok_or(ServerError::NoHost)?;
        let bare_host = host.trim_start_matches('[').trim_end_matches(']');
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let authority = uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let tls = if is_tls {
            let name = name.unwrap_or(bare_host).to_owned();
            let server = ServerName::try_from(name.clone());
            let server = server.map_err(|_| ServerError::Name(name))?;
            Some((TlsConnector::from(Arc::new(tls().map_err(ServerError::Tls)?)), server))
        } else {
            None
        };
        Ok(Self {
            address: format!("{}://{host}:{port}", uri.scheme_str().unwrap_or("http")),
            host: bare_host.to_owned(),
            port,
            authority: HeaderValue::try_from(authority).map_err(|_| ServerError::NoHost)?,
            tls,
        })
    }

    /// Names path and host in a request as HTTP/1.1 wants them.
    pub fn address<B>(&self, request: &mut Request<B>, path: PathAndQuery) {
        *request.uri_mut() = Uri::from(path);
        request.headers_mut().insert(header::HOST, self.authority.clone());
    }

    /// Connects. Needs a tokio runtime, which the connection keeps busy until the sender is dropped.
    pub async fn open<B>(&self) -> Result<SendRequest<B>, ConnectionError>
    where
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
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

    async fn talk<S, B>(&self, stream: S) -> Result<SendRequest<B>, ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.lost(error))?;
        // Ends with the sender, or with the server. Its error is also that of the request it belongs to.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Returns the error of a request that was sent here.
    pub fn lost(&self, source: hyper::Error) -> ConnectionError {
        ConnectionError::Lost { address: self.address.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str, name: Option<&str>) -> Result<Server, ServerError> {
        Server::at(&address.parse().unwrap(), name, || Err("asked for TLS".to_owned()))
    }

    #[test]
    fn an_address_gives_host_port_and_header() {
        for (address, host, port, header) in [
            ("http://a.b", "a.b", 80, "a.b"),
            ("http://a.b:8001/x", "a.b", 8001, "a.b:8001"),
            ("http://[::1]:4318", "::1", 4318, "[::1]:4318"),
            ("http://user:secret@a.b:1", "a.b", 1, "a.b:1"),
        ] {
            let server = server(address, None).unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port), "{address}");
            assert_eq!(server.authority, header, "{address}");
            assert!(!server.address.contains("secret"));
        }
    }

    #[test]
    fn what_cannot_be_reached_is_refused_without_its_address() {
        for (address, name, expect) in [
            ("/only/a/path", None, "the address has no host"),
            ("https://a.b", Some("a b"), "`a b` is no name of a server"),
            ("https://a.b", None, "asked for TLS"),
        ] {
            let error = server(address, name).err().unwrap();
            assert_eq!(error.to_string(), expect);
        }
    }
}
