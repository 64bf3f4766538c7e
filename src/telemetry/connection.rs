//! One request to a collector on a connection of its own.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, pki_types::ServerName};

/// No more of an answer is read: it says at most how many spans were refused.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the address has no host")]
    NoHost,
    #[error("failed to connect")]
    Connect(#[source] io::Error),
    #[error("no certificates to trust: {0}")]
    Roots(String),
    #[error("failed to prepare TLS")]
    Prepare(#[source] rustls::Error),
    #[error("failed to agree on TLS")]
    Tls(#[source] io::Error),
    #[error("lost the connection")]
    Lost(#[source] hyper::Error),
    #[error("failed to read the answer")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
}

/// Sends a request whose address is complete, and returns the answer.
pub(super) async fn send(
    mut request: Request<Bytes>,
    certificate: Option<&Path>,
) -> Result<Response<Bytes>, ConnectionError> {
    let uri = std::mem::take(request.uri_mut());
    let host = uri.host().ok_or(ConnectionError::NoHost)?.to_owned();
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    address(&mut request, &uri, &host);
    let stream = TcpStream::connect((bare_host, port)).await.map_err(ConnectionError::Connect)?;
    if !is_tls {
        return talk(stream, request).await;
    }
    let name = ServerName::try_from(bare_host.to_owned()).map_err(|_| ConnectionError::NoHost)?;
    let connector = TlsConnector::from(Arc::new(tls(certificate)?));
    let stream = connector.connect(name, stream).await.map_err(ConnectionError::Tls)?;
    talk(stream, request).await
}

/// Writes path and host as HTTP/1.1 wants them.
fn address(request: &mut Request<Bytes>, uri: &Uri, host: &str) {
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    if let Ok(host) = HeaderValue::try_from(format!("{host}{port}")) {
        request.headers_mut().insert(header::HOST, host);
    }
    *request.uri_mut() = uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
}

async fn talk<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(ConnectionError::Lost)?;
    tokio::spawn(connection);
    let answer =
        sender.send_request(request.map(Full::new)).await.map_err(ConnectionError::Lost)?;
    let (head, body) = answer.into_parts();
    let body =
        Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(ConnectionError::Answer)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Trusts the certificates of a file, or those of the system.
fn tls(certificate: Option<&Path>) -> Result<ClientConfig, ConnectionError> {
    let found = match certificate {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or("none found".to_owned(), ToString::to_string);
        return Err(ConnectionError::Roots(why));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConnectionError::Prepare)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
