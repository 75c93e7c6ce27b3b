//! Which issuers are trusted, as the settings name them, and how each differs from the standards.
//!
//! ```text
//! settings.rs   [identity.issuers.NAME] → a preset and what is common to all
//! okta.rs auth0.rs google.rs entra.rs cognito.rs keycloak.rs     a preset each: its settings → a Provider
//! generic.rs    any issuer with metadata        fixed.rs    one without: a file of keys, or a shared secret
//! mapping.rs    where a provider puts what we need
//! metadata.rs   where everything is, asked of the provider
//! issuers.rs    all of them at work: what the gate trusts, whether there are keys       people.rs   who their people are
//! ```
//!
//! A [`Provider`] is everything that is known without asking: the OpenAPI document and the checks of the settings need
//! no network.

mod auth0;
mod cognito;
mod entra;
mod fixed;
mod generic;
mod google;
mod issuers;
mod keycloak;
mod mapping;
mod metadata;
mod okta;
mod people;
mod settings;

pub use auth0::Auth0;
pub use cognito::Cognito;
pub use entra::Entra;
pub use fixed::{KeyFile, SharedSecret};
pub use generic::Generic;
pub use google::Google;
pub use issuers::{Issuer, Issuers};
pub use keycloak::Keycloak;
pub use mapping::{Demand, Mapping, Path};
pub use metadata::{Metadata, MetadataError, Published};
pub use okta::Okta;
pub(crate) use people::Told;
pub use settings::{Common, IssuerSettings, Many, Preset};

use crate::{Error, Result, outgoing::Place, token::Algorithm};
use std::{fmt::Display, path::PathBuf};
use tollgate_core::Secret;

/// Algorithms with a public key.
const ASYMMETRIC: [Algorithm; 10] = {
    use Algorithm::{ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA]
};

/// A provider, as far as it is known without asking it.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in the settings, which stands in the ids of its people.
    pub name: String,
    /// Its issuers: one, or each tenant's.
    pub realms: Vec<Realm>,
    /// Tokens for one of these are for us.
    pub audiences: Vec<String>,
    /// How its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: KeySource,
    /// Where people sign in, if that is known without asking.
    pub endpoints: Option<Endpoints>,
    /// What stands before a permission in a scope; `None` if scopes of the provider are no permissions.
    pub permission_scopes: Option<String>,
    /// Whether its ID tokens are what bearers bring.
    pub id_tokens: bool,
    /// What is said about any issuer.
    pub common: Common,
}

/// An issuer by its names.
#[derive(Debug, Clone)]
pub struct Realm {
    /// The `iss` of its tokens.
    pub name: String,
    /// Other names of the same issuer.
    pub aliases: Vec<String>,
    /// What else its keys may be marked with, where a set holds those of several issuers.
    pub signers: Vec<String>,
    /// Where its access tokens have what we need.
    pub mapping: Mapping,
    /// What tells its ID tokens from its other tokens.
    pub id_tokens: Vec<Demand>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// Where its metadata says.
    Published {
        /// The metadata is below this address, which is the issuer but for Entra ID.
        at: String,
        /// What the metadata must name as its issuer, exactly.
        issuer: String,
    },
    /// In a file.
    File(PathBuf),
    /// Both sides know it.
    Secret(Secret),
}

/// Where people sign in.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Where a browser is sent to (RFC 6749, 3.1).
    pub authorize: String,
    /// Where a code becomes a token (RFC 6749, 3.2).
    pub token: String,
    /// What the provider wants in the first of these requests besides.
    pub parameters: Vec<(String, String)>,
}

impl Endpoints {
    fn new(authorize: &str, token: &str) -> Self {
        Self { authorize: authorize.to_owned(), token: token.to_owned(), parameters: vec![] }
    }

    fn asking(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl KeySource {
    fn published_by(issuer: &str) -> Self {
        Self::Published { at: issuer.to_owned(), issuer: issuer.to_owned() }
    }

    /// Where OpenID Connect puts the metadata (Discovery, 4).
    pub fn metadata(&self) -> Option<String> {
        let Self::Published { at, .. } = self else { return None };
        Some(format!("{}/.well-known/openid-configuration", at.trim_end_matches('/')))
    }
}

impl Provider {
    fn new(issuer: &str, audiences: Vec<String>, algorithms: &[Algorithm], mapping: Mapping, keys: KeySource) -> Self {
        Self::of(
            vec![Realm { name: issuer.to_owned(), aliases: vec![], signers: vec![], mapping, id_tokens: vec![] }],
            audiences,
            algorithms,
            keys,
        )
    }

    fn of(realms: Vec<Realm>, audiences: Vec<String>, algorithms: &[Algorithm], keys: KeySource) -> Self {
        Self {
            name: String::new(),
            realms,
            audiences,
            algorithms: algorithms.to_vec(),
            keys,
            endpoints: None,
            permission_scopes: Some(String::new()),
            id_tokens: false,
            common: Common::default(),
        }
    }

    /// Whether all that is asked of it goes through TLS, or nothing is asked.
    pub fn is_secure(&self) -> bool {
        self.keys.metadata().is_none_or(|address| address.starts_with("https://"))
    }
}

/// Names settings of one issuer in errors: `identity.issuers.okta.domain …`.
pub(crate) struct At<'a> {
    name: &'a str,
    /// Whether people sign in there, so that no token has to be for this app.
    signs_in: bool,
}

impl At<'_> {
    fn wrong(&self, key: &str, why: impl Display) -> Error {
        Error::Configuration(format!("identity.issuers.{}.{key} {why}", self.name))
    }

    /// An address.
    fn place(&self, key: &str, text: &str) -> Result<Place> {
        Place::new(text).map_err(|why| self.wrong(key, why))
    }

    /// A host: as such, or as an origin with its scheme. Answers the origin.
    fn host(&self, key: &str, text: &str) -> Result<String> {
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let place = self.place(key, &url)?;
        let alone = place.url().path() == "/" && place.url().query().is_none();
        if alone { Ok(place.origin()) } else { Err(self.wrong(key, "must be a host alone, as in `example.com`")) }
    }

    /// A name that stands in a URL or a token: something, and nothing that ends it.
    fn word<'t>(&self, key: &str, text: &'t str) -> Result<&'t str> {
        let good = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if good { Ok(text) } else { Err(self.wrong(key, "must be a name without white space")) }
    }

    /// The audiences of access tokens: none only where people sign in, and then no token comes in.
    fn audiences(&self, texts: &[String], what: &str) -> Result<Vec<String>> {
        if texts.is_empty() && self.signs_in { Ok(vec![]) } else { self.some("audience", texts, what) }
    }

    /// At least one, and none that is empty.
    fn some(&self, key: &str, texts: &[String], what: &str) -> Result<Vec<String>> {
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            return Err(self.wrong(key, format!("is missing: set it to {what}")));
        }
        Ok(texts.to_vec())
    }
}
