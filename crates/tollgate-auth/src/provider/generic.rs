//! Any issuer with metadata (OpenID Connect Discovery, RFC 8414) whose access tokens follow RFC 9068.

use super::{ASYMMETRIC, At, KeySource, Many, Mapping, Provider, mapping::path};
use crate::Result;
use schemars::JsonSchema;
use serde::Deserialize;

/// The settings of an issuer without a preset of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generic {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// The `aud` of its access tokens for this app.
    #[serde(default)]
    pub audience: Many,
    /// The claim that holds roles; several names are the way to a nested one. Default: `roles`.
    #[serde(default)]
    pub role_claim: Many,
    /// The claim that holds permissions, likewise. Default: `entitlements`.
    #[serde(default)]
    pub permission_claim: Many,
    /// Whether tokens come in of which nothing says that they are access tokens: no `typ` of `at+jwt`, no `scope`, `scp` or
    /// `client_id`. Where the audience is a client, its ID tokens then come in too. Default: no.
    #[serde(default)]
    pub insecure_untyped_tokens: bool,
}

impl Generic {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        at.place("issuer", &self.issuer)?;
        let audiences = at.audiences(&self.audience, "what tokens for this app have as `aud`")?;
        let mut mapping = mapping(self.insecure_untyped_tokens);
        if !self.role_claim.is_empty() {
            mapping.roles = vec![self.role_claim.to_vec()];
        }
        if !self.permission_claim.is_empty() {
            mapping.permissions = vec![self.permission_claim.to_vec()];
        }
        Ok(Provider::new(&self.issuer, audiences, &ASYMMETRIC, mapping, KeySource::published_by(&self.issuer)))
    }
}

/// What many issuers have in common: scopes are in `scope`, or in `scp`. These and `client_id` (RFC 9068, 2.2) are in no ID
/// token, which in the code flow need have no claim that an access token has not.
pub(super) fn mapping(untyped: bool) -> Mapping {
    let marks = if untyped { vec![] } else { vec![path(["scope"]), path(["scp"]), path(["client_id"])] };
    Mapping { scopes: vec![path(["scope"]), path(["scp"])], marks, ..Mapping::default() }
}
