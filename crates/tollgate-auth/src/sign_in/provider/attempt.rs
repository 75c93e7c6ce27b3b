//! One try to sign in: from the redirect to the provider until the browser is back.
//!
//! Everything about it is in an encrypted cookie of its own, which lasts ten minutes: so two tabs do not disturb each other,
//! and whoever lures somebody into finishing a try that another browser began has no cookie to match.

use super::Cookies;
use crate::{error::Result, random::random_text, vault::Vault};
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderValue};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// How long a try may take, in seconds.
const LIFETIME: u64 = 600;
/// How many may be under way in one browser; the oldest cookies make room.
const MOST: usize = 5;
const NAME: &str = "sign-in-";
/// How much of the state names the cookie.
const NAMED: usize = 16;

/// One try to sign in.
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The issuer it was begun with.
    pub(super) issuer: String,
    /// Binds the answer to this browser (RFC 6749, 10.12).
    pub(super) state: String,
    /// Binds the ID token to this try (OpenID Connect Core, 15.5.2).
    pub(super) nonce: String,
    /// Binds the code to this try (RFC 7636).
    pub(super) verifier: String,
    /// Where to go afterwards: a path of ours.
    pub(super) return_to: String,
    /// When it ends, in seconds since 1970.
    until: u64,
}

impl Attempt {
    pub(super) fn new(issuer: &str, return_to: String, now: u64) -> Result<Self> {
        let [state, nonce, verifier] = [random_text()?, random_text()?, random_text()?];
        Ok(Self { issuer: issuer.to_owned(), state, nonce, verifier, return_to, until: now + LIFETIME })
    }

    /// RFC 7636, 4.2: `S256`.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    /// The cookies to set: its own, and those that make room for it.
    pub(super) fn cookies(&self, cookies: Cookies, vault: &Vault, headers: &HeaderMap) -> Result<Vec<HeaderValue>> {
        let others: Vec<_> = cookies.names(headers).filter(|name| name.starts_with(NAME)).collect();
        let excess = others.len().saturating_sub(MOST - 1);
        let mut set: Vec<_> = others[..excess].iter().map(|name| cookies.remove(name)).collect();
        set.push(cookies.set(&name(&self.state), &vault.close_value(NAME, self)?, LIFETIME));
        Ok(set)
    }

    /// The try that this browser began with that state, if it has not ended.
    pub(super) fn of(state: &str, cookies: Cookies, vault: &Vault, headers: &HeaderMap, now: u64) -> Option<Self> {
        let attempt: Self = vault.open_value(NAME, cookies.get(headers, &name(state))?)?;
        (attempt.state == state && now < attempt.until).then_some(attempt)
    }

    /// The cookie that ends it.
    pub(super) fn end(&self, cookies: Cookies) -> HeaderValue {
        cookies.remove(&name(&self.state))
    }
}

fn name(state: &str) -> String {
    let good = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    format!("{NAME}{}", state.chars().filter(good).take(NAMED).collect::<String>())
}
