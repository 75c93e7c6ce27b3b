//! What does a request do that comes a second time? Nothing, and it gets the answer of the first.
//!
//! A client that did not hear the answer to a write cannot know whether it happened. With a key of its own in the header
//! `Idempotency-Key` ([draft-ietf-httpapi-idempotency-key-header]) it may send the request again:
//!
//! ```text
//! let the caller in → read the body → begin → remember the key → the handler → keep its answer → commit
//!  401, 403            413                     409, 422, or the kept answer
//! ```
//!
//! Key, writes and answer are committed together, so that there is no moment at which one is there without the others.
//! What is not a success leaves nothing behind, and may be tried again under the same key.
//!
//! [draft-ietf-httpapi-idempotency-key-header]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

mod key;
mod records;

use crate::{
    Argument, Call, Context, Operation, background::Waiting, call::is_too_long, handler::AnyHandler, refusal::Refusal,
};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use key::{hash, key};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
pub use records::KeyedRequest;
use records::{Kept, NewKeyedRequest, Records};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tollgate_core::{Problem, Result};
use tollgate_store::{Database, Error, OpenTransaction, database_of};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);
/// How often forgotten ones are swept out.
const SWEEP: Duration = Duration::from_mins(10);
/// The longest body and the longest answer, in bytes.
const LONGEST: usize = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

static REQUESTS: LazyLock<Family<Outcome, Counter>> = LazyLock::new(Family::default);

/// Adds what became of requests with a key to the metrics that are shown.
pub(crate) fn metrics(registry: &mut Registry) {
    for result in ["done", "replayed", "running", "reused"] {
        drop(REQUESTS.get_or_create(&Outcome { result }));
    }
    let help = "Requests with an `Idempotency-Key`: done, answered as before, still running (409), or another request's key \
                (422)";
    registry.register("tollgate_idempotent_requests", help, REQUESTS.clone());
}

fn count(result: &'static str) {
    REQUESTS.get_or_create(&Outcome { result }).inc();
}

/// The requests with an idempotency key that are under way in this process.
#[derive(Default)]
pub struct Keyed {
    running: Mutex<HashSet<String>>,
    /// When each database was swept, by its address.
    swept: Mutex<HashMap<usize, Timestamp>>,
}

tollgate_core::debug_by_name!(Keyed);

impl Keyed {
    fn running(&self) -> MutexGuard<'_, HashSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to sweep this database; the next who asks is told no.
    fn is_time_to_sweep(&self, database: &Arc<dyn Database>, now: Timestamp) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let database = Arc::as_ptr(database).addr();
        let due = swept.get(&database).is_none_or(|last| *last + SWEEP <= now);
        if due {
            swept.insert(database, now);
        }
        due
    }
}

/// Whoever has this runs the request; dropped, another may.
struct Turn {
    context: Arc<Context>,
    id: String,
}

impl Turn {
    /// # Errors
    /// 409: the request is running.
    fn take(context: &Arc<Context>, id: &str) -> Result<Self> {
        let is_free = context.keyed.running().insert(id.to_owned());
        let turn = || Self { context: Arc::clone(context), id: id.to_owned() };
        is_free.then(turn).ok_or_else(running)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.context.keyed.running().remove(&self.id);
    }
}

/// Asked for by a handler whose request or answer holds a secret. Neither is kept anywhere, not even as a hash, so the
/// answer could not be repeated: a request with an `Idempotency-Key` is refused with 400 instead of being done twice.
#[derive(Clone, Copy, Debug)]
pub struct NoIdempotencyKey;

impl Argument for NoIdempotencyKey {
    const REPEATABLE: bool = false;

