//! Every setting of an app, with its default. `[server] port` is `MYAPI_SERVER__PORT` in the environment.

mod backend;
mod client;
mod lambda;
mod limits;
mod live;
mod load;
mod own;
mod server;
mod telemetry;

pub use backend::BackendSettings;
pub use client::Client;
pub use lambda::Lambda;
pub(crate) use lambda::RUNTIME_API;
pub use limits::{Cache, Limits, Redis};
pub use live::Live;
pub use own::Config;
pub(crate) use own::Section;
pub use server::Server;
pub use telemetry::{Format, MetricsAt, Telemetry};

use crate::secrets;
use axum::http::{Extensions, Uri};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, net::IpAddr, ops::RangeInclusive};
use tollgate_auth::{IssuerSettings, password::DEFAULT_SHORTEST, provider::Provider};
use tollgate_core::Secret;
use tollgate_telemetry::Recent;
use url::Url;

/// Every setting.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The environment, from `MYAPI_ENV`. Default: `dev`.
    #[serde(skip)]
    pub env: String,
    /// Where the app listens.
    pub server: Server,
    /// Where rows live.
    pub database: Database,
    /// Databases that resources name: `#[resource(…, database = "documents")]` is `[databases.documents]`. Where one
    /// is not configured, its resources live in the default database.
    pub databases: BTreeMap<String, Database>,
    /// Who may do what.
    pub access: Access,
    /// Who people are.
    pub identity: Identity,
    /// What is logged.
    pub log: Log,
    /// What is measured and traced.
    pub telemetry: Telemetry,
    /// What is kept of who did what.
    pub audit: Audit,
    /// Answers that are kept for others.
    pub cache: Cache,
    /// How often callers may ask.
    pub limits: Limits,
    /// Streams of changes: how many there may be, and how long a reader may be away.
    pub live: Live,
    /// What instances share.
    pub redis: Redis,
    /// Other APIs that the app asks, by the names that it gave them: `[backends.weather]`.
    pub backends: BTreeMap<String, BackendSettings>,
    /// What a gateway in front of AWS Lambda does to requests.
    pub lambda: Lambda,
    /// Secrets that are kept elsewhere.
    pub secrets: Secrets,
    /// What may be a mistake in them and need not be.
    #[serde(skip)]
    pub(crate) doubt: Option<String>,
    /// Groups of the app's own.
    #[serde(skip)]
    pub(crate) own: Extensions,
    /// Those secrets.
    #[serde(skip)]
    pub(crate) held: secrets::Secrets,
    /// What the developer's console shows, where there is one.
    #[serde(skip)]
    pub(crate) recent: Option<Recent>,
}

/// Where rows live.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Database {
    /// As in `sqlite:./data/app.db`, `postgres://user:password@host:5432/database?sslmode=verify-full` or, with the
    /// feature `mongodb`, `mongodb://user:password@host:27017/database`. Default: a file of the app's name in `./data`. In
    /// the environment `stage`, `database.stage` is the same and wins, so that one place may hold those of all environments.
    #[schemars(extend("x-by-environment" = true))]
    pub url: Option<Secret>,
    /// Parameters of the URL that are said apart from it, as in `{ schema = "myapi", statement_timeout = 10 }`:
    /// the URL may be a secret, and these need not be. Default: none.
    pub parameters: BTreeMap<String, Secret>,
    /// Whether missing tables, columns that may be empty, and indexes are added at the start. Default: yes in `dev`.
    pub additive: Option<bool>,
    /// Whether migrations that the database has not seen are applied at the start, where nothing is added by itself; of
    /// instances that start together, one does. Default: no, and the app does not start before they were applied by
    /// `migrate run`.
    pub migrate: bool,
}

/// Who may do what.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Access {
    /// What each role may do, as in `reader = ["read:movies"]`. Default: no roles.
    pub roles: BTreeMap<String, Vec<String>>,
    /// What anyone may do without signing in. Default: nothing.
    pub anyone: Vec<String>,
}

