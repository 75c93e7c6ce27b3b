//! How many requests, how long, and how many at once? Metrics of every route.
//!
//! The first layer of the road. Each route has its own counters, found once and then kept: a request adds to two of them,
//! looks nothing up and allocates nothing. Labels are bounded by the code: templates of routes, known methods and known
//! statuses; what a caller invents is `other` or has no route.
//!
//! The names are those of OpenTelemetry's semantic conventions, as Prometheus writes them.

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
    response::Response,
};
use pin_project_lite::pin_project;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    pin::Pin,
    sync::{Arc, LazyLock, OnceLock},
    task::{Context, Poll, ready},
    time::Instant,
};
use tower::{Layer, Service};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    permission: String,
}

/// From half a millisecond, which a point read takes, to ten seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10.];

static DURATIONS: LazyLock<Family<Labels, Histogram>> =
    LazyLock::new(|| Family::new_with_constructor(|| Histogram::new(SECONDS)));
static ACTIVE: LazyLock<Gauge> = LazyLock::new(Gauge::default);
static REFUSED: LazyLock<Family<Refused, Counter>> = LazyLock::new(Family::default);

/// Adds the metrics of the edge to those that are shown.
pub fn metrics(registry: &mut Registry) {
    let help = "Requests answered, by route, method and status, and how long the answer took; 499: the caller had left";
    registry.register("http_server_request_duration_seconds", help, DURATIONS.clone());
    registry.register("http_server_active_requests", "Requests under way", ACTIVE.clone());
    let help = "Requests of somebody who is signed in and lacked a permission";
    registry.register("tollgate_permission_refusals", help, REFUSED.clone());
    crate::serve::metrics(registry);
    crate::limits::metrics(registry);
    crate::idempotency::metrics(registry);
    crate::live::metrics(registry);
}

/// Somebody who is signed in lacked that permission.
pub(crate) fn lacked(permission: String) {
    REFUSED.get_or_create(&Refused { permission }).inc();
}

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// What is answered, in order; nginx's 499 for who left before.
const STATUSES: [u16; 48] = [
    101, 200, 201, 202, 204, 206, 207, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410,
    411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503,
    504, 507,
];
const LEFT: usize = 41;
/// What all others are told by, so that a failure of a kind that nobody thought of is still one to whoever counts `5..`.
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
const LABELS: usize = STATUSES.len() + CLASSES.len();

fn method_at(method: &Method) -> usize {
    METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1)
}

fn status_at(status: StatusCode) -> usize {
    let class = usize::from(status.as_u16() / 100);
    let class = STATUSES.len() + if class < CLASSES.len() { class } else { 0 };
    STATUSES.binary_search(&status.as_u16()).unwrap_or(class)
}

fn status_label(at: usize) -> String {
    STATUSES.get(at).map_or_else(|| CLASSES[at - STATUSES.len()].to_owned(), u16::to_string)
}

/// The durations of one route by method and status, each found when it is first needed.
struct Route {
    template: String,
    methods: [OnceLock<Box<[OnceLock<Histogram>; LABELS]>>; METHODS.len()],
}

impl Route {
    fn of(matched: Option<&MatchedPath>) -> Self {
        let template = matched.map(MatchedPath::as_str).unwrap_or_default().to_owned();
        Self { template, methods: Default::default() }
    }

    fn durations(&self, method: usize, status: usize) -> &Histogram {
        let statuses = self.methods[method].get_or_init(|| Box::new([const { OnceLock::new() }; LABELS]));
        statuses[status].get_or_init(|| {
            DURATIONS.get_or_create_owned(&Labels {
                http_request_method: METHODS[method],
                http_route: self.template.clone(),
                http_response_status_code: status_label(status),
            })
        })
    }
}

/// Measures each route on its own.
#[derive(Debug, Clone, Copy)]
pub struct Observe;

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, route: Arc::default() }
    }
}

/// One route that is measured.
#[derive(Clone)]
pub struct Observed<S> {
    inner: S,
    route: Arc<OnceLock<Arc<Route>>>,
}

tollgate_core::debug_by_name!(Observed<S>);

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Observing<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let route = self.route.get_or_init(|| Arc::new(Route::of(request.extensions().get::<MatchedPath>())));
        let under_way = UnderWay::begin(Arc::clone(route), method_at(request.method()));
        Observing { answering: self.inner.call(request), under_way }
    }
}

pin_project! {
    /// A request under way.
    pub struct Observing<F> {
        #[pin]
        answering: F,
        under_way: UnderWay,
    }
}

tollgate_core::debug_by_name!(Observing<F>);

impl<F: Future<Output = Result<Response, E>>, E> Future for Observing<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answered = ready!(this.answering.poll(context));
        if let Ok(response) = &answered {
            this.under_way.status = status_at(response.status());
        }
        Poll::Ready(answered)
    }
}

/// Counts a request when it ends, however it ends.
struct UnderWay {
    route: Arc<Route>,
    method: usize,
    status: usize,
    since: Instant,
}

impl UnderWay {
    fn begin(route: Arc<Route>, method: usize) -> Self {
        ACTIVE.inc();
        Self { route, method, status: LEFT, since: Instant::now() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        ACTIVE.dec();
        self.route.durations(self.method, self.status).observe(self.since.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_whatever_is_sent_and_answered() {
        assert!(STATUSES.is_sorted(), "they are looked up by halving");
        assert_eq!(status_label(LEFT), "499");
        let told = |status| status_label(status_at(StatusCode::from_u16(status).unwrap()));
        assert_eq!([told(404), told(507)], ["404", "507"], "a full disk is no other");
        assert_eq!([told(103), told(226), told(300), told(498), told(599)], ["1xx", "2xx", "3xx", "4xx", "5xx"]);
        assert_eq!(told(799), "other");
        assert_eq!(METHODS[method_at(&Method::PATCH)], "PATCH");
        assert_eq!(METHODS[method_at(&Method::from_bytes(b"INVENTED").unwrap())], "other");
    }
}
