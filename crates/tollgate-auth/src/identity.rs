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
//! identity.create_user("Rea Oku", "rea@example.test", &Secret::from("correct horse battery staple"), &["reader".into()]).await?;
//! let token = identity.issue_token("rea@example.test").await?;
//! # assert_eq!(token.split('.').count(), 3);
//! # Ok(()) }
//! ```

use crate::{
    Accounts, NewAccount, UserError,
    accounts::{ResetLink, SecondFactor, Try, Turn, event},
    api_key::ApiKey,
    error::{Error, Result},
    issuer::{
        self, Access, AuthorizationCode, COMMAND_LINE, Client, Clients, Codes, Consent, Consents, IdentityConfig,
        KeyInfo, Keyring, Mint, RefreshFamily, Revocation, Revoked, StoredClient, StoredFamilies, StoredKey,
        WrongSecrets, refresh::Refresh,
    },
    provider,
    sign_in::{self, Origins, Session, Sessions},
    token::{Algorithm, Gate, TrustedIssuer, Type, Verified},
    users::{PROVIDER, User, Users},
};
use axum::{Router, http::HeaderMap};
use jiff::Timestamp;
use std::{fmt, mem, sync::Arc};
use tollgate_access::{Actor, Create, Grants, Identity as Person, May, Read, Roles, System};
use tollgate_core::{Clock, Seal, Secret};
use tollgate_http::{
    Authenticate,
    pages::{self, Pages},
};
use tollgate_store::{Database, Resource, Table};
use uuid::Uuid;

/// How many verified tokens are remembered: some 30 MB when full.
pub(crate) const REMEMBERED: usize = 20_000;

/// Who is calling, answered by the embedded issuer and its sessions. Cheap to clone.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<Issuer>);

/// The embedded issuer. Nothing here changes after the start.
pub(crate) struct Issuer {
    pub(crate) config: IdentityConfig,
    pub(crate) origins: Origins,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) clients: Clients,
    pub(crate) wrong_secrets: WrongSecrets,
    pub(crate) accounts: Accounts,
    pub(crate) users: Arc<Users>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) codes: Codes,
    pub(crate) consents: Consents,
    pub(crate) refresh: Refresh<StoredFamilies>,
    pub(crate) revoked: Arc<Revoked>,
    pub(crate) mint: Mint,
    pub(crate) gate: Gate,
    pub(crate) pages: Arc<Pages>,
    /// Seals notes of sign-ins that are half way.
    pub(crate) steps: Seal,
    /// Whoever says nothing about who they are.
    pub(crate) anyone: Actor,
}

impl Identity {
    /// The tables that must be [prepared](Database::prepare) before [`start`](Self::start).
    pub fn tables() -> Vec<&'static Table> {
        vec![
            User::TABLE,
            ApiKey::TABLE,
            Session::TABLE,
            StoredKey::TABLE,
            StoredClient::TABLE,
            Consent::TABLE,
            AuthorizationCode::TABLE,
            RefreshFamily::TABLE,
            Revocation::TABLE,
            SecondFactor::TABLE,
            Try::TABLE,
            Turn::TABLE,
            ResetLink::TABLE,
        ]
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
        let mut config = config.checked(&origins)?;
        let keys = Keyring::open(&database, &clock, config.key_lifetime).await?;
        let gate = gate(&config, &origins, &keys, &clock)?;
        let ours = (origins.issuer(), config.access_lifetime);
        let revoked = Revoked::new(&database, &clock, ours, gate.revocations());
        revoked.follow(true).await?;
        let revoked = Arc::new(revoked);
        let accounts =
            Accounts::with(&config, &database, &clock, Arc::clone(&revoked), |purpose| keys.secret_for(purpose))?;
        accounts.0.users.expect_bcrypt().await?;
        let issuer = Issuer {
            clients: Clients::new(mem::take(&mut config.clients), &database, &clock),
            wrong_secrets: WrongSecrets::default(),
            users: Arc::clone(&accounts.0.users),
            sessions: Arc::clone(&accounts.0.sessions),
            consents: Consents::new(&database, &clock),
            codes: Codes::new(&database, &clock, config.access_lifetime),
            refresh: Refresh::new(
                StoredFamilies::new(&database, &clock, Arc::clone(&revoked)),
                &keys.secret_for("refresh"),
            ),
            revoked,
            steps: Seal::new(&keys.secret_for("sign-in")),
            accounts,
            gate,
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
        let issuer = Arc::new(issuer);
        issuer::follow(&issuer);
        Ok(Self(issuer))
    }

