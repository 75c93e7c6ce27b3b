//! API keys: for programs that have nobody to sign in.
//!
//! Send one as `Authorization: Bearer tg_…`. Whoever has `create:api_keys` makes keys that speak for themselves; with
//! `create:api_keys:any`, also for service accounts. A key is shown once, in the answer that makes it.

use super::{ApiKey, ApiKeys, KeyError, KeyFor, NewKey};
use crate::users::{in_one_line, own_id};
use jiff::SignedDuration;
use tollgate_access::{Create, Delete, May, Read};
use tollgate_core::Result;
use tollgate_http::{Created, Json, List, NoContent, NoIdempotencyKey, Page, Path, Service};
use tollgate_macros::{input, output, service};
use tollgate_store::Store;

/// How many days a key is good for if nobody says.
const DAYS: u32 = 90;

/// A key that somebody wants.
#[input]
#[schemars(rename = "ApiKeyWanted")]
#[derive(Debug, Clone)]
pub struct KeyWanted {
    /// What it is for, as in `nightly-import`.
    #[garde(length(min = 1, max = 100), custom(in_one_line))]
    pub name: String,
    /// What it may do, as in `read:movies`: nothing that you may not do yourself.
    pub scopes: Vec<String>,
    /// For how many days it is good; 90 if nothing is said.
    #[garde(range(min = 1, max = 366))]
    pub days: Option<u32>,
    /// Whether it speaks for the service account that has its name, and not for you. Takes `create:api_keys:any`.
    #[serde(default)]
    pub service: bool,
}

/// A key that was made.
#[output]
#[schemars(rename = "MadeApiKey")]
pub struct MadeKey {
    /// The key. This is the only time that it is shown.
    pub secret: String,
    /// What is kept of it.
    pub key: ApiKey,
}

tollgate_core::debug_by_name!(MadeKey);

/// Lists API keys: those that you made, and those that speak for you.
async fn list(may: May<Read, ApiKey>, keys: Store<ApiKey>, wanted: List<ApiKey>) -> Result<Page<ApiKey>> {
    wanted.page(&keys, &may).await
}

/// Reads what is kept of an API key.
async fn read(may: May<Read, ApiKey>, keys: Store<ApiKey>, Path(id): Path<String>) -> Result<Json<ApiKey>> {
    Ok(Json(keys.get(&may, id).await?))
}

/// Makes an API key.
///
/// The answer shows it, once: it is kept nowhere, so a request with an `Idempotency-Key` is refused.
async fn create(
    may: May<Create, ApiKey>,
    _: NoIdempotencyKey,
    keys: ApiKeys,
    Json(wanted): Json<KeyWanted>,
) -> Result<Created<MadeKey>, KeyError> {
    let own = || own_id(may.actor()).map(KeyFor::User);
    let speaks_for = if wanted.service { KeyFor::Service } else { own().ok_or(KeyError::NoUser)? };
    let lifetime = SignedDuration::from_hours(24 * i64::from(wanted.days.unwrap_or(DAYS)));
    let expires = keys.0.clock.now().checked_add(lifetime).ok();
    let (secret, key) =
        keys.create(&may, NewKey { name: wanted.name, scopes: wanted.scopes, expires, speaks_for }).await?;
    Ok(Created(MadeKey { secret: secret.reveal().to_owned(), key }))
}

/// Revokes an API key.
///
/// Nobody gets in with it from now on; on other instances, within a second.
async fn revoke(may: May<Delete, ApiKey>, keys: ApiKeys, Path(id): Path<String>) -> Result<NoContent, KeyError> {
    keys.revoke(&may, &id).await?;
    Ok(NoContent)
}

/// The service `api_keys`.
pub fn service() -> Service {
    const KEY: &str = "/api-keys/{key_id}";
    service!("api_keys").get("/api-keys", list).post("/api-keys", create).get(KEY, read).delete(KEY, revoke)
}
