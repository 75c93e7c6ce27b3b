//! AWS Lambda in place of a socket: who calls is a gateway, and each call is an event.
//!
//! ```text
//! event.rs   what a gateway sent → request       answer.rs   response → what it takes
//! pause.rs   how long nothing ran
//! ```
//!
//! `lambda_runtime` asks for events and hands answers over. Between two calls the process is frozen: what was under way
//! stops, connections are cut off, the calendar goes on and the stopwatch may not. So each call begins with
//! [`wake`](Between::wake), before the request is looked at, and ends with [`rest`](Between::rest), after its answer has
//! left and before the next event is asked for, when the process is still let run.
//!
//! Invariant: what the gateway says about the caller is not what the app goes by ([`Gateway`](crate::Gateway)).

mod answer;
mod event;
mod pause;

pub use pause::Pause;

use crate::{Edge, pipeline::head_of};
use answer::write;
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue},
    response::Response,
};
use event::{Event, Format};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use pause::Pauses;
use serde_json::{Value, value::RawValue};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context as Waker, Poll},
    time::{Duration, SystemTime},
};
use tokio::time::timeout;
use tollgate_core::Problem;
use tower::{Layer, Service, ServiceExt};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How long before the end of its time a call is told that it is over: who is still at it then gets no answer at all.
const IN_TIME: Duration = Duration::from_millis(500);

/// What is done between calls, some time later.
pub type Done<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What is done between calls.
pub trait Between: Send + Sync + 'static {
    /// Before a request, after a time in which nothing ran.
    fn wake(&self, pause: Pause) -> Done<'_>;
    /// After an answer: nothing may run from now on.
    fn rest(&self) -> Done<'_>;
}

/// What is served.
pub struct Lambda {
    /// Answers requests.
    pub router: Router,
    /// Writes the refusals of what comes to no route. It must [believe](Edge::believing_ids) ids, which are those of calls.
    pub edge: Arc<Edge>,
    /// What the gateway puts in front of paths, as in `/v1`; empty if it puts nothing there.
    pub base_path: String,
    /// What is done between calls.
    pub between: Arc<dyn Between>,
}

tollgate_core::debug_by_name!(Lambda);

impl Lambda {
    /// Serves calls until the environment ends; several at once where Lambda sends several (`AWS_LAMBDA_MAX_CONCURRENCY`).
    /// Within the runtime of Lambda only: it panics where its variables are missing.
    ///
    /// # Errors
    /// What keeps it from asking for events, in words.
    pub async fn serve(self) -> Result<(), String> {
        let resting = Resting { between: Arc::clone(&self.between), pauses: Arc::default() };
        let function = Arc::new(Function { lambda: self, pauses: Arc::clone(&resting.pauses) });
        let handler = service_fn(move |event| {
            let function = Arc::clone(&function);
            async move { function.call(event).await }
        });
        Runtime::new(handler).layer(resting).run_concurrent().await.map_err(|error| error.to_string())
    }
}

struct Function {
    lambda: Lambda,
    pauses: Arc<Pauses>,
}

impl Function {
    async fn call(&self, event: LambdaEvent<Value>) -> Result<Box<RawValue>, Diagnostic> {
        if let Some(pause) = self.pauses.end() {
            self.lambda.between.wake(pause).await;
        }
        let LambdaEvent { payload, context } = event;
        let other = other_than_http(&payload);
        let Some((format, event)) = Event::read(payload) else { return Err(not_http(other.as_deref())) };
        self.answer(format, event, &context).await
    }

