//! What every request passes, as one visible list.
//!
//! ```text
//! its id → its address's limit → a place among those that run → the route (a panic becomes a 500)
//!        → the body of a problem → headers of every answer, also for pages of other origins → the log
//! ```

use crate::{
    ClientAddress, Edge,
    access_log::{self, Line},
    cors::{Cors, Page},
    health,
    limits::Taken,
    overload::Seat,
    panics,
    refusal::{Asked, Refusal, wants_page},
    trace::{end_span, request_span, trace_of},
};
use axum::{
    extract::{MatchedPath, Request},
    http::{Request as Plain, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use std::{
    convert::Infallible,
    future::ready,
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use tollgate_core::Problem;
use tollgate_store::audit::{Origin, within};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

/// Every request, from its head to the last header of its answer. A layer written out: `from_fn` would box the rest of the
/// road, and what comes of it, once more.
#[derive(Clone)]
pub struct Pipeline(pub Arc<Edge>);

tollgate_core::debug_by_name!(Pipeline);

/// A route behind it.
#[derive(Clone)]
pub struct Piped<S> {
    edge: Arc<Edge>,
    next: Option<S>,
}

tollgate_core::debug_by_name!(Piped<S>);

/// An answer, some time later.
type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// The rest of the road.
pub trait Next:
    Service<Request, Response = Response, Error = Infallible, Future: Road> + Clone + Send + 'static
{
}

impl<S: Service<Request, Response = Response, Error = Infallible, Future: Road> + Clone + Send + 'static> Next for S {}

/// A request that is on it.
pub trait Road: Future<Output = Result<Response, Infallible>> + Send + Unpin {}

impl<F: Future<Output = Result<Response, Infallible>> + Send + Unpin> Road for F {}

impl<S> Layer<S> for Pipeline {
    type Service = Piped<S>;

    fn layer(&self, next: S) -> Piped<S> {
        Piped { edge: Arc::clone(&self.0), next: Some(next) }
    }
}

impl<S: Next> Service<Request> for Piped<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.next.as_mut().map_or(Poll::Ready(Ok(())), |next| next.poll_ready(context))
    }

    fn call(&mut self, mut request: Request) -> Answering {
        // Each request has a copy of its route: to leave one more behind would be in vain.
        let Some(mut next) = self.next.take() else {
            let problem = Problem::internal().caused_by("one copy of a route was asked twice");
            return Box::pin(ready(Ok(Refusal::from(problem).into_response())));
        };
        let edge = Arc::clone(&self.edge);
        let (is_safe, is_probe) = (request.method().is_safe(), health::is_probe(request.uri().path()));
        let begun = edge.begin(&mut request);
        let way = if is_probe { Way::Free } else { edge.way(&begun, &mut request) };
        let road: Answering = Box::pin(edge.conduct(begun, way, next.call(request)));
        if is_safe || is_probe { road } else { Box::pin(to_its_end(road)) }
    }
}

/// What may change something is done to its end, also when its client hangs up: no handler stops half way, and what came of
/// it is in the log.
async fn to_its_end(road: Answering) -> Result<Response, Infallible> {
    let on_its_way_out = |_| Refusal::from(Problem::unavailable().because("the app is on its way out").retry_after(1));
    tokio::spawn(road).await.unwrap_or_else(|error| Ok(on_its_way_out(error).into_response()))
}

/// A request that has begun: what stays of it here while it goes on.
struct Begun {
    line: Line,
    span: Span,
    origin: Origin,
    /// The page of another origin that asks, where any may.
    page: Option<Page>,
}

/// How a request comes to its route.
enum Way {
    /// At once: it is a probe, or comes to none.
    Free,
    /// Within the limits of its address, and among those that run.
    Limited { address: Option<IpAddr>, seat: Option<Arc<Seat>> },
}

impl Edge {
    /// The answer to a request that comes to no route; the log is told of all those together.
    pub(crate) async fn turn_away(self: &Arc<Self>, mut request: Request, problem: Problem) -> Response {
        let refusal = Refusal { is_one_of_many: true, ..Refusal::from(problem) };
        let begun = self.begin(&mut request);
        let Ok(response) = Arc::clone(self).conduct(begun, Way::Free, ready(Ok(refusal.into_response()))).await;
        response
    }

    /// Who asks for what, from where, and under which id.
    fn begin(&self, request: &mut Request) -> Begun {
        let id = self.request_id(request.headers());
        let asked = Asked {
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            head: wants_page(request.headers()).then(|| Box::new(head_of(request))),
        };
        let (headers, is_believed) = (request.headers(), self.believes_ids);
        let route = asked.route.as_ref().map(MatchedPath::as_str);
        let span = request_span(&asked.method, route, headers, is_believed);
        let trace = trace_of(&span, headers, is_believed);
        if let Some(address) = ClientAddress::said_by(self.proxies, request.headers()) {
            request.extensions_mut().insert(address);
        }
        let origin = Origin::new(Arc::clone(&id.0), ClientAddress::of(request.extensions()), trace);
        let page = self.cors.as_ref().and_then(|_| Page::of(request));
        Begun { line: Line::begin(asked, id), span, origin, page }
    }

    fn way(&self, begun: &Begun, request: &mut Request) -> Way {
        Way::Limited { address: begun.origin.address, seat: Seat::of(&self.load, request.body_mut()) }
    }

    /// What every request passes, whoever answers it. A block, which keeps what it is given where that is: an `async fn`
    /// has room for each of its arguments twice, and what is large is copied at each step of the way.
    fn conduct(
        self: Arc<Self>,
        begun: Begun,
        way: Way,
        mut road: impl Road,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send {
        let Begun { mut line, span, origin, page } = begun;
        let step = span.clone();
        let answer = async move {
            let page = match &self.cors {
                Some(cors) => cors.admit(page).await,
                None => None,
            };
            let response = match page.as_ref().and_then(Page::preflight) {
                Some(response) => response,
                None => caught(pin!(self.route(&way, &mut road))).await,
            };
            let Line { asked, id, .. } = &line;
            let mut response = match Refusal::of(&response, asked, id) {
                // Boxed, because it is rare, and would make the future of every request large.
                Some(refusal) => Box::pin(self.write_refusal(refusal, response, asked, id)).await,
                None => response,
            };
            if response.status().is_server_error() && response.extensions().get::<Arc<Refusal>>().is_none() {
                access_log::failed(asked, id, response.status());
            }
            self.finish_headers(response.headers_mut(), id);
            if self.cors.is_some() {
                Cors::tell(page, response.headers_mut());
            }
            line.end(response.status());
            end_span(&step, response.status());
            Ok(response)
        };
        within(origin, answer.instrument(span))
    }

    /// The route, if its way leads there.
    async fn route(&self, way: &Way, road: &mut impl Road) -> Response {
        let answer = road.map(|answered| {
            let Ok(response) = answered;
            response
        });
        let Way::Limited { address, seat } = way else { return answer.await };
        let taken = match &self.limits {
            // Boxed, because not every app has limits.
            Some(limits) => Box::pin(limits.of_address(*address)).await,
            None => Taken::default(),
        };
        let mut response = match taken.refusal() {
            Some(refusal) => refusal,
            None => self.load.run(seat.as_deref(), answer).await,
        };
        taken.tell(response.headers_mut());
        response
    }
}

/// A panic is a 500, made on the thread on which it happened.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|panic| panics::answer(&*panic))
}

/// A copy of the head; its body stays with the request.
pub(crate) fn head_of(request: &Request) -> Parts {
    let mut head = Plain::new(()).into_parts().0;
    head.method.clone_from(request.method());
    head.uri.clone_from(request.uri());
    head.headers.clone_from(request.headers());
    head
}
