//! Microsoft Entra ID: one tenant, or several that are named.
//!
//! A tenant has two issuers, for tokens of version 1 and 2. Both are accepted: which one an API gets is a line in its
//! registration that clients cannot change. Each tenant is an issuer of its own here, bound to its id in `tid`, so that no
//! tenant speaks for another; keys come from the tenant, or for several from the set that Microsoft publishes for all
//! organisations, whose metadata names its issuer with a placeholder. A key of that set that is marked as one tenant's
//! signs for no other.
//!
//! A person is `tid` and `oid`: `sub` differs from client to client. Only access tokens name a client (`azp`, `appid`).

use super::{At, Endpoints, KeySource, Many, Mapping, Provider, Realm, mapping::Demand, mapping::path};
use crate::{Result, token::Algorithm};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

/// The settings of Microsoft Entra ID.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entra {
    /// The ids of the tenants whose tokens are accepted.
    #[serde(default)]
    pub tenant: Many,
    /// The API's client id, and its URI (`api://…`) where tokens of version 1 may come.
    #[serde(default)]
    pub audience: Many,
    /// The host that people sign in at. Default: `login.microsoftonline.com`.
    pub host: Option<String>,
}

const HOST: &str = "login.microsoftonline.com";
/// The issuer of every tenant, as the metadata for all organisations names it.
const ANY_TENANT: &str = "{tenantid}";

impl Entra {
    pub(super) fn provider(&self, at: &At<'_>) -> Result<Provider> {
        let base = at.host("host", self.host.as_deref().unwrap_or(HOST))?;
        let tenants = at.some("tenant", &self.tenant, "the id of the tenant")?;
        if let Some(other) = tenants.iter().find(|tenant| Uuid::try_parse(tenant).is_err()) {
            let why = "is no id of a tenant; list the ids of all tenants whose tokens are accepted";
            return Err(at.wrong("tenant", format!("`{other}` {why}")));
        }
        let audiences = at.audiences(&self.audience, "the client id of the API's registration")?;
        let v2 = |tenant: &str| format!("{base}/{tenant}/v2.0");
        let (shared, named) = match &tenants[..] {
            [tenant] => (tenant.as_str(), v2(tenant)),
            _ => ("organizations", v2(ANY_TENANT)),
        };
        let realms = tenants.iter().map(|tenant| Realm {
            name: v2(tenant),
            aliases: vec![format!("https://sts.windows.net/{tenant}/")],
            signers: vec![v2(ANY_TENANT), format!("https://sts.windows.net/{ANY_TENANT}/")],
            mapping: mapping(tenant),
            id_tokens: vec![Demand::is("tid", tenant)],
        });
        let realms = realms.collect();
        let keys = KeySource::Published { at: v2(shared), issuer: named };
        let api = audiences.iter().find(|audience| audience.contains("://"));
        let own = || audiences.first().map(|id| format!("api://{id}/"));
        let scopes = api.map(|api| format!("{api}/")).or_else(own);
        let oauth = format!("{base}/{shared}/oauth2/v2.0");
        Ok(Provider {
            endpoints: Some(Endpoints::new(&format!("{oauth}/authorize"), &format!("{oauth}/token"))),
            permission_scopes: scopes,
            ..Provider::of(realms, audiences, &[Algorithm::RS256], keys)
        })
    }
}

fn mapping(tenant: &str) -> Mapping {
    Mapping {
        subject: vec![vec![path(["tid"])], vec![path(["oid"])]],
        scopes: vec![path(["scp"])],
        permissions: vec![],
        demands: vec![Demand::is("tid", tenant), Demand::any(["azp", "appid"])],
        ..Mapping::default()
    }
}
