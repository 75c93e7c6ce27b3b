//! Identity as a whole: what an app starts, and what it gets from it.
//!
//! ```
//! # use std::{collections::BTreeMap, sync::Arc};
//! # use tollgate_auth::{Identity, IdentityConfig};
//! # use tollgate_access::Roles;
//! # use tollgate_core::{Secret, SystemClock};
//! # use tollgate_http::pages::{Pages, Site};
//! # use tollgate_store::{Database, Memory};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let roles = Roles::new(&BTreeMap::from([("reader".into(), vec!["read:movies".into()])]), &[])?;
//! let config = IdentityConfig::new("http://127.0.0.1:8000", Arc::new(roles));
//! let (database, pages) = (Arc::new(Memory::default()), Arc::new(Pages::new(Site::default())));
//! database.prepare(&Identity::tables(), true).await?;
//! let identity = Identity::start(config, database, Arc::new(SystemClock::default()), pages).await?;
//!
//! identity.create_user("Rea Oku", "rea@example.test", &Secret::from("correct horse"), &["reader".into()]).await?;
//! let token = identity.issue_token("rea@example.test").await?;
//! # assert_eq!(token.split('.').count(), 3);
//! # Ok(()) }
//! ```

use crate::{
    error::{Error, Result},
    issuer::{
        self, AuthorizationCode, Codes, IdentityConfig, Keyring, Mint, RefreshFamily, StoredFamilies, StoredKey,
        refresh::Refresh,
    },
    provider,
    records::Records,
    sign_in::{self, Origins, Session, Sessions},
    token::{Algorithm, Gate, TrustedIssuer, Type, Verified},
    users::{CreateUserError, PROVIDER, User, Users},
};
use axum::{Router, http::HeaderMap};
use std::{fmt, sync::Arc};
use tollgate_access::{Actor, Grants, Identity as Person, Roles};
use tollgate_core::{Clock, Secret};
use tollgate_http::{
    Authenticate,
    pages::{self, Pages},
};
use tollgate_store::{Database, Resource, Table};

/// How many verified tokens are remembered: some 30 MB when full.
pub(crate) const REMEMBERED: usize = 20_000;
/// The `client_id` of tokens that the command line makes.
const COMMAND_LINE: &str = "cli";

/// Who is calling, answered by the embedded issuer and its sessions. Cheap to clone.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<Issuer>);

/// The embedded issuer. Nothing here changes after the start.
pub(crate) struct Issuer {
    pub(crate) config: IdentityConfig,
    pub(crate) origins: Origins,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) codes: Codes,
    pub(crate) refresh: Refresh<StoredFamilies>,
    pub(crate) mint: Mint,
    pub(crate) gate: Gate,
    pub(crate) pages: Arc<Pages>,
    /// Whoever says nothing about who they are.
    pub(crate) anyone: Actor,
}

impl Identity {
    /// The tables that must be [prepared](Database::prepare) before [`start`](Self::start).
    pub fn tables() -> [&'static Table; 5] {
        [User::TABLE, Session::TABLE, StoredKey::TABLE, AuthorizationCode::TABLE, RefreshFamily::TABLE]
    }

    /// Reads the keys from the database, or makes them at the first start, which takes up to a second.
    ///
    /// # Errors
    /// A configuration that contradicts itself, a database that refuses, a damaged key.
    pub async fn start(
        config: IdentityConfig,
        database: Arc<dyn Database>,
        clock: Arc<dyn Clock>,
        pages: Arc<Pages>,
    ) -> Result<Self> {
        let origins = Origins::of(&config.issuer)?;
        let config = config.checked(&origins)?;
        let keys = Keyring::open(&Records::new(&database, &clock, "the issuer keeps its keys")).await?;
        let families = StoredFamilies::new(&database, &clock);
        let issuer = Issuer {
            users: Users::new(&database, &clock, &config),
            sessions: Sessions::new(&database, &clock, config.session_lifetime, origins.is_secure()),
            codes: Codes::new(&database, &clock, config.access_lifetime),
            refresh: Refresh::new(families, &keys.secret_for("refresh")),
            gate: gate(&config, &origins, &keys, &clock)?,
            mint: Mint {
                issuer: origins.issuer().to_owned(),
                audience: config.audience.clone(),
                lifetime: config.access_lifetime,
                keys,
                clock: Arc::clone(&clock),
            },
            anyone: Person::anyone().grants(config.roles.anyone()).into(),
            config,
            origins,
            clock,
            pages,
        };
        Ok(Self(Arc::new(issuer)))
    }