    async fn answer(&self, format: Format, event: Event, context: &Context) -> Result<Box<RawValue>, Diagnostic> {
        let (request, wrong) = match event.into_request(format, &self.lambda.base_path) {
            Ok(request) => (request, None),
            Err(problem) => (Request::default(), Some(problem)),
        };
        let request = marked(request, context);
        let head = head_of(&request);
        let refuse = async |problem| {
            let request = Request::from_parts(head.clone(), Body::empty());
            self.lambda.edge.turn_away(request, problem).await
        };
        let response = match wrong {
            Some(problem) => refuse(problem).await,
            None => match timeout(time_left(context), self.route(request)).await {
                Ok(response) => response,
                Err(_) => refuse(Problem::unavailable().because("it takes longer than the function may run")).await,
            },
        };
        match write(format, response).await {
            Ok(written) => Ok(written),
            Err(problem) => write(format, refuse(problem).await).await.map_err(|problem| Diagnostic {
                error_type: "tollgate::Unsent".into(),
                error_message: problem.to_string(),
            }),
        }
    }

    async fn route(&self, request: Request) -> Response {
        let Ok(response) = self.lambda.router.clone().oneshot(request).await;
        response
    }
}

/// The request under the id of its call, and as part of its trace where one is recorded. A trace that a caller names in
/// `traceparent` goes on; one that X-Ray does not record is none, or nothing would be sent of it.
fn marked(mut request: Request, context: &Context) -> Request {
    let headers = request.headers_mut();
    headers.remove(REQUEST_ID);
    headers.extend(HeaderValue::try_from(&context.request_id).ok().map(|id| (REQUEST_ID, id)));
    if let (None, Some(said)) = (headers.get(TRACEPARENT), &context.xray_trace_id) {
        headers.extend(traceparent(said).map(|trace| (TRACEPARENT, trace)));
    }
    request
}

/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`, in the words of W3C Trace Context.
fn traceparent(said: &str) -> Option<HeaderValue> {
    let part = |name: &str| said.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (root, parent) = (part("Root")?, part("Parent")?);
    let (time, random) = root.strip_prefix("1-")?.split_once('-')?;
    let recorded = part("Sampled") == Some("1");
    let text = recorded.then(|| format!("00-{time}{random}-{parent}-01"))?;
    HeaderValue::try_from(text.to_ascii_lowercase()).ok()
}

fn time_left(context: &Context) -> Duration {
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(IN_TIME)
}

/// What else an event is, as far as it says so.
fn other_than_http(event: &Value) -> Option<String> {
    let places = ["/Records/0/eventSource", "/Records/0/EventSource", "/source", "/type"];
    if event.pointer("/requestContext/connectionId").is_some() {
        return Some("a message of a WebSocket".into());
    }
    let source = places.iter().find_map(|place| event.pointer(place)?.as_str())?;
    Some(format!("an event of {source:?}"))
}

fn not_http(other: Option<&str>) -> Diagnostic {
    let sent = other.unwrap_or("something else");
    let message = format!(
        "this function answers HTTP requests from API Gateway, a function URL or an Application Load Balancer, and was sent \
         {sent}"
    );
    tracing::error!(sent, "a call is no HTTP request");
    Diagnostic { error_type: "tollgate::NotHttp".into(), error_message: message }
}

/// Has everything come to rest after each call.
#[derive(Clone)]
struct Resting {
    between: Arc<dyn Between>,
    pauses: Arc<Pauses>,
}

impl<S> Layer<S> for Resting {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, resting: self.clone() }
    }
}

/// Calls, of which each is followed by rest.
#[derive(Clone)]
struct Calls<S> {
    inner: S,
    resting: Resting,
}

impl<S> Service<LambdaInvocation> for Calls<S>
where
    S: Service<LambdaInvocation>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, waker: &mut Waker<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(waker)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let (handed_over, Resting { between, pauses }) = (self.inner.call(invocation), self.resting.clone());
        Box::pin(async move {
            let outcome = handed_over.await;
            between.rest().await;
            pauses.begin();
            outcome
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_where_it_is_recorded() {
        let said = |said: &str| traceparent(said).map(|trace| trace.to_str().unwrap().to_owned());
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let trace = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        assert_eq!(said(&format!("{root};Parent=53995c3f42cd8ad8;Sampled=1")).as_deref(), Some(trace));
        assert_eq!(said(&format!("{root};Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a:0")), None);
        assert_eq!(said(&format!("{root};Sampled=1")), None, "nothing began it");
        assert_eq!(said("Root=5759e988"), None);
    }
}
