//! A request on its way to a handler, and what it can reach.

use crate::{
    background::Waiting, cache::AnswerCache, idempotency::Keyed, limits::Limits, resources::Stores, serve::TooSlow,
};
use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{Extensions, HeaderMap, StatusCode, header, request::Parts},
};
use http_body_util::LengthLimitError;
use std::{any::type_name, error::Error, pin::Pin, sync::Arc};
use tollgate_access::Actor;
use tollgate_core::{Clock, Problem, Seal};
use tollgate_store::{Transaction, audit::sent_by};
use tracing::Instrument;

/// Who sent it, some time later.
pub type Identified<'a> = Pin<Box<dyn Future<Output = Result<Actor, Problem>> + Send + 'a>>;

/// Recognises callers: the slot that the identity layer fills.
pub trait Authenticate: Send + Sync + 'static {
    /// Who sent this. [Anyone](Actor::is_anyone) if the request names nobody.
    ///
    /// # Errors
    /// 401 for a token or a session that is not good, 503 if that cannot be told now.
    fn identify<'a>(&'a self, head: &'a Parts) -> Identified<'a>;
}

/// What every request can reach.
pub struct Context {
    /// Recognises callers.
    pub authenticate: Arc<dyn Authenticate>,
    /// The stores of all resources.
    pub stores: Stores,
    /// Seals the cursors that travel through the hands of callers.
    pub seal: Seal,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The requests with an idempotency key that are under way.
    pub keyed: Keyed,
    /// The answers of cached routes.
    pub cache: AnswerCache,
    /// How often callers may ask, where that is limited.
    pub limits: Option<Arc<Limits>>,
    /// What services of the framework itself work with, by its type.
    pub extensions: Extensions,
}

tollgate_core::debug_by_name!(Context);

/// A request on its way to a handler.
pub struct Call {
    pub(crate) head: Parts,
    pub(crate) body: Option<Body>,
    pub(crate) context: Arc<Context>,
    pub(crate) actor: Option<Actor>,
    /// What came with the request to a cached route; of it, only the parameters in its path are looked at.
    pub(crate) aside: Option<Extensions>,
    /// What everything that it does is part of, if it has an idempotency key.
    pub(crate) transaction: Option<Transaction>,
    /// What begins when that is committed.
    pub(crate) waiting: Option<Waiting>,
    /// The longest body that is read, in bytes.
    pub(crate) body_limit: usize,
}

tollgate_core::debug_by_name!(Call);

/// The longest body of a route that says nothing else, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

impl Call {
    /// With a body of at most so many bytes, if that is said.
    pub(crate) fn new(request: Request, context: Arc<Context>, body_limit: Option<usize>) -> Self {
        let (head, body) = request.into_parts();
        let (actor, aside, transaction, waiting) = (None, None, None, None);
        let body_limit = body_limit.unwrap_or(BODY_LIMIT);
        Self { head, body: Some(body), context, actor, aside, transaction, waiting, body_limit }
    }

    /// Who calls; asked once.
    pub(crate) async fn actor(&mut self) -> Result<Actor, Problem> {
        if let Some(actor) = &self.actor {
            return Ok(actor.clone());
        }
        let span = tracing::debug_span!(target: "tollgate::trace", "token");
        let actor = self.context.authenticate.identify(&self.head).instrument(span).await?;
        sent_by(&actor);
        Ok(self.actor.insert(actor).clone())
    }

    /// What a service of the framework itself works with.
    ///
    /// # Errors
    /// 500 if the app was put together without it.
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Result<T, Problem> {
        let found = self.context.extensions.get::<T>().cloned();
        found.ok_or_else(|| Problem::internal().caused_by(format!("there is no `{}`", type_name::<T>())))
    }

    /// The body, whole.
    ///
    /// # Errors
    /// 413 if it is longer than `limit` bytes, 400 if it does not come whole.
    pub(crate) async fn read_body(&mut self, limit: usize) -> Result<Bytes, Problem> {
        let body = self.body.take().unwrap_or_default();
        axum::body::to_bytes(body, limit).await.map_err(|error| unfinished(&error, limit))
    }
}

/// What the body says it is, in lower case and without parameters (RFC 9110, 8.3.1); empty if it does not say.
pub fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body was longer than allowed, or did not come whole.
fn unfinished(error: &axum::Error, limit: usize) -> Problem {
    if is_too_long(error) {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE).because(format!("a body has at most {limit} bytes"));
    }
    if is_caused_by::<TooSlow>(error) {
        return Problem::new(StatusCode::REQUEST_TIMEOUT).because("the body comes too slowly");
    }
    Problem::bad_request().because("the body did not come whole")
}

/// Whether a body was given up because it is longer than allowed.
pub(crate) fn is_too_long(error: &axum::Error) -> bool {
    is_caused_by::<LengthLimitError>(error)
}

fn is_caused_by<E: Error + 'static>(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}
