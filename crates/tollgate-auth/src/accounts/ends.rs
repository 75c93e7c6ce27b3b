//! What ends when an account changes?
//!
//! ```text
//! another password, another second factor, signed out everywhere, kept out,
//! a role that needs a second factor that is not there                        everything; but the session that asks
//! a role that was taken away                                                 access tokens: a refresh gives what is left
//! other roles, another address, anything else in the row                     links for a new password
//! removed                                                                    everything, and the rows themselves
//! ```
//! Whatever somebody is given carries the version that their row had: sessions, sign-ins that are half way, codes, refresh
//! tokens, access tokens, links. `void_before` of the row says up to which versions that is void, so all of it ends with
//! one number, in the statement that changes the account. What is under way at that moment ends with it: it carries the
//! version that it looked at. Access tokens are checked without a question, so the number is written among the revoked
//! (`issuer/revoked.rs`) in the same transaction.
//!
//! Invariant: a change and what ends with it happen together or not at all, so whoever is told that it failed may try again.

use super::{Accounts, UserError, event, totp::Shared};
use crate::{
    api_key::ApiKey,
    error::Error,
    issuer::{Ended, Revocation, public_name},
    sign_in::Session,
    users::User,
};
use tollgate_access::{Actor, May, Read, System, Update};
use tollgate_store::{Assignment, Filter, Transaction};
use uuid::Uuid;

impl Accounts {
    /// Changes an account in one transaction. What it answers besides has ended with the commit.
    pub(super) async fn altering<R>(
        &self,
        work: impl AsyncFnOnce(Transaction) -> Result<(R, Option<Revocation>), UserError>,
    ) -> Result<R, UserError> {
        let (done, ended) = self.users().transaction(work).await?;
        self.0.revoked.apply(ended);
        Ok(done)
    }

    /// A user as they are, within a transaction.
    pub(super) async fn within(&self, tx: &Transaction, id: Uuid) -> Result<User, UserError> {
        let may: May<Read, User> = System::because("a user is looked at before they are changed").may();
        Ok(self.users().on(tx)?.get(&may, id).await?)
    }

    /// Sets fields of a user who is still as believed, and ends everything that they were given, but that session. Answers
    /// them as they are now, and what has ended with the commit.
    pub(super) async fn end_given(
        &self,
        tx: &Transaction,
        user: &User,
        fields: impl IntoIterator<Item = Assignment<User>>,
        but: Option<&Session>,
    ) -> Result<(User, Revocation), UserError> {
        let may: May<Update, User> = System::because("what a user was given ends").may();
        let (next, unchanged) = (user.version + 1, User::VERSION.eq(user.version));
        let fields = fields.into_iter().chain([User::VOID_BEFORE.to(next)]);
        let now = self.users().on(tx)?.set_if(&may, user.user_id, unchanged, fields).await?;
        if let Some(session) = but {
            self.0.sessions.renew(session, next, tx).await?;
        }
        Ok((now, self.end_tokens(tx, user.user_id, user.version).await?))
    }

    /// Ends the access tokens that were made from that version of a user's row, or an earlier one.
    pub(super) async fn end_tokens(&self, tx: &Transaction, id: Uuid, version: i64) -> Result<Revocation, Error> {
        self.0.revoked.note(Ended::Subject(&id.to_string(), version), tx).await
    }

    /// Removes whatever is kept of a user who is removed, and ends their access tokens.
    pub(super) async fn forget(&self, tx: &Transaction, user: &User) -> Result<Revocation, Error> {
        let (inner, id) = (&*self.0, user.user_id);
        inner.sessions.remove_user(id, tx).await?;
        inner.codes.remove_user(id, tx).await?;
        inner.families.remove_user(id, tx).await?;
        inner.links.remove_user(id, tx).await?;
        inner.consents.remove_user(id, tx).await?;
        inner.factors.remove(id, tx).await?;
        inner.keys.on(tx)?.delete(ApiKey::SUBJECT.eq(id.to_string())).await?;
        // Of all versions: another change may be committed between our look at the row and its removal.
        self.end_tokens(tx, id, i64::MAX).await
    }

    /// Signs a user out everywhere: their sessions at once, their tokens on every instance within a second.
    ///
    /// # Errors
    /// [`UserError::NotFound`], or [`UserError::Beyond`].
    pub async fn end_sessions(&self, may: &May<Update, User>, id: Uuid) -> Result<(), UserError> {
        let done = self.altering(async |tx| {
            let user = self.within(&tx, id).await?;
            self.check_reach(may.actor(), &user.roles)?;
            let (_, ended) = self.end_given(&tx, &user, [], None).await?;
            self.record_in(&tx, may.actor(), "end_sessions", &user).await?;
            Ok(((), Some(ended)))
        });
        done.await
    }

