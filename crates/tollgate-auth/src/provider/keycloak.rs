//! Keycloak: a realm, and the client that this app is in it.
//!
//! The kind of a token is a claim (`typ`). Roles are those of the realm and of the client; a role of the client that is
//! written as a permission (`read:movies`) is one.

use super::{ASYMMETRIC, At, Endpoints, KeySource, Many, Mapping, Provider, mapping::Demand, mapping::path};
use crate::Result;
use schemars::JsonSchema;
use serde::Deserialize;

/// The settings of a Keycloak realm.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keycloak {
    /// Where Keycloak is, as in `https://keycloak.example.com`.
    pub url: String,
    /// The realm.
    pub realm: String,
    /// The client that this app is: whose roles count.
    pub client: String,
    /// The `aud` of access tokens. Default: the client.
    #[serde(default)]
    pub audience: Many,
}

impl Keycloak {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let url = at.place("url", &self.url)?;
        let issuer = format!("{}/realms/{}", url.url().as_str().trim_end_matches('/'), at.word("realm", &self.realm)?);
        let client = at.word("client", &self.client)?;
        let audiences = if self.audience.is_empty() { vec![client.to_owned()] } else { self.audience.to_vec() };
        let of_client = path(["resource_access", client, "roles"]);
        let mapping = Mapping {
            permissions: vec![of_client.clone()],
            roles: vec![path(["realm_access", "roles"]), of_client],
            demands: vec![Demand::is("typ", "Bearer")],
            ..Mapping::default()
        };
        let oauth = format!("{issuer}/protocol/openid-connect");
        let endpoints = Some(Endpoints::new(&format!("{oauth}/auth"), &format!("{oauth}/token")));
        let mut provider = Provider::new(&issuer, audiences, &ASYMMETRIC, mapping, KeySource::published_by(&issuer));
        provider.realms[0].id_tokens.push(Demand::is("typ", "ID"));
        Ok(Provider { endpoints, ..provider })
    }
}
