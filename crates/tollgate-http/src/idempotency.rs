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

use crate::{
    Argument, Arguments, Call, Context, Guard, Operation, beside::Waiting, call::is_too_long, refusal::Refusal,
};
use aws_lc_rs::digest::{self, SHA256};
use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tollgate_access::System;
use tollgate_core::{Change, Clock, Problem, Result};
use tollgate_macros::resource;
use tollgate_store::{Database, Error, OpenTransaction, Store, Table, beside, database_of};

/// The header, in the lower case of HTTP/2.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);
/// How often forgotten ones are swept out.
const SWEEP: Duration = Duration::from_mins(10);
/// The longest key, in bytes.
const KEY: usize = 255;
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

/// A request that was answered with success, under its key.
#[resource(plural = "tollgate_requests")]
pub struct KeyedRequest {
    /// A hash of the caller and the key.
    #[id]
    pub id: String,
    /// A hash of what was asked for.
    pub asked: String,
    /// The answer: status, headers and body, as JSON.
    #[hidden]
    pub answer: String,
    /// Until when it is kept.
    #[index]
    pub forgotten: Timestamp,
}

impl KeyedRequest {
    /// The table, which every database of an app has.
    pub const TABLE: &'static Table = <Self as tollgate_store::Resource>::TABLE;
}

/// An answer, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// The requests with an idempotency key that are under way in this process.
#[derive(Default)]
pub struct Keyed {
    running: Mutex<HashSet<String>>,
    /// When each database was swept, by its address.
    swept: Mutex<HashMap<usize, Timestamp>>,
}

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
pub struct Unrepeatable;

impl Argument for Unrepeatable {
    const REPEATABLE: bool = false;

    fn describe(_: &mut Operation<'_>) {}

    async fn take(_: &mut Call) -> Result<Self> {
        Ok(Self)
    }
}

/// How a request is to be done.
pub(crate) enum Begun {
    /// As any other.
    Plain,
    /// Once.
    Once(Box<Once>),
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
pub(crate) async fn begin<A: Arguments>(call: &mut Call) -> Result<Begun> {
    if call.head.method.is_safe() {
        return Ok(Begun::Plain);
    }
    let Some(key) = key(&call.head.headers)? else { return Ok(Begun::Plain) };
    if !A::REPEATABLE {
        A::Guard::admit(call).await?;
        return Err(Problem::bad_request().because(
            "what is sent or answered here is not kept, so it could be done twice: leave out the `Idempotency-Key`, and \
             look for what a lost answer may have done before you ask again",
        ));
    }
    // What works with no store of its own keeps its answer where the app keeps the rest.
    let database = A::database(&call.context).or_else(|| call.context.stores.default_database().cloned());
    let database = database.ok_or_else(|| Problem::internal().caused_by("there is no database to keep answers in"))?;
    // Boxed, because it is rare, and would make the future of every request large.
    Box::pin(begin_once::<A>(call, &key, database)).await
}

async fn begin_once<A: Arguments>(call: &mut Call, key: &str, database: Arc<dyn Database>) -> Result<Begun> {
    A::Guard::admit(call).await?;
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
                return Ok(Begun::Once(Box::new(Once { open, records, id: request.id, waiting, _turn: turn })));
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

impl Kept {
    fn new(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Self {
        let text = |value: &HeaderValue| Some(value.to_str().ok()?.to_owned());
        // A cookie is a secret of one answer.
        let headers = headers.iter().filter(|(name, _)| *name != header::SET_COOKIE);
        let headers = headers.filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
        Self { status: status.as_u16(), headers: headers.collect(), body: STANDARD.encode(body) }
    }

    /// The answer, once more.
    fn answer(self) -> Option<Response> {
        let body = STANDARD.decode(self.body).ok()?;
        let mut response = (StatusCode::from_u16(self.status).ok()?, body).into_response();
        response.headers_mut().clear();
        let headers = self.headers.iter().map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
        let headers: Option<Vec<(HeaderName, HeaderValue)>> = headers.collect();
        response.headers_mut().extend(headers?);
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Some(response)
    }
}

impl KeyedRequest {
    fn repeat(self, asked: &str) -> Result<Response> {
        if self.asked != asked {
            count("reused");
            return Err(Problem::invalid(vec![]).because(
                "this `Idempotency-Key` was used for another request; send each request under a key of its own",
            ));
        }
        count("replayed");
        let kept = serde_json::from_str::<Kept>(&self.answer).ok().and_then(Kept::answer);
        kept.ok_or_else(|| Problem::internal().caused_by("a kept answer cannot be read"))
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
        .later(1)
}

/// The key of a request: the quoted string of the draft, or bare, as many send it.
fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut all = headers.get_all(HEADER).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_key = (1..=KEY).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic() && c != b'"');
    if !is_key || all.next().is_some() {
        return Err(Problem::bad_request()
            .because("`Idempotency-Key` is one key of up to 255 visible ASCII characters, such as a UUID"));
    }
    Ok(Some(text.to_owned()))
}

/// What is to be remembered of a request, once it has an answer.
async fn request(call: &mut Call, key: &str) -> Result<NewKeyedRequest> {
    let actor = call.actor().await?;
    if actor.is_anyone() {
        return Err(Problem::bad_request().because("an `Idempotency-Key` is a caller's own: sign in, or leave it out"));
    }
    let body = call.read_body(call.longest).await?;
    let (head, media_type) = (&call.head, call.head.headers.get(header::CONTENT_TYPE));
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let media_type = media_type.map_or(&b""[..], HeaderValue::as_bytes);
    let asked = hash(&[head.method.as_str().as_bytes(), target.as_bytes(), media_type, &body]);
    let id = hash(&[actor.id().as_bytes(), key.as_bytes()]);
    call.body = Some(Body::from(body));
    let forgotten = call.context.clock.now() + KEPT;
    Ok(NewKeyedRequest { id, asked, answer: String::new(), forgotten })
}

/// A hash that no two lists of parts share: the length of each goes first.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = digest::Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(hash.finish())
}

/// What a database remembers.
struct Records {
    store: Store<KeyedRequest>,
    system: System,
    clock: Arc<dyn Clock>,
}

impl Records {
    fn new(database: Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        let system = System::because("requests are remembered under their keys");
        Self { store: Store::new(database, Arc::clone(clock)), system, clock: Arc::clone(clock) }
    }