    /// Signs a user out in one browser: its session, and what applications were given under it. Where that has ended, or is
    /// none of theirs, nothing happens.
    ///
    /// # Errors
    /// [`UserError::NotFound`], or [`UserError::Beyond`].
    pub async fn end_session(&self, may: &May<Update, User>, id: Uuid, session: &str) -> Result<(), UserError> {
        let done = self.altering(async |tx| {
            let user = self.within(&tx, id).await?;
            self.check_reach(may.actor(), &user.roles)?;
            let (was_there, ended) = self.end_session_in(&tx, session, Session::USER_ID.eq(id)).await?;
            if was_there {
                self.record_in(&tx, may.actor(), "end_session", &user).await?;
            }
            Ok(((), ended))
        });
        done.await
    }

    /// Ends a session that matches, and what clients of the app were given under it. Answers whether there was one, and what
    /// has ended with the commit.
    pub(crate) async fn end_session_in(
        &self,
        tx: &Transaction,
        session: &str,
        only: Filter<Session>,
    ) -> Result<(bool, Option<Revocation>), Error> {
        let Some(session) = self.0.sessions.end(session, only, tx).await? else { return Ok((false, None)) };
        if session.gave_until.is_none() {
            return Ok((true, None));
        }
        let (user, under) = (session.user_id.to_string(), public_name(&session.session));
        Ok((true, Some(self.0.revoked.note_of(&user, Ended::Under(&under), tx).await?)))
    }

    /// Takes the second factor from a user who has lost it, and signs them out everywhere. Answers whether they had one: for
    /// who has none, nothing is done or recorded.
    ///
    /// # Errors
    /// [`UserError::NotFound`], [`UserError::Own`], or [`UserError::Beyond`].
    pub async fn remove_second_factor(&self, may: &May<Update, User>, id: Uuid) -> Result<bool, UserError> {
        let done = self.altering(async |tx| {
            let user = self.within(&tx, id).await?;
            Self::check_another(may.actor(), &user)?;
            self.check_reach(may.actor(), &user.roles)?;
            let ended = self.without_second_factor(&tx, may.actor(), &user, None).await?;
            Ok((ended.is_some(), ended))
        });
        done.await
    }

    /// Gives up one's own second factor. All other sessions and all tokens end.
    pub(crate) async fn give_up_second_factor(&self, user: &User, session: Option<&Session>) -> Result<(), UserError> {
        let actor = self.0.users.actor(user);
        self.altering(async |tx| Ok(((), self.without_second_factor(&tx, &actor, user, session).await?))).await
    }

    /// Nothing happens to a user who has none.
    async fn without_second_factor(
        &self,
        tx: &Transaction,
        actor: &Actor,
        user: &User,
        but: Option<&Session>,
    ) -> Result<Option<Revocation>, UserError> {
        if !user.second_factor {
            return Ok(None);
        }
        self.0.factors.remove(user.user_id, tx).await?;
        let (_, ended) = self.end_given(tx, user, [User::SECOND_FACTOR.to(false)], but).await?;
        self.record_in(tx, actor, "second_factor_off", user).await?;
        Ok(Some(ended))
    }

    /// Keeps the second factor that was offered to a user, if the code is one of its own. Everything else that they were
    /// given ends: it was given without it. Answers the recovery codes, and the user from now on.
    pub(crate) async fn enrol(
        &self,
        user: &User,
        offered: &Shared,
        code: &str,
        session: Option<&Session>,
    ) -> Result<Option<(Vec<String>, User)>, UserError> {
        let actor = self.0.users.actor(user);
        let done = self.altering(async |tx| {
            let codes = self.0.factors.enrol(user.user_id, offered, code, &tx).await?;
            let Some(codes) = codes else { return Ok((None, None)) };
            let (now, ended) = self.end_given(&tx, user, [User::SECOND_FACTOR.to(true)], session).await?;
            self.record_in(&tx, &actor, "second_factor_on", user).await?;
            Ok((Some((codes, now)), Some(ended)))
        });
        done.await
    }

    /// Other recovery codes in place of those there were.
    pub(crate) async fn renew_codes(&self, user: &User) -> Result<Vec<String>, Error> {
        let renewed = self.users().transaction(async |tx| {
            let codes = self.0.factors.renew(user.user_id, &tx).await?;
            self.record_own_in(&tx, user, "recovery_codes", None).await?;
            Ok(codes)
        });
        renewed.await
    }

    pub(super) async fn record_in(
        &self,
        tx: &Transaction,
        actor: &Actor,
        action: &str,
        user: &User,
    ) -> Result<(), UserError> {
        Ok(self.users().on(tx)?.record(actor, event(actor, action, user)).await?)
    }
}
