//! The spans of a trace: a call, the operations of the store in it, and their statements.
//!
//! A call's span is also what its log lines refer to. The others are for traces alone: unless traces are
//! sent they are not even made. Work outside of a call, polling for instance, makes none either; a round of
//! the background jobs has a span of its own.
//!
//! A span has the text of a statement, which is a constant of the service, and never its values.

use std::future::Future;

use http::HeaderMap;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanContext, Status, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The target of the spans that are for traces alone.
pub(super) const TARGET: &str = "conversation_service::trace";
/// The prefix of the targets of all spans that are sent.
pub(super) const CRATE: &str = "conversation_service";

/// Makes a call's span part of the caller's trace, if the headers name one (W3C Trace Context), and
/// gives it a field `trace_id` if it is part of any.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    let callers = TraceContextPropagator::new().extract(&Headers(headers));
    let callers_span = callers.span().span_context().clone();
    // Fails if traces are not sent: the caller's trace is still of use in the log.
    let _ = span.set_parent(callers);
    let own_span = span.context().span().span_context().clone();
    let trace = [own_span, callers_span]
        .into_iter()
        .find(SpanContext::is_valid);
    if let Some(trace) = trace {
        span.record("trace_id", tracing::field::display(trace.trace_id()));
    }
}

/// Gives a span an attribute that no log line has.
pub fn set(span: &Span, attribute: &'static str, value: impl Into<opentelemetry::Value>) {
    span.set_attribute(attribute, value);
}

/// Marks a span as failed.
pub fn mark_failed(span: &Span, kind: &'static str) {
    span.set_attribute("error.type", kind);
    span.set_status(Status::error(""));
}

/// The span of work that nobody has called for.
pub fn background(name: &'static str) -> Span {
    tracing::info_span!(target: TARGET, parent: None, "background", otel.name = name)
}

/// The span of an operation of the store.
pub fn operation(system: &'static str, name: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!(
        target: TARGET,
        "operation",
        otel.name = name,
        db.system.name = system,
        db.operation.name = name,
    )
}

/// The span of a statement.
pub fn statement(system: &'static str, sql: &str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!(
        target: TARGET,
        "statement",
        otel.kind = "client",
        otel.name = sql.split_whitespace().next().unwrap_or_default(),
        db.system.name = system,
        db.query.text = sql,
    )
}

/// Does `work` in a span, and marks the span if it fails, with the kind of the error if it has one.
///
/// # Errors
///
/// The error of `work`.
pub async fn within<T, E>(
    span: Span,
    kind: impl Fn(&E) -> Option<&'static str>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let outcome = work.instrument(span.clone()).await;
    if let Some(kind) = outcome.as_ref().err().and_then(kind) {
        mark_failed(&span, kind);
    }
    outcome
}

/// The headers of a request.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
