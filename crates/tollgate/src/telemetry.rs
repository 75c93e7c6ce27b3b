//! What the app tells those who look after it: lines, numbers, steps.

use crate::{
    app::Failure,
    running::Running,
    secrets,
    settings::{Format, MetricsAt, Settings, Telemetry},
};
use axum::{Router, http::header, routing::get};
use std::{
    future::pending,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tollgate_http::{ConnectionLimits, Counts, Edge, Listening, Serving, Stop, log_panics};
use tollgate_store::audit::with_origin;
use tollgate_telemetry::{self as telemetry, CONTENT_TYPE, Flush, Layer as _, Layered, Logging, Metrics, Recent};

/// Starts logging, and sending traces where that is wished, within a runtime. A second start changes nothing.
pub(crate) fn start(settings: &Settings, app: &str, version: &str) -> Result<Started, Failure> {
    let default = if settings.is_dev() { "info,tollgate::request=debug" } else { "info" };
    let json = settings.log.format.map_or(!settings.is_dev(), |format| format == Format::Json);
    let service = [app.to_owned(), version.to_owned(), settings.env.clone()];
    let traces = traces::start(&settings.telemetry, &service)?;
    let logging = Logging {
        filter: settings
            .log
            .filter
            .clone()
            .filter(|filter| !filter.trim().is_empty())
            .unwrap_or_else(|| default.into()),
        format: if json { telemetry::Format::Json } else { telemetry::Format::Text },
        service,
        scope,
    };
    let sent = traces.as_ref().map(|traces| traces.layer(is_in_request));
    let layers: Vec<Layered> = sent.into_iter().chain(settings.recent.as_ref().map(Recent::layer)).collect();
    // A list of no layers would want to hear nothing, and so turn off everything.
    let flush = logging.start((!layers.is_empty()).then(|| layers.boxed()));
    let flush = flush.map_err(|why| Failure(format!("log.filter (or RUST_LOG): {why}")))?;
    if json {
        // Also what a command other than `serve` says last is a line that programs can read.
        log_panics();
    }
    Ok(Started { traces, flush })
}

/// What must stay until the process ends.
#[cfg_attr(not(feature = "lambda"), expect(dead_code, reason = "they do their work when they are dropped"))]
pub(crate) struct Started {
    traces: Option<traces::Traces>,
    flush: Flush,
}

impl Started {
    /// Sends steps and writes lines that are queued, and waits for that, for a while: not on a thread of the runtime.
    #[cfg(feature = "lambda")]
    pub(crate) fn flush(&self) {
        self.traces.iter().for_each(traces::Traces::flush);
        self.flush.now();
    }
}

#[cfg(feature = "otlp")]
mod traces {
    use super::{Failure, Telemetry, telemetry};
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use std::sync::Arc;
    use tollgate_auth::outgoing::{Outgoing, Place};
    use tollgate_core::Secret;
    use tollgate_http::trace::Tracer;

    pub(super) use tollgate_telemetry::Traces;

    /// What sends traces, if they are sent.
    pub(super) fn start(settings: &Telemetry, service: &[String; 3]) -> Result<Option<Traces>, Failure> {
        let Some(address) = &settings.traces else { return Ok(None) };
        let place = Place::new(address).map_err(|why| Failure(format!("telemetry.traces {why}")))?;
        if !(0.0..=1.0).contains(&settings.traces_sampled) {
            return Err(Failure("telemetry.traces_sampled must be from 0, for none, to 1, for all".into()));
        }
        let own = settings.traces_headers.iter().map(header).collect::<Result<HeaderMap, _>>()?;
        let outgoing = Outgoing::new()?;
        let send = move |body, mut headers: HeaderMap| -> telemetry::Sent {
            let (outgoing, place) = (outgoing.clone(), place.clone());
            headers.extend(own.clone());
            Box::pin(async move { Ok(outgoing.post(&place, body, headers).await?.as_u16()) })
        };
        let started = Traces::start(service, address, settings.traces_sampled, Arc::new(send));
        let started = started.map_err(|error| Failure(format!("telemetry.traces: {error}")))?;
        let sampled = settings.traces_sampled;
        let (adopt, link) = (telemetry::adopt, telemetry::link);
        Tracer { adopt, link, current: telemetry::current, state: telemetry::state, sampled }.install();
        Ok(Some(started))
    }

    fn header((name, value): (&String, &Secret)) -> Result<(HeaderName, HeaderValue), Failure> {
        let wrong = || Failure(format!("telemetry.traces_headers.{name} is no header"));
        let mut value = HeaderValue::try_from(value.reveal()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        Ok((HeaderName::try_from(name).map_err(|_| wrong())?, value))
    }
}

#[cfg(not(feature = "otlp"))]
mod traces {
    use super::{Failure, Telemetry};
    use tollgate_telemetry::Layered;

    /// Nothing that could be made.
    pub(super) enum Traces {}

    impl Traces {
        pub(super) fn layer(&self, _: fn() -> bool) -> Layered {
            match *self {}
        }

        #[cfg(feature = "lambda")]
        pub(super) fn flush(&self) {
            match *self {}
        }
    }

    pub(super) fn start(settings: &Telemetry, _: &[String; 3]) -> Result<Option<Traces>, Failure> {
        match settings.traces {
            Some(_) => Err(Failure("telemetry.traces takes the feature `otlp` of the crate `tollgate`".into())),
            None => Ok(None),
        }
    }
}

/// Whether the work at hand belongs to a request.
fn is_in_request() -> bool {
    with_origin(|_| ()).is_some()
}

/// Which request the work at hand belongs to, and whose it is.
pub(crate) fn scope(say: &mut dyn FnMut(&'static str, &dyn std::fmt::Display)) {
    with_origin(|origin| {
        say("request_id", &origin.request_id);
        if let Some(trace) = &origin.trace {
            say("trace", trace);
        }
        if let Some(address) = &origin.address {
            say("address", address);
        }
        if let Some(actor) = origin.actor() {
            say("actor", &actor.id());
        }
    });
}

/// Every metric of an app.
fn metrics(Running { design, load, context, .. }: &Running) -> Metrics {
    let metrics = Metrics::of(design.name, design.version, &design.settings.env);
    let metrics = metrics
        .with(crate::backends::metrics)
        .with(tollgate_http::metrics)
        .with(tollgate_auth::metrics)
        .with(tollgate_store::metrics)
        .with(secrets::metrics);
    let counts = Counts::of(Arc::clone(load), context.cache.clone());
    let metrics = metrics.with(|registry| registry.register_collector(Box::new(counts)));
    #[cfg(feature = "postgres")]
    let metrics = metrics.with(tollgate_postgres::metrics);
    #[cfg(feature = "redis")]
    let metrics = metrics.with(tollgate_redis::metrics);
    design.metrics.iter().fold(metrics, |metrics, add| metrics.with(*add))
}

/// How many connections to the metrics are open at once.
const SCRAPERS: usize = 64;

/// Shows the metrics at an address of their own, until the process ends; answers where. At the usual address, only the first
/// of several processes of a machine does so.
pub(crate) async fn show_metrics(running: &Running) -> Result<Option<SocketAddr>, Failure> {
    let settings = &running.design.settings;
    let (address, is_wished) = match settings.telemetry.metrics {
        Some(MetricsAt::Off) => return Ok(None),
        Some(MetricsAt::Address(address)) => (address, true),
        None if settings.is_dev() => return Ok(None),
        None => (MetricsAt::USUAL, false),
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) if is_wished => return Err(Failure(unshown(address, &error))),
        Err(error) => {
            tracing::warn!("{}, or `off`; the metrics of this process are not shown", unshown(address, &error));
            return Ok(None);
        }
    };
    let address = listener.local_addr()?;
    let metrics = Arc::new(metrics(running));
    let show = async move || ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render());
    let mut limits = ConnectionLimits::default();
    limits.connections = SCRAPERS;
    let serving = Serving {
        router: Router::new().route("/metrics", get(show)),
        edge: Arc::new(Edge::new(Arc::clone(&running.pages), Arc::clone(&running.context.authenticate), None)),
        limits,
        tls: None,
        stop: Stop::default(),
        wait: Duration::ZERO,
        drain: Duration::ZERO,
    };
    tokio::spawn(Listening::from(listener).serve(serving, async || pending().await));
    Ok(Some(address))
}

fn unshown(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => format!("telemetry.metrics: {address} is taken; choose another"),
        _ => format!("telemetry.metrics: cannot listen on {address}: {error}; choose another"),
    }
}
