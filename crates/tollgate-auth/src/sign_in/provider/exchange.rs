//! What a provider says about whom it sent us: a code becomes an ID token, and an ID token somebody.
//!
//! The ID token comes from the provider itself, through TLS, and is judged by the gate all the same: signed by the issuer,
//! for this client, for this try, not expired, and of the kind that ID tokens are.

use super::attempt::Attempt;
use crate::{
    outgoing::LARGEST,
    provider::{Issuer, Metadata, MetadataError},
    token::{Algorithm, Gate, LEVELS, Verified, algorithm_of},
};
use aws_lc_rs::digest;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use form_urlencoded::byte_serialize;
use serde_json::{Map, Value};
use std::{error::Error, sync::Arc};
use tollgate_core::{LiveSecret, Secret, strict, with_causes};

/// This app as a client of an issuer.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Option<LiveSecret>,
    pub(super) redirect_uri: String,
    /// How long ago somebody may have signed in there, in seconds.
    pub(super) max_age: Option<u64>,
    /// How far the issuer's clock may differ, in seconds.
    pub(super) skew: u64,
    pub(super) gate: Gate,
}

/// Why nobody was signed in, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The provider could not be asked.
    #[error("the provider cannot be asked")]
    Away(#[source] Box<dyn Error + Send + Sync>),
    /// It does not take the code, or its answer is none.
    #[error("the code was not exchanged: {0}")]
    Exchange(String),
    /// Its ID token is not good.
    #[error("the ID token is not good: {0}")]
    Token(String),
}

/// Somebody, and the token that says so.
pub(super) struct Arrived {
    pub(super) verified: Arc<Verified>,
    pub(super) id_token: String,
}

impl Client {
    /// Trades the code in, once.
    pub(super) async fn exchange(
        &self,
        (issuer, metadata): (&Issuer, &Metadata),
        attempt: &Attempt,
        code: &str,
        now: u64,
    ) -> Result<Arrived, Failed> {
        let answer = self.ask(issuer, metadata, attempt, code).await?;
        let text = |name| answer.get(name).and_then(Value::as_str);
        let id_token = text("id_token").ok_or_else(|| Failed::Exchange("there is no ID token".into()))?;
        let verified = self.gate.check(id_token.as_bytes()).await;
        let verified = verified.map_err(|refusal| Failed::Token(refusal.to_string()))?;
        self.check(&verified, attempt, now).map_err(|why| Failed::Token(why.into()))?;
        let hash = verified.claims().get("at_hash");
        let algorithm = algorithm_of(id_token.as_bytes());
        if hash.is_some_and(|hash| hash.as_str() != access_hash(algorithm, text("access_token")).as_deref()) {
            return Err(Failed::Token("at_hash is that of another access token".into()));
        }
        Ok(Arrived { verified, id_token: id_token.to_owned() })
    }

    async fn ask(
        &self,
        issuer: &Issuer,
        metadata: &Metadata,
        attempt: &Attempt,
        code: &str,
    ) -> Result<Map<String, Value>, Failed> {
        let away = |error: MetadataError| Failed::Away(error.into());
        let place = Metadata::endpoint("token_endpoint", metadata.token_endpoint.as_ref()).map_err(away)?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        let secret = self.secret.as_ref().map(LiveSecret::get);
        let basic = secret.as_ref().filter(|_| takes_basic(metadata)).map(|secret| basic(&self.id, secret));
        if basic.is_none() {
            form.push(("client_id", &self.id));
            form.extend(secret.as_ref().map(|secret| ("client_secret", secret.reveal())));
        }
        let answer = issuer.outgoing().post_form(&place, &form, basic.as_deref(), LARGEST).await;
        let answer = answer.map_err(|error| Failed::Away(error.into()))?;
        if !answer.status.is_success() {
            return Err(Failed::Exchange(format!("{} {}", answer.status, told(&answer.body))));
        }
        strict::object(&answer.body, LEVELS).map_err(|error| Failed::Exchange(with_causes(&error)))
    }

    /// What the gate does not know: that the token belongs to this try (OpenID Connect Core, 3.1.3.7).
    fn check(&self, verified: &Verified, attempt: &Attempt, now: u64) -> Result<(), &'static str> {
        let claims = verified.claims();
        let text = |name| claims.get(name).and_then(Value::as_str);
        if text("nonce") != Some(&attempt.nonce) {
            return Err("it is not for this try");
        }
        let party = claims.get("azp").map(|party| party.as_str() == Some(&self.id));
        if !party.unwrap_or(verified.audience().len() == 1) {
            return Err("it is for another client as well, and was not given to this one");
        }
        if verified.issued().is_none() {
            return Err("it does not say when it was issued");
        }
        let proved = claims.get("auth_time").and_then(Value::as_u64);
        let is_recent = |most: u64| proved.is_some_and(|at| now <= at.saturating_add(most + self.skew));
        if self.max_age.is_none_or(is_recent) { Ok(()) } else { Err("they signed in there too long ago") }
    }
}

/// RFC 8414, 2: without a word, `client_secret_basic`.
fn takes_basic(metadata: &Metadata) -> bool {
    let methods = metadata.token_endpoint_auth_methods_supported.as_ref();
    methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
}

/// RFC 6749, 2.3.1: both parts are form-encoded first.
fn basic(id: &str, secret: &Secret) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret.reveal()))))
}

/// The `error` of a refusal (RFC 6749, 5.2), as far as it is one.
fn told(body: &[u8]) -> String {
    let error = strict::object(body, LEVELS).ok();
    let error = error.as_ref().and_then(|object| object.get("error")?.as_str()).unwrap_or_default();
    error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect()
}

/// OpenID Connect Core, 3.1.3.6: the left half of the hash that the token's algorithm uses.
fn access_hash(algorithm: Option<Algorithm>, access_token: Option<&str>) -> Option<String> {
    use Algorithm::{ES256, ES384, HS256, HS384, PS256, PS384, RS256, RS384};
    let hash = match algorithm? {
        RS256 | PS256 | ES256 | HS256 => &digest::SHA256,
        RS384 | PS384 | ES384 | HS384 => &digest::SHA384,
        _ => &digest::SHA512,
    };
    let hash = digest::digest(hash, access_token?.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    Some(URL_SAFE_NO_PAD.encode(left))
}
