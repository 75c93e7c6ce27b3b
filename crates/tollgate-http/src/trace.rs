//! Where does a request's trace come from, and where does it go on?
//!
//! A caller may say in `traceparent` (W3C Trace Context) which trace a request is part of. Its id is in the log; where
//! traces are sent to a receiver, the request is a step of that trace, and calls to others take its id along. What sends
//! them is not this crate's business: it fills the slot [`Tracer`].
//!
//! That is believed where ids of requests are: behind a proxy of ours, or in AWS Lambda. Otherwise anybody would choose
//! under which id they are recorded, and have all of theirs sent, in everybody's places: such a request begins a trace of
//! its own, which has a link to the other.
//!
//! Steps are spans of the target `tollgate::trace`. Whether a request is sampled is decided before its first step is made:
//! as its caller says, or for a share of the others. With nobody to take them, or if it is not sampled, they cost a
//! comparison.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::sync::OnceLock;
use tollgate_core::TraceId;
use tollgate_store::audit::with_origin;
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What sends traces.
#[derive(Debug, Clone, Copy)]
pub struct Tracer {
    /// Makes a span a step of the trace that these headers name.
    pub adopt: fn(&Span, &HeaderMap),
    /// Makes a span a step of another trace, which says that these headers name that one.
    pub link: fn(&Span, &HeaderMap),
    /// The `traceparent` of the step at hand.
    pub current: fn(&Span) -> Option<String>,
    /// What others wrote into the `tracestate` of its trace.
    pub state: fn(&Span) -> Option<String>,
    /// The share of the traces that begin here which is sent, from 0 to 1.
    pub sampled: f64,
}

static TRACER: OnceLock<Tracer> = OnceLock::new();

impl Tracer {
    /// Has traces sent by this one; the first that is installed stays.
    pub fn install(self) {
        let _ = TRACER.set(self);
    }

    /// Whether this request is sampled: if its caller says so, and by chance if no caller says anything that is believed.
    fn samples(&self, headers: &HeaderMap, is_believed: bool) -> bool {
        match flags(headers).filter(|_| is_believed) {
            Some(flags) => flags & 1 == 1,
            None => self.sampled >= 1.0 || (self.sampled > 0.0 && chance() < self.sampled),
        }
    }
}

/// The flags of a `traceparent` that is one (W3C Trace Context, 3.2.2.5).
fn flags(headers: &HeaderMap) -> Option<u8> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    TraceId::read(text)?;
    u8::from_str_radix(text.split('-').nth(3)?, 16).ok()
}

/// Any number from 0 to 1.
fn chance() -> f64 {
    // Half of a random UUID, of which the first bits say which variant it is.
    let random = Uuid::new_v4().as_u64_pair().1 << 2 >> 32;
    f64::from(u32::try_from(random).unwrap_or_default()) / f64::from(u32::MAX)
}

/// The step that a request is; none if it is not sampled.
pub(crate) fn request_span(method: &Method, route: Option<&str>, headers: &HeaderMap, is_believed: bool) -> Span {
    if TRACER.get().is_some_and(|tracer| !tracer.samples(headers, is_believed)) {
        return Span::none();
    }
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
        let join = if is_believed { tracer.adopt } else { tracer.link };
        join(&span, headers);
    }
    span
}

/// The trace that a request is part of: the one that is sent, else the one that a caller who is believed names.
pub(crate) fn trace_of(span: &Span, headers: &HeaderMap, is_believed: bool) -> Option<TraceId> {
    let sent = TRACER.get().filter(|_| !span.is_disabled()).and_then(|tracer| (tracer.current)(span));
    if let Some(traceparent) = sent {
        return TraceId::read(&traceparent);
    }
    TraceId::read(is_believed.then(|| headers.get(TRACEPARENT)).flatten()?.to_str().ok()?)
}

/// How the step ended.
pub(crate) fn end_span(span: &Span, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// What calls to others take along, if the work at hand is part of a trace that is sent.
pub fn outgoing() -> HeaderMap {
    let of_step = || {
        let (tracer, step) = (TRACER.get()?, Span::current());
        let traceparent = (tracer.current)(&step).or_else(unsampled)?;
        Some([(TRACEPARENT, Some(traceparent)), (TRACESTATE, (tracer.state)(&step))])
    };
    let headers = of_step().into_iter().flatten();
    headers.filter_map(|(name, value)| Some((name, HeaderValue::try_from(value?).ok()?))).collect()
}

/// Work as a step of the trace at hand that may last longer than the step it follows from.
pub(crate) fn continued<F: Future>(work: F) -> impl Future<Output = F::Output> {
    // A child would keep its parent open to the end.
    let span = tracing::debug_span!(target: "tollgate::trace", parent: None, "background");
    if let (false, Some(tracer)) = (span.is_disabled(), TRACER.get()) {
        (tracer.adopt)(&span, &outgoing());
    }
    work.instrument(span)
}

/// Of a request that is not sampled: its trace goes on, and says that it is not.
fn unsampled() -> Option<String> {
    let trace = with_origin(|origin| origin.trace)??;
    Some(format!("00-{trace}-{:016x}-00", Uuid::new_v4().as_u64_pair().1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracer(sampled: f64) -> Tracer {
        Tracer { adopt: |_, _| (), link: |_, _| (), current: |_| None, state: |_| None, sampled }
    }

    #[test]
    fn callers_who_are_believed_say_whether_their_requests_are_sampled() {
        let of = |flags| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        for (flags, is_sampled) in [("01", true), ("00", false), ("03", true), ("02", false)] {
            let headers = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::try_from(of(flags)).unwrap())]);
            assert_eq!([0.0, 1.0].map(|share| tracer(share).samples(&headers, true)), [is_sampled; 2], "{flags}");
            assert_eq!([0.0, 1.0].map(|share| tracer(share).samples(&headers, false)), [false, true], "{flags}");
        }
        let none = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_static("00-zero-01"))]);
        assert_eq!([0.0, 1.0].map(|share| tracer(share).samples(&none, true)), [false, true]);
    }

    #[test]
    fn a_share_of_the_others_is_sampled() {
        let tracer = tracer(0.25);
        let sampled = (0..4000).filter(|_| tracer.samples(&HeaderMap::new(), true)).count();
        assert!((700..1300).contains(&sampled), "{sampled} of 4000");
    }
}
