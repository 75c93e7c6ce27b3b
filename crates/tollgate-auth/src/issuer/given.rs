//! For whom was something given, under what, and does that still stand?
//!
//! Codes, refresh families and access tokens name both, and whoever comes with one is held against them. So what ends is
//! one row, at once and as a whole, and what was under way at that moment has ended too:
//!
//! ```text
//! given to                 under                          ends with
//! a client of the app      the session of the browser     signing out there
//! somebody else's client   what the user allowed          withdrawing that, at /auth/apps
//! either                   a version of the user's row    whatever makes it void (accounts/ends.rs)
//! ```
//! Access tokens are checked without a question, so an entry among the revoked (`revoked.rs`) goes along, in the same
//! transaction. It names the session or the consent as the tokens do, by a hash: others read those.

use super::{
    Ended,
    client::Client,
    denied::{Code, Denied},
};
use crate::{
    accounts::patiently,
    error::{Error, Result},
    identity::Issuer,
    sign_in::Session,
    token::Hash,
    users::User,
};
use axum::{
    http::{HeaderMap, header},
    response::Response,
};
use std::time::Duration;
use tollgate_store::Filter;
use uuid::Uuid;

/// For whom something was given, and under what.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) user: Uuid,
    /// The version of their row.
    pub(crate) version: i64,
    /// A session, or what they allowed to the client.
    pub(crate) under: String,
}

impl Given {
    /// How tokens name what they were given under.
    pub(crate) fn public(&self) -> String {
        public_name(&self.under)
    }
}

/// How tokens name what they were given under.
pub(crate) fn public_name(under: &str) -> String {
    String::from(Hash::of(&[b"given under", under.as_bytes()]))[..22].to_owned()
}

impl Issuer {
    /// What a client is given something under, for somebody who is signed in.
    pub(super) async fn giving(&self, client: &Client, session: &Session, user: &User) -> Result<Given, Denied> {
        let under = if client.third_party {
            let allowed = self.consents.find(user.user_id, &client.id).await?;
            allowed.ok_or(Denied::new(Code::AccessDenied, "the user withdrew what they allowed"))?.grant_id
        } else {
            session.session.clone()
        };
        Ok(Given { user: user.user_id, version: user.version, under })
    }

    /// The user for whom something was given to a client, if nothing has ended it since. They are read first: what ends from
    /// here on ends what is made from that version of their row too.
    pub(super) async fn holder(&self, client: &Client, given: &Given) -> Result<Option<User>> {
        let user = self.users.holder(given.user, given.version).await?;
        let stands = if client.third_party {
            let allowed = self.consents.find(given.user, &client.id).await?;
            allowed.is_some_and(|allowed| allowed.grant_id == given.under)
        } else {
            self.sessions.stands(&given.under).await?
        };
        Ok(user.filter(|_| stands))
    }

    /// Notes that something is given that can be alive for so long; answers whether it still can be given.
    pub(super) async fn give(&self, client: &Client, given: &Given, lifetime: Duration) -> Result<bool> {
        if client.third_party { Ok(true) } else { self.sessions.give(&given.under, lifetime).await }
    }

    /// Signs a browser out: ends its session, and what clients of the app were given under it, which is recorded. With that
    /// response the browser forgets it, and a sign-in that is half way.
    pub(crate) async fn end_session(&self, headers: &HeaderMap, mut response: Response) -> Result<Response> {
        let user = self.signed_in(headers).await?.map(|(_, user)| user);
        if let Some(session) = self.sessions.named(headers) {
            self.end_if(&session, Filter::every(), user.as_ref().map(|user| (user, "sign_out"))).await?;
        }
        response.headers_mut().append(header::SET_COOKIE, self.sessions.removal());
        self.end_step(headers, &mut response);
        Ok(response)
    }

    /// Ends one of a user's own sessions, in whatever browser it is, which is recorded.
    pub(crate) async fn end_session_of(&self, user: &User, session: &str) -> Result<()> {
        self.end_if(session, Session::USER_ID.eq(user.user_id), Some((user, "end_session"))).await
    }

    /// Ends a session that matches, if there is one, and what clients of the app were given under it. It is recorded who did
    /// what, where that is known.
    async fn end_if(&self, session: &str, only: Filter<Session>, by: Option<(&User, &str)>) -> Result<()> {
        patiently(|| self.end_if_it_stands(session, only.clone(), by)).await
    }

    async fn end_if_it_stands(&self, session: &str, only: Filter<Session>, by: Option<(&User, &str)>) -> Result<()> {
        let ended = self.users.store().transaction(async |tx| {
            let (was_there, ended) = self.accounts.end_session_in(&tx, session, only).await?;
            if let Some((user, action)) = by.filter(|_| was_there) {
                self.accounts.record_own_in(&tx, user, action, None).await?;
            }
            Ok::<_, Error>(ended)
        });
        self.revoked.apply(ended.await?);
        Ok(())
    }

    /// Takes back what a user allowed to a client, if they did, and ends what it was given under that, which is recorded.
    pub(crate) async fn withdraw(&self, user: &User, client: &str) -> Result<()> {
        patiently(|| self.withdraw_now(user, client)).await
    }

    async fn withdraw_now(&self, user: &User, client: &str) -> Result<()> {
        let (id, accounts) = (user.user_id, &self.accounts);
        let ended = self.users.store().transaction(async |tx| {
            let Some(allowed) = self.consents.remove(id, client, &tx).await? else { return Ok(None) };
            accounts.record_own_in(&tx, user, "withdraw_client", Some(client)).await?;
            let under = public_name(&allowed.grant_id);
            Ok::<_, Error>(Some(self.revoked.note_of(&id.to_string(), Ended::Under(&under), &tx).await?))
        });
        self.revoked.apply(ended.await?);
        Ok(())
    }

    /// Removes an added client, and ends what it was given.
    pub(crate) async fn remove_client(&self, id: &str) -> Result<()> {
        let ended = self.users.store().transaction(async |tx| {
            self.clients.remove(id, &tx).await?;
            self.consents.remove_client(id, &tx).await?;
            self.codes.remove_client(id, &tx).await?;
            self.refresh.families().remove_client(id, &tx).await?;
            self.revoked.note(Ended::Client(id), &tx).await
        });
        self.revoked.apply([ended.await?]);
        Ok(())
    }
}