    /// Recognises callers, for the edge.
    pub fn authenticator(&self) -> Arc<dyn Authenticate> {
        Arc::new(self.clone())
    }

    /// The routes of the issuer and of the sign-in page.
    pub fn router(&self) -> Router {
        issuer::router(&self.0).merge(issuer::router_of(sign_in::routes())).with_state(Arc::clone(&self.0))
    }

    /// The paths of these routes, for whoever tries all doors.
    #[doc(hidden)]
    pub fn paths() -> impl Iterator<Item = &'static str> {
        issuer::paths().chain(sign_in::routes().into_iter().map(|(path, _)| path))
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
    ) -> Result<User, UserError> {
        self.0.accounts.create(&operator(), account(name, email, password, roles)).await
    }

    /// The accounts.
    pub fn accounts(&self) -> Accounts {
        self.0.accounts.clone()
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
    ) -> Result<(), UserError> {
        if self.0.users.by_email(email).await?.is_some() {
            return Ok(());
        }
        match self.0.accounts.add(&operator(), account(name, email, password, roles), true).await {
            // Another instance may have been faster.
            Ok(_) | Err(UserError::EmailTaken(_)) => Ok(()),
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

    /// A user as handlers know them, with all that they may: for an operator who acts in their stead, which is recorded with
    /// what they do.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], also if they are disabled, or must first get a second factor.
    pub async fn stand_in(&self, email: &str) -> Result<Actor> {
        let users = &self.0.users;
        let user = users.by_email(email).await?.filter(|user| users.lets_in(user));
        let user = user.ok_or_else(|| Error::NoSuchUser(email.to_owned()))?;
        Ok(users.person(&user).by_client(COMMAND_LINE).into())
    }

    /// An access token for a user, as the command line makes one: with all their permissions. It is recorded that an
    /// operator made it.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], also if they are disabled, or must first get a second factor.
    pub async fn issue_token(&self, email: &str) -> Result<String> {
        let Issuer { users, mint, accounts, .. } = &*self.0;
        let at = self.0.clock.unix();
        let user = users.by_email(email).await?.filter(|user| users.lets_in(user));
        let user = user.ok_or_else(|| Error::NoSuchUser(email.to_owned()))?;
        let operator = System::because("an operator makes a token").may::<Read, User>();
        accounts.users().record(operator.actor(), event(operator.actor(), "issue_token", &user)).await?;
        let scope = issuer::granted("", users.actor(&user).grants());
        mint.access_token(&user, &Access::alone(&Mint::new_id(), COMMAND_LINE, &scope, at))
    }

    /// The signing keys, in the order in which they sign.
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.0.mint.keys.list()
    }

    /// Makes the next signing key, which is published now and signs ten minutes from now; answers when exactly. Nobody's
    /// request fails for it.
    ///
    /// # Errors
    /// The database cannot be reached, or there is no key.
    pub async fn rotate_keys(&self) -> Result<Timestamp> {
        self.0.mint.keys.rotate().await
    }

    /// Replaces the signing keys at once, for they became known to others: no token that they signed is good any more,
    /// here at once and on other instances within three seconds. Refresh tokens and sessions stay.
    ///
    /// # Errors
    /// As [`rotate_keys`](Self::rotate_keys).
    pub async fn replace_keys(&self) -> Result<Timestamp> {
        self.0.mint.keys.replace().await
    }

    /// Takes over a client of the configuration whose secret was rotated; the old secret is good for nothing from now
    /// on.
    pub fn renew_client(&self, client: Client) {
        self.0.clients.renew(client);
    }

    /// All clients: those of the configuration, then those that were added.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn clients(&self) -> Result<Vec<Arc<Client>>> {
        self.0.clients.all().await
    }

    /// Adds a client; answers its secret if it keeps one. Only a hash is kept, so nobody can read it again.
    ///
    /// # Errors
    /// [`Error::ClientTaken`], or [`Error::Configuration`] where it contradicts itself.
    pub async fn add_client(&self, client: Client) -> Result<Option<Secret>> {
        self.0.clients.add(client, &self.0.config.roles).await
    }

    /// Gives an added client another secret. The old one is good for nothing from now on.
    ///
    /// # Errors
    /// [`Error::NoSuchClient`], also if it keeps no secret.
    pub async fn rotate_client(&self, id: &str) -> Result<Secret> {
        self.0.clients.rotate(id).await
    }

    /// Removes an added client, and ends what it was given.
    ///
    /// # Errors
    /// [`Error::NoSuchClient`].
    pub async fn remove_client(&self, id: &str) -> Result<()> {
        self.0.remove_client(id).await
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
        let user = self.users.holder(session.user_id, session.user_version).await?;
        Ok(user.map(|user| (session, user)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

fn operator() -> May<Create, User> {
    System::because("an operator adds users").may()
}

fn account(name: &str, email: &str, password: &Secret, roles: &[String]) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        email: email.to_owned(),
        password: Some(password.reveal().to_owned()),
        roles: roles.to_vec(),
    }
}

/// The gate for our own access tokens, no other kind of ours, and for those of the others.
fn gate(config: &IdentityConfig, origins: &Origins, keys: &Keyring, clock: &Arc<dyn Clock>) -> Result<Gate> {
    let mapping = provider::Mapping { types: vec![Type::AccessToken], ..provider::Mapping::default() };
    let (audiences, algorithms) = ([config.audience.as_str()], [Algorithm::RS256]);
    let issuer = TrustedIssuer::new(origins.issuer(), &audiences, &algorithms, mapping, keys.verifying())?;
    let roles = Arc::clone(&config.roles);
    let mut trusted = config.others.trusted()?;
    trusted.push(issuer.speaking(move |verified| speaker(verified, &roles)));
    Ok(Gate::new(trusted, Arc::clone(clock), REMEMBERED)?)
}

/// Whom an access token of ours speaks of: a user or a client, with what the token grants and no more. What the settings
/// have taken from a role since is gone with it; what somebody else's client was given names no roles.
fn speaker(verified: &Verified, roles: &Roles) -> Actor {
    let claim = |name| verified.claims().get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let granted = Grants::of(verified.scopes().iter().map(String::as_str));
    let person = Person::new(verified.subject()).provider(PROVIDER).named(claim("name")).email(claim("email"));
    let person = person.signed_in_at(verified.claims().get("auth_time").and_then(serde_json::Value::as_u64));
    let acting = verified.claims().get("act").and_then(|act| act.get("sub")?.as_str());
    let has_roles = acting.is_none() && Uuid::parse_str(verified.subject()).is_ok();
    let granted = if has_roles { left(granted, verified, roles) } else { granted };
    let person = acting.into_iter().fold(person, Person::by_client);
    person.roles(verified.roles().iter().cloned().collect()).grants(&granted).grants(roles.anyone()).into()
}

/// What is left of what a token grants, of what its roles grant now.
fn left(granted: Grants, verified: &Verified, roles: &Roles) -> Grants {
    let most = roles.grants(verified.roles().iter().map(String::as_str)).and(roles.anyone());
    let is_all = granted.permissions().all(|permission| most.include(&permission));
    if is_all { granted } else { granted.within(&most) }
}
