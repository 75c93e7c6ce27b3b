//! Where does a request's trace come from, and where does it go on?
//!
//! A caller may say in `traceparent` (W3C Trace Context) which trace a request is part of. Its id is in the log; where
//! traces are sent to a receiver, the request is a step of that trace, and calls to others take its id along. What sends
//! them is not this crate's business: it fills the slot [`Tracer`].
//!
//! Steps are spans of the target `tollgate::trace`. With nobody to take them they cost a comparison.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::sync::OnceLock;
use tollgate_core::TraceId;
use tracing::{Span, field::Empty};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What sends traces.
#[derive(Debug, Clone, Copy)]
pub struct Tracer {
    /// Makes a span a step of the trace that these headers name.
    pub adopt: fn(&Span, &HeaderMap),
    /// The `traceparent` of the step at hand.
    pub current: fn(&Span) -> Option<String>,
}

static TRACER: OnceLock<Tracer> = OnceLock::new();

impl Tracer {
    /// Has traces sent by this one; the first that is installed stays.
    pub fn install(self) {
        let _ = TRACER.set(self);
    }
}

/// The step that a request is.
pub(crate) fn request_span(method: &Method, route: Option<&str>, headers: &HeaderMap) -> Span {
    let route = route.unwrap_or_default();
    let span = tracing::debug_span!(
        target: "tollgate::trace",
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = Empty,
        otel.status_code = Empty
    );
    if let (false, Some(tracer)) = (span.is_disabled(), TRACER.get()) {
        (tracer.adopt)(&span, headers);
    }
    span
}

/// The trace that a request is part of: the one that is sent, else the one that the caller names.
pub(crate) fn trace_of(span: &Span, headers: &HeaderMap) -> Option<TraceId> {
    let sent = TRACER.get().filter(|_| !span.is_disabled()).and_then(|tracer| (tracer.current)(span));
    if let Some(traceparent) = sent {
        return TraceId::read(&traceparent);
    }
    TraceId::read(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// How the step ended.
pub(crate) fn end_span(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// What calls to others take along, if the work at hand is part of a trace that is sent.
pub fn outgoing() -> Option<(HeaderName, HeaderValue)> {
    let tracer = TRACER.get()?;
    let traceparent = (tracer.current)(&Span::current())?;
    Some((TRACEPARENT, HeaderValue::try_from(traceparent).ok()?))
}
