//! Refresh tokens: one use each, and a stolen one ends them all.
//!
//! The tokens of one sign-in are a family: each use retires the token and answers its successor. Who comes late
//! with a retired token has stolen it, or was stolen from; either way the family dies.
//!
//! An honest client may come twice as well: parallel requests, a retry because the answer was lost. Within a
//! short grace it gets the *same* successor. We can repeat it though only hashes are stored, on any instance and
//! after a crash, because the successor is derived: HMAC(our key, the token). Neither the table nor the key
//! alone yields a token.
//!
//! The decision is a pure function (`Family::judge`); the store only compares, swaps and tells the time: the clocks
//! of two instances may differ by more than the grace.
//!
//! Invariant: a token has one successor, and a dead family has none.

use super::scope;
use crate::{random::random, token::Hash};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{error::Error, fmt, pin::Pin, time::Duration};
use thiserror::Error;

/// How long a token that was just used still answers its successor.
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// How many retired tokens a family remembers. Nobody honest refreshes more often within the grace.
const MOST_RETIRED: usize = 32;

/// How often a lost race is tried again: each round somebody else got ahead.
const ROUNDS: usize = 8;

/// A refresh token in the clear: 16 bytes name the family, 32 are secret. Cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    family: FamilyId,
    secret: [u8; 32],
}

/// Names a family. Whoever knows it can end the family, so it stays out of logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FamilyId([u8; 16]);

tollgate_core::debug_by_name!(FamilyId);

impl FamilyId {
    /// The name as text, for a column.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads what [`reveal`](Self::reveal) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Names it where others read along, as in access tokens: nobody comes from there to the family.
    pub fn public(&self) -> String {
        String::from(Hash::of(&[b"grant", &self.0]))[..22].to_owned()
    }
}

impl RefreshToken {
    /// Reads what a client sent.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (family, secret) = bytes.split_first_chunk()?;
        Some(Self { family: FamilyId(*family), secret: secret.try_into().ok()? })
    }

    /// What the client is sent.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode([&self.family.0[..], &self.secret].concat())
    }

    /// The family it belongs to.
    pub fn family(&self) -> FamilyId {
        self.family
    }

    fn hash(&self) -> Hash {
        Hash::of(&[b"refresh", &self.family.0, &self.secret])
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

/// What was granted at the sign-in. A refresh gives no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who signed in.
    pub user: String,
    /// The version of their row.
    pub version: i64,
    /// What it was given under: a session, or what they allowed to the client.
    pub under: String,
    /// To which client.
    pub client: String,
    /// For which scopes: words, separated by spaces (RFC 6749, 3.3).
    pub scope: String,
}

/// What is stored of a family.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Family {
    /// What it refreshes.
    pub grant: Grant,
    /// When it ends, however often it is used.
    pub expires: Timestamp,
    /// Why it ended before.
    pub dead: Option<Death>,
    /// The token that is good now.
    pub current: Hash,
    /// The tokens retired within the grace, the last one last.
    pub retired: Vec<Retired>,
    /// Counts changes; a swap compares it.
    pub version: u64,
}

/// A token that was used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Retired {
    /// Its hash.
    pub token: Hash,
    /// When it was used.
    pub at: Timestamp,
}

impl Retired {
    /// A calendar that was put back makes nothing recent again.
    fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() <= GRACE
    }
}

/// Why a family ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Death {
    /// A retired token came back.
    Reuse,
    /// Its client gave it back, or a code came twice.
    Revoked,
}

/// What a token is to its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    /// Its current token.
    Current,
    /// The one before, within the grace: the successor is said again.
    Again,
    /// Retired within the grace, but its successor was used: an echo, no theft.
    Echo,
    /// Retired long ago, or never one: stolen.
    Stolen,
}

