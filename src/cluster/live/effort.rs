//! What requests cost, and the span around each of them (docs/observability.md).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, Uri};
use tracing::field::Empty;
use tracing::{Span, debug_span};

use crate::contract::{Kind, ObjectKey};

/// One request that was answered, or got no answer.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// As RBAC names it.
    pub verb: &'static str,
    /// Of what.
    pub kind: &'a Kind,
    /// HTTP status; 0 when there was no answer.
    pub code: u16,
}

/// Who wants to hear of requests.
#[derive(Clone, Default)]
pub(super) struct Calls(Option<Arc<Listener>>);

type Listener = dyn Fn(&Call<'_>) + Send + Sync;

impl Calls {
    pub(super) fn to(listener: impl Fn(&Call<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    pub(super) fn tell(&self, verb: &'static str, kind: &Kind, code: u16) {
        if let Some(listener) = &self.0 {
            listener(&Call { verb, kind, code });
        }
    }
}

/// What a cluster has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Requests that were sent.
    pub requests: u64,
    /// Time between requests because the server had not answered, or with "later", or had refused and was doubted.
    pub waited: Duration,
}

/// Counts it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: AtomicU64,
    waited_ms: AtomicU64,
}

impl Tally {
    pub(super) fn asks(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn waits(&self, pause: Duration) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.waited_ms.fetch_add(pause_ms, Ordering::Relaxed);
    }

    pub(super) fn effort(&self) -> Effort {
        Effort {
            requests: self.requests.load(Ordering::Relaxed),
            waited: Duration::from_millis(self.waited_ms.load(Ordering::Relaxed)),
        }
    }
}

/// Returns the span of one request, named as HTTP clients name theirs. The query is left out: a selector and the place
/// in a list say nothing more.
pub(super) fn request_span(
    server: &Uri,
    verb: &'static str,
    method: &Method,
    path: &str,
    key: &ObjectKey,
    tries: u32,
) -> Span {
    let path = path.split('?').next().unwrap_or_default();
    debug_span!(
        "request",
        otel.kind = "client",
        otel.name = %format_args!("{verb} {}", key.kind),
        otel.status_message = Empty,
        http.request.method = %method,
        http.request.resend_count = (tries > 1).then(|| tries.saturating_sub(1)),
        http.response.status_code = Empty,
        error.type = Empty,
        server.address = server.host(),
        server.port = server.port_u16(),
        url.full = %format_args!("{}{path}", address(server)),
        k8s.namespace.name = key.namespace,
    )
}

/// The start of every address, without what stands before an `@`: it can hold a password.
fn address(server: &Uri) -> String {
    let authority = server.authority().map_or("", |authority| authority.as_str());
    let place = authority.rsplit('@').next().unwrap_or_default();
    let path = server.path().trim_end_matches('/');
    format!("{}://{place}{path}", server.scheme_str().unwrap_or("http"))
}

/// Notes how the server has answered.
pub(super) fn answered(span: &Span, code: u16) {
    span.record("http.response.status_code", code);
    if code >= 400 {
        span.record("error.type", tracing::field::display(code));
        span.record("otel.status_message", tracing::field::display(format_args!("HTTP {code}")));
    }
}

/// Notes that there was no answer, and returns why.
pub(super) fn lost(span: &Span, detail: String) -> String {
    span.record("error.type", "no answer");
    span.record("otel.status_message", detail.as_str());
    detail
}