    /// Recognises callers, for the edge.
    pub fn authenticator(&self) -> Arc<dyn Authenticate> {
        Arc::new(self.clone())
    }

    /// The routes of the issuer and of the sign-in page.
    pub fn router(&self) -> Router {
        issuer::router(self.0.config.password_grant).merge(sign_in::router()).with_state(Arc::clone(&self.0))
    }

    /// Adds a user. Without roles, they get the configured default.
    ///
    /// # Errors
    /// The address is taken, the password unfit, a role unknown, the name or the address none.
    pub async fn create_user(
        &self,
        name: &str,
        email: &str,
        password: &Secret,
        roles: &[String],
    ) -> Result<User, CreateUserError> {
        self.0.users.create(name, email, password, roles, false).await
    }

    /// Adds a user unless somebody has that address, who then stays as they are. They come in only where
    /// [demonstrations](IdentityConfig::demo_users) are allowed, whatever database they are found in.
    ///
    /// # Errors
    /// As [`create_user`](Self::create_user), but for the address.
    pub async fn ensure_demo_user(
        &self,
        name: &str,
        email: &str,
        password: &Secret,
        roles: &[String],
    ) -> Result<(), CreateUserError> {
        if self.0.users.by_email(email).await?.is_some() {
            return Ok(());
        }
        match self.0.users.create(name, email, password, roles, true).await {
            // Another instance may have been faster.
            Ok(_) | Err(CreateUserError::EmailTaken(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The gate that bearer tokens pass.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// The issuer's identifier, as in `https://api.example.com`.
    pub fn issuer(&self) -> &str {
        self.0.identifier()
    }

    /// An access token for a user, as the command line makes one: with all their permissions.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], also if they are disabled.
    pub async fn issue_token(&self, email: &str) -> Result<String> {
        let Issuer { users, mint, .. } = &*self.0;
        let user = users.by_email(email).await?.filter(|user| !users.keeps_out(user));
        let user = user.ok_or_else(|| Error::NoSuchUser(email.to_owned()))?;
        let scope = issuer::granted("", users.actor(&user).grants());
        mint.access_token(&user, COMMAND_LINE, &scope, &Mint::new_id())
    }

    /// The session that a browser sends along, for a page that shows it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Option<pages::Session>> {
        let session = self.0.sessions.find(headers).await?;
        Ok(session.map(|session| pages::Session { since: session.signed_in, until: session.expires }))
    }
}

impl Issuer {
    /// The issuer's identifier (RFC 8414, 2).
    pub(crate) fn identifier(&self) -> &str {
        self.origins.issuer()
    }

    /// Whose session the browser sends along, if it has not ended and they are not kept out.
    pub(crate) async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<(Session, User)>> {
        let Some(session) = self.sessions.find(headers).await? else { return Ok(None) };
        let user = self.users.active(session.user_id).await?;
        Ok(user.map(|user| (session, user)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

/// The gate for our own access tokens, no other kind of ours, and for those of the others.
fn gate(config: &IdentityConfig, origins: &Origins, keys: &Keyring, clock: &Arc<dyn Clock>) -> Result<Gate> {
    let mapping = provider::Mapping { types: vec![Type::AccessToken], ..provider::Mapping::default() };
    let (audiences, algorithms) = ([config.audience.as_str()], [Algorithm::RS256]);
    let issuer = TrustedIssuer::new(origins.issuer(), &audiences, &algorithms, mapping, keys.verifying.clone())?;
    let roles = Arc::clone(&config.roles);
    let mut trusted = config.others.trusted()?;
    trusted.push(issuer.speaking(move |verified| speaker(verified, &roles)));
    Ok(Gate::new(trusted, Arc::clone(clock), REMEMBERED)?)
}

/// Whom an access token of ours speaks of: the user, with what the token grants and no more.
fn speaker(verified: &Verified, roles: &Roles) -> Actor {
    let claim = |name| verified.claims().get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let granted = Grants::of(verified.scopes().iter().map(String::as_str));
    let person = Person::new(verified.subject()).provider(PROVIDER).named(claim("name")).email(claim("email"));
    person.roles(verified.roles().iter().cloned().collect()).grants(&granted).grants(roles.anyone()).into()
}
