//! The line to a bucket: our TLS, time limits and proxies under the protocols of object_store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, Error, RetryConfig};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::rustls::ClientConfig;

use super::page::{self, Strays};
use crate::store::{Trouble, tls};

/// How long a server is left alone at most that asks for it.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(30);

/// How long is waited for a bucket. No wait is without an end.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For one request and its answer: at 100 kB/s a part of an upload takes this long.
    pub request: Duration,
    /// From the first try of a request on, no other is begun after this.
    pub retries: Duration,
    /// How often a request is tried again that was answered with 429, 5xx or not at all.
    pub retries_max: usize,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(60),
            retries: Duration::from_secs(60),
            retries_max: 4,
        }
    }
}

impl Timeouts {
    /// Returns how object_store shall try again.
    pub(super) fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: self.retries_max,
            retry_timeout: self.retries,
        }
    }
}

/// Makes the connections of one store.
#[derive(Debug)]
pub(super) struct Line {
    tls: ClientConfig,
    timeouts: Timeouts,
    /// Whether the bucket itself may be asked without TLS.
    plain: bool,
    strays: Arc<Strays>,
    rest: Arc<Rest>,
}

impl Line {
    /// Trusts the certificates of the system (`SSL_CERT_FILE`, `SSL_CERT_DIR`) and those given here, as PEM.
    pub(super) fn new(
        authorities: Option<&[u8]>,
        timeouts: Timeouts,
        plain: bool,
        strays: Arc<Strays>,
    ) -> Result<Self, Trouble> {
        Ok(Self {
            tls: tls::config(authorities, !plain)?,
            timeouts,
            plain,
            strays,
            rest: Arc::default(),
        })
    }
}

impl HttpConnector for Line {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain =
            options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .user_agent(concat!("bookend/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.timeouts.connect)
            .timeout(self.timeouts.request)
            .https_only(!plain)
            .http1_only()
            // A signature is for one host: whoever sends us elsewhere means another region or endpoint, and is to say so.
            .redirect(Policy::none());
        if plain && !self.plain {
            // Servers that give a node or pod its credentials: beside it, without TLS, never behind a proxy.
            builder = builder.no_proxy().connect_timeout(Duration::from_secs(1));
        }
        let client = builder
            .build()
            .map_err(|error| Error::Generic { store: "HTTP", source: Box::new(error) })?;
        Ok(HttpClient::new(Asked { client, strays: self.strays.clone(), rest: self.rest.clone() }))
    }
}

/// One client; takes out of listings what object_store cannot name.
#[derive(Debug)]
struct Asked {
    client: reqwest::Client,
    strays: Arc<Strays>,
    rest: Arc<Rest>,
}

/// The rest that a server asks for (`Retry-After`): none of our requests is sent before its end, that of another change neither.
///
/// object_store tries again by a clock of its own, which knows nothing of it.
#[derive(Debug, Default)]
struct Rest(Mutex<Option<Instant>>);

impl Rest {
    /// Notes what an answer asks for.
    fn note(&self, status: u16, headers: &HeaderMap) {
        let asked =
            headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        if let (429 | 500.., Some(seconds)) = (status, asked) {
            let end = Instant::now() + Duration::from_secs(seconds).min(LEFT_ALONE_MAX);
            let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *until = (*until).max(Some(end));
        }
    }

    /// Waits for its end.
    async fn over(&self) {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }
}

#[async_trait]
impl HttpService for Asked {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let listing = request.uri().query().is_some_and(page::asks_for);
        self.rest.over().await;
        let response = HttpService::call(&self.client, request).await?;
        self.rest.note(response.status().as_u16(), response.headers());
        if !listing || !response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = self.strays.taken_out(body.bytes().await?);
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
        let rest = Rest::default();
        let waited = async |rest: &Rest| {
            let begun = Instant::now();
            rest.over().await;
            begun.elapsed().as_secs()
        };
        let answer = |status, after: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, after.parse().unwrap())]);
            rest.note(status, &headers);
        };
        assert_eq!(waited(&rest).await, 0);
        answer(503, " 7");
        answer(429, "2");
        assert_eq!(waited(&rest).await, 7);
        assert_eq!(waited(&rest).await, 0, "it is over");
        answer(503, "86400");
        assert_eq!(waited(&rest).await, LEFT_ALONE_MAX.as_secs());
        for (status, after) in [(503, "soon"), (503, "-1"), (200, "7"), (404, "7")] {
            answer(status, after);
        }
        assert_eq!(waited(&rest).await, 0);
    }
}
