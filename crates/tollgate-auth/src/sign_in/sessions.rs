//! Sessions: who signed in with this browser?
//!
//! The cookie holds 256 random bits, the table their hash: whoever reads the table can be nobody. Session and user are
//! looked up for each request, so that signing out and disabling a user count at once, on every instance.
//!
//! What the app's own clients are given is given under a session: codes, refresh and access tokens. They end with it when
//! somebody signs out, and not when the browser forgets it: so the row of a session that gave something stays for as long.

use super::cookies::{Cookies, KNOWN, SESSION};
use crate::{error::Result, random::random_text, records::Records, token::Hash, users::User};
use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, HeaderValue, header},
};
use jiff::{SignedDuration, Timestamp};
use std::{cmp::Reverse, net::IpAddr, sync::Arc, time::Duration};
use tollgate_core::{Change, Clock};
use tollgate_http::ClientAddress;
use tollgate_macros::resource;
use tollgate_store::{Database, Filter, Transaction};
use uuid::Uuid;

/// A browser in which somebody signed in.
#[resource(plural = "auth_sessions")]
#[schemars(rename = "SignedInBrowser")]
pub struct Session {
    /// The hash of what the cookie holds.
    #[id]
    pub session: String,
    /// Who signed in.
    #[index]
    pub user_id: Uuid,
    /// The version of their row that the sign-in was checked against.
    #[hidden]
    pub user_version: i64,
    /// When it ends by itself.
    #[index]
    pub expires: Timestamp,
    /// How they showed who they are, in the words of RFC 8176, as in `pwd`.
    pub methods: Option<String>,
    /// When they signed in.
    #[created_at]
    pub signed_in: Timestamp,
    /// The address they signed in from, where it is known.
    pub address: Option<String>,
    /// What the browser said that it is: the beginning of its `User-Agent`.
    pub browser: Option<String>,
    /// Until when something that was given under it can be alive.
    #[hidden]
    pub gave_until: Option<Timestamp>,
}

impl Session {
    /// Whether it is a user's, and nothing has made it void.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        self.user_id == user.user_id && self.user_version >= user.void_before
    }
}

/// Codes may be redeemed a little after their session has ended by itself.
const SWEPT_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// How much is kept of what a browser says that it is, in characters.
const BROWSER: usize = 200;

/// Where a request comes from.
pub(crate) struct From {
    pub(crate) address: Option<IpAddr>,
    pub(super) browser: Option<String>,
    /// What its cookie says about accounts it knows.
    pub(crate) known: Option<String>,
}

impl From {
    pub(crate) fn of(request: &Request, cookies: Cookies) -> Self {
        Self::at(request.headers(), request.extensions(), cookies)
    }

    pub(super) fn at(headers: &HeaderMap, extensions: &Extensions, cookies: Cookies) -> Self {
        let known = cookies.get(headers, KNOWN).map(str::to_owned);
        let browser = headers.get(header::USER_AGENT).and_then(|browser| browser.to_str().ok());
        let browser = browser.map(|browser| browser.chars().take(BROWSER).collect());
        Self { address: ClientAddress::of(extensions), browser, known }
    }
}

/// All sessions, and the cookie that names one.
pub(crate) struct Sessions {
    records: Records<Session>,
    clock: Arc<dyn Clock>,
    lifetime: Duration,
    pub(crate) cookies: Cookies,
}

impl Sessions {
    pub(crate) fn new(
        database: &Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
        lifetime: Duration,
        cookies: Cookies,
    ) -> Self {
        let records = Records::new(database, clock, "browsers stay signed in");
        Self { records, clock: Arc::clone(clock), lifetime, cookies }
    }

    /// A new session of a user as they were when their sign-in was checked; answers the `Set-Cookie` for it. Those that
    /// have ended are swept out on the way.
    pub(crate) async fn begin(&self, user: &User, methods: &str, from: &From) -> Result<HeaderValue> {
        self.sweep().await?;
        let secret = random_text()?;
        let expires = self.clock.now().saturating_add(self.lifetime).unwrap_or(Timestamp::MAX);
        let new = NewSession {
            session: name(&secret),
            user_id: user.user_id,
            user_version: user.version,
            expires,
            methods: Some(methods.to_owned()),
            address: from.address.map(|address| address.to_string()),
            browser: from.browser.clone(),
            gave_until: None,
        };
        self.records.insert(new).await?;
        Ok(self.cookies.set(SESSION, &secret, self.lifetime.as_secs()))
    }

