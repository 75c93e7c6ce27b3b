//! May an answer be given to somebody else? If it depends on nothing that they do not have in common.
//!
//! ```text
//! let the caller in → what is left of the permission without them → key → found, or one computes and others wait
//!  401, 403            rows of each `May`, nothing of `Public`
//! ```
//!
//! What a cached route is given is its key: path and query, and the rows that its guard reaches. All else that came with the
//! request (who calls, headers, address, the host it names) is taken away before the handler runs, so an answer cannot
//! depend on it, whatever the handler does. The guard itself is asked every time: a permission that is gone gives no
//! kept answers.
//!
//! Each table has a generation, which every write of it ends, once it is kept and before the writer hears of it. An answer
//! is good only in the generations in which its computation began. Where a write is not seen, it is good for the time that
//! the route says. While the generations cannot be told, nothing is kept; those who ask one process at once still share what
//! one of them computes: that is when the database has to answer for everybody.
//!
//! Invariant: nothing that tells two callers apart reaches a cached handler without being in the key.

mod flight;
mod kept;
mod memory;

pub use kept::Kept;
pub use memory::InMemory;

use crate::{
    Call,
    answer::CACHE_STATUS,
    etag::unless_known,
    handler::{AnyHandler, Shared},
    refusal::Refusal,
};
use aws_lc_rs::digest::{Context as Hash, SHA256};
use axum::{
    extract::MatchedPath,
    http::{Extensions, HeaderMap, HeaderValue, Method, Uri, Version},
    response::{IntoResponse, Response},
};
use flight::{Flights, Place};
use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::Duration,
};
use tollgate_core::{Clock, Problem};
use tollgate_store::{Table, Told, Watch};

/// The SHA-256 of everything that an answer depends on.
pub type AnswerKey = [u8; 32];

/// The generations of the tables that an answer is made of.
pub type Stamp = Arc<[u64]>;

/// Something about kept answers, some time later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is known under a key.
#[derive(Debug, Default, Clone)]
pub struct Found {
    /// The generations of its tables; `None` if that cannot be told now, and then nothing is kept.
    pub stamp: Option<Stamp>,
    /// What was kept in these generations, and for no longer than it may be.
    pub kept: Option<Arc<Kept>>,
}

/// Where answers are kept: in this process, or where all instances reach them. What fails is as good as not kept.
pub trait AnswerStore: Send + Sync + 'static {
    /// What is known under that key.
    fn find<'a>(&'a self, key: &'a AnswerKey, tables: &'a [&'static Table]) -> Later<'a, Found>;
    /// Keeps an answer that was computed in these generations.
    fn keep<'a>(&'a self, key: &'a AnswerKey, stamp: Stamp, kept: Arc<Kept>, lifetime: Duration) -> Later<'a, ()>;
    /// Ends the generation of a table.
    fn changed(&self, table: &'static Table) -> Later<'_, ()>;
}

/// How often answers were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheCounts {
    /// Requests that were answered with what was kept.
    pub hits: u64,
    /// Requests whose answer was computed.
    pub misses: u64,
    /// Requests among the hits that waited for another's computation.
    pub waits: u64,
}

/// The kept answers of an app. Clones are the same.
#[derive(Clone)]
pub struct AnswerCache(Arc<Inner>);

tollgate_core::debug_by_name!(AnswerCache);

struct Inner {
    store: Arc<dyn AnswerStore>,
    flights: Flights,
    /// Those whose generations cannot be told: they belong to the number of writes that this process has made.
    blind: Flights,
    writes: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    waits: AtomicU64,
}

impl AnswerCache {
    /// Answers that are kept there.
    pub fn new(store: Arc<dyn AnswerStore>) -> Self {
        let [writes, hits, misses, waits] = [0; 4].map(AtomicU64::new);
        let (flights, blind) = (Flights::default(), Flights::default());
        Self(Arc::new(Inner { store, flights, blind, writes, hits, misses, waits }))
    }

    /// Answers that are kept in this process.
    pub fn in_memory(bytes: u64, clock: Arc<dyn Clock>) -> Self {
        Self::new(Arc::new(InMemory::new(bytes, clock)))
    }

    /// How often answers were found so far.
    pub fn counts(&self) -> CacheCounts {
        let Inner { hits, misses, waits, .. } = &*self.0;
        CacheCounts { hits: hits.load(Relaxed), misses: misses.load(Relaxed), waits: waits.load(Relaxed) }
    }
}