    fn describe(_: &mut Operation<'_>) {}

    async fn take(_: &mut Call) -> Result<Self> {
        Ok(Self)
    }
}

/// How a request is to be done.
pub(crate) enum Begun {
    /// Now: as any other, or once.
    Now(Option<Box<Once>>),
    /// Not at all: it was done.
    Done(Response),
}

/// A request that is done once.
pub(crate) struct Once {
    open: OpenTransaction,
    records: Records,
    id: String,
    waiting: Waiting,
    _turn: Turn,
}

/// Looks for a key, and begins accordingly.
///
/// # Errors
/// As the handler's guard; 400 for what is no key or nobody's, or where it cannot be kept; 409 while the request is running,
/// 413 for a long body, 422 if the key was used for another request.
pub(crate) async fn begin(handler: &AnyHandler, call: &mut Call) -> Result<Begun> {
    if call.head.method.is_safe() {
        return Ok(Begun::Now(None));
    }
    let Some(key) = key(&call.head.headers)? else { return Ok(Begun::Now(None)) };
    if !handler.is_repeatable {
        (handler.admit)(call).await?;
        return Err(Problem::bad_request().because(
            "what is sent or answered here is not kept, so it could be done twice: leave out the `Idempotency-Key`, and \
             look for what a lost answer may have done before you ask again",
        ));
    }
    // What works with no store of its own keeps its answer where the app keeps the rest.
    let database = (handler.database)(&call.context).or_else(|| call.context.stores.default_database().cloned());
    let database = database.ok_or_else(|| Problem::internal().caused_by("there is no database to keep answers in"))?;
    // Boxed, because it is rare, and would make the future of every request large.
    Box::pin(begin_once(handler, call, &key, database)).await
}

async fn begin_once(handler: &AnyHandler, call: &mut Call, key: &str, database: Arc<dyn Database>) -> Result<Begun> {
    (handler.admit)(call).await?;
    let request = request(call, key).await?;
    let turn = Turn::take(&call.context, &request.id)?;
    let records = Records::new(database, &call.context.clock);
    records.sweep(&call.context.keyed);
    for _ in 0..2 {
        let open = OpenTransaction::begin(database_of(&records.store)).await?;
        match records.remember(&open, &request).await {
            Ok(()) => {
                let waiting = call.waiting.insert(Waiting::default()).clone();
                call.transaction = Some(open.transaction().clone());
                let once = Once { open, records, id: request.id, waiting, _turn: turn };
                return Ok(Begun::Now(Some(Box::new(once))));
            }
            // Another instance is at it, and has not ended in time: nothing else is waited for within a transaction that
            // has only begun. A database with too much to do has said so before.
            Err(Error::Overloaded) => return Err(running()),
            Err(Error::Conflict { .. }) => drop(open.rollback().await),
            Err(error) => return Err(error.into()),
        }
        if let Some(kept) = records.get(&request.id).await? {
            return kept.repeat(&request.asked).map(Begun::Done);
        }
    }
    Err(running())
}

impl Once {
    /// Keeps a success and what it did, also one that leads elsewhere (303); takes back anything else.
    pub(crate) async fn end(self, response: Response) -> Response {
        if !(response.status().is_success() || response.status().is_redirection()) {
            let _ = self.open.rollback().await;
            return response;
        }
        self.keep(response).await.unwrap_or_else(|problem| Refusal::from(problem).into_response())
    }

    async fn keep(self, response: Response) -> Result<Response> {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, LONGEST).await.map_err(unkept)?;
        let kept = serde_json::to_string(&Kept::new(parts.status, &parts.headers, &body))
            .map_err(|error| Problem::internal().caused_by(error))?;
        self.records.answer(&self.open, self.id, kept).await?;
        self.open.commit().await?;
        self.waiting.begin();
        count("done");
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

/// Why an answer cannot be kept.
fn unkept(error: axum::Error) -> Problem {
    if !is_too_long(&error) {
        return Problem::internal().caused_by(error);
    }
    Problem::bad_request().because(
        "the answer is longer than the 1 MiB that is kept under an `Idempotency-Key`, so nothing was done: ask for less at \
         once, or leave out the key",
    )
}

fn running() -> Problem {
    count("running");
    Problem::conflict()
        .because("the request with this `Idempotency-Key` is still running; send it again later")
        .retry_after(1)
}

/// What is to be remembered of a request, once it has an answer.
async fn request(call: &mut Call, key: &str) -> Result<NewKeyedRequest> {
    let actor = call.actor().await?;
    if actor.is_anyone() {
        return Err(Problem::bad_request().because("an `Idempotency-Key` is a caller's own: sign in, or leave it out"));
    }
    let body = call.read_body(call.body_limit).await?;
    let (head, media_type) = (&call.head, call.head.headers.get(header::CONTENT_TYPE));
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let media_type = media_type.map_or(&b""[..], HeaderValue::as_bytes);
    let asked = hash(&[head.method.as_str().as_bytes(), target.as_bytes(), media_type, &body]);
    let id = hash(&[actor.id().as_bytes(), key.as_bytes()]);
    call.body = Some(Body::from(body));
    let forgotten = call.context.clock.now() + KEPT;
    Ok(NewKeyedRequest { id, asked, answer: String::new(), forgotten })
}