impl Family {
    fn judge(&self, token: &Hash, now: Timestamp) -> Judgement {
        if self.current.is(token) {
            return Judgement::Current;
        }
        match self.retired.iter().rposition(|retired| retired.token.is(token) && retired.is_recent(now)) {
            Some(last) if last + 1 == self.retired.len() => Judgement::Again,
            Some(_) => Judgement::Echo,
            None => Judgement::Stolen,
        }
    }

    /// The family after its current token was used.
    fn rotated(&self, successor: Hash, now: Timestamp) -> Self {
        let recent = self.retired.iter().filter(|retired| retired.is_recent(now)).copied();
        let mut retired: Vec<_> = recent.chain([Retired { token: self.current, at: now }]).collect();
        retired.drain(..retired.len().saturating_sub(MOST_RETIRED));
        Self { current: successor, retired, ..self.clone() }
    }
}

/// A store that failed; what it was asked may have happened.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// What a store answers.
pub type Answer<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

/// Where families live. Each method is one atomic step, and each change raises the version of the family.
pub trait Families: Send + Sync {
    /// What time it is, the same for all instances.
    fn now(&self) -> Answer<'_, Timestamp>;
    /// Stores a new family.
    fn create(&self, id: FamilyId, family: Family) -> Answer<'_, ()>;
    /// The family of that name.
    fn load(&self, id: FamilyId) -> Answer<'_, Option<Family>>;
    /// Stores `next` if the stored version is still the one that `next` carries; whether it was.
    fn swap(&self, id: FamilyId, next: Family) -> Answer<'_, bool>;
    /// Ends a family that is not dead.
    fn kill(&self, id: FamilyId, death: Death) -> Answer<'_, ()>;
}

/// Why a refresh was refused. To the client all but [`Refused::Scope`] and [`Refused::Unavailable`] are `invalid_grant`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refused {
    /// No such family.
    #[error("the refresh token is not known")]
    Unknown,
    /// Given to another client.
    #[error("the refresh token is another client's")]
    Client,
    /// The family is too old.
    #[error("the refresh token has expired")]
    Expired,
    /// The family ended before.
    #[error("the refresh token was revoked")]
    Dead(Death),
    /// More is asked for than was granted. The token stays as good as it was (RFC 6749, 5.2).
    #[error("more is asked for than was granted")]
    Scope,
    /// A retired token came back: the family, which had that grant, ended now.
    #[error("a retired refresh token was used")]
    Reuse(Box<Grant>),
    /// A retired token came back within the grace after its successor was used.
    #[error("the refresh token was just replaced")]
    Echo,
    /// The store did not answer, or never let us get ahead. The client may try again within the grace.
    #[error("the refresh tokens are unavailable")]
    Unavailable(#[source] Option<StoreError>),
}

/// A refresh that succeeded.
#[derive(Debug)]
pub struct Refreshed {
    /// The next token.
    pub token: RefreshToken,
    /// For what an access token may be issued.
    pub grant: Grant,
    /// Whether the successor had been answered before.
    pub again: bool,
}

/// Hands out refresh tokens.
pub struct Refresh<F> {
    families: F,
    key: hmac::Key,
}

tollgate_core::debug_by_name!(Refresh<F>);

