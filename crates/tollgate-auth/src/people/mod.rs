//! People whom providers vouch for: who may not come in here, whatever their provider says?
//!
//! A provider signs in whom it likes, and hands them tokens for as long as it likes. What is said about them here is a row
//! by issuer and subject, `okta|00u1`, also for somebody who was never seen: programs bring tokens and never sign in.
//! Sessions look at the row each time. Tokens are held against a list in memory, as with all that was revoked: whoever
//! changes a row changes the list here at once, other instances ask twice a second what is new.
//!
//! ```text
//! row.rs    what is kept of them      api.rs    /provider-people      ruling.rs    what can be said about them
//! ```
//!
//! Invariant: who is kept out has no session, and no token that was or will be issued lets them in. Who is let in again, or
//! was signed out, needs a token that is newer than that.

mod api;
mod row;
mod ruling;

pub use api::service;
pub use row::{NewProviderPerson, ProviderPerson, ProviderPersonPatch};

use crate::{
    Issuers, ProviderSession, UserError,
    error::{Error, Result},
    issuer::{Follower, SWEEP, Seen, follow},
    provider::Issuer,
    records::Records,
    token::Revocations,
};
use axum::http::StatusCode;
use std::{fmt, sync::Arc};
use tollgate_access::System;
use tollgate_core::{Clock, Problem};
use tollgate_http::{Argument, Call, Operation};
use tollgate_store::{Database, Filter, Store};

/// How many rows are read at once.
const AT_A_TIME: u32 = 500;

/// The people of the providers that the settings name. Cheap to clone.
#[derive(Clone)]
pub struct ProviderPeople(Arc<Inner>);

struct Inner {
    people: Records<ProviderPerson>,
    sessions: Records<ProviderSession>,
    issuers: Issuers,
    /// What the gate asks.
    list: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    seen: Seen,
}

impl ProviderPeople {
    /// Those in that database, whose tables are [prepared](Database::prepare). Tokens of who is kept out pass no gate with
    /// these revocations.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn start(
        issuers: &Issuers,
        database: &Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
        revocations: &Arc<Revocations>,
    ) -> Result<Self> {
        let reason = "an operator says which people of providers come in";
        let inner = Arc::new(Inner {
            people: Records::new(database, clock, reason),
            sessions: Records::new(database, clock, reason),
            issuers: issuers.clone(),
            list: Arc::clone(revocations),
            clock: Arc::clone(clock),
            seen: Seen::default(),
        });
        if issuers.iter().next().is_some() {
            inner.catch_up_with(true).await?;
            follow(&inner);
        }
        Ok(Self(inner))
    }

    /// Takes over what other instances said, now: what is new, or all of it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn catch_up(&self, all: bool) -> Result<()> {
        if self.0.issuers.iter().next().is_some() { self.0.catch_up_now(all).await } else { Ok(()) }
    }

    /// The rows, for whoever has a permission.
    pub fn store(&self) -> &Store<ProviderPerson> {
        self.0.people.store()
    }

    /// Whether that is how somebody of a provider is called here: the name of an issuer, `|`, and a subject.
    pub fn is_one(&self, id: &str) -> bool {
        self.0.issuer(id).is_some()
    }

    /// Somebody who has signed in, or of whom something was said.
    ///
    /// # Errors
    /// [`UserError::NotFound`].
    pub async fn get(&self, id: &str) -> Result<ProviderPerson, UserError> {
        self.0.people.get(id.to_owned()).await?.ok_or(UserError::NotFound)
    }

    /// The roles of somebody: those that their provider named, and those that everybody whom it knows has here.
    pub fn roles(&self, person: &ProviderPerson) -> Vec<String> {
        let always =
            self.0.issuer(&person.person_id).map(|issuer| &*issuer.provider().common.roles).unwrap_or_default();
        let more = always.iter().filter(|role| !person.roles.contains(role));
        person.roles.iter().chain(more).cloned().collect()
    }

    /// The browsers in which somebody is signed in, the newest first.
    ///
    /// # Errors
    /// [`UserError::NotFound`].
    pub async fn sessions(&self, id: &str) -> Result<Vec<ProviderSession>, UserError> {
        self.get(id).await?;
        Ok(ProviderSession::of(id, &self.0.sessions, self.0.clock.now()).await?)
    }

    /// All of them, some at a time.
    ///
    /// # Errors
    /// The database cannot be reached, or what `each` says.
    pub async fn each<E: From<Error>>(
        &self,
        mut each: impl FnMut(Vec<ProviderPerson>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (may, mut after) = (System::because("an operator lists people of providers").may(), None);
        loop {
            let slice = self.store().find(&may, Filter::every()).page(AT_A_TIME, after.as_ref()).await;
            let slice = slice.map_err(Error::from)?;
            each(slice.items)?;
            after = slice.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

impl Inner {
    /// Whose person that is: names of issuers have no `|`.
    fn issuer(&self, id: &str) -> Option<&Issuer> {
        let (name, subject) = id.split_once('|').filter(|(_, subject)| !subject.is_empty())?;
        let good = !subject.contains(char::is_control);
        self.issuers.iter().find(|issuer| good && issuer.name() == name)
    }

    async fn catch_up_with(&self, all: bool) -> Result<()> {
        let since = self.seen.since(self.clock.now()).filter(|_| !all);
        let ruled =
            since.map_or_else(|| !ProviderPerson::SIGNED_OUT.is_null(), |since| ProviderPerson::SIGNED_OUT.gt(since));
        let rows = self.people.find(ruled).await?;
        for row in &rows {
            self.apply(row);
        }
        self.seen.reached(rows.iter().filter_map(|row| row.signed_out).max());
        Ok(())
    }

    fn apply(&self, row: &ProviderPerson) {
        if let Some(since) = row.signed_out {
            self.list.rule(&row.person_id, row.disabled, since);
        }
    }
}

impl Follower for Inner {
    async fn catch_up(&self, round: u64) -> Result<()> {
        self.catch_up_with(round.is_multiple_of(SWEEP)).await
    }
}

impl Argument for ProviderPeople {
    // Passwords and keys are kept nowhere, and what ends with a change is told once that is committed.
    const REPEATABLE: bool = false;

    fn describe(operation: &mut Operation<'_>) {
        operation.refuses(StatusCode::SERVICE_UNAVAILABLE, "Too many are waiting, or the database does not answer.");
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.extension()
    }
}

impl fmt::Debug for ProviderPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderPeople").finish_non_exhaustive()
    }
}
