//! Who sent this request? A bearer token says so, or a browser's session.
//!
//! ```text
//! Authorization: Bearer …   → the gate                                              401, 503
//! our session cookie        → session and user; sent from a page of ours?           403
//! neither                   → anyone
//! ```
//! A token counts alone, also where a cookie comes along: it cannot be sent by accident. A session that has ended is
//! no error: the browser does not know it yet, and the page that it asks for offers to sign in.
//!
//! Sessions end at once with their user, access tokens within a second: each instance follows what was revoked, so that
//! nobody is asked about a token, which is what makes it cheap.

use crate::{
    Issuers, Result as AuthResult,
    identity::{Identity, Issuer, REMEMBERED},
    token::{Gate, Refusal, Revocations},
};
use axum::http::{HeaderMap, header, request::Parts};
use memchr::memchr2;
use std::sync::Arc;
use tollgate_access::{Actor, Grants, Identity as Person};
use tollgate_core::{Clock, Problem, Result};
use tollgate_http::{Authenticate, Identified};

impl Authenticate for Identity {
    fn identify<'a>(&'a self, head: &'a Parts) -> Identified<'a> {
        Box::pin(async move {
            match brought(&head.headers)? {
                Some(token) => self.0.gate.actor(token).await.map_err(|why| refused(token, why)),
                // Boxed, because it would make the future of those who bring a token large.
                None => Box::pin(self.0.by_session(head)).await,
            }
        })
    }
}

impl Issuer {
    async fn by_session(&self, head: &Parts) -> Result<Actor> {
        let Some((session, user)) = self.signed_in(&head.headers).await? else { return Ok(self.anyone.clone()) };
        if head.method.is_safe() || self.origins.came_from_us(&head.headers) == Some(true) {
            let at = u64::try_from(session.signed_in.as_second()).ok();
            Ok(self.users.person(&user).signed_in_at(at).into())
        } else {
            Err(self.origins.foreign())
        }
    }
}

/// Where the app is no issuer itself there are no sessions either: tokens alone tell who calls.
struct Bearers {
    gate: Gate,
    anyone: Actor,
}

impl Authenticate for Bearers {
    fn identify<'a>(&'a self, head: &'a Parts) -> Identified<'a> {
        Box::pin(async move {
            match brought(&head.headers)? {
                Some(token) => self.gate.actor(token).await.map_err(|why| refused(token, why)),
                None => Ok(self.anyone.clone()),
            }
        })
    }
}

impl Issuers {
    /// Recognises callers by tokens of these issuers alone that are not among the revoked, for an app without the embedded
    /// issuer.
    ///
    /// # Errors
    /// Two of them are the same issuer.
    pub fn authenticator(
        &self,
        anyone: &Grants,
        clock: Arc<dyn Clock>,
        revocations: &Arc<Revocations>,
    ) -> AuthResult<Arc<dyn Authenticate>> {
        let anyone = Person::anyone().grants(anyone).into();
        Ok(Arc::new(Bearers { gate: self.gate(clock, REMEMBERED)?.with(revocations), anyone }))
    }
}

/// The token of the one `Authorization` header, if there is one (RFC 6750, 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>> {
    match brought(headers)? {
        Some(token) if !is_graphic(token) => Err(unreadable()),
        brought => Ok(brought),
    }
}

/// The same, whatever it consists of. To look at each byte costs more than to know a token again, and those that are known
/// were read strictly.
fn brought(headers: &HeaderMap) -> Result<Option<&[u8]>> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (all.next(), all.next()) else { return Err(unreadable()) };
    let Some(value) = value else { return Ok(None) };
    let (scheme, token) = value.as_bytes().split_at_checked(SCHEME.len()).ok_or_else(unreadable)?;
    if scheme.eq_ignore_ascii_case(SCHEME) && !token.is_empty() { Ok(Some(token)) } else { Err(unreadable()) }
}

/// Why the gate refused what is no token is that it is none.
fn refused(token: &[u8], why: Refusal) -> Problem {
    if is_graphic(token) { why.into() } else { unreadable() }
}

/// What stands before a token.
pub(crate) const SCHEME: &[u8] = b"Bearer ";

/// Of what a header's value may have, a token has neither spaces nor what is not ASCII.
fn is_graphic(token: &[u8]) -> bool {
    token.is_ascii() && memchr2(b' ', b'\t', token).is_none()
}

/// Whoever uses another scheme has not brought a token, so the challenge names no error (RFC 6750, 3.1): `invalid_request`
/// would be a 400, which is what somebody who is signed in may get.
fn unreadable() -> Problem {
    Problem::unauthorized().because("the header `Authorization` must be one `Bearer` token").challenge()
}