/// Who people are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Identity {
    /// Whether the app is its own identity provider. Default: yes in `dev`, no elsewhere.
    pub embedded: Option<bool>,
    /// Identity providers whose tokens are trusted: `[identity.issuers.okta]` with `preset = "okta"` and the settings of
    /// that preset. The name stands in the ids of their people (`okta|…`), so it stays.
    pub issuers: BTreeMap<String, IssuerSettings>,
    /// How long an access token is good, in minutes, 1 to 1440. Default: 60.
    pub access_token_minutes: u32,
    /// How long somebody stays signed in in a browser, in hours, 1 to 8784. Default: 12.
    pub session_hours: u32,
    /// How long a key signs tokens before the next one does, in days, 1 to 36,500. Default: 90.
    pub signing_key_days: u32,
    /// Whether `POST /token` takes a name and a password. Only on loopback or with TLS. Default: no.
    pub password_grant: bool,
    /// The role of a user who is given none. Default: none.
    pub default_role: Option<String>,
    /// The applications that may ask the embedded issuer for tokens, besides the app's own pages. More can be added with
    /// the command `client add`. Default: none.
    pub clients: Vec<Client>,
    /// The roles whose users need a second factor, as in `["admin"]`: without one they are asked to set it up when they sign
    /// in. That is for users of the app itself: people of other issuers show there what is asked there, and an API key asks
    /// for no code. Default: none.
    pub second_factor: Vec<String>,
    /// The fewest characters of a password: 8 to 128. Default: 15.
    pub shortest_password: usize,
    /// Users for trying things out, with passwords that are no secret. Only in `dev`, and only where the address and
    /// the public URL are this machine's; where a proxy stands before it (`server.proxies`), the URL must be said.
    pub demo_users: Vec<DemoUser>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            embedded: None,
            issuers: BTreeMap::new(),
            access_token_minutes: 60,
            session_hours: 12,
            signing_key_days: 90,
            password_grant: false,
            default_role: None,
            second_factor: vec![],
            shortest_password: DEFAULT_SHORTEST,
            clients: vec![],
            demo_users: vec![],
        }
    }
}

impl Identity {
    /// Refuses what is out of bounds.
    fn check(&self) -> Result<(), String> {
        let shortest = u32::try_from(self.shortest_password).unwrap_or(u32::MAX);
        let bounds = [
            ("access_token_minutes", self.access_token_minutes, 1..=1440),
            ("session_hours", self.session_hours, 1..=24 * 366),
            ("signing_key_days", self.signing_key_days, 1..=MOST_DAYS),
            ("shortest_password", shortest, 8..=128),
        ];
        check_bounds("identity", bounds)
    }
}

/// A user for trying things out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DemoUser {
    /// How they are called.
    pub name: String,
    /// How they sign in.
    pub email: String,
    /// What everybody may know.
    pub password: String,
    /// Their roles.
    pub roles: Vec<String>,
}

/// What is logged.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Log {
    /// A filter such as `info,tollgate::request=debug`, or `info,tollgate::request=off` for none of the lines that each
    /// request is; `RUST_LOG` wins unless it is empty. Each part is a level, or a target and its level. Default: the first
    /// of them in `dev`, `info` elsewhere.
    pub filter: Option<String>,
    /// What a line looks like: `text`, for people, or `json`, with the names of the Elastic Common Schema. Default: `text`
    /// in `dev`, `json` elsewhere.
    pub format: Option<Format>,
}

/// What is kept of who did what.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Audit {
    /// For how many days events are kept, 1 to 36,500. Default: for ever.
    pub keep_days: Option<u32>,
}

/// Secrets that are kept elsewhere.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Secrets {
    /// How often they are looked up again, in seconds; 0 for never. New connections to PostgreSQL sign in with the new
    /// password, and issuers and clients have their new secrets, without a restart. Default: 300.
    pub refresh_seconds: u32,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { refresh_seconds: 300 }
    }
}

/// The longest time that is kept in mind, in days: a hundred years.
const MOST_DAYS: u32 = 36_500;

/// Schemes of the OpenAPI document that are no issuer of the settings.
const OWN_SCHEMES: [&str; 3] = ["oauth2", "bearer", "api_key"];

impl Settings {
    /// Whether this is a developer's machine.
    pub fn is_dev(&self) -> bool {
        self.env == "dev"
    }

    /// Whether only this machine reaches the app. In AWS Lambda a gateway does, wherever it would listen; and what a proxy
    /// forwards comes from others, unless its address is said to be on this machine too.
    pub(crate) fn is_on_loopback(&self) -> bool {
        let is_behind_others = self.server.proxies > 0 && !self.is_public_here();
        !self.lambda.is_here && !is_behind_others && is_loopback(&self.server.host)
    }

    /// Whether `server.public_url` is said, and is on this machine.
    fn is_public_here(&self) -> bool {
        let url: Option<Uri> = self.server.public_url.as_deref().and_then(|url| url.parse().ok());
        url.and_then(|url| url.host().map(is_loopback)).unwrap_or_default()
    }

