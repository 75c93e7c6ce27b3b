//! `[[identity.clients]]`: the applications that may ask the embedded issuer for tokens.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_auth::{Client as Known, ClientKind};
use tollgate_core::Secret;

/// An application that may ask for tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// Its name for people. Default: the id.
    pub name: Option<String>,
    /// `public` (a page in a browser), `native` (an app on a device), `confidential` (a server that people use) or
    /// `machine` (a program without people).
    pub kind: String,
    /// What it proves itself with, 32 characters or more: for `confidential` and `machine`.
    pub secret: Option<Secret>,
    /// Where it may be sent back to, compared byte for byte; on a loopback address, `native` ones may have any port.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where it may be sent after somebody signed out, compared byte for byte.
    #[serde(default)]
    pub logout_uris: Vec<String>,
    /// What it may do in its own name, as in `read:movies`: for `confidential` and `machine`. Default: nothing.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Whether it gets a refresh token without asking for `offline_access`. Default: no.
    #[serde(default)]
    pub offline: bool,
    /// Whether it is somebody else's, so that people are asked first. Default: no.
    #[serde(default)]
    pub third_party: bool,
    /// Whether it may ask for codes without PKCE: only for a `confidential` one that cannot do better. Default: no.
    #[serde(default)]
    pub insecure_without_pkce: bool,
}

impl Client {
    /// As the issuer wants it.
    ///
    /// # Errors
    /// One line: what is wrong with which client.
    pub(crate) fn read(&self) -> Result<Known, String> {
        let kind: ClientKind = self.kind.parse().map_err(|why| format!("identity.clients, {}: {why}", self.id))?;
        let client = Known {
            redirect_uris: self.redirect_uris.clone(),
            logout_uris: self.logout_uris.clone(),
            permissions: self.permissions.clone(),
            offline: self.offline,
            third_party: self.third_party,
            insecure_without_pkce: self.insecure_without_pkce,
            ..Known::new(&self.id, self.name.as_ref().unwrap_or(&self.id), kind)
        };
        let Some(secret) = &self.secret else { return Ok(client) };
        client.with_secret(secret).map_err(|error| format!("identity.clients: {error}"))
    }
}
