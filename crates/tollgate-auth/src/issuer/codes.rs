//! Authorization codes: one use each, for a minute, by the client that asked and for where it was sent.
//!
//! What is stored is a hash of the code, and what redeeming it takes: the client, the address it was sent to, the PKCE
//! challenge (RFC 7636). A used code is kept as long as the access token that it gave: whoever comes with it again has
//! stolen it, or was stolen from, and what it gave is revoked (RFC 6749, 4.1.2).

use crate::{error::Result, random::random_text, records::Records, sign_in::Session, token::Hash};
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::Database;
use uuid::Uuid;

/// How long a code can be redeemed.
const LIFETIME: Duration = Duration::from_mins(1);

/// A code, and what redeeming it takes and gives.
#[resource(plural = "auth_codes")]
pub struct AuthorizationCode {
    /// The hash of the code.
    #[id]
    pub code: String,
    /// Who may redeem it.
    pub client: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The hash of the secret that only who asked for it knows; empty for a client that may do without.
    pub challenge: String,
    /// Who signed in.
    pub user_id: Uuid,
    /// When they did.
    pub signed_in: Timestamp,
    /// How.
    pub methods: Option<String>,
    /// What is granted.
    pub scope: String,
    /// What the client wants to find in the ID token.
    pub nonce: Option<String>,
    /// Until when it can be redeemed.
    pub expires: Timestamp,
    /// Until when it is remembered.
    #[index]
    pub forgotten: Timestamp,
    /// Once it was redeemed: the `jti` of the access token.
    pub token: Option<String>,
    /// Once it was redeemed: the refresh family, if it gave one.
    pub family: Option<String>,
}

/// All codes.
pub(crate) struct Codes {
    records: Records<AuthorizationCode>,
    clock: Arc<dyn Clock>,
    /// How long what a code gives can live.
    remembered: Duration,
}

/// What a client asks a code for.
pub(crate) struct Asked<'a> {
    pub(crate) client: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) challenge: &'a str,
    pub(crate) session: &'a Session,
    pub(crate) scope: String,
    pub(crate) nonce: Option<&'a str>,
}

impl Codes {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, remembered: Duration) -> Self {
        let records = Records::new(database, clock, "clients redeem codes");
        Self { records, clock: Arc::clone(clock), remembered }
    }

    /// A new code. Those that are to be forgotten are swept out on the way.
    pub(crate) async fn issue(&self, asked: Asked<'_>) -> Result<String> {
        let now = self.clock.now();
        self.records.delete(AuthorizationCode::FORGOTTEN.lte(now)).await?;
        let code = random_text()?;
        let after = |duration| now.saturating_add(duration).unwrap_or(Timestamp::MAX);
        let new = NewAuthorizationCode {
            code: name(&code),
            client: asked.client.to_owned(),
            redirect_uri: asked.redirect_uri.to_owned(),
            challenge: asked.challenge.to_owned(),
            user_id: asked.session.user_id,
            signed_in: asked.session.signed_in,
            methods: asked.session.methods.clone(),
            scope: asked.scope,
            nonce: asked.nonce.map(str::to_owned),
            expires: after(LIFETIME),
            forgotten: after(LIFETIME.saturating_add(self.remembered)),
            token: None,
            family: None,
        };
        self.records.insert(new).await?;
        Ok(code)
    }

    /// Ends the codes that were sent for a user.
    pub(crate) async fn end_all(&self, user: Uuid) -> Result<()> {
        self.records.delete(AuthorizationCode::USER_ID.eq(user) & AuthorizationCode::TOKEN.is_null()).await?;
        Ok(())
    }

    /// Ends the codes that were sent to a client for a user.
    pub(crate) async fn end_for(&self, user: Uuid, client: &str) -> Result<()> {
        let theirs = AuthorizationCode::USER_ID.eq(user) & AuthorizationCode::CLIENT.eq(client);
        self.records.delete(theirs & AuthorizationCode::TOKEN.is_null()).await?;
        Ok(())
    }

    /// What is known of a code.
    pub(crate) async fn find(&self, code: &str) -> Result<Option<AuthorizationCode>> {
        Ok(self.records.get(name(code)).await?)
    }

    /// Uses a code up; whether nobody was faster.
    pub(crate) async fn spend(&self, code: &AuthorizationCode, token: &str, family: Option<String>) -> Result<bool> {
        let gave = AuthorizationCodePatch {
            token: Change::Set(Some(token.to_owned())),
            family: Change::Set(family),
            ..Default::default()
        };
        Ok(self.records.change(code.code.clone(), AuthorizationCode::TOKEN.is_null(), gave).await?)
    }
}

impl AuthorizationCode {
    /// Why it cannot be redeemed like that, for the log.
    pub(crate) fn check(&self, redirect_uri: &str, verifier: Option<&str>, now: Timestamp) -> Result<(), &'static str> {
        // One that comes too early is of a time before the calendar was put back; instances may differ by a minute.
        let left = self.expires.duration_since(now);
        if left.is_negative() || left.is_zero() || left.unsigned_abs() > 2 * LIFETIME {
            return Err("the code has expired");
        }
        if redirect_uri != self.redirect_uri {
            return Err("the code was sent elsewhere");
        }
        match verifier {
            None if self.challenge.is_empty() => Ok(()),
            // Somebody took the challenge out of the request (RFC 9700, 4.8.2).
            Some(_) if self.challenge.is_empty() => Err("there was no challenge for the verifier"),
            Some(verifier) if is_verifier(verifier) && challenge_of(verifier) == self.challenge => Ok(()),
            _ => Err("the verifier does not fit the challenge"),
        }
    }
}

/// Whether a text is a challenge as S256 makes it: a SHA-256 in base64url.
pub(crate) fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// RFC 7636, 4.1: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// RFC 7636, 4.6.
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn name(code: &str) -> String {
    Hash::of(&[b"code", code.as_bytes()]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(&challenge_of(verifier)) && is_verifier(verifier));
        for bad in ["", "short", &"a".repeat(129), &format!("{}=", "a".repeat(43)), &"ä".repeat(43)] {
            assert!(!is_verifier(bad) && !is_challenge(bad), "{bad}");
        }
    }
}