impl Watch for AnswerCache {
    fn changed(&self, table: &'static Table) -> Told<'_> {
        self.0.writes.fetch_add(1, AcqRel);
        self.0.store.changed(table)
    }
}

/// A route whose answers are kept.
#[derive(Debug)]
pub(crate) struct CachedRoute {
    pub(crate) id: String,
    pub(crate) lifetime: Duration,
    /// Whether anybody may have the answers.
    is_public: bool,
    /// What they are made of; known once the route is described.
    pub(crate) tables: OnceLock<Vec<&'static Table>>,
}

impl CachedRoute {
    pub(crate) fn new(id: &str, lifetime: Duration, is_public: bool) -> Self {
        Self { id: id.to_owned(), lifetime, is_public, tables: OnceLock::new() }
    }

    fn tables(&self) -> &[&'static Table] {
        self.tables.get().map_or(&[], Vec::as_slice)
    }

    /// The length of each part goes first, so that none can borrow bytes from the next.
    fn key(&self, uri: &Uri, scope: &[u8]) -> AnswerKey {
        let mut hash = Hash::new(&SHA256);
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        for part in [self.id.as_bytes(), target.as_bytes(), scope] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut key = AnswerKey::default();
        key.copy_from_slice(hash.finish().as_ref());
        key
    }
}

/// One request through a cached handler.
pub(crate) async fn run(handler: &AnyHandler, call: &mut Call, route: &CachedRoute) -> Response {
    let admitted = (handler.share)(call).await;
    let (actor, asked) = (call.actor.take(), reduce(call));
    let alone = || Problem::internal().caused_by("this answer is one caller's alone");
    let outcome = match admitted.and_then(|shared| shared.ok_or_else(alone)) {
        Ok(shared) => unless_known(answer(shared, call, route).await, true, &asked),
        Err(problem) => Refusal::from(problem).into_response(),
    };
    Refusal::met_by(outcome, actor, &asked, handler.access)
}

/// Leaves nothing of the request but what is in the key; the headers are for whoever compares tags.
fn reduce(call: &mut Call) -> HeaderMap {
    let head = &mut call.head;
    // A target may name a host of the caller's choice.
    head.uri = head.uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
    (head.method, head.version) = (Method::GET, Version::HTTP_11);
    let aside = mem::replace(&mut head.extensions, Extensions::new());
    aside.get::<MatchedPath>().cloned().and_then(|route| head.extensions.insert(route));
    (call.aside, call.body) = (Some(aside), None);
    mem::take(&mut head.headers)
}

/// The answer to all who reach the same rows.
async fn answer(shared: Shared, call: &mut Call, route: &CachedRoute) -> Response {
    let key = route.key(&call.head.uri, &shared.scope);
    let cache = call.context.cache.clone();
    let inner = &*cache.0;
    let Found { stamp, kept } = inner.store.find(&key, route.tables()).await;
    if let Some(kept) = kept {
        inner.hits.fetch_add(1, Relaxed);
        return kept.answer("tollgate; hit");
    }
    let can_be_kept = stamp.is_some();
    let place = match stamp {
        Some(stamp) => inner.flights.join((key, stamp)).await,
        None => inner.blind.join((key, Arc::from([inner.writes.load(Acquire)]))).await,
    };
    if let Place::Landed(kept) = place {
        inner.hits.fetch_add(1, Relaxed);
        inner.waits.fetch_add(1, Relaxed);
        return kept.answer("tollgate; hit; detail=waited");
    }
    inner.misses.fetch_add(1, Relaxed);
    let (mut response, kept) = Kept::of((shared.answer)(call).await, route.is_public).await;
    let stored = match (place, kept) {
        (Place::Leading(flight), Some(kept)) if can_be_kept => {
            inner.store.keep(&key, flight.stamp(), Arc::clone(&kept), route.lifetime).await;
            flight.land(Some(kept));
            "tollgate; fwd=uri-miss; stored"
        }
        (Place::Leading(flight), kept) => {
            flight.land(kept);
            "tollgate; fwd=uri-miss"
        }
        _ => "tollgate; fwd=uri-miss",
    };
    response.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static(stored));
    response
}
