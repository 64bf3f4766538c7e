//! What a step tells about itself while it runs: the span around it, whom it is about, and the trace it belongs to.
//!
//! The fields of the span stand in every log line in JSON and in the trace (docs/observability.md). Names with a dot are
//! for the trace only.

use std::fmt::Display;

use tracing::field::{self, Empty};
use tracing::{Instrument as _, Span, debug, info_span};

use crate::contract::{Object, ObjectKey, labels};
use crate::core::trace::Parent;

/// Returns the span that a step runs in; whoever starts the step enters it.
pub fn span(step: &'static str) -> Span {
    info_span!(
        "step",
        otel.name = step,
        otel.status_message = Empty,
        step,
        promise = Empty,
        pipeline = Empty,
        kind = Empty,
        namespace = Empty,
        name = Empty,
        trace_id = Empty,
        trace.parent = Empty,
        trace.state = Empty,
    )
}

/// Runs a step in its span, as a part of a longer run.
pub async fn within<T, E: Display>(
    step: &'static str,
    run: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = span(step);
    let outcome = run.instrument(span.clone()).await;
    if let Err(error) = &outcome {
        span.record("otel.status_message", field::display(error));
    }
    outcome
}

/// The step is about this object.
pub(super) fn is_about(key: &ObjectKey) {
    let span = Span::current();
    if !key.kind.kind.is_empty() {
        span.record("kind", key.kind.kind.as_ref());
    }
    if let Some(namespace) = &key.namespace {
        span.record("namespace", namespace);
    }
    span.record("name", &key.name);
}

/// The step belongs to this pipeline; what is empty is not known.
pub(super) fn is_of(promise: &str, pipeline: &str) {
    let span = Span::current();
    for (field, value) in [("promise", promise), ("pipeline", pipeline)] {
        if !value.is_empty() {
            span.record(field, value);
        }
    }
}

/// The step belongs to the trace that Kratix has left at the object, if any.
pub(super) fn joins_trace_of(object: &Object) {
    let text = |annotation| object.annotation(annotation).unwrap_or_default();
    joins(text(labels::TRACE_PARENT), text(labels::TRACE_STATE));
}

/// The step belongs to this trace, or when the parent is empty or not valid, to none that exists already.
pub(super) fn joins(parent: &str, state: &str) {
    let span = Span::current();
    match Parent::parse(parent) {
        Some(known) => {
            span.record("trace_id", known.trace_id_text());
            span.record("trace.state", state);
            span.record("trace.parent", parent);
        }
        None => {
            if !parent.is_empty() {
                // It is not repeated: anything can stand there.
                debug!("the trace parent is not valid, so it is not joined");
            }
            span.record("trace.parent", "");
        }
    }
}
