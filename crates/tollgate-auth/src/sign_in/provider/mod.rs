//! Signing in with a provider: the browser goes there, comes back with a code, and has a session here.
//!
//! ```text
//! GET  /auth/login              which provider? (where the app itself has passwords, its own page asks)
//! GET  /auth/login/{issuer}     off to it       attempt.rs   what this browser must bring back
//! GET  /auth/callback           back            exchange.rs  the code → an ID token → somebody
//! POST /auth/logout             out             people.rs    who was here, and their sessions
//! ```
//!
//! Nothing of a provider is kept but what it said about somebody. Its tokens are dropped at once; where signing out there
//! is wanted, the ID token stays, encrypted, in the browser that brought it.
//!
//! Several providers: an answer is taken only for the one that the try was begun with. Each has a redirect URI of its own,
//! and names itself in the answer where it says that it does (RFC 9207, RFC 9700, 4.4).

mod attempt;
mod elsewhere;
mod exchange;
mod leave;
mod people;
mod routes;

pub use people::ProviderSession;

use super::{Cookies, LOGIN, Origins, Sessions};
use crate::{
    Issuers,
    error::{Error, Result},
    outgoing::Place,
    people::ProviderPerson,
    provider::{Issuer, Told},
    vault::Vault,
};
use axum::http::{HeaderMap, request::Parts};
use exchange::Client;
use people::People;
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use tollgate_access::Actor;
use tollgate_core::Clock;
use tollgate_http::{
    Authenticate, Identified,
    pages::{self, Pages},
};
use tollgate_store::{Database, Resource, Table};

/// Where providers send browsers back to.
pub const CALLBACK: &str = "/auth/callback";

/// How signing in with providers is set up.
pub struct SignInConfig {
    /// Scheme, host and port under which browsers reach the app.
    pub public_url: String,
    /// How long a browser stays signed in.
    pub session_lifetime: Duration,
    /// What cookies are encrypted with; instances that share it can finish each other's tries.
    pub key: [u8; 32],
    /// Whether the embedded issuer has the sign-in page, and names the providers on it.
    pub has_passwords: bool,
}

tollgate_core::debug_by_name!(SignInConfig);

/// Signs people in with the providers that have a client for it. Cheap to clone.
#[derive(Clone)]
pub struct ProviderSignIn(Arc<Inner>);

struct Inner {
    origins: Origins,
    clients: BTreeMap<String, Client>,
    issuers: Issuers,
    people: People,
    /// The sessions of the embedded issuer, which a new sign-in ends.
    own: Sessions,
    cookies: Cookies,
    vault: Vault,
    clock: Arc<dyn Clock>,
    pages: Arc<Pages>,
    has_passwords: bool,
}

impl ProviderSignIn {
    /// The tables that must be [prepared](Database::prepare) before [`start`](Self::start).
    pub fn tables() -> [&'static Table; 2] {
        [ProviderPerson::TABLE, ProviderSession::TABLE]
    }

    /// Ready to sign people in; `None` if no issuer has a client for it.
    ///
    /// # Errors
    /// The public URL is none, or a redirect URI is not below it or that of two issuers.
    pub fn start(
        config: &SignInConfig,
        issuers: &Issuers,
        database: &Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
        pages: &Arc<Pages>,
    ) -> Result<Option<Self>> {
        if issuers.iter().all(|issuer| issuer.provider().common.client_id.is_none()) {
            return Ok(None);
        }
        let origins = Origins::of(&config.public_url)?;
        let clients = clients(issuers, &origins, clock)?;
        let cookies = Cookies { secure: origins.is_secure() };
        let own = Sessions::new(database, clock, config.session_lifetime, Cookies { secure: origins.is_secure() });
        Ok(Some(Self(Arc::new(Inner {
            origins,
            clients,
            issuers: issuers.clone(),
            people: People::new(database, clock, config.session_lifetime),
            own,
            cookies,
            vault: Vault::new(&config.key)?,
            clock: Arc::clone(clock),
            pages: Arc::clone(pages),
            has_passwords: config.has_passwords,
        }))))
    }

