//! What ended before it expired, on every instance within a second.
//!
//! Who ends something writes a row and forgets it here at once; the others ask for new rows twice a second
//! (`follow.rs`), so that checking a token costs no question to the database. Rows are asked for by the time at which
//! they were written, with an overlap: one that took long to be committed is seen too, and once a minute all are read.
//!
//! Invariant: nothing is dropped from the list that could still let a token in. When it is full, tokens one by one are no
//! longer taken, and whoever asks is told so; users and clients as a whole always are.

use super::{config::LONGEST_ACCESS, follow::Seen};
use crate::{
    error::{Error, Result},
    records::Records,
    token::Revocations,
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tollgate_core::{Change, Clock};
use tollgate_macros::resource;
use tollgate_store::{Database, Filter};

/// The most single tokens and grants that are remembered: some 200 MB.
const MOST: usize = 1_000_000;
/// Longer than a gate's clock may be behind.
const SKEW: Duration = Duration::from_mins(2);
/// How much longer than its tokens may live something is remembered: a calendar that is put forward by as much, and back
/// again, has forgotten nothing.
const RESERVE: Duration = Duration::from_hours(24);

/// Something that ended before it expired.
#[resource(plural = "auth_revocations")]
pub struct Revocation {
    /// What it is and its name, as in `token 0f3c…`.
    #[id]
    pub revoked: String,
    /// What it is: `token`, `grant`, `subject`, `client` or `key`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What was issued up to this moment has ended.
    pub issued_until: Timestamp,
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
    /// All access tokens that speak of a user or a client.
    Subject(&'a str),
    /// All access tokens that were given to a client.
    Client(&'a str),
    /// An API key, by its id.
    Key(&'a str),
}

impl Ended<'_> {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Token(name) => ("token", name),
            Self::Grant(name) => ("grant", name),
            Self::Subject(name) => ("subject", name),
            Self::Client(name) => ("client", name),
            Self::Key(name) => ("key", name),
        }
    }
}

/// The list, here and in the database.
pub(crate) struct Revoked {
    records: Records<Revocation>,
    clock: Arc<dyn Clock>,
    issuer: String,
    /// What the gate asks.
    list: Arc<Revocations>,
    /// How far rows were read.
    seen: Seen,
}

impl Revoked {
    /// For the tokens of that issuer.
    pub(crate) fn new(
        database: &Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
        issuer: &str,
        list: &Arc<Revocations>,
    ) -> Self {
        let records = Records::new(database, clock, "revoked tokens end on every instance");
        let (clock, list) = (Arc::clone(clock), Arc::clone(list));
        Self { records, clock, issuer: issuer.to_owned(), list, seen: Seen::default() }
    }

    /// Ends something. Answers once it is durable.
    pub(crate) async fn end(&self, what: Ended<'_>) -> Result<()> {
        if matches!(what, Ended::Token(_) | Ended::Grant(_)) && self.list.len() >= MOST {
            return Err(Error::TooManyRevoked);
        }
        let ((kind, name), now) = (what.parts(), self.clock.now());
        let new = NewRevocation {
            revoked: format!("{kind} {name}"),
            kind: kind.to_owned(),
            name: name.to_owned(),
            issued_until: now,
            remembered: now.saturating_add(LONGEST_ACCESS + RESERVE).unwrap_or(Timestamp::MAX),
            written: now,
        };
        let row = match self.records.insert(new.clone()).await {
            Err(tollgate_store::Error::Conflict { .. }) => self.again(new).await?,
            other => other?,
        };
        self.apply(&row);
        Ok(())
    }

    /// It ended before; from now on, what was issued in between has ended too.
    async fn again(&self, new: NewRevocation) -> Result<Revocation> {
        let patch = RevocationPatch {
            issued_until: Change::Set(new.issued_until),
            remembered: Change::Set(new.remembered),
            written: Change::Set(new.written),
            ..Default::default()
        };
        self.records.change(new.revoked.clone(), Filter::every(), patch).await?;
        let NewRevocation { revoked, kind, name, issued_until, remembered, written } = new;
        Ok(Revocation { revoked, kind, name, issued_until, remembered, written })
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
        let since = self.seen.since().filter(|_| !all);
        let new = since.map_or_else(Filter::every, |since| Revocation::WRITTEN.gt(since));
        let rows = self.records.find(new).await?;
        for row in &rows {
            self.apply(row);
        }
        self.seen.reached(rows.iter().map(|row| row.written).max());
        Ok(())
    }

    /// Forgets what would have expired by now.
    pub(crate) async fn sweep(&self) -> Result<()> {
        self.list.purge(self.clock.unix());
        let dead = self.clock.now().saturating_sub(SKEW).unwrap_or(Timestamp::MIN);
        self.records.delete(Revocation::REMEMBERED.lte(dead)).await?;
        Ok(())
    }

    fn apply(&self, row: &Revocation) {
        let seconds = |time: Timestamp| u64::try_from(time.as_second()).unwrap_or(0);
        let (cut, until) = (seconds(row.issued_until), seconds(row.remembered));
        let (issuer, name) = (&self.issuer, &row.name);
        match row.kind.as_str() {
            "token" => self.list.revoke_token(issuer, name, until),
            "grant" => self.list.revoke_grant(issuer, name, until),
            "subject" => self.list.revoke_subject(issuer, name, cut, until),
            "client" => self.list.revoke_client(issuer, name, cut, until),
            "key" => self.list.revoke_key(name, until),
            kind => tracing::error!(kind, "a row of auth_revocations cannot be read"),
        }
    }
}
