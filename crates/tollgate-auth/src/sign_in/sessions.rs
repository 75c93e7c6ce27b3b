//! Sessions: who signed in with this browser?
//!
//! The cookie holds 256 random bits, the table their hash: whoever reads the table can be nobody. Session and user are
//! looked up for each request, so that signing out and disabling a user count at once, on every instance.

use super::cookies::{Cookies, KNOWN, SESSION};
use crate::{error::Result, random::random_text, records::Records, token::Hash};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
};
use jiff::Timestamp;
use std::{cmp::Reverse, net::IpAddr, sync::Arc, time::Duration};
use tollgate_core::Clock;
use tollgate_http::ClientAddress;
use tollgate_macros::resource;
use tollgate_store::Database;
use uuid::Uuid;

/// A browser in which somebody signed in.
#[resource(plural = "auth_sessions")]
pub struct Session {
    /// The hash of what the cookie holds.
    #[id]
    pub session: String,
    /// Who signed in.
    #[index]
    pub user_id: Uuid,
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
}

/// How much is kept of what a browser says that it is, in characters.
const BROWSER: usize = 200;

/// Where a request comes from.
pub(crate) struct From {
    pub(crate) address: Option<IpAddr>,
    browser: Option<String>,
    /// What its cookie says about accounts it knows.
    pub(crate) known: Option<String>,
}

impl From {
    pub(crate) fn of(request: &Request, cookies: Cookies) -> Self {
        let known = cookies.get(request.headers(), KNOWN).map(str::to_owned);
        let browser = request.headers().get(header::USER_AGENT).and_then(|browser| browser.to_str().ok());
        let browser = browser.map(|browser| browser.chars().take(BROWSER).collect());
        Self { address: ClientAddress::of(request.extensions()), browser, known }
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

    /// A new session; answers the `Set-Cookie` for it. Those that have ended are swept out on the way.
    pub(crate) async fn begin(&self, user_id: Uuid, methods: &str, from: &From) -> Result<HeaderValue> {
        let now = self.clock.now();
        self.records.delete(Session::EXPIRES.lte(now)).await?;
        let secret = random_text()?;
        let expires = now.saturating_add(self.lifetime).unwrap_or(Timestamp::MAX);
        let new = NewSession {
            session: name(&secret),
            user_id,
            expires,
            methods: Some(methods.to_owned()),
            address: from.address.map(|address| address.to_string()),
            browser: from.browser.clone(),
        };
        self.records.insert(new).await?;
        Ok(self.cookies.set(SESSION, &secret, self.lifetime.as_secs()))
    }

    /// The session that the cookie names, if it has not ended.
    pub(crate) async fn find(&self, headers: &HeaderMap) -> Result<Option<Session>> {
        let Some(secret) = self.cookies.get(headers, SESSION) else { return Ok(None) };
        let session = self.records.get(name(secret)).await?;
        Ok(session.filter(|session| self.clock.now() < session.expires))
    }

    /// Ends the session that the cookie names; answers the `Set-Cookie` that removes it.
    pub(crate) async fn end(&self, headers: &HeaderMap) -> Result<HeaderValue> {
        if let Some(secret) = self.cookies.get(headers, SESSION) {
            self.records.delete(Session::SESSION.eq(name(secret))).await?;
        }
        Ok(self.cookies.remove(SESSION))
    }

    /// The sessions of a user that have not ended, the newest first.
    pub(crate) async fn of(&self, user_id: Uuid) -> Result<Vec<Session>> {
        let mut sessions =
            self.records.find(Session::USER_ID.eq(user_id) & Session::EXPIRES.gt(self.clock.now())).await?;
        sessions.sort_by_key(|session| Reverse(session.signed_in));
        Ok(sessions)
    }

    /// Ends all sessions of a user but that one.
    pub(crate) async fn end_all(&self, user_id: Uuid, but: Option<&Session>) -> Result<()> {
        let all = Session::USER_ID.eq(user_id);
        let ended = but.map_or(all.clone(), |kept| all & Session::SESSION.ne(&*kept.session));
        self.records.delete(ended).await?;
        Ok(())
    }
}

fn name(secret: &str) -> String {
    Hash::of(&[b"session", secret.as_bytes()]).into()
}
