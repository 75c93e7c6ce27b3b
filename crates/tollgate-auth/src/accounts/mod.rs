//! What can be done to an account, whoever asks: the API, the command line, or its owner on a page.
//!
//! ```text
//! /users     api.rs      for those who may
//!            manage.rs   adding, changing, removing; who may do it to whom      error.rs   and why not
//!            load.rs     those of a file
//!            ends.rs     what ends with that, in the same transaction
//!            turn.rs     one at a time, so that an admin stays
//! one's own  proof.rs    password and code, once more or for the first time     own.rs     the API for oneself
//!            tries.rs    how often one may guess      browser.rs  from where without others in the way
//!            second_factor.rs   an authenticator app, recovery codes    totp.rs
//!            links.rs    a new password by a link     mail.rs    how it travels
//! ```
//!
//! Invariant: whoever is kept out, removed or signed out everywhere has nothing left that lets anybody in (`ends.rs`).

mod api;
mod browser;
mod ends;
mod error;
mod links;
mod load;
mod mail;
mod manage;
mod own;
mod proof;
mod second_factor;
mod totp;
mod tries;
mod turn;

pub use api::service;
pub(crate) use browser::LIFETIME as BROWSER_LIFETIME;
pub use error::UserError;
pub use links::ResetLink;
pub use mail::{Mail, MailError, Mailer};
pub(crate) use manage::event;
pub use manage::{AccountChange, NewAccount};
pub(crate) use own::me_service;
pub(crate) use second_factor::Proven;
pub use second_factor::SecondFactor;
pub(crate) use totp::{address as totp_address, base32};
pub use tries::Try;
pub use turn::Turn;
pub(crate) use turn::patiently;

use self::{browser::KnownBrowsers, links::Links, second_factor::SecondFactors, tries::Tries};
use crate::{
    IdentityConfig,
    api_key::ApiKey,
    error::{Error, Result},
    issuer::{Codes, Consents, Revoked, StoredFamilies},
    random::random,
    records::Records,
    sign_in::{Cookies, Origins, Session, Sessions},
    users::{User, Users},
};
use axum::http::StatusCode;
use std::{fmt, sync::Arc};
use tollgate_access::System;
use tollgate_core::{Clock, Problem};
use tollgate_http::{Argument, Call, Operation};
use tollgate_store::{Database, Store};
use uuid::Uuid;

/// The accounts of the embedded issuer. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) users: Arc<Users>,
    pub(crate) sessions: Arc<Sessions>,
    codes: Codes,
    consents: Consents,
    families: StoredFamilies,
    keys: Records<ApiKey>,
    revoked: Arc<Revoked>,
    pub(crate) factors: SecondFactors,
    pub(crate) browsers: KnownBrowsers,
    tries: Tries,
    /// Who changes what users may do takes turns.
    turns: Store<Turn>,
    clock: Arc<dyn Clock>,
    links: Links,
    mailer: Option<Mailer>,
    /// What the app is called.
    pub(crate) title: String,
    issuer: String,
    /// The fewest characters of a password.
    pub(crate) shortest: usize,
}

impl Accounts {
    /// Those in that database, whose tables are [prepared](Database::prepare), for an app that runs without the issuer.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn new(config: &IdentityConfig, database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Result<Self> {
        let ours = (&*config.issuer, config.access_lifetime);
        let revoked = Revoked::new(database, clock, ours, &Arc::default());
        let secret = random()?;
        Self::with(config, database, clock, Arc::new(revoked), |_| secret)
    }

    pub(crate) fn with(
        config: &IdentityConfig,
        database: &Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
        revoked: Arc<Revoked>,
        secret_for: impl Fn(&str) -> [u8; 32],
    ) -> Result<Self> {
        let secure = Origins::of(&config.issuer).is_ok_and(|origins| origins.is_secure());
        Ok(Self(Arc::new(Inner {
            users: Arc::new(Users::new(database, clock, config)),
            sessions: Arc::new(Sessions::new(database, clock, config.session_lifetime, Cookies { secure })),
            consents: Consents::new(database, clock),
            codes: Codes::new(database, clock, config.access_lifetime),
            families: StoredFamilies::new(database, clock, Arc::clone(&revoked)),
            keys: Records::new(database, clock, "the keys of a user go with them"),
            revoked,
            factors: SecondFactors::new(database, clock, &secret_for("second factor"))?,
            browsers: KnownBrowsers::new(&secret_for("known browser"), clock),
            tries: Tries::new(database, clock),
            turns: Store::new(Arc::clone(database), Arc::clone(clock)),
            clock: Arc::clone(clock),
            links: Links::new(database, clock),
            mailer: config.mailer.clone(),
            title: config.title.clone(),
            issuer: config.issuer.clone(),
            shortest: config.shortest_password,
        })))
    }

    /// The rows, for whoever has a permission.
    pub fn users(&self) -> &Store<User> {
        self.0.users.store()
    }

    /// The user with that address, also if they are kept out.
    ///
    /// # Errors
    /// [`UserError::NotFound`].
    pub async fn by_email(&self, email: &str) -> Result<User, UserError> {
        self.0.users.by_email(email).await?.ok_or(UserError::NotFound)
    }

    /// The browsers in which a user is signed in, the newest first.
    ///
    /// # Errors
    /// [`UserError::NotFound`].
    pub async fn sessions(&self, id: Uuid) -> Result<Vec<Session>, UserError> {
        let user = self.0.users.get(id).await?;
        Ok(self.0.sessions.of(&user).await?)
    }

    /// All users, in the order in which they were added, some at a time.
    ///
    /// # Errors
    /// The database cannot be reached, or what `each` says.
    pub async fn each<E: From<Error>>(&self, mut each: impl FnMut(Vec<User>) -> Result<(), E>) -> Result<(), E> {
        let (may, mut after) = (System::because("an operator lists users").may(), None);
        loop {
            let all = self.users().find(&may, tollgate_store::Filter::every());
            let slice = all.page(AT_A_TIME, after.as_ref()).await.map_err(Error::from)?;
            each(slice.items)?;
            after = slice.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// How many users are read at once.
const AT_A_TIME: u32 = 500;

impl Argument for Accounts {
    // Passwords and keys are kept nowhere, and what ends with a change is told once that is committed.
    const REPEATABLE: bool = false;

    fn describe(operation: &mut Operation<'_>) {
        operation.refuses(StatusCode::SERVICE_UNAVAILABLE, "Too many are waiting, or the database does not answer.");
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.extension()
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}
