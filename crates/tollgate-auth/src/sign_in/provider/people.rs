//! People whom a provider has signed in, and the browsers in which it did.
//!
//! A row per person keeps what the provider said last, and whether they are kept out here. Their id is that of their
//! tokens: `okta|00u1`. An e-mail address makes nobody somebody else.

use super::Cookies;
use crate::{
    error::Result,
    people::{NewProviderPerson, ProviderPerson, ProviderPersonPatch},
    provider::Told,
    random::random_text,
    records::Records,
    sign_in::From,
    token::Hash,
};
use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use std::{cmp::Reverse, sync::Arc, time::Duration};
use tollgate_access::{Actor, Identity, Protected};
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Error, Filter, audit::NewAuditEvent};

/// A browser in which a provider signed somebody in.
#[resource(plural = "provider_sessions")]
pub struct ProviderSession {
    /// The hash of what the cookie holds.
    #[id]
    pub session: String,
    /// Who signed in.
    #[index]
    pub person_id: String,
    /// When it ends by itself.
    #[index]
    pub expires: Timestamp,
    /// When they signed in.
    #[created_at]
    pub signed_in: Timestamp,
    /// The address they signed in from, where it is known.
    pub address: Option<String>,
    /// What the browser said that it is: the beginning of its `User-Agent`.
    pub browser: Option<String>,
    /// When they had last been signed out everywhere as they came: a session that does not know of the last time has ended.
    #[hidden]
    pub signed_out: Option<Timestamp>,
}

impl ProviderSession {
    /// Those of somebody that have not ended, the newest first.
    pub(crate) async fn of(person: &str, all: &Records<Self>, now: Timestamp) -> Result<Vec<Self>> {
        let mut sessions = all.find(Self::PERSON_ID.eq(person) & Self::EXPIRES.gt(now)).await?;
        sessions.sort_by_key(|session| Reverse(session.signed_in));
        Ok(sessions)
    }

    /// Ends one of somebody's, if it is one, and records who did.
    pub(crate) async fn end(
        session: &str,
        (person, people): (&str, &Records<ProviderPerson>),
        all: &Records<Self>,
        by: &Actor,
    ) -> Result<()> {
        let theirs = Self::PERSON_ID.eq(person) & Self::SESSION.eq(session);
        let ended = people.store().transaction(async |tx| {
            if all.on(&tx)?.delete(theirs).await? > 0 {
                let event = NewAuditEvent::new(by, "end_session", ProviderPerson::PLURAL).of_row(&person);
                people.store().on(&tx)?.record(by, event).await?;
            }
            Ok::<_, Error>(())
        });
        Ok(ended.await?)
    }
}

const COOKIE: &str = "provider-session";

pub(super) struct People {
    people: Records<ProviderPerson>,
    sessions: Records<ProviderSession>,
    clock: Arc<dyn Clock>,
    lifetime: Duration,
}

impl People {
    pub(super) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, lifetime: Duration) -> Self {
        let reason = "providers sign people in";
        let (people, sessions) = (Records::new(database, clock, reason), Records::new(database, clock, reason));
        Self { people, sessions, clock: Arc::clone(clock), lifetime }
    }

    /// How long a browser stays signed in.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Keeps what the provider says about somebody; answers what is said about them here.
    pub(super) async fn arrived(&self, issuer: &str, told: Told) -> Result<ProviderPerson> {
        if let Some(known) = self.people.get(told.id.clone()).await? {
            let patch = ProviderPersonPatch {
                name: Change::Set(told.name),
                email: Change::Set(told.email),
                roles: Change::Set(told.roles),
                ..ProviderPersonPatch::default()
            };
            self.people.change(told.id, Filter::every(), patch).await?;
            return Ok(known);
        }
        let new = NewProviderPerson {
            person_id: told.id.clone(),
            issuer: issuer.to_owned(),
            name: told.name,
            email: told.email,
            roles: told.roles,
            disabled: false,
            signed_out: None,
        };
        match self.people.insert(new).await {
            // They sign in with two tabs at once.
            Err(Error::Conflict { .. }) => self.people.get(told.id).await?.ok_or(Error::NotFound.into()),
            new => Ok(new?),
        }
    }

    /// Records that somebody came, went, or was not let in.
    pub(super) async fn record(&self, person: &str, action: &str, allowed: bool) -> Result<()> {
        let actor = Actor::from(Identity::new(person));
        let event = NewAuditEvent::new(&actor, action, ProviderPerson::PLURAL).of_row(&person);
        let event = if allowed { event } else { event.refused().because("they are kept out") };
        Ok(self.people.store().record(&actor, event).await?)
    }

    /// A new session; answers the `Set-Cookie` for it. Those that have ended are swept out on the way.
    pub(super) async fn begin(&self, person: &ProviderPerson, cookies: Cookies, from: From) -> Result<HeaderValue> {
        // By the database's time: an instance whose clock is ahead ends nobody's session.
        self.sessions.delete(ProviderSession::EXPIRES.lte(self.sessions.time().await?)).await?;
        let now = self.clock.now();
        let secret = random_text()?;
        let expires = now.saturating_add(self.lifetime).unwrap_or(Timestamp::MAX);
        let address = from.address.map(|address| address.to_string());
        let (person_id, browser, signed_out) = (person.person_id.clone(), from.browser, person.signed_out);
        let new = NewProviderSession { session: hash(&secret), person_id, expires, address, browser, signed_out };
        self.sessions.insert(new).await?;
        Ok(cookies.set(COOKIE, &secret, self.lifetime.as_secs()))
    }

    /// The session that the cookie names, and whose it is, if it has not ended and they are not kept out. One that was begun
    /// while they were signed out everywhere has ended with the others, and no clocks are compared for that.
    pub(super) async fn find(
        &self,
        headers: &HeaderMap,
        cookies: Cookies,
    ) -> Result<Option<(ProviderSession, ProviderPerson)>> {
        let Some(secret) = cookies.get(headers, COOKIE) else { return Ok(None) };
        let session = self.sessions.get(hash(secret)).await?;
        let Some(session) = session.filter(|session| self.clock.now() < session.expires) else { return Ok(None) };
        let person = self.people.get(session.person_id.clone()).await?;
        let person = person.filter(|person| !person.disabled && person.signed_out == session.signed_out);
        Ok(person.map(|person| (session, person)))
    }

    /// The sessions of somebody that have not ended, the newest first.
    pub(super) async fn sessions(&self, person: &str) -> Result<Vec<ProviderSession>> {
        ProviderSession::of(person, &self.sessions, self.clock.now()).await
    }

    /// Ends one of somebody's own sessions, if it is one, which is recorded.
    pub(super) async fn end_of(&self, person: &str, session: &str) -> Result<()> {
        let actor = Actor::from(Identity::new(person));
        ProviderSession::end(session, (person, &self.people), &self.sessions, &actor).await
    }

    /// Ends the session that the cookie names; answers the `Set-Cookie` that removes it, if there is one.
    pub(super) async fn end(&self, headers: &HeaderMap, cookies: Cookies) -> Result<Option<HeaderValue>> {
        if let Some(secret) = cookies.get(headers, COOKIE) {
            self.sessions.delete(ProviderSession::SESSION.eq(hash(secret))).await?;
        }
        Ok(cookies.names(headers).any(|name| name == COOKIE).then(|| cookies.remove(COOKIE)))
    }
}

fn hash(secret: &str) -> String {
    Hash::of(&[b"provider session", secret.as_bytes()]).into()
}
