//! Issuers that publish no metadata: a key set in a file, or a secret that both sides know.

use super::{ASYMMETRIC, At, KeySource, Many, Provider, generic};
use crate::{Result, random::check_secret, token::Algorithm};
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
    /// Whether tokens come in of which nothing says that they are access tokens: no `typ` of `at+jwt`, no `scope`, `scp` or
    /// `client_id`. Default: no.
    #[serde(default)]
    pub insecure_untyped_tokens: bool,
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
    /// Whether tokens come in of which nothing says that they are access tokens: no `typ` of `at+jwt`, no `scope`, `scp` or
    /// `client_id`. Default: no.
    #[serde(default)]
    pub insecure_untyped_tokens: bool,
}

impl KeyFile {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let (issuer, audiences) = (at.word("issuer", &self.issuer)?, at.audiences(&self.audience, AUDIENCE)?);
        let mapping = generic::mapping(self.insecure_untyped_tokens);
        Ok(Provider::new(issuer, audiences, &ASYMMETRIC, mapping, KeySource::File(self.file.clone())))
    }
}

impl SharedSecret {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let (issuer, audiences) = (at.word("issuer", &self.issuer)?, at.audiences(&self.audience, AUDIENCE)?);
        check_secret(self.secret.reveal()).map_err(|why| at.wrong("secret", why))?;
        let keys = KeySource::Secret(self.secret.clone());
        let mapping = generic::mapping(self.insecure_untyped_tokens);
        Ok(Provider::new(issuer, audiences, &[Algorithm::HS256], mapping, keys))
    }
}

const AUDIENCE: &str = "what tokens for this app have as `aud`";
