//! Somebody always stays who may change users, also where two of them keep each other out at the same moment.
//!
//! Each would look whether another is left, and see the other. So whoever changes what somebody may do, or removes them,
//! first changes a row that all of them change: the second waits there, and looks when the first is done. Where a database
//! has no such waiting, it refuses the second, who begins again.

use super::{Accounts, UserError};
use crate::{error::Error, users::User};
use jiff::Timestamp;
use std::time::{Duration, Instant};
use tollgate_access::System;
use tollgate_core::Change;
use tollgate_macros::resource;
use tollgate_store::{self as store, Filter, Store, Transaction};

/// Who has this can give all of it to others.
const ADMIN: &str = "update:users";
/// The row of those who change what users may do.
const USERS: &str = "users";
/// For how long somebody who was refused begins again.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// What one does at a time, on all instances.
#[resource(plural = "auth_turns")]
pub struct Turn {
    /// What that is.
    #[id]
    pub turn: String,
    /// When it was last anybody's turn.
    pub taken: Timestamp,
    /// Counts the turns.
    #[version]
    pub version: i64,
}

/// How long to begin again.
pub(super) struct Patience(Instant);

impl Patience {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    /// Whether that may be tried again, which it is after a pause.
    pub(super) async fn bears<T>(&self, done: &Result<T, UserError>) -> bool {
        let is_passing = matches!(done, Err(UserError::Other(Error::Store(store::Error::Overloaded))));
        let is_early = self.0.elapsed() < PATIENCE;
        if is_passing && is_early {
            tokio::time::sleep(PAUSE).await;
        }
        is_passing && is_early
    }
}

impl Accounts {
    /// From here to the end of the transaction, nobody else changes what users may do.
    pub(super) async fn take_turn(&self, tx: &Transaction) -> Result<(), store::Error> {
        let (turns, system) = (self.0.turns.on(tx)?, System::because("one at a time changes what users may do"));
        let taken = self.0.clock.now();
        let patch = || TurnPatch { taken: Change::Set(taken) };
        match turns.update(&system.may(), USERS.to_owned(), patch()).await {
            Err(store::Error::NotFound) => {}
            taken => return taken.map(drop),
        }
        match turns.insert(&system.may(), NewTurn { turn: USERS.to_owned(), taken }).await {
            // Another was the first ever, at the same moment.
            Err(store::Error::Conflict { .. }) => {
                turns.update(&system.may(), USERS.to_owned(), patch()).await.map(drop)
            }
            inserted => inserted.map(drop),
        }
    }

    /// Refuses what would leave nobody to take it back.
    pub(super) async fn check_last_admin(
        &self,
        users: &Store<User>,
        before: &User,
        after: Option<&User>,
    ) -> Result<(), UserError> {
        if !self.is_admin(before) || after.is_some_and(|after| self.is_admin(after)) {
            return Ok(());
        }
        let admins = self.0.users.roles.that_grant(ADMIN).map(|role| User::ROLES.has(role)).reduce(|a, b| a | b);
        let others = User::USER_ID.ne(before.user_id) & User::DISABLED.eq(false);
        let others = others & admins.unwrap_or_else(Filter::every);
        let others = if self.0.users.demo { others } else { others & User::DEMO.eq(false) };
        let other = users.find(&System::because("one admin stays").may(), others).first().await?;
        other.map(drop).ok_or(UserError::LastAdmin)
    }

    fn is_admin(&self, user: &User) -> bool {
        !self.0.users.keeps_out(user) && self.0.users.roles.grants(user.roles()).include(ADMIN)
    }
}