    /// The origin that people and programs use.
    pub(crate) fn public_url(&self) -> String {
        let Server { host, port, public_url, tls, .. } = &self.server;
        if let Some(url) = public_url {
            // As browsers write it: a scheme and a host know no case, and nobody says the port that goes without saying.
            return Url::parse(url).map_or_else(|_| url.clone(), |url| url.origin().ascii_serialization());
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        match host.parse::<IpAddr>() {
            // Listening everywhere is no address: a developer's browser is on this machine.
            Ok(address) if address.is_unspecified() => format!("{scheme}://localhost:{port}"),
            Ok(IpAddr::V6(address)) => format!("{scheme}://[{address}]:{port}"),
            _ => format!("{scheme}://{host}:{port}"),
        }
    }

    /// Whether missing tables and columns are added to that database at the start.
    pub(crate) fn is_additive(&self, database: &Database) -> bool {
        database.additive.unwrap_or(self.is_dev())
    }

    /// What is said about the database of that name, or the default one.
    pub(crate) fn of_database(&self, name: Option<&str>) -> &Database {
        name.and_then(|name| self.databases.get(name)).unwrap_or(&self.database)
    }

    /// Refuses what would be open by accident.
    ///
    /// # Errors
    /// One line that names the setting and the remedy.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.server.check(self.is_dev())?;
        self.live.check()?;
        self.identity.check()?;
        check_bounds("audit", [("keep_days", self.audit.keep_days.unwrap_or(1), 1..=MOST_DAYS)])?;
        self.lambda.check()?;
        let is_tls = self.public_url().starts_with("https://");
        let is_private = is_tls || self.is_on_loopback();
        if !self.has_embedded_issuer() && self.identity.issuers.is_empty() {
            return Err(format!(
                "no issuer is configured, so nobody could be recognised in `{}`: name one in [identity.issuers], or set \
                 identity.embedded = true to let the app be its own identity provider",
                self.env
            ));
        }
        let in_the_clear = |provider: &&Provider| !self.is_dev() && !provider.is_secure();
        if let Some(provider) = self.providers()?.iter().find(in_the_clear) {
            return Err(format!(
                "identity.issuers.{} is asked for its keys in the clear, which is for `dev` alone: give it an https:// \
                 address",
                provider.name
            ));
        }
        if self.has_embedded_issuer() && !self.is_dev() && !is_private {
            return Err(format!(
                "the embedded issuer needs TLS in `{}`: set server.public_url to its https:// address",
                self.env
            ));
        }
        if self.identity.password_grant && !is_private {
            return Err("identity.password_grant sends passwords in the clear here: turn it off, listen on loopback \
                        without a proxy (server.proxies), or set server.public_url to an https:// address"
                .into());
        }
        Ok(())
    }

    /// The issuers that are named.
    ///
    /// # Errors
    /// What is wrong with which setting.
    pub(crate) fn providers(&self) -> Result<Vec<Provider>, String> {
        if let Some(name) = self.identity.issuers.keys().find(|name| OWN_SCHEMES.contains(&name.as_str())) {
            return Err(format!("identity.issuers.{name}: the OpenAPI document has that name already; choose another"));
        }
        let each =
            |(name, issuer): (&String, &IssuerSettings)| issuer.provider(name).map_err(|error| error.to_string());
        self.identity.issuers.iter().map(each).collect()
    }

    /// Whether the app is its own identity provider.
    pub(crate) fn has_embedded_issuer(&self) -> bool {
        self.identity.embedded.unwrap_or(self.is_dev())
    }

    /// Whether users whose passwords are no secret may come in. The issuer refuses `http` for any origin that is not on
    /// loopback.
    pub(crate) fn allows_demo_users(&self) -> bool {
        self.is_local_dev() && self.has_embedded_issuer()
    }

    /// Whether nobody but a developer on this machine gets here.
    pub(crate) fn is_local_dev(&self) -> bool {
        self.is_dev() && self.is_on_loopback() && self.public_url().starts_with("http://")
    }

    /// The demo users, where they may exist.
    pub(crate) fn demo_users(&self) -> &[DemoUser] {
        if self.allows_demo_users() { &self.identity.demo_users } else { &[] }
    }
}

/// Refuses what is out of bounds.
fn check_bounds<const N: usize>(group: &str, bounds: [(&str, u32, RangeInclusive<u32>); N]) -> Result<(), String> {
    match bounds.into_iter().find(|(_, value, range)| !range.contains(value)) {
        Some((name, value, range)) => {
            Err(format!("{group}.{name} is {value}: choose {} to {}", range.start(), range.end()))
        }
        None => Ok(()),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
