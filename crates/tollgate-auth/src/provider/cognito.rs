//! Amazon Cognito: a user pool.
//!
//! Access tokens name the client in place of an audience, and say that they are access tokens. Scopes of one's own stand
//! behind the name of a resource server (`movies/read:movies`); roles are the pool's groups.

use super::{At, Endpoints, KeySource, Many, Mapping, Provider, mapping::Demand, mapping::path};
use crate::{Result, token::Algorithm};
use schemars::JsonSchema;
use serde::Deserialize;

/// The settings of a Cognito user pool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cognito {
    /// The pool's id, which begins with its region: `eu-west-1_AbCdEfGhI`.
    pub user_pool: String,
    /// The app clients whose tokens are accepted.
    #[serde(default)]
    pub client_id: Many,
    /// The identifier of the resource server that stands before scopes. Default: none.
    pub resource_server: Option<String>,
    /// The host that people sign in at, for `/docs`: `example.auth.eu-west-1.amazoncognito.com`, or one's own.
    pub domain: Option<String>,
}

impl Cognito {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let pool = at.word("user_pool", &self.user_pool)?;
        let region = pool.split_once('_').map(|(region, _)| region).filter(|region| region.contains('-'));
        let region = region.ok_or_else(|| at.wrong("user_pool", "is like `eu-west-1_AbCdEfGhI`"))?;
        let issuer = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
        let clients = at.some("client_id", &self.client_id, "the id of the app client")?;
        let prefix = self.resource_server.as_ref().map(|server| format!("{server}/")).unwrap_or_default();
        let mapping = Mapping {
            audience: path(["client_id"]),
            scope_prefix: prefix.clone(),
            permissions: vec![],
            roles: vec![path(["cognito:groups"])],
            demands: vec![Demand::is("token_use", "access")],
            ..Mapping::default()
        };
        let host = self.domain.as_ref().map(|domain| at.host("domain", domain)).transpose()?;
        let endpoints =
            host.map(|base| Endpoints::new(&format!("{base}/oauth2/authorize"), &format!("{base}/oauth2/token")));
        let keys = KeySource::published_by(&issuer);
        let mut provider = Provider::new(&issuer, clients, &[Algorithm::RS256], mapping, keys);
        provider.realms[0].id_tokens.push(Demand::is("token_use", "id"));
        Ok(Provider { endpoints, permission_scopes: Some(prefix), ..provider })
    }
}
