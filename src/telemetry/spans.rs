//! Keeps the spans of this process until they are sent.
//!
//! A step has one trace, a reconciler one for each pass that asks the API server something. Which one it is comes out
//! while it runs: the parent stands in an object that is read first. So ids of the trace are put into spans when they
//! are taken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks,
};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::fields::Fields;
use crate::core::trace::Parent;
use crate::logging;

/// No more spans are kept until they are sent: those of a run, or of some seconds of a reconciler.
const SPANS_MAX: usize = 1000;
/// A span keeps no more events than this, as OpenTelemetry advises.
const EVENTS_MAX: usize = 128;
/// W3C Trace Context asks to hand on this much; a longer state is left out as a whole.
const STATE_BYTES_MAX: usize = 512;

/// Which spans and events are recorded: ours, without those that only tell of requests.
pub(super) fn is_recorded(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::DEBUG && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}

/// All spans that have ended.
#[derive(Debug, Default)]
pub(super) struct Spans {
    ended: Mutex<Vec<Ended>>,
    /// The trace of all spans, where they are of one.
    only: Option<Arc<Mutex<Trace>>>,
}

/// The trace that spans belong to.
#[derive(Debug, Default)]
struct Trace {
    /// Made up when the first span begins, replaced when the first span finds a parent.
    id: Option<TraceId>,
    parent: Option<(Parent, TraceState)>,
    /// Whether the first span has any below it.
    is_tree: bool,
}

#[derive(Debug)]
struct Ended {
    open: Open,
    end: SystemTime,
}

/// A span that goes on; stands in its extensions.
#[derive(Debug)]
struct Open {
    id: SpanId,
    /// `None` for the first one of its trace.
    parent: Option<SpanId>,
    trace: Arc<Mutex<Trace>>,
    name: &'static str,
    fields: Fields,
    events: Vec<Event>,
    events_left_out: u32,
    start: SystemTime,
    /// A clock that nobody sets.
    started: Instant,
}

impl Spans {
    /// For a process whose spans are all of one trace.
    pub(super) fn of_one_trace() -> Self {
        Self { ended: Mutex::default(), only: Some(Arc::default()) }
    }

    /// For a process in which each span without another above it begins a trace, if it has others below it.
    pub(super) fn of_many_traces() -> Self {
        Self::default()
    }

    /// Returns all spans that have ended since; none of a trace that whoever began it does not want.
    pub(super) fn take(&self) -> Vec<SpanData> {
        let ended = std::mem::take(&mut *lock(&self.ended));
        let scope = InstrumentationScope::builder(env!("CARGO_CRATE_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let data = |span: Ended| {
            let trace = Arc::clone(&span.open.trace);
            let mut trace = lock(&trace);
            trace.is_wanted().then(|| trace.data(span, &scope))
        };
        ended.into_iter().filter_map(data).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trace {
    fn is_wanted(&self) -> bool {
        self.parent.as_ref().is_none_or(|(parent, _)| parent.is_sampled)
    }

    fn id(&mut self) -> TraceId {
        *self.id.get_or_insert_with(|| RandomIdGenerator::default().new_trace_id())
    }

    /// Joins a trace that exists; without a valid parent this process has one of its own.
    fn join(&mut self, parent: &str, state: &str) {
        let Some(parent) = Parent::parse(parent) else { return };
        self.id = Some(TraceId::from(parent.trace_id));
        self.parent = Some((parent, trace_state(state)));
    }

    fn data(&mut self, Ended { open, end }: Ended, scope: &InstrumentationScope) -> SpanData {
        let (remote, state) = self.parent.clone().unzip();
        let remote = remote.map(|parent| SpanId::from(parent.span_id));
        let state = state.unwrap_or_default();
        let fields = open.fields;
        SpanData {
            span_context: SpanContext::new(self.id(), open.id, TraceFlags::SAMPLED, false, state),
            parent_span_id: open.parent.or(remote).unwrap_or(SpanId::INVALID),
            parent_span_is_remote: open.parent.is_none() && remote.is_some(),
            span_kind: if fields.is_client { SpanKind::Client } else { SpanKind::Internal },
            name: fields.name.map_or(open.name.into(), Into::into),
            start_time: open.start,
            end_time: end,
            attributes: fields.attributes,
            dropped_attributes_count: 0,
            events: events(open.events, open.events_left_out),
            links: SpanLinks::default(),
            status: fields.failure.map_or(Status::Unset, Status::error),
            instrumentation_scope: scope.clone(),
        }
    }
}

fn events(events: Vec<Event>, left_out: u32) -> SpanEvents {
    let mut kept = SpanEvents::default();
    kept.events = events;
    kept.dropped_count = left_out;
    kept
}

/// Reads a `tracestate`; a wrong or endless one is left out, as the specification wants it.
fn trace_state(text: &str) -> TraceState {
    let is_text =
        text.len() <= STATE_BYTES_MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    text.parse().ok().filter(|_| is_text).unwrap_or_default()
}

/// Hears of spans and events.
pub(super) struct Recorder(pub(super) Arc<Spans>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::of_span();
        attributes.record(&mut fields);
        let above = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            let above = extensions.get::<Open>()?;
            Some((above.id, Arc::clone(&above.trace)))
        });
        let (parent, trace) = above.unzip();
        if let Some(trace) = &trace {
            lock(trace).is_tree = true;
        }
        let open = Open {
            id: RandomIdGenerator::default().new_span_id(),
            parent,
            trace: trace.or_else(|| self.0.only.clone()).unwrap_or_default(),
            name: span.name(),
            fields,
            events: Vec::new(),
            events_left_out: 0,
            start: SystemTime::now(),
            started: Instant::now(),
        };
        span.extensions_mut().insert(open);
        self.settle(&span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
        }
        self.settle(&span);
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.message.take().unwrap_or_default();
        if event.metadata().target() == logging::REPORT
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            open.fields.failure = Some(message.clone());
            // A step that failed before it could find a parent has a trace of its own.
            open.fields.parent.get_or_insert_default();
        }
        self.settle(&span);
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<Open>() else { return };
        if open.events.len() < EVENTS_MAX {
            let now = open.start + open.started.elapsed();
            open.events.push(Event::new(message, now, fields.attributes, 0));
        } else {
            open.events_left_out = open.events_left_out.saturating_add(1);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        // One that was about nothing is not worth a trace.
        if self.0.only.is_none() && open.parent.is_none() && !lock(&open.trace).is_tree {
            return;
        }
        let mut ended = lock(&self.0.ended);
        if ended.len() < SPANS_MAX {
            let end = open.start + open.started.elapsed();
            ended.push(Ended { open, end });
        }
    }
}

impl Recorder {
    /// Decides which trace this is as soon as the first span says so, and tells log lines.
    fn settle<'a, S: LookupSpan<'a>>(&self, span: &SpanRef<'a, S>) {
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<Open>() else { return };
        let Some(parent) = open.fields.parent.take().filter(|_| open.parent.is_none()) else {
            return;
        };
        let state = open.fields.state.take().unwrap_or_default();
        let trace = Arc::clone(&open.trace);
        let mut trace = lock(&trace);
        if trace.parent.is_none() {
            trace.join(&parent, &state);
        }
        let id = trace.id().to_string();
        extensions.replace(logging::TraceId(id));
    }
}