    /// By the database's time: an instance whose clock is wrong must end nobody's refresh tokens.
    async fn sweep(&self) -> Result<()> {
        let now = self.records.time().await?;
        let gave_nothing = Session::GAVE_UNTIL.is_null() | Session::GAVE_UNTIL.lte(now);
        self.records.delete(Session::EXPIRES.lte(now - SWEPT_AFTER) & gave_nothing).await?;
        Ok(())
    }

    /// The session that the cookie names, if it has not ended.
    pub(crate) async fn find(&self, headers: &HeaderMap) -> Result<Option<Session>> {
        let Some(secret) = self.cookies.get(headers, SESSION) else { return Ok(None) };
        let session = self.records.get(name(secret)).await?;
        Ok(session.filter(|session| self.clock.now() < session.expires))
    }

    /// Takes from a browser the session that it has, as somebody signs in anew; what was given under it stays. Answers
    /// the `Set-Cookie` that removes it.
    pub(crate) async fn forget(&self, headers: &HeaderMap) -> Result<HeaderValue> {
        if let Some(secret) = self.cookies.get(headers, SESSION) {
            let patch = SessionPatch { expires: Change::Set(self.clock.now()), ..SessionPatch::default() };
            self.records.change(name(secret), Filter::every(), patch).await?;
        }
        Ok(self.removal())
    }

    /// The `Set-Cookie` that removes the cookie.
    pub(crate) fn removal(&self) -> HeaderValue {
        self.cookies.remove(SESSION)
    }

    /// What the session is called that the cookie names, whether there is one or not.
    pub(crate) fn named(&self, headers: &HeaderMap) -> Option<String> {
        self.cookies.get(headers, SESSION).map(name)
    }

    /// Ends a session that matches, if there is one, and all that was given under it; answers it as it was at the last.
    pub(crate) async fn end(&self, session: &str, only: Filter<Session>, on: &Transaction) -> Result<Option<Session>> {
        let records = self.records.on(on)?;
        // A change first: from here on nothing is given under it any more, and what was is seen.
        let patch = SessionPatch { expires: Change::Set(self.clock.now()), ..SessionPatch::default() };
        if !records.change(session.to_owned(), only, patch).await? {
            return Ok(None);
        }
        let ended = records.get(session.to_owned()).await?;
        records.remove(session.to_owned()).await?;
        Ok(ended)
    }

    /// Whether a session has not been ended.
    pub(crate) async fn stands(&self, session: &str) -> Result<bool> {
        Ok(self.records.get(session.to_owned()).await?.is_some())
    }

    /// Notes that something is given under a session that can be alive for so long; answers whether that session stands.
    pub(crate) async fn give(&self, session: &str, lifetime: Duration) -> Result<bool> {
        let until = self.records.time().await?.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        let sooner = Session::GAVE_UNTIL.is_null() | Session::GAVE_UNTIL.lt(until);
        let patch = SessionPatch { gave_until: Change::Set(Some(until)), ..SessionPatch::default() };
        Ok(self.records.change(session.to_owned(), sooner, patch).await? || self.stands(session).await?)
    }

    /// The sessions of a user that have not ended, the newest first.
    pub(crate) async fn of(&self, user: &User) -> Result<Vec<Session>> {
        let standing = Session::EXPIRES.gt(self.clock.now()) & Session::USER_VERSION.gte(user.void_before);
        let mut sessions = self.records.find(Session::USER_ID.eq(user.user_id) & standing).await?;
        sessions.sort_by_key(|session| Reverse(session.signed_in));
        Ok(sessions)
    }

    /// Lets a session go on under a later version of its user's row.
    pub(crate) async fn renew(&self, session: &Session, version: i64, on: &Transaction) -> Result<()> {
        let patch = SessionPatch { user_version: Change::Set(version), ..SessionPatch::default() };
        self.records.on(on)?.change(session.session.clone(), Filter::every(), patch).await?;
        Ok(())
    }

    /// Removes the sessions of a user who is removed.
    pub(crate) async fn remove_user(&self, user: Uuid, on: &Transaction) -> Result<()> {
        self.records.on(on)?.delete(Session::USER_ID.eq(user)).await?;
        Ok(())
    }
}

fn name(secret: &str) -> String {
    Hash::of(&[b"session", secret.as_bytes()]).into()
}
