//! What a database remembers of a request: what was asked under which key, and the answer.

use super::{Keyed, count};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tollgate_access::System;
use tollgate_core::{Change, Clock, Problem, Result};
use tollgate_macros::resource;
use tollgate_store::{Database, Error, OpenTransaction, Store, Table, background, database_of};

/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

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
pub(super) struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Kept {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Self {
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
    pub(super) fn repeat(self, asked: &str) -> Result<Response> {
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

/// What a database remembers.
pub(super) struct Records {
    pub(super) store: Store<KeyedRequest>,
    system: System,
    clock: Arc<dyn Clock>,
}

impl Records {
    pub(super) fn new(database: Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        let system = System::because("requests are remembered under their keys");
        Self { store: Store::new(database, Arc::clone(clock)), system, clock: Arc::clone(clock) }
    }

    fn within(&self, open: &OpenTransaction) -> Store<KeyedRequest> {
        self.store.joining(open.transaction())
    }

    /// From here on, whoever comes with the same key waits for the end of this transaction.
    pub(super) async fn remember(&self, open: &OpenTransaction, request: &NewKeyedRequest) -> Result<(), Error> {
        self.within(open).insert(&self.system.may(), request.clone()).await.map(drop)
    }

    pub(super) async fn answer(&self, open: &OpenTransaction, id: String, answer: String) -> Result<(), Error> {
        let patch = KeyedRequestPatch { answer: Change::Set(answer), ..KeyedRequestPatch::default() };
        self.within(open).update(&self.system.may(), id, patch).await.map(drop)
    }

    /// What is kept under that id, and not to be forgotten by now.
    pub(super) async fn get(&self, id: &str) -> Result<Option<KeyedRequest>, Error> {
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
    pub(super) fn sweep(&self, keyed: &Keyed) {
        if keyed.is_time_to_sweep(database_of(&self.store), self.clock.now()) {
            let records = Self::new(Arc::clone(database_of(&self.store)), &self.clock);
            background::spawn(async move {
                if let Err(error) = records.forget().await {
                    tracing::warn!(error = %tollgate_core::with_causes(&error), "old idempotency keys are still there");
                }
            });
        }
    }
}
