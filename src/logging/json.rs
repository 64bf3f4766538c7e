//! Log lines as JSON: one flat object each, with what the spans around an event say (docs/observability.md).

use std::error::Error;
use std::fmt::Debug;

use serde::Serializer as _;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::exit;

/// The trace that a span belongs to, in hexadecimal; whoever knows it puts it into the span's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceId(pub String);

/// Writes the lines to stderr.
pub(super) struct Lines;

/// Whether the fields of a span stand in the lines of its events: those of a step, not those of a request.
pub(super) fn is_context(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().replace(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Fields::default();
        line.set("level", event.metadata().level().as_str().to_ascii_lowercase());
        if let Some(message) = fields.take("message") {
            line.set("message", message);
        }
        if !event.metadata().target().starts_with(env!("CARGO_CRATE_NAME")) {
            line.set("target", event.metadata().target());
        }
        let mut trace_id = None;
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            for (name, value) in extensions.get::<Fields>().into_iter().flat_map(|own| &own.0) {
                // Names with a dot are for spans only.
                if !name.contains('.') && !fields.has(name) && !line.has(name) {
                    line.set(name, value.clone());
                }
            }
            trace_id = trace_id.or_else(|| extensions.get::<TraceId>().cloned());
        }
        for (name, value) in fields.0 {
            if !line.has(name) {
                line.set(name, value);
            }
        }
        if let Some(TraceId(trace_id)) = trace_id {
            line.set("trace_id", trace_id);
        }
        super::to_stderr(&line.text());
    }
}

/// Names and values, in the order in which they came.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.take(name);
        self.0.push((name, value.into()));
    }

    /// The line, with its end.
    fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(256);
        let pairs = self.0.iter().map(|(name, value)| (name, value));
        // Writing values to memory cannot fail.
        let _ = serde_json::Serializer::new(&mut bytes).collect_map(pairs);
        bytes.push(b'\n');
        String::from_utf8(bytes).unwrap_or_default()
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }

    /// Only an error with causes says more than its own text, which is the message already.
    fn record_error(&mut self, _field: &Field, value: &(dyn Error + 'static)) {
        let causes = exit::causes(value);
        if !causes.is_empty() {
            self.set("causes", causes);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}
