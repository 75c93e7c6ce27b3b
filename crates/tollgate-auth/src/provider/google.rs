//! Google: its access tokens are opaque, so its ID tokens are accepted, which say who and nothing more.

use super::{At, Endpoints, KeySource, Many, Mapping, Provider, mapping::Demand};
use crate::{
    Result,
    token::{Algorithm, Type},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The settings of Google.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Google {
    /// The client ids whose ID tokens are accepted, as in `1234-abc.apps.googleusercontent.com`.
    #[serde(default)]
    pub client_id: Many,
    /// The Workspace domains whose people are accepted (`hd`). Default: anybody with a Google account.
    #[serde(default)]
    pub hosted_domain: Many,
}

const ISSUER: &str = "https://accounts.google.com";

impl Google {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let audiences = at.some("client_id", &self.client_id, "the client id at Google")?;
        let demands =
            if self.hosted_domain.is_empty() { vec![] } else { vec![Demand::any(["hd"]).among(&self.hosted_domain)] };
        let mapping = Mapping {
            scopes: vec![],
            permissions: vec![],
            roles: vec![],
            demands: demands.clone(),
            foreign: vec!["events".into(), "cnf".into()],
            types: vec![Type::Absent, Type::Jwt],
            ..Mapping::default()
        };
        let mut provider =
            Provider::new(ISSUER, audiences, &[Algorithm::RS256], mapping, KeySource::published_by(ISSUER));
        provider.realms[0].aliases.push("accounts.google.com".into());
        provider.realms[0].id_tokens = demands;
        let endpoints =
            Endpoints::new("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token");
        Ok(Provider { endpoints: Some(endpoints), permission_scopes: None, id_tokens: true, ..provider })
    }
}
