//! Somebody always stays who may change users, also where two of them keep each other out at the same moment.
//!
//! Who may change users gives no more than they have themselves (`manage.rs`). So it is not enough that anybody stays who
//! may: somebody must stay who has all that the one who goes has from such roles, and can give it back.
//!
//! Each would look whether another is left, and see the other. So whoever changes what somebody may do, or removes them,
//! first changes a row that all of them change: the second waits there, and looks when the first is done. Where a database
//! has no such waiting, it refuses the second, who begins again.

use super::{Accounts, UserError};
use crate::{
    error::Error,
    users::{User, Users},
};
use jiff::Timestamp;
use std::time::{Duration, Instant};
use tollgate_access::{Grants, System};
use tollgate_core::Change;
use tollgate_macros::resource;
use tollgate_store::{self as store, Filter, Store, Transaction};

/// A role with this makes an admin, who gives others what it grants.
const ADMIN: &str = "update:users";
/// The row of those who change what users may do.
const USERS: &str = "users";
/// For how long somebody who was refused begins again: a database lets nobody wait as long for a single row (two seconds,
/// if the settings say no more), and on a busy machine those who come first may need longer than that.
const TIMEOUT: Duration = Duration::from_secs(10);
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

/// Whether another was in the way, at that moment alone.
pub(crate) trait Passing {
    fn is_passing(&self) -> bool;
}

impl Passing for Error {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Store(store::Error::Overloaded))
    }
}

impl Passing for UserError {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Other(error) if error.is_passing())
    }
}

/// Does something, and anew where another was in its way: of two who write the same row at the same moment, some databases
/// refuse the second.
pub(crate) async fn patiently<R, E: Passing, F: Future<Output = Result<R, E>>>(
    attempt: impl Fn() -> F,
) -> Result<R, E> {
    let start = Instant::now();
    loop {
        let done = attempt().await;
        if start.elapsed() >= TIMEOUT || !done.as_ref().is_err_and(E::is_passing) {
            return done;
        }
        tokio::time::sleep(PAUSE).await;
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
        let (given, left) = (self.gives(before), after.map(|after| self.gives(after)).unwrap_or_default());
        if given.permissions().all(|permission| left.include(&permission)) {
            return Ok(());
        }
        let others = User::USER_ID.ne(before.user_id) & User::DISABLED.eq(false);
        let others = given.permissions().fold(others, |others, permission| others & self.have(&permission));
        let others = if self.0.users.demo { others } else { others & User::DEMO.eq(false) };
        let other = users.find(&System::because("one admin stays").may(), others).first().await?;
        other.map(drop).ok_or(UserError::LastAdmin)
    }

    /// What somebody can give as an admin, if they are one and not kept out: what their roles grant with which they are.
    fn gives(&self, user: &User) -> Grants {
        let Users { roles, .. } = &*self.0.users;
        let admin = user.roles().filter(|role| !self.0.users.keeps_out(user) && roles.grants([*role]).include(ADMIN));
        roles.grants(admin)
    }

    /// Those who have a permission by one of their roles.
    fn have(&self, permission: &str) -> Filter<User> {
        let roles = self.0.users.roles.that_grant(permission).map(|role| User::ROLES.has(role));
        roles.reduce(|a, b| a | b).unwrap_or_else(|| !Filter::every())
    }
}
