//! What every request passes, as one visible list.
//!
//! ```text
//! its id → its address's limit → a place among those that run → the route (a panic becomes a 500)
//!        → the body of a problem → headers of every answer, also for pages of other origins → the log
//! ```

use crate::{
    AuditLog, Authenticate, ClientAddress, Limits, Load,
    access_log::{self, Line},
    cors::{Cors, Page},
    health,
    limits::Taken,
    overload::Seat,
    pages::{self, Pages, ProblemPage},
    panics,
    refusal::{Asked, Refusal, RequestId, wants_page},
    trace::{end_span, request_span, trace_of},
};
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request as Plain, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use std::{
    convert::Infallible,
    future::ready,
    mem,
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};
use tollgate_access::Roles;
use tollgate_core::Problem;
use tollgate_store::audit::{Origin, within};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Whose pages may show an answer without reading it.
pub(crate) const CROSS_ORIGIN: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Headers of every answer that does not say otherwise.
fn usual_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.extend([
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (CROSS_ORIGIN, HeaderValue::from_static("same-origin")),
    ]);
    headers
}

/// What the pipeline needs to know.
pub struct Edge {
    /// Headers of every answer that does not say otherwise.
    headers: HeaderMap,
    pages: Arc<Pages>,
    authenticate: Arc<dyn Authenticate>,
    /// Known to developers only: what a refusal's page tells about roles and source.
    roles: Option<Roles>,
    /// How many proxies of ours a request comes through.
    proxies: usize,
    /// Whether the id that a request brings along is its own, and its trace.
    believes_ids: bool,
    audit: Option<AuditLog>,
    limits: Option<Arc<Limits>>,
    /// Absent where no page of another origin reads anything.
    cors: Option<Cors>,
    load: Arc<Load>,
    /// Begins the ids of this process; the rest counts.
    prefix: u64,
    count: AtomicU64,
}

tollgate_core::debug_by_name!(Edge);

impl Edge {
    /// An edge whose problems become these pages. With `roles`, they tell what only developers should see.
    #[must_use]
    pub fn new(pages: Arc<Pages>, authenticate: Arc<dyn Authenticate>, roles: Option<Roles>) -> Self {
        let prefix = uuid::Uuid::new_v4().as_u64_pair().0 & 0xffff_ffff;
        Self {
            headers: usual_headers(),
            pages,
            authenticate,
            roles,
            proxies: 0,
            believes_ids: false,
            audit: None,
            limits: None,
            cors: None,
            load: Arc::default(),
            prefix,
            count: AtomicU64::new(0),
        }
    }

    /// The same, where browsers come through TLS alone: for a year they try nothing else (RFC 6797). Nothing is said of
    /// hosts below this one, which may be others'.
    #[must_use]
    pub fn over_tls_alone(mut self) -> Self {
        let year = HeaderValue::from_static("max-age=31536000");
        self.headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        self
    }

    /// Behind that many proxies, each of which says whom it speaks for.
    #[must_use]
    pub fn behind(self, proxies: usize) -> Self {
        Self { proxies, believes_ids: self.believes_ids || proxies > 0, ..self }
    }

    /// The same, where nobody but us says in `X-Request-Id` what a request is called.
    #[must_use]
    pub fn believing_ids(self) -> Self {
        Self { believes_ids: true, ..self }
    }

    /// The same, which records what somebody who is signed in was not let do.
    #[must_use]
    pub fn audited(self, audit: AuditLog) -> Self {
        Self { audit: Some(audit), ..self }
    }

    /// The same, within these limits of an address.
    #[must_use]
    pub fn limited(self, limits: Option<Arc<Limits>>) -> Self {
        Self { limits, ..self }
    }

    /// The same, whose answers these pages of other origins may read.
    #[must_use]
    pub fn read_by(self, cors: Cors) -> Self {
        Self { cors: Some(cors).filter(|cors| !cors.is_closed()), ..self }
    }

    /// The same, which lets in as many requests as this says, for as long as it says.
    #[must_use]
    pub fn bearing(self, load: Arc<Load>) -> Self {
        Self { load, ..self }
    }

    /// The answer to a request that comes to no route; the log is told of all those together.
    pub(crate) async fn turn_away(self: &Arc<Self>, mut request: Request, problem: Problem) -> Response {
        let refusal = Refusal { is_one_of_many: true, ..Refusal::from(problem) };
        let begun = self.begin(&mut request);
        let Ok(response) = Arc::clone(self).conduct(begun, Way::Free, ready(Ok(refusal.into_response()))).await;
        response
    }

    /// The answer to what never became a request, as bytes of HTTP/1.1.
    pub(crate) fn answer_unread(&self, problem: Problem) -> Vec<u8> {
        let id = RequestId(self.next_id());
        let asked = Asked { method: Method::default(), uri: Uri::default(), route: None, head: None };
        let refusal = Refusal::from(problem.unread(&id.0));
        refusal.log(&asked, &id);
        let (status, body) = refusal.bytes();
        let mut headers = HeaderMap::new();
        self.finish_headers(&mut headers, &id);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
        for (name, value) in &headers {
            bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend([b"\r\n", &*body].concat());
        bytes
    }

    fn finish_headers(&self, headers: &mut HeaderMap, id: &RequestId) {
        // To copy a map costs less than to look up each of its names.
        let own = mem::replace(headers, self.headers.clone());
        headers.extend(own);
        headers.extend(HeaderValue::from_str(&id.0).ok().map(|id| (REQUEST_ID, id)));
    }

    /// Logs a refusal and writes its body.
    async fn write_refusal(&self, mut refusal: Refusal, response: Response, asked: &Asked, id: &RequestId) -> Response {
        let page = match &asked.head {
            None => None,
            Some(head) => {
                if refusal.actor.is_none() && !refusal.is_sent_away() {
                    refusal.actor = self.authenticate.identify(head).await.ok();
                }
                let mut page = pages::refused(&refusal, asked, id, self.roles.as_ref());
                page.frame.nav = refusal.actor.as_ref().map_or(page.frame.nav, |actor| self.pages.nav(actor));
                self.pages.render(ProblemPage::TEMPLATE, page).ok()
            }
        };
        refusal.log(asked, id);
        if let Some(audit) = &self.audit {
            refusal.record(asked, audit);
        }
        refusal.write(response, page)
    }

    /// The id that was given on the way, if it is one; else a new one. With nobody on the way, whoever asks would
    /// choose under which id they are recorded.
    fn request_id(&self, headers: &HeaderMap) -> RequestId {
        let given = self.believes_ids.then(|| headers.get(REQUEST_ID)).flatten().and_then(|id| id.to_str().ok());
        let good = |id: &&str| {
            let good = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
            (8..=64).contains(&id.len()) && id.bytes().all(good)
        };
        RequestId(given.filter(good).map_or_else(|| self.next_id(), Arc::from))
    }

    /// Sixteen hexadecimal digits, written in place: every request has one.
    fn next_id(&self) -> Arc<str> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let count = self.count.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff;
        let id = self.prefix << 32 | count;
        let digits: [u8; 16] = std::array::from_fn(|at| DIGITS[(id >> (60 - 4 * at) & 0xf) as usize]);
        std::str::from_utf8(&digits).unwrap_or_default().into()
    }
}

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
