//! Fields of `tracing`, as attributes of OpenTelemetry.

use std::error::Error;
use std::fmt::Debug;

use opentelemetry::{KeyValue, Value};
use tracing::field::{Field, Visit};

use crate::exit;

/// No attribute is longer, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// What the fields of one span or event say.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// `message` of an event.
    pub(super) message: Option<String>,
    /// `otel.name`
    pub(super) name: Option<String>,
    /// Whether `otel.kind` is `client`.
    pub(super) is_client: bool,
    /// `otel.status_message`; whoever sets it has failed.
    pub(super) failure: Option<String>,
    /// `trace.parent`
    pub(super) parent: Option<String>,
    /// `trace.state`
    pub(super) state: Option<String>,
    /// All others.
    pub(super) attributes: Vec<KeyValue>,
    /// Whether they are those of a span, whose short names say what the step is about.
    is_span: bool,
}

impl Fields {
    /// For a span.
    pub(super) fn of_span() -> Self {
        Self { is_span: true, ..Self::default() }
    }

    fn text(&mut self, field: &Field, mut text: String) {
        match field.name() {
            "message" => self.message = Some(text),
            "otel.name" => self.name = Some(text),
            "otel.kind" => self.is_client = text == "client",
            "otel.status_message" => self.failure = Some(text),
            "trace.parent" => self.parent = Some(text),
            "trace.state" => self.state = Some(text),
            // The trace of a span is no attribute of it.
            "trace_id" => {}
            _ => {
                text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
                self.add(field, text);
            }
        }
    }

    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        let name = if self.is_span { attribute(field.name()) } else { field.name() };
        self.attributes.retain(|known| known.key.as_str() != name);
        self.attributes.push(KeyValue::new(name, value));
    }
}

/// The names in log lines are short; the names of attributes say whose they are.
fn attribute(field: &'static str) -> &'static str {
    match field {
        "step" => "bookend.step",
        "promise" => "kratix.promise.name",
        "pipeline" => "kratix.pipeline.name",
        "kind" => "kratix.object.kind",
        "namespace" => "kratix.object.namespace",
        "name" => "kratix.object.name",
        other => other,
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // OpenTelemetry knows no others.
        self.add(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, exit::chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, format!("{value:?}"));
    }
}
