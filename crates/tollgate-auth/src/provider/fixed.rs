//! Issuers that publish no metadata: a key set in a file, or a secret that both sides know.

use super::{ASYMMETRIC, At, KeySource, Many, Provider, generic};
use crate::{Result, token::Algorithm};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use tollgate_core::Secret;

/// The settings of an issuer whose public keys are a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// The `aud` of its access tokens for this app.
    #[serde(default)]
    pub audience: Many,
    /// A JSON Web Key set (RFC 7517), public keys alone; read at the start.
    pub file: PathBuf,
}

/// The settings of an issuer that shares a secret with this app: who can check its tokens can also make them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedSecret {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// The `aud` of its access tokens for this app.
    #[serde(default)]
    pub audience: Many,
    /// The secret of HS256: 32 bytes at least, of a generator.
    pub secret: Secret,
}

impl KeyFile {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let (issuer, audiences) = (at.word("issuer", &self.issuer)?, at.audiences(&self.audience, AUDIENCE)?);
        Ok(Provider::new(issuer, audiences, &ASYMMETRIC, generic::mapping(), KeySource::File(self.file.clone())))
    }
}

impl SharedSecret {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let (issuer, audiences) = (at.word("issuer", &self.issuer)?, at.audiences(&self.audience, AUDIENCE)?);
        check(self.secret.reveal()).map_err(|why| at.wrong("secret", why))?;
        let keys = KeySource::Secret(self.secret.clone());
        Ok(Provider::new(issuer, audiences, &[Algorithm::HS256], generic::mapping(), keys))
    }
}

const AUDIENCE: &str = "what tokens for this app have as `aud`";

/// A secret must not be guessed: whoever does is anybody. Secrets of examples are on lists, and have words; what a
/// generator makes has not one character over and over.
pub(super) fn check(secret: &str) -> Result<(), &'static str> {
    const WORDS: [&str; 6] = ["secret", "changeme", "change-me", "password", "example", "1234567890"];
    let mut different: Vec<u8> = secret.bytes().collect();
    different.sort_unstable();
    different.dedup();
    let lower = secret.to_lowercase();
    if secret.len() < 32 {
        Err("is shorter than 32 bytes; make one with `openssl rand -base64 32`")
    } else if different.len() < 10 || WORDS.iter().any(|word| lower.contains(word)) {
        Err("can be guessed; make one with `openssl rand -base64 32`")
    } else {
        Ok(())
    }
}
