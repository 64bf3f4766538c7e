//! One request to a collector on a connection of its own.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use opentelemetry_http::Bytes;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::net::{self, Server, ServerError};

/// No more of an answer is read: it says at most how many spans were refused.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Net(#[from] net::ConnectionError),
    #[error("failed to read the answer")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
}

/// Sends a request whose address is complete, and returns the answer.
pub(super) async fn send(
    mut request: Request<Bytes>,
    certificate: Option<&Path>,
) -> Result<Response<Bytes>, ConnectionError> {
    let uri = std::mem::take(request.uri_mut());
    let server = Server::at(&uri, None, || tls(certificate))?;
    let path = uri.path_and_query().cloned();
    server.address(&mut request, path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    let mut sender = server.open().await?;
    let answer = sender.send_request(request.map(Full::new)).await;
    let (head, body) = answer.map_err(|error| server.lost(error))?.into_parts();
    let body =
        Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(ConnectionError::Answer)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Trusts the certificates of a file, or those of the system.
fn tls(certificate: Option<&Path>) -> Result<ClientConfig, String> {
    let found = match certificate {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or("none found".to_owned(), ToString::to_string);
        return Err(format!("no certificates to trust: {why}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("failed to prepare TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
