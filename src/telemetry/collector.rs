//! Encodes spans and sends them to the collector that the environment names.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use super::Settings;
use super::connection::{self, ConnectionError};
use crate::exit;

/// Why a trace was not sent. No text in it holds a header, or more of the address than scheme, host and
/// port: it can hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The environment is wrong. The library would quote it.
    #[error(
        "the variables `OTEL_EXPORTER_OTLP_…` cannot be used: the endpoint must be a URL, and compression is not \
         supported"
    )]
    Settings,
    /// The collector, or the way to it, took too long.
    #[error("no answer from the collector within {} ms", time_max.as_millis())]
    TooSlow {
        /// How long was waited.
        time_max: Duration,
    },
    /// There was no answer.
    #[error("the collector does not answer: {0}")]
    NoAnswer(String),
    /// The collector did not take it.
    #[error("the collector has refused it: HTTP {0}")]
    Refused(u16),
}

/// A collector.
pub(super) struct Collector {
    exporter: SpanExporter,
    wire: Wire,
}

impl Collector {
    /// Returns the one that the environment names; nothing is connected yet.
    pub(super) fn find(resource: Resource, settings: Settings) -> Result<Self, SendError> {
        let certificate = settings.certificate.map(Arc::new);
        let wire = Wire { certificate, failure: Arc::default() };
        let mut exporter = SpanExporter::builder()
            .with_http()
            // Empty is none: the library looks at the environment.
            .with_endpoint(settings.endpoint.unwrap_or_default())
            .with_http_client(wire.clone())
            // Between tries it would put our only thread to sleep, and no time limit would be heard.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|_| SendError::Settings)?;
        exporter.set_resource(&resource);
        Ok(Self { exporter, wire })
    }

    /// Sends spans, once.
    pub(super) async fn send(&self, spans: Vec<SpanData>) -> Result<(), SendError> {
        let Err(error) = self.exporter.export(spans).await else { return Ok(()) };
        let failure = self.wire.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(failure.unwrap_or_else(|| SendError::NoAnswer(error.to_string())))
    }
}

/// Our connection, as the library wants it. It does not tell what went wrong, so that is kept here.
#[derive(Debug, Clone)]
struct Wire {
    certificate: Option<Arc<PathBuf>>,
    failure: Arc<Mutex<Option<SendError>>>,
}

impl Wire {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ConnectionError> {
        let certificate = self.certificate.as_deref().map(PathBuf::as_path);
        let answer = connection::send(request, certificate).await;
        let failure = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(SendError::Refused(answer.status().as_u16())),
            Err(error) => Some(SendError::NoAnswer(exit::chain(error))),
        };
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        answer
    }
}

impl HttpClient for Wire {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move { Ok(self.send(request).await?) })
    }
}