impl<F: Families> Refresh<F> {
    /// `secret` is shared by all instances and stays the same for at least the grace.
    pub fn new(families: F, secret: &[u8; 32]) -> Self {
        Self { families, key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// The first token of a sign-in.
    pub async fn begin(&self, grant: Grant, lifetime: Duration) -> Result<RefreshToken, Refused> {
        let failed = |error: crate::Error| unavailable(error.into());
        let token = RefreshToken { family: FamilyId(random().map_err(failed)?), secret: random().map_err(failed)? };
        let now = self.families.now().await.map_err(unavailable)?;
        let family = Family {
            grant,
            expires: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
            dead: None,
            current: token.hash(),
            retired: Vec::new(),
            version: 0,
        };
        self.families.create(token.family, family).await.map_err(unavailable)?;
        Ok(token)
    }

    /// Uses a token up and answers its successor.
    pub async fn redeem(&self, token: &RefreshToken, client: &str) -> Result<Refreshed, Refused> {
        self.redeem_for(token, client, None).await
    }

    /// The same, if no more than what was granted is asked for.
    pub async fn redeem_for(
        &self,
        token: &RefreshToken,
        client: &str,
        scope: Option<&str>,
    ) -> Result<Refreshed, Refused> {
        for _ in 0..ROUNDS {
            let now = self.families.now().await.map_err(unavailable)?;
            let family = self.families.load(token.family).await.map_err(unavailable)?.ok_or(Refused::Unknown)?;
            check_alive(&family, client, now)?;
            let successor = self.successor(token);
            let refreshed = |again| Refreshed { token: successor.clone(), grant: family.grant.clone(), again };
            let is_granted = scope.is_none_or(|scope| scope::covers(&family.grant.scope, scope));
            match family.judge(&token.hash(), now) {
                Judgement::Current | Judgement::Again if !is_granted => return Err(Refused::Scope),
                Judgement::Current => {
                    let next = family.rotated(successor.hash(), now);
                    if self.families.swap(token.family, next).await.map_err(unavailable)? {
                        return Ok(refreshed(false));
                    }
                }
                Judgement::Again => return Ok(refreshed(true)),
                Judgement::Echo => return Err(Refused::Echo),
                Judgement::Stolen => {
                    self.families.kill(token.family, Death::Reuse).await.map_err(unavailable)?;
                    return Err(Refused::Reuse(Box::new(family.grant)));
                }
            }
        }
        Err(Refused::Unavailable(None))
    }

    /// Ends the family of a token: sign-out. A token that is not known needs none (RFC 7009, 2.2).
    pub async fn revoke(&self, token: &RefreshToken, client: &str) -> Result<(), Refused> {
        match self.families.load(token.family).await.map_err(unavailable)? {
            Some(family) if family.grant.client != client => Err(Refused::Client),
            Some(_) => self.families.kill(token.family, Death::Revoked).await.map_err(unavailable),
            None => Ok(()),
        }
    }

    /// What a token refreshes, if it is its family's current one and that client's.
    pub async fn look_at(&self, token: &RefreshToken, client: &str) -> Result<Option<Family>, Refused> {
        let now = self.families.now().await.map_err(unavailable)?;
        let family = self.families.load(token.family).await.map_err(unavailable)?;
        let is_current = |family: &Family| {
            check_alive(family, client, now).is_ok() && family.judge(&token.hash(), now) == Judgement::Current
        };
        Ok(family.filter(is_current))
    }

    /// Whether a family has not been ended.
    pub async fn stands(&self, family: FamilyId) -> Result<bool, Refused> {
        let family = self.families.load(family).await.map_err(unavailable)?;
        Ok(family.is_some_and(|family| family.dead.is_none()))
    }

    /// Where the families live.
    pub(crate) fn families(&self) -> &F {
        &self.families
    }

    /// Ends a family, whoever asks.
    pub async fn revoke_family(&self, family: FamilyId) -> Result<(), Refused> {
        self.families.kill(family, Death::Revoked).await.map_err(unavailable)
    }

    fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let mut next = token.clone();
        let tag = hmac::sign(&self.key, &[b"refresh", &token.family.0[..], &token.secret].concat());
        next.secret.copy_from_slice(tag.as_ref());
        next
    }
}

fn check_alive(family: &Family, client: &str, now: Timestamp) -> Result<(), Refused> {
    match family.dead {
        _ if family.grant.client != client => Err(Refused::Client),
        Some(death) => Err(Refused::Dead(death)),
        None if now >= family.expires => Err(Refused::Expired),
        None => Ok(()),
    }
}

fn unavailable(error: StoreError) -> Refused {
    Refused::Unavailable(Some(error))
}
