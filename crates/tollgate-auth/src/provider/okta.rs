//! Okta: an organisation's host, or its custom domain, and an authorization server in it.
//!
//! Scopes are a list in `scp`; roles are the groups that a claim `groups` names. Only access tokens have `cid`.
//!
//! A person is `uid`: the `sub` of an access token is a login, which people change and pass on; that of an ID token is the
//! same as `uid`. A client without a person has `sub` alone.

use super::{At, Endpoints, KeySource, Many, Mapping, Provider, mapping::Demand, mapping::path};
use crate::{Result, token::Algorithm};
use schemars::JsonSchema;
use serde::Deserialize;

/// The settings of an Okta organisation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Okta {
    /// The host, as in `dev-123456.okta.com`, or the custom domain.
    pub domain: String,
    /// The id of the authorization server. `org` is the organisation itself: it signs people in, but its access tokens
    /// are for Okta alone. Default: `default`.
    #[serde(default = "default_server")]
    pub authorization_server: String,
    /// The `aud` of its access tokens. Default: `api://default` for the server `default`, else it must be said.
    #[serde(default)]
    pub audience: Many,
}

fn default_server() -> String {
    "default".into()
}

impl Okta {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let base = at.host("domain", &self.domain)?;
        let (issuer, oauth) = match self.authorization_server.as_str() {
            "org" => (base.clone(), format!("{base}/oauth2")),
            id => (format!("{base}/oauth2/{}", at.word("authorization_server", id)?), format!("{base}/oauth2/{id}")),
        };
        let audiences = match (self.audience.is_empty(), self.authorization_server.as_str()) {
            (true, "default") => vec!["api://default".to_owned()],
            _ => at.audiences(&self.audience, "the audience of the authorization server, as in `api://movies`")?,
        };
        let mapping = Mapping {
            subject: vec![vec![path(["uid"]), path(["sub"])]],
            scopes: vec![path(["scp"])],
            permissions: vec![],
            roles: vec![path(["groups"])],
            demands: vec![Demand::any(["cid"])],
            ..Mapping::default()
        };
        Ok(Provider {
            endpoints: Some(Endpoints::new(&format!("{oauth}/v1/authorize"), &format!("{oauth}/v1/token"))),
            ..Provider::new(&issuer, audiences, &[Algorithm::RS256], mapping, KeySource::published_by(&issuer))
        })
    }
}
