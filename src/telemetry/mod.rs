//! The trace of a run, sent to an OpenTelemetry collector when one is named (docs/observability.md, decision 9).
//!
//! Spans are kept in memory while a step runs and sent once, after everything else is done: a collector can neither
//! change what a step does nor how it ends, and costs it at most [`TIME_MAX`].

mod collector;
mod connection;
mod fields;
mod spans;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use tokio::time::timeout;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;

use crate::logging::Listener;
use collector::Collector;
use spans::Spans;

pub use collector::SendError;

/// The longest that the end of the program waits for a collector, in all: to find it, connect, send and hear its answer.
pub const TIME_MAX: Duration = Duration::from_millis(1500);
/// Pause between what a process that lives long sends.
pub const PAUSE: Duration = Duration::from_secs(5);
/// The same for a program that was asked to stop.
pub const TIME_MAX_STOPPED: Duration = Duration::from_millis(300);

/// What is not in the variables that the library reads itself: endpoint and headers (`OTEL_EXPORTER_OTLP_…`), and
/// `OTEL_RESOURCE_ATTRIBUTES`. Time limits are ours alone.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where a collector takes traces, instead of what the environment says.
    pub endpoint: Option<String>,
    /// How this service is called instead of `bookend`.
    pub service_name: Option<String>,
    /// What is known of this process: names of resource attributes and their values.
    pub resource: Vec<(&'static str, String)>,
    /// A file with the certificates to trust instead of the system's.
    pub certificate: Option<PathBuf>,
}

/// The trace of this process.
pub struct Telemetry {
    settings: Settings,
    spans: Arc<Spans>,
}

impl Telemetry {
    /// Begins a trace; nothing is read or sent before [`Telemetry::send`].
    pub fn new(settings: Settings) -> Self {
        Self { settings, spans: Arc::new(Spans::of_one_trace()) }
    }

    /// Begins the traces of a process that lives long: one for each span without another above it, if others are below
    /// it. They are to be sent now and then ([`Telemetry::send_so_far`]); what does not fit until then is left out.
    pub fn of_many(settings: Settings) -> Self {
        Self { settings, spans: Arc::new(Spans::of_many_traces()) }
    }

    /// Returns what must hear of spans and events.
    pub fn listener(&self) -> Listener {
        let is_ours = filter_fn(spans::is_recorded);
        spans::Recorder(Arc::clone(&self.spans)).with_filter(is_ours).boxed()
    }

    /// Sends what was recorded, within a time.
    ///
    /// # Errors
    /// For the log alone: the outcome of the program does not depend on it.
    pub async fn send(self, time_max: Duration) -> Result<(), SendError> {
        self.send_so_far(time_max).await
    }

    /// Sends what was recorded since it was last sent, within a time. What could not be sent is not kept.
    ///
    /// # Errors
    /// As those of [`Telemetry::send`].
    pub async fn send_so_far(&self, time_max: Duration) -> Result<(), SendError> {
        let spans = self.spans.take();
        if spans.is_empty() {
            return Ok(());
        }
        let collector = Collector::find(self.resource(), self.settings.clone())?;
        // Dropping it ends a connection in any state; a name that is being looked up keeps a thread, which ends with us.
        timeout(time_max, collector.send(spans))
            .await
            .map_err(|_| SendError::TooSlow { time_max })?
    }

    /// What everybody else says of this process comes last, so that it counts.
    fn resource(&self) -> Resource {
        let own = [("service.name", "bookend"), ("service.version", env!("CARGO_PKG_VERSION"))];
        let own = own.map(|(name, value)| KeyValue::new(name, value));
        let known =
            self.settings.resource.iter().map(|(name, value)| KeyValue::new(*name, value.clone()));
        let environment = opentelemetry_sdk::resource::EnvResourceDetector::new();
        let mut resource = Resource::builder_empty()
            .with_attributes(own.into_iter().chain(known))
            .with_detector(Box::new(opentelemetry_sdk::resource::TelemetryResourceDetector))
            .with_detector(Box::new(environment));
        if let Some(name) = &self.settings.service_name {
            resource = resource.with_service_name(name.clone());
        }
        resource.build()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::time::Instant;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// A trace with one span for a collector at this address.
    fn recorded(endpoint: String) -> Telemetry {
        let telemetry =
            Telemetry::new(Settings { endpoint: Some(endpoint), ..Settings::default() });
        let listener = tracing_subscriber::registry().with(vec![telemetry.listener()]);
        tracing::subscriber::with_default(listener, || {
            tracing::info_span!("step", trace.parent = "").in_scope(|| tracing::info!("done"));
        });
        telemetry
    }

    // Time stands still but for waits, which take no time.
    #[tokio::test(start_paused = true)]
    async fn a_collector_that_says_nothing_costs_the_limit_and_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for (scheme, limit) in [("http", TIME_MAX), ("https", TIME_MAX), ("http", TIME_MAX_STOPPED)]
        {
            let begun = Instant::now();
            let error = recorded(format!("{scheme}://{address}")).send(limit).await.unwrap_err();
            assert!(matches!(error, SendError::TooSlow { .. }), "{error}");
            assert!(begun.elapsed() <= limit + Duration::from_millis(1), "{:?}", begun.elapsed());
        }
        assert!(TIME_MAX < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn what_cannot_be_an_address_is_told_without_it() {
        let error = recorded("http://user:secret@".into()).send(TIME_MAX).await.unwrap_err();
        assert!(matches!(error, SendError::Settings), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn nothing_is_sent_where_nothing_was_recorded() {
        let settings =
            Settings { endpoint: Some("http://127.0.0.1:9".into()), ..Settings::default() };
        assert!(Telemetry::new(settings).send(TIME_MAX).await.is_ok());
    }

    #[test]
    fn a_process_that_lives_long_has_a_trace_for_each_root_that_others_are_below() {
        let telemetry = Telemetry::of_many(Settings::default());
        let listener = tracing_subscriber::registry().with(vec![telemetry.listener()]);
        let pass = |parent: &str, asks: bool| {
            let span = tracing::info_span!("pass", trace.parent = parent);
            span.in_scope(|| asks.then(|| tracing::debug_span!("request").in_scope(|| ())));
        };
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        tracing::subscriber::with_default(listener, || {
            pass(&format!("00-{trace}-00f067aa0ba902b7-01"), true);
            pass("", true);
            pass("", false);
            pass(&format!("00-{trace}-00f067aa0ba902b7-00"), true);
        });
        let spans = telemetry.spans.take();
        let ids: Vec<String> =
            spans.iter().map(|span| span.span_context.trace_id().to_string()).collect();
        assert_eq!(ids.len(), 4, "{ids:?}");
        assert_eq!([&*ids[0], &*ids[1]], [trace, trace]);
        assert!(ids[2] == ids[3] && ids[2] != trace);
        assert!(telemetry.spans.take().is_empty(), "nothing is sent twice");
    }
}