    fn within(&self, open: &OpenTransaction) -> Store<KeyedRequest> {
        self.store.joining(open.transaction())
    }

    /// From here on, whoever comes with the same key waits for the end of this transaction.
    async fn remember(&self, open: &OpenTransaction, request: &NewKeyedRequest) -> Result<(), Error> {
        self.within(open).insert(&self.system.may(), request.clone()).await.map(drop)
    }

    async fn answer(&self, open: &OpenTransaction, id: String, answer: String) -> Result<(), Error> {
        let patch = KeyedRequestPatch { answer: Change::Set(answer), ..KeyedRequestPatch::default() };
        self.within(open).update(&self.system.may(), id, patch).await.map(drop)
    }

    /// What is kept under that id, and not to be forgotten by now.
    async fn get(&self, id: &str) -> Result<Option<KeyedRequest>, Error> {
        match self.store.get(&self.system.may(), id.to_owned()).await {
            Ok(kept) if kept.forgotten > self.clock.now() => Ok(Some(kept)),
            Ok(_) => self.forget().await.map(|()| None),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn forget(&self) -> Result<(), Error> {
        let forgotten = KeyedRequest::FORGOTTEN.lte(self.clock.now());
        self.store.delete_all(&self.system.may(), forgotten).await.map(drop)
    }

    /// Sweeps now and then, in the background.
    fn sweep(&self, keyed: &Keyed) {
        if keyed.is_time_to_sweep(database_of(&self.store), self.clock.now()) {
            let records = Self::new(Arc::clone(database_of(&self.store)), &self.clock);
            beside(async move {
                if let Err(error) = records.forget().await {
                    tracing::warn!(error = %tollgate_core::with_causes(&error), "old idempotency keys are still there");
                }
            });
        }
    }
}
