//! The people that the embedded issuer knows.

use crate::{
    IdentityConfig,
    accounts::UserError,
    error::{Error, Result},
    password::{self, Passwords, Verdict},
    records::Records,
};
use jiff::Timestamp;
use std::sync::Arc;
use tollgate_access::{Actor, Identity, Roles};
use tollgate_core::{Change, Clock, Secret};
use tollgate_macros::resource;
use tollgate_store::{__private::garde, Database, Store};
use uuid::Uuid;

/// Who vouches for them, as [`Actor::provider`] answers it.
pub const PROVIDER: &str = "this app";

/// Someone who can sign in at the embedded issuer.
#[resource(plural = "users")]
pub struct User {
    /// Names them for good: the `sub` of their tokens, the id of their [`Actor`].
    #[id(generated)]
    pub user_id: Uuid,
    /// How they are called.
    #[garde(length(min = 1, max = 200))]
    pub name: String,
    /// The address they sign in with, in lower case.
    #[unique]
    #[garde(email, length(max = 254), custom(in_lower_case))]
    pub email: String,
    /// The hash of their password: argon2 as a PHC string, or bcrypt's `$2b$…`.
    #[hidden]
    pub password_hash: String,
    /// The names of their roles.
    pub roles: Vec<String>,
    /// Whether they are kept out.
    pub disabled: bool,
    /// Whether they prove who they are with a code as well.
    #[read_only]
    pub second_factor: bool,
    /// Whether they are there for trying things out, with a password that is no secret.
    pub demo: bool,
    /// When they were added.
    #[created_at]
    pub created_at: Timestamp,
    /// When they last changed.
    #[updated_at]
    pub updated_at: Timestamp,
    /// Counts the changes.
    #[version]
    pub version: i64,
}

impl User {
    /// The names of their roles.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(String::as_str)
    }
}

/// Addresses are looked for in lower case: one that a file brought along otherwise would never be found.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it so")]
fn in_lower_case(email: &String, _: &()) -> garde::Result {
    let is_lower = *email == email.to_lowercase();
    is_lower.then_some(()).ok_or_else(|| garde::Error::new("must be in lower case"))
}

/// White space around an address and its case are slips of the keyboard.
pub(crate) fn normalized(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// Wrong password, unknown or disabled user: the caller is not told which.
    #[error("{0}")]
    Refused(&'static str),
    /// It could not be told.
    #[error("it could not be told")]
    Other(#[from] Error),
}

/// The users, with what their roles grant.
pub(crate) struct Users {
    records: Records<User>,
    pub(crate) passwords: Passwords,
    pub(crate) roles: Arc<Roles>,
    pub(crate) default_role: Option<String>,
    /// Whether demo users may come in.
    pub(crate) demo: bool,
}

impl Users {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, config: &IdentityConfig) -> Self {
        let records = Records::new(database, clock, "the issuer keeps its users");
        let (roles, default_role) = (Arc::clone(&config.roles), config.default_role.clone());
        Self { records, passwords: Passwords::default(), roles, default_role, demo: config.demo_users }
    }

    /// The rows, for whoever has a permission.
    pub(crate) fn store(&self) -> &Store<User> {
        self.records.store()
    }

    /// The user of that id, also if they are kept out.
    pub(crate) async fn get(&self, id: Uuid) -> Result<User, UserError> {
        self.records.get(id).await?.ok_or(UserError::NotFound)
    }

    /// The user with that address.
    pub(crate) async fn by_email(&self, email: &str) -> Result<Option<User>> {
        Ok(self.records.find(User::EMAIL.eq(normalized(email))).await?.pop())
    }

    /// The user of that id, unless they are kept out.
    pub(crate) async fn active(&self, id: Uuid) -> Result<Option<User>> {
        Ok(self.records.get(id).await?.filter(|user| !self.keeps_out(user)))
    }

    /// Disabled, or a demo user where the app is no demonstration.
    pub(crate) fn keeps_out(&self, user: &User) -> bool {
        user.disabled || (user.demo && !self.demo)
    }

    /// Who has that address and that password. Whether the address is known makes no difference in time.
    pub(crate) async fn sign_in(&self, email: &str, password: Secret) -> Result<User, SignInError> {
        let known = self.by_email(email).await?;
        let stored = known.as_ref().map(|user| user.password_hash.clone());
        let fits = password.reveal().len() <= password::LONGEST;
        let verdict = self.passwords.judge(password, stored).await?;
        let user = known.ok_or(SignInError::Refused("no such user"))?;
        match verdict {
            Verdict::Wrong => return Err(SignInError::Refused("wrong password")),
            _ if !fits => return Err(SignInError::Refused("too long a password")),
            _ if self.keeps_out(&user) => return Err(SignInError::Refused("the user is kept out")),
            Verdict::Right => {}
            Verdict::Outdated(hash) => self.upgrade(&user, hash).await,
        }
        Ok(user)
    }

    /// Replaces an outdated hash, unless the password changed meanwhile. A failure keeps nobody out.
    async fn upgrade(&self, user: &User, password_hash: String) {
        let unchanged = User::PASSWORD_HASH.eq(user.password_hash.clone());
        let patch = UserPatch { password_hash: Change::Set(password_hash), ..UserPatch::default() };
        if let Err(error) = self.records.change(user.user_id, unchanged, patch).await {
            tracing::warn!(user = %user.user_id, %error, "a password hash was not upgraded");
        }
    }

    /// Who they are to the rest of the app.
    pub(crate) fn actor(&self, user: &User) -> Actor {
        let identity = Identity::new(user.user_id.to_string()).provider(PROVIDER);
        let identity = identity.named(Some(user.name.clone())).email(Some(user.email.clone()));
        let identity = identity.roles(user.roles().map(str::to_owned).collect());
        identity.grants(&self.roles.grants(user.roles())).grants(self.roles.anyone()).into()
    }
}
