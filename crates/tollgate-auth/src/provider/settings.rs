//! `[identity.issuers.NAME]`: a preset with its own keys, and those that all have.

use super::{At, Auth0, Cognito, Entra, Generic, Google, KeyFile, Keycloak, Okta, Provider, SharedSecret};
use crate::{Error, Result, token::MOST_SKEW};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, ops::Deref};
use tollgate_access::Grants;
use tollgate_core::Secret;

/// The settings of one issuer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IssuerSettings {
    /// Which provider it is, with the settings of that.
    pub preset: Preset,
    /// What is the same for all.
    pub common: Common,
}

/// What every issuer can be told.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Common {
    /// The most that its tokens may ever carry, as in `["read:*"]`. Default: no limit.
    pub permissions: Option<Vec<String>>,
    /// The public client that the page `/docs` is at the provider: single-page application, code with PKCE, sent back
    /// to `/docs/assets/oauth2-redirect.html`. Default: whoever signs in there types one.
    pub docs_client_id: Option<String>,
    /// The client that this app is at the provider, for signing people in with a browser. At Google and Cognito it is the
    /// preset's own `client_id`. Default: nobody signs in there.
    pub client_id: Option<String>,
    /// The secret of that client. Without it, the client is a public one; at Google and Cognito nobody then signs in.
    pub client_secret: Option<Secret>,
    /// Where the provider sends browsers back to: `/auth/callback` or `/auth/callback/NAME` of this app, as registered
    /// there. Two issuers need two. Default: `/auth/callback` below the public URL.
    pub redirect_uri: Option<String>,
    /// What a sign-in asks for. Default: `openid profile email`.
    pub scopes: Option<Many>,
    /// How long ago somebody may have proved to the provider who they are, in minutes. Default: that is its affair.
    pub max_age_minutes: Option<u32>,
    /// Whether signing out here signs out there as well (OpenID Connect RP-Initiated Logout); the home page must be
    /// registered there for coming back. Default: no.
    pub sign_out_there: bool,
    /// Roles that everybody whom it knows has, besides those that it names. Default: none.
    pub roles: Vec<String>,
    /// How far its clock may differ from ours, in seconds: 120 at most. Default: 30.
    pub clock_skew_seconds: Option<u64>,
}

/// The keys of [`Common`].
const COMMON: [&str; 10] = [
    "permissions",
    "docs_client_id",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scopes",
    "max_age_minutes",
    "sign_out_there",
    "roles",
    "clock_skew_seconds",
];
/// Presets whose tokens are for a client, which then is the one that signs people in.
const OF_CLIENTS: [&str; 2] = ["google", "cognito"];

/// Which provider an issuer is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "preset", rename_all = "lowercase")]
#[expect(missing_docs, reason = "each names its settings")]
#[non_exhaustive]
pub enum Preset {
    Okta(Okta),
    Auth0(Auth0),
    Google(Google),
    Entra(Entra),
    Cognito(Cognito),
    Keycloak(Keycloak),
    Generic(Generic),
    Keys(KeyFile),
    Secret(SharedSecret),
}

impl IssuerSettings {
    /// What they say about the issuer of that name.
    ///
    /// # Errors
    /// The setting that is wrong, and its remedy.
    pub fn provider(&self, name: &str) -> Result<Provider> {
        let at = At { name, signs_in: self.common.client_id.is_some() };
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
        if !is_name {
            let why = "its name is of small letters, digits, `-` and `_`, for it stands in the ids of its people";
            return Err(Error::Configuration(format!("identity.issuers.{name}: {why}")));
        }
        self.common.check(&at)?;
        let provider = match &self.preset {
            Preset::Okta(okta) => okta.provider(&at),
            Preset::Auth0(auth0) => auth0.provider(&at),
            Preset::Google(google) => google.provider(&at),
            Preset::Entra(entra) => entra.provider(&at),
            Preset::Cognito(cognito) => cognito.provider(&at),
            Preset::Keycloak(keycloak) => keycloak.provider(&at),
            Preset::Generic(generic) => generic.provider(&at),
            Preset::Keys(keys) => keys.provider(&at),
            Preset::Secret(secret) => secret.provider(&at),
        };
        let mut provider = Provider { name: name.to_owned(), common: self.common.clone(), ..provider? };
        if matches!(self.preset, Preset::Google(_) | Preset::Cognito(_)) && self.common.client_secret.is_some() {
            provider.common.client_id = provider.audiences.first().cloned();
        }
        if provider.common.client_id.is_some() && provider.keys.metadata().is_none() {
            return Err(at.wrong("client_id", "cannot sign people in: the issuer has no metadata"));
        }
        Ok(provider)
    }
}

impl Common {
    fn check(&self, at: &At<'_>) -> Result<()> {
        if self.clock_skew_seconds.is_some_and(|seconds| seconds > MOST_SKEW) {
            return Err(at.wrong("clock_skew_seconds", format!("is {MOST_SKEW} at most")));
        }
        match self.permissions.iter().flatten().find(|text| !Grants::is_permission(text)) {
            Some(bad) => {
                let remedy = "write `action:resource`, `action:resource:any` or `*`";
                Err(at.wrong("permissions", format!("`{bad}` is not a permission; {remedy}")))
            }
            None => Ok(()),
        }
    }

    /// The most that its tokens may carry.
    pub(super) fn limit(&self) -> Option<Grants> {
        self.permissions.as_ref().map(|most| Grants::of(most.iter().map(String::as_str)))
    }
}

impl<'de> Deserialize<'de> for IssuerSettings {
    /// Serde refuses unknown keys of a struct, but not of one that is part of another: so the common keys are taken out
    /// first, and named again where a key is unknown.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut own: Map<String, Value> = Map::deserialize(deserializer)?;
        let of_clients = own.get("preset").and_then(Value::as_str).is_some_and(|name| OF_CLIENTS.contains(&name));
        let common = COMMON.iter().filter(|key| !(of_clients && **key == "client_id"));
        let common: Map<_, _> = common.filter_map(|key| own.remove_entry(*key)).collect();
        let common = serde_json::from_value(Value::Object(common)).map_err(D::Error::custom)?;
        let known = |error: serde_json::Error| match error.to_string() {
            text if text.starts_with("unknown field") => {
                D::Error::custom(format!("{text}, `preset`, `{}`", COMMON.join("`, `")))
            }
            text => D::Error::custom(text),
        };
        Ok(Self { preset: serde_json::from_value(Value::Object(own)).map_err(known)?, common })
    }
}

impl JsonSchema for IssuerSettings {
    fn schema_name() -> Cow<'static, str> {
        "IssuerSettings".into()
    }

    /// The common keys, and one alternative for each preset.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Common::json_schema(generator);
        let presets = Preset::json_schema(generator).to_value()["oneOf"].take();
        let names: Vec<_> =
            presets.as_array().into_iter().flatten().map(|one| &one["properties"]["preset"]["const"]).collect();
        let said = names.iter().map(|name| format!("`{}`", name.as_str().unwrap_or_default())).collect::<Vec<_>>();
        let preset = json!({ "type": "string", "enum": names, "description": format!("Which provider it is: {}.", said.join(", ")) });
        let own = schema.get_mut("properties").and_then(Value::as_object_mut).map(std::mem::take).unwrap_or_default();
        let all: Map<_, _> = [("preset".to_owned(), preset)].into_iter().chain(own).collect();
        schema.insert("properties".into(), all.into());
        schema.insert("required".into(), json!(["preset"]));
        schema.insert("oneOf".into(), presets);
        schema
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(from = "OneOrMany")]
pub struct Many(Vec<String>);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Many {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

impl Deref for Many {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}