    /// Recognises callers by the sessions of this too, after what recognises them otherwise found no token.
    pub fn authenticator(&self, others: Arc<dyn Authenticate>) -> Arc<dyn Authenticate> {
        Arc::new(WithSessions { sign_in: self.clone(), others })
    }

    /// The session that a browser sends along, for a page that shows it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Option<pages::Session>> {
        let found = self.0.people.find(headers, self.0.cookies).await?;
        Ok(found.map(|(session, _)| pages::Session { since: session.signed_in, until: session.expires }))
    }
}

/// This app at each issuer where people sign in.
fn clients(issuers: &Issuers, origins: &Origins, clock: &Arc<dyn Clock>) -> Result<BTreeMap<String, Client>> {
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    for issuer in issuers.iter() {
        let (name, common) = (issuer.name(), &issuer.provider().common);
        let Some(id) = common.client_id.clone() else { continue };
        let redirect_uri = common.redirect_uri.clone().unwrap_or_else(|| format!("{}{CALLBACK}", origins.issuer()));
        check_redirect(name, &redirect_uri, origins)?;
        if let Some((other, _)) = clients.iter().find(|(_, client)| client.redirect_uri == redirect_uri) {
            let own = format!("{}{CALLBACK}/{name}", origins.issuer());
            return Err(wrong(name, &format!("is that of `{other}` as well: set it to {own} and register that there")));
        }
        let client = Client {
            gate: issuer.id_tokens(&id, clock)?,
            id,
            secret: issuer.client_secret(),
            redirect_uri,
            max_age: common.max_age_minutes.map(|minutes| u64::from(minutes) * 60),
            skew: common.clock_skew_seconds.unwrap_or(30),
        };
        clients.insert(name.to_owned(), client);
    }
    Ok(clients)
}

/// A browser has the cookie of its try on the origin that it began on.
fn check_redirect(name: &str, text: &str, origins: &Origins) -> Result<()> {
    let place = Place::new(text).map_err(|why| wrong(name, &why.to_string()))?;
    let path = place.url().path();
    let is_ours = origins.all().contains(&place.origin()) && place.url().query().is_none();
    let is_route = path.ends_with(CALLBACK) || path.ends_with(&format!("{CALLBACK}/{name}"));
    if is_ours && is_route {
        return Ok(());
    }
    let base = origins.issuer();
    Err(wrong(name, &format!("must be {base}{CALLBACK} or {base}{CALLBACK}/{name}")))
}

fn wrong(name: &str, why: &str) -> Error {
    Error::Configuration(format!("identity.issuers.{name}.redirect_uri {why}"))
}

impl Inner {
    fn issuer(&self, name: &str) -> Option<(&Issuer, &Client)> {
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == name)?;
        Some((issuer, self.clients.get(name)?))
    }

    /// Whose session it is. As with any session, what changes something must be sent from a page of ours.
    async fn by_session(&self, head: &Parts) -> tollgate_core::Result<Option<Actor>> {
        let Some((session, person)) = self.people.find(&head.headers, self.cookies).await? else { return Ok(None) };
        let Some((issuer, _)) = self.issuer(&person.issuer) else { return Ok(None) };
        if !head.method.is_safe() {
            self.origins.check_ours(&head.headers)?;
        }
        let ProviderPerson { person_id, name, email, roles, .. } = person;
        let signed_in_at = u64::try_from(session.signed_in.as_second()).ok();
        Ok(Some(issuer.signed_in(Told { id: person_id, name, email, roles, signed_in_at })))
    }
}

/// A token counts alone; then the session of a provider's sign-in, then any other.
struct WithSessions {
    sign_in: ProviderSignIn,
    others: Arc<dyn Authenticate>,
}

impl Authenticate for WithSessions {
    fn identify<'a>(&'a self, head: &'a Parts) -> Identified<'a> {
        if head.headers.contains_key(axum::http::header::AUTHORIZATION) {
            return self.others.identify(head);
        }
        Box::pin(async move {
            match self.sign_in.0.by_session(head).await? {
                Some(actor) => Ok(actor),
                None => self.others.identify(head).await,
            }
        })
    }
}

impl fmt::Debug for ProviderSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.clients.keys()).finish()
    }
}
