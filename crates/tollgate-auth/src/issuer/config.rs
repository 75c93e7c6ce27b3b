//! How the embedded issuer is set up.

use super::client::{Client, ClientKind};
use crate::{
    Issuers,
    accounts::Mailer,
    error::{Error, Result},
    password::{DEFAULT_SHORTEST, LONGEST, SHORTEST},
    sign_in::Origins,
};
use std::{sync::Arc, time::Duration};
use tollgate_access::Roles;
use tollgate_http::docs;

/// The longest that an access token may live, under whatever configuration it was made: revocations are remembered for as
/// long.
pub(super) const LONGEST_ACCESS: Duration = Duration::from_hours(24);

/// How the embedded issuer is set up.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    /// The issuer: scheme, host and port under which browsers reach the app, as in `https://api.example.com`. `http` is
    /// for loopback addresses; then `localhost` and `127.0.0.1` on the same port are the same app.
    pub issuer: String,
    /// The `aud` of access tokens. Default: the issuer.
    pub audience: String,
    /// How long an access token lives: a day at most. Default: 60 minutes.
    pub access_lifetime: Duration,
    /// How long refresh tokens keep a sign-in alive. Default: 30 days.
    pub refresh_lifetime: Duration,
    /// How long a browser stays signed in. Default: 12 hours.
    pub session_lifetime: Duration,
    /// How long a key signs before the next one does: a day or more. Default: 90 days.
    pub key_lifetime: Duration,
    /// Whether `POST /token` takes passwords. Only for TLS or loopback addresses. Default: no.
    pub password_grant: bool,
    /// Whether demo users, whose passwords are no secret, may come in. Default: no.
    pub demo_users: bool,
    /// The applications that may ask for tokens, besides the app's own `/docs`.
    pub clients: Vec<Client>,
    /// Other issuers, whose tokens are trusted as well.
    pub others: Issuers,
    /// What each role grants.
    pub roles: Arc<Roles>,
    /// The role of a user who is added without one.
    pub default_role: Option<String>,
    /// The roles whose users need a second factor.
    pub second_factor_roles: Vec<String>,
    /// The fewest characters of a password: 8 or more. Default: 15.
    pub shortest_password: usize,
    /// What the app is called, in mails and in authenticator apps. Default: the issuer's host.
    pub title: String,
    /// Sends mail. Without it, only the command line and admins give links for new passwords.
    pub mailer: Option<Mailer>,
}

impl IdentityConfig {
    /// The defaults for an issuer.
    pub fn new(issuer: impl Into<String>, roles: Arc<Roles>) -> Self {
        let issuer = issuer.into();
        Self {
            audience: issuer.clone(),
            issuer,
            access_lifetime: Duration::from_hours(1),
            refresh_lifetime: Duration::from_hours(30 * 24),
            session_lifetime: Duration::from_hours(12),
            key_lifetime: Duration::from_hours(90 * 24),
            password_grant: false,
            demo_users: false,
            clients: vec![],
            others: Issuers::default(),
            roles,
            default_role: None,
            second_factor_roles: vec![],
            shortest_password: DEFAULT_SHORTEST,
            title: String::new(),
            mailer: None,
        }
    }

    /// Refuses what contradicts itself; adds the client that `/docs` is.
    pub(crate) fn checked(mut self, origins: &Origins) -> Result<Self> {
        let redirect = |origin: &String| format!("{origin}{}", docs::REDIRECT_PATH);
        self.clients.push(Client {
            redirect_uris: origins.all().iter().map(redirect).collect(),
            ..Client::new(docs::CLIENT, "API docs", ClientKind::Public)
        });
        if self.title.is_empty() {
            origins.issuer().rsplit('/').next().unwrap_or_default().clone_into(&mut self.title);
        }
        if self.audience.is_empty() {
            return Err(refused("tokens need an audience".to_owned()));
        }
        self.check_clients()?;
        self.check_roles()?;
        self.check_bounds()?;
        Ok(self)
    }

    fn check_clients(&self) -> Result<()> {
        let twice =
            |(index, client): &(usize, &Client)| self.clients[..*index].iter().any(|other| other.id == client.id);
        if let Some((_, client)) = self.clients.iter().enumerate().find(twice) {
            return Err(refused(format!("there are two clients `{}`", client.id)));
        }
        self.clients.iter().try_for_each(|client| client.check(&self.roles))
    }

    fn check_roles(&self) -> Result<()> {
        if let Some(role) = self.roles.names().find(|role| role.contains(char::is_whitespace)) {
            return Err(refused(format!("the role `{role}` has white space in its name")));
        }
        if let Some(role) = self.default_role.iter().find(|role| !self.roles.has(role)) {
            return Err(refused(format!("the default role `{role}` is not among the roles")));
        }
        match self.second_factor_roles.iter().find(|role| !self.roles.has(role)) {
            Some(role) => {
                Err(refused(format!("the role `{role}`, which needs a second factor, is not among the roles")))
            }
            None => Ok(()),
        }
    }

    fn check_bounds(&self) -> Result<()> {
        let why = if !(SHORTEST..=LONGEST / 8).contains(&self.shortest_password) {
            format!("the shortest password has {SHORTEST} to {} characters", LONGEST / 8)
        } else if [self.access_lifetime, self.refresh_lifetime, self.session_lifetime].iter().any(Duration::is_zero) {
            "a lifetime of zero lets nobody in".to_owned()
        } else if self.access_lifetime > LONGEST_ACCESS {
            "an access token lives a day at most, as long as revocations are remembered".to_owned()
        } else if self.key_lifetime < Duration::from_hours(24) {
            "a signing key signs for a day or more".to_owned()
        } else {
            return Ok(());
        };
        Err(refused(why))
    }
}

fn refused(why: String) -> Error {
    Error::Configuration(why)
}
