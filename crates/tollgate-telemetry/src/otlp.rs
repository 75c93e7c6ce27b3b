//! Traces: steps of requests, sent to a receiver over OTLP (HTTP, protobuf).
//!
//! A step is a span of the target `tollgate::trace`. Whoever begins a request has decided whether it is sampled; within one
//! that is not, no step is made. Those that are sampled are queued and sent in the background, a few
//! hundred at a time; when the receiver is away the queue fills, and what does not fit is dropped. No request waits for it.
//! What became of each batch is counted, and one that was not taken is told in the log.
//! A trace that began elsewhere goes on here (W3C Trace Context), and is sampled if it was there.

use async_trait::async_trait;
use http::HeaderMap;
use opentelemetry::{
    Context as Parent, KeyValue,
    propagation::TextMapPropagator,
    trace::{Link, SpanKind, TraceContextExt, TraceId, TracerProvider},
};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SamplingResult, SdkTracerProvider, ShouldSample},
};
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry as Metrics,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::runtime::Handle;
use tracing::{Metadata, Span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry, filter::dynamic_filter_fn, layer::Context};

use crate::Layered;

/// How long the end of the process waits for the last steps to be taken.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long nothing more is said of batches that are not taken.
const QUIET: Duration = Duration::from_mins(1);

/// What became of batches.
static BATCHES: LazyLock<Family<[(&'static str, &'static str); 1], Counter>> = LazyLock::new(|| {
    let batches = Family::default();
    for result in ["taken", "refused", "unreachable"] {
        drop(batches.get_or_create(&[("result", result)]));
    }
    batches
});

/// Adds the metrics of traces to those that are shown.
pub(crate) fn metrics(registry: &mut Metrics) {
    registry.register("tollgate_trace_batches", "Batches of steps, by what became of them", BATCHES.clone());
}

/// Sends a body to the receiver: answers its status.
pub type Transport = dyn Fn(Bytes, HeaderMap) -> Sent + Send + Sync;
/// The status, some time later.
pub type Sent = Pin<Box<dyn Future<Output = Result<u16, HttpError>> + Send>>;

/// What sends traces. Dropped, it sends what is left, for a while.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

/// What cannot be sent.
pub type TracesError = Box<dyn std::error::Error + Send + Sync>;

impl Traces {
    /// Traces of that app, version and environment, of which so many are sampled that begin here. Within a runtime: what
    /// is sent is sent on it.
    ///
    /// # Errors
    /// The address is none.
    pub fn start(
        service: &[String; 3],
        address: &str,
        sampled: f64,
        send: Arc<Transport>,
    ) -> Result<Self, TracesError> {
        let client = Client { runtime: Handle::current(), send, told: Mutex::default() };
        let exporter = SpanExporter::builder().with_http().with_http_client(client).with_endpoint(address).build()?;
        let [name, version, environment] = service.clone();
        let resource = Resource::builder_empty()
            .with_service_name(name)
            .with_attribute(KeyValue::new("service.version", version))
            .with_attribute(KeyValue::new("deployment.environment.name", environment))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Share(sampled))
            .with_resource(resource);
        Ok(Self(provider.build()))
    }

    /// Sends the steps that are queued, and waits for that; not on a thread of the runtime.
    pub fn flush(&self) {
        if let Err(error) = self.0.force_flush() {
            tracing::warn!(%error, "steps of traces were not sent");
        }
    }

    /// What sees the steps. Within a request, they are steps of that one or of nothing.
    pub fn layer(&self, is_in_request: fn() -> bool) -> Layered {
        let is_step = move |metadata: &Metadata<'_>, context: &Context<'_, Registry>| {
            metadata.is_span()
                && metadata.target() == "tollgate::trace"
                && (context.lookup_current().is_some() || !is_in_request())
        };
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer("tollgate"));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false);
        layer.with_level(false).with_filter(dynamic_filter_fn(is_step).with_max_level_hint(LevelFilter::DEBUG)).boxed()
    }
}

/// A request that gets here is sampled. Of what begins elsewhere, such as the fetch of a key set, it is a share.
#[derive(Debug, Clone)]
struct Share(f64);

impl ShouldSample for Share {
    fn should_sample(
        &self,
        parent: Option<&Parent>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = match kind {
            SpanKind::Server => Sampler::AlwaysOn,
            _ => Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.0))),
        };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // Who ends has nobody left to tell.
        let _ = self.0.shutdown_with_timeout(TIMEOUT);
    }
}

/// Makes a span a step of the trace that these headers name, if they name one.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if parent.span().span_context().is_valid() {
        // A span that nobody samples has no place for it.
        let _ = span.set_parent(parent);
    }
}

/// Makes a span a step of a trace of its own that says which one these headers name.
pub fn link(span: &Span, headers: &HeaderMap) {
    let other = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    span.add_link(other.span().span_context().clone());
}

/// The `traceparent` that says: part of this step.
pub fn current(span: &Span) -> Option<String> {
    let context = span.context();
    let step = context.span().span_context().clone();
    let flags = step.trace_flags().to_u8();
    step.is_valid().then(|| format!("00-{}-{}-{flags:02x}", step.trace_id(), step.span_id()))
}

/// What others wrote into the `tracestate` of the trace that this step is part of.
pub fn state(span: &Span) -> Option<String> {
    let state = span.context().span().span_context().trace_state().header();
    (!state.is_empty()).then_some(state)
}

/// Called by a thread that is none of the runtime's, which waits for the answer.
struct Client {
    runtime: Handle,
    send: Arc<Transport>,
    /// When it was said last that nobody takes them.
    told: Mutex<Option<Instant>>,
}

impl Client {
    /// Counts what became of a batch, and says now and then that it was not taken.
    fn note(&self, sent: &Result<u16, HttpError>) {
        let (result, why) = match sent {
            Ok(200..300) => ("taken", None),
            Ok(status) => ("refused", Some(format!("the receiver answers {status}"))),
            Err(error) => ("unreachable", Some(error.to_string())),
        };
        BATCHES.get_or_create(&[("result", result)]).inc();
        let Some(why) = why else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= QUIET) {
            *told = Some(Instant::now());
            tracing::warn!(why, "steps of traces are lost: they cannot be sent to telemetry.traces");
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let sent = self.runtime.spawn((self.send)(body, head.headers)).await?;
        self.note(&sent);
        Ok(Response::builder().status(sent?).body(Bytes::new())?)
    }
}
