//! Auth0: a tenant's domain, or its custom one.
//!
//! Permissions are a list, where the API adds them; roles are in the claim that an action adds under a URL. Access tokens
//! name the client in `azp`, or in `client_id` where the API uses the profile of RFC 9068; ID tokens do neither.

use super::{At, Endpoints, KeySource, Many, Mapping, Provider, mapping::Demand, mapping::path};
use crate::{Result, token::Algorithm};
use schemars::JsonSchema;
use serde::Deserialize;

/// The settings of an Auth0 tenant.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth0 {
    /// The tenant's domain, as in `example.eu.auth0.com`, or the custom one.
    pub domain: String,
    /// The identifiers of the APIs that this app is.
    #[serde(default)]
    pub audience: Many,
    /// The claim that holds roles, as in `https://example.com/roles`. Default: none.
    pub role_claim: Option<String>,
    /// The client ids whose tokens are accepted. Default: all of the tenant's.
    #[serde(default)]
    pub clients: Many,
}

impl Auth0 {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let base = at.host("domain", &self.domain)?;
        let audiences = at.audiences(&self.audience, "the identifier of the API at Auth0")?;
        let mapping = Mapping {
            permissions: vec![path(["permissions"])],
            roles: self.role_claim.iter().map(|claim| path([claim])).collect(),
            demands: vec![Demand::any(["azp", "client_id"]).among(&self.clients)],
            ..Mapping::default()
        };
        let issuer = format!("{base}/");
        let endpoints = Endpoints::new(&format!("{base}/authorize"), &format!("{base}/oauth/token"));
        Ok(Provider {
            // Without it, Auth0 answers with a token for itself.
            endpoints: Some(audiences.iter().take(1).fold(endpoints, |all, first| all.asking("audience", first))),
            ..Provider::new(
                &issuer,
                audiences,
                &[Algorithm::RS256, Algorithm::PS256],
                mapping,
                KeySource::published_by(&issuer),
            )
        })
    }
}
