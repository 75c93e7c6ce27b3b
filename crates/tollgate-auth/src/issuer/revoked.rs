//! What ended before it expired, on every instance within a second.
//!
//! Who ends something writes a row and forgets it here at once; the others ask for new rows twice a second
//! (`follow.rs`), so that checking a token costs no question to the database. Rows are asked for by the time at which
//! they were written, with an overlap: one that took long to be committed is seen too, and once a minute all are read.
//!
//! Whoever is given tokens can end them, as often as they like. So of one user there are a hundred rows at most, of one
//! client in its own name a thousand: with the next one, all their access tokens end as one row, and are given anew.
//!
//! Invariant: nothing is dropped from the list that could still let a token in. When it is full, tokens one by one are no
//! longer taken, and whoever asks is told so; users, sessions and clients as a whole always are.

use super::follow::{OVERLAP, Seen};
use crate::{
    error::{Error, Result},
    records::Records,
    token::Revocations,
    users::User,
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tollgate_access::System;
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Filter, Transaction};
use uuid::Uuid;

/// The most single tokens and grants that are remembered: some 200 MB.
const MOST: usize = 1_000_000;
/// The most of them that one user has.
const MOST_OF_A_USER: u64 = 100;
/// The most that a client has in its own name, which may end a token with each of its jobs.
const MOST_OF_A_CLIENT: u64 = 1_000;
/// Longer than a gate's clock may be behind.
const SKEW: Duration = Duration::from_mins(2);
/// How much longer than its tokens live something is remembered: a calendar that is put forward by as much, and back again,
/// has forgotten nothing. No token lives longer than that, so none does that was issued under another setting.
const RESERVE: Duration = Duration::from_hours(24);

/// Something that ended before it expired.
#[resource(plural = "auth_revocations")]
pub struct Revocation {
    /// What it is and its name, as in `token 0f3c…`.
    #[id]
    pub revoked: String,
    /// What it is: `token`, `grant`, `under`, `subject`, `client` or `key`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// To whom it was given, if it is only a part of what they were given: a user, or a client in its own name.
    #[index]
    pub given_to: Option<String>,
    /// Up to where what was issued has ended: of a user, the version of their row; of a client, the second.
    pub up_to: i64,
    /// Until when it must be remembered.
    #[index]
    pub remembered: Timestamp,
    /// When this was written.
    #[index]
    pub written: Timestamp,
}

/// What ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended<'a> {
    /// An access token, by its `jti`.
    Token(&'a str),
    /// All access tokens of a refresh family.
    Grant(&'a str),
    /// All access tokens that were given under a session or a consent.
    Under(&'a str),
    /// All access tokens that speak of a user as they were up to that version of their row, or of a client up to that
    /// version of its [own](Revoked::version_of). No clock is compared: those of two instances may differ, and a token may
    /// be under way.
    Subject(&'a str, i64),
    /// All access tokens that were given to a client until now, by any instance's clock.
    Client(&'a str),
    /// An API key, by its id.
    Key(&'a str),
}

impl Ended<'_> {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Token(name) => ("token", name),
            Self::Grant(name) => ("grant", name),
            Self::Under(name) => ("under", name),
            Self::Subject(name, _) => ("subject", name),
            Self::Client(name) => ("client", name),
            Self::Key(name) => ("key", name),
        }
    }
}

impl Ended<'_> {
    fn up_to(&self, now: Timestamp) -> i64 {
        match self {
            Self::Subject(_, version) => *version,
            Self::Client(_) => now.saturating_add(OVERLAP).unwrap_or(Timestamp::MAX).as_second(),
            Self::Token(_) | Self::Grant(_) | Self::Under(_) | Self::Key(_) => 0,
        }
    }
}

/// The list, here and in the database.
pub(crate) struct Revoked {
    records: Records<Revocation>,
    users: Records<User>,
    clock: Arc<dyn Clock>,
    issuer: String,
    /// How long an access token lives.
    lifetime: Duration,
    /// What the gate asks.
    list: Arc<Revocations>,
    /// How far rows were read.
    seen: Seen,
}

impl Revoked {
    /// For the tokens of that issuer, which live so long.
    pub(crate) fn new(
        database: &Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
        (issuer, lifetime): (&str, Duration),
        list: &Arc<Revocations>,
    ) -> Self {
        let reason = "revoked tokens end on every instance";
        let (records, users) = (Records::new(database, clock, reason), Records::new(database, clock, reason));
        let (clock, list) = (Arc::clone(clock), Arc::clone(list));
        Self { records, users, clock, issuer: issuer.to_owned(), lifetime, list, seen: Seen::default() }
    }

    /// Ends something with a transaction. Once that is committed, what this answers is to be [applied](Self::apply).
    pub(crate) async fn note(&self, what: Ended<'_>, on: &Transaction) -> Result<Revocation> {
        self.write(&self.records.on(on)?, what, None).await
    }

    /// Ends a part of what a user was given, or a client in its own name.
    pub(crate) async fn end_of(&self, subject: &str, what: Ended<'_>) -> Result<()> {
        let all = if self.are_many(subject, &self.records).await? { self.end_all_of(subject).await? } else { None };
        let ended = match all {
            Some(all) => all,
            None => self.write(&self.records, what, Some(subject)).await?,
        };
        self.apply([ended]);
        Ok(())
    }

    async fn end_all_of(&self, subject: &str) -> Result<Option<Revocation>> {
        let all = self.records.store().transaction(async |tx| {
            let records = self.records.on(&tx)?;
            self.note_all_of(subject, &records, &tx).await
        });
        match all.await {
            // Another does so at this moment.
            Err(Error::Store(tollgate_store::Error::Overloaded)) => Ok(None),
            done => done,
        }
    }

    async fn are_many(&self, subject: &str, records: &Records<Revocation>) -> Result<bool> {
        let most = if Uuid::parse_str(subject).is_ok() { MOST_OF_A_USER } else { MOST_OF_A_CLIENT };
        Ok(records.count(Revocation::GIVEN_TO.eq(subject)).await? >= most)
    }

    /// The same with a transaction, as [`note`](Self::note).
    pub(crate) async fn note_of(&self, subject: &str, what: Ended<'_>, on: &Transaction) -> Result<Revocation> {
        let records = self.records.on(on)?;
        if self.are_many(subject, &records).await?
            && let Some(all) = self.note_all_of(subject, &records, on).await?
        {
            return Ok(all);
        }
        self.write(&records, what, Some(subject)).await
    }

    /// Ends all access tokens of a user, or of a client in its own name, in place of many, and nothing else that they were
    /// given. `None` if somebody else does at this moment.
    async fn note_all_of(
        &self,
        subject: &str,
        records: &Records<Revocation>,
        on: &Transaction,
    ) -> Result<Option<Revocation>> {
        let all = match Uuid::parse_str(subject) {
            Ok(user) => self.end_version(user, records, on).await?,
            Err(_) => self.end_version_of_client(subject, records).await?,
        };
        if all.is_some() {
            records.delete(Revocation::GIVEN_TO.eq(subject)).await?;
            tracing::info!(subject, "many tokens of one subject were revoked: now all of them are");
        }
        Ok(all)
    }

    /// Ends what was made from a user's row as it is. `None` if somebody else changes it at this moment.
    async fn end_version(
        &self,
        user: Uuid,
        records: &Records<Revocation>,
        on: &Transaction,
    ) -> Result<Option<Revocation>> {
        let (users, may) = (self.users.on(on)?, System::because("access tokens of a user end").may());
        let Some(row) = users.get(user).await? else { return Ok(None) };
        // Any write begins another version, whose tokens are good.
        let as_it_is = [User::VOID_BEFORE.to(row.void_before)];
        match users.store().set_if(&may, user, User::VERSION.eq(row.version), as_it_is).await {
            Err(tollgate_store::Error::Stale | tollgate_store::Error::NotFound) => return Ok(None),
            set => set?,
        };
        Ok(Some(self.write(records, Ended::Subject(&user.to_string(), row.version), None).await?))
    }

    /// Ends the version that a client's own tokens have. It need not have a row, so what has ended counts the versions.
    /// They follow the time, for a row that was forgotten must not let them begin anew. `None` if somebody else ends it at
    /// this moment.
    async fn end_version_of_client(&self, id: &str, records: &Records<Revocation>) -> Result<Option<Revocation>> {
        let written = records.time().await?;
        let ended = |version| self.row(Ended::Subject(id, version), None, written);
        let now = self.clock.now().as_second();
        let Some(row) = records.get(ended(now).revoked).await? else {
            return match records.insert(ended(now)).await {
                Err(tollgate_store::Error::Conflict { .. }) => Ok(None),
                first => Ok(Some(first?)),
            };
        };
        let next = ended(now.max(row.up_to + 1));
        let is_first = records.change(row.revoked, Revocation::UP_TO.eq(row.up_to), patch(&next)).await?;
        Ok(is_first.then(|| stored(next)))
    }

    /// The version of the tokens that a client gets in its own name from now on.
    pub(crate) fn version_of(&self, client: &str) -> Option<i64> {
        let ended = self.list.ended_version(&self.issuer, client)?;
        i64::try_from(ended).ok()?.checked_add(1)
    }

    async fn write(
        &self,
        records: &Records<Revocation>,
        what: Ended<'_>,
        given_to: Option<&str>,
    ) -> Result<Revocation> {
        if matches!(what, Ended::Token(_) | Ended::Grant(_)) && self.list.len() >= MOST {
            return Err(Error::TooManyRevoked);
        }
        let new = self.row(what, given_to, records.time().await?);
        match records.insert(new.clone()).await {
            Err(tollgate_store::Error::Conflict { .. }) => again(records, new).await,
            other => Ok(other?),
        }
    }

    /// Written at the time of the database, for all instances follow the rows of all others by it.
    fn row(&self, what: Ended<'_>, given_to: Option<&str>, written: Timestamp) -> NewRevocation {
        let ((kind, name), now) = (what.parts(), self.clock.now());
        NewRevocation {
            revoked: format!("{kind} {name}"),
            kind: kind.to_owned(),
            name: name.to_owned(),
            given_to: given_to.map(str::to_owned),
            up_to: what.up_to(now),
            remembered: now.saturating_add(self.lifetime + RESERVE).unwrap_or(Timestamp::MAX),
            written,
        }
    }

    /// What the gate asks.
    pub(crate) fn list(&self) -> &Revocations {
        &self.list
    }

    /// Of whose tokens this is the list.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Takes over what others ended: all of it, or what is new.
    pub(crate) async fn follow(&self, all: bool) -> Result<()> {
        let since = self.seen.since(self.clock.now()).filter(|_| !all);
        let new = since.map_or_else(Filter::every, |since| Revocation::WRITTEN.gt(since));
        let rows = self.records.find(new).await?;
        let newest = rows.iter().map(|row| row.written).max();
        self.apply(rows);
        if all {
            self.list.forget_unsaid(&self.issuer);
        }
        self.seen.reached(newest);
        Ok(())
    }

    /// Forgets what would have expired by now.
    pub(crate) async fn sweep(&self) -> Result<()> {
        self.list.purge(self.clock.unix());
        let dead = self.clock.now().saturating_sub(SKEW).unwrap_or(Timestamp::MIN);
        self.records.delete(Revocation::REMEMBERED.lte(dead)).await?;
        Ok(())
    }

    /// Takes over what has ended.
    pub(crate) fn apply(&self, ended: impl IntoIterator<Item = Revocation>) {
        ended.into_iter().for_each(|row| self.take_over(&row));
    }

    fn take_over(&self, row: &Revocation) {
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let (cut, until) = (number(row.up_to), number(row.remembered.as_second()));
        let (issuer, name) = (&self.issuer, &row.name);
        match row.kind.as_str() {
            "token" => self.list.revoke_token(issuer, name, until),
            "grant" | "under" => self.list.revoke_grant(issuer, name, until),
            "subject" => self.list.revoke_subject(issuer, name, cut, until),
            "client" => self.list.revoke_client(issuer, name, cut, until),
            "key" => self.list.revoke_key(name, until),
            kind => tracing::error!(kind, "a row of auth_revocations cannot be read"),
        }
    }
}

/// It ended before; from now on, what was issued in between has ended too.
async fn again(records: &Records<Revocation>, new: NewRevocation) -> Result<Revocation> {
    // Of two versions the later one stands, whoever writes first.
    let earlier = Revocation::UP_TO.lte(new.up_to);
    records.change(new.revoked.clone(), earlier, patch(&new)).await?;
    Ok(stored(new))
}

fn patch(new: &NewRevocation) -> RevocationPatch {
    RevocationPatch {
        up_to: Change::Set(new.up_to),
        remembered: Change::Set(new.remembered),
        written: Change::Set(new.written),
        ..Default::default()
    }
}

fn stored(new: NewRevocation) -> Revocation {
    let NewRevocation { revoked, kind, name, given_to, up_to, remembered, written } = new;
    Revocation { revoked, kind, name, given_to, up_to, remembered, written }
}
