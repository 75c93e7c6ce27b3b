//! The people that the embedded issuer knows.

use crate::{
    IdentityConfig,
    error::{Error, Result},
    password::{self, Passwords, Unfit, Verdict},
    records::Records,
};
use jiff::Timestamp;
use std::sync::Arc;
use tollgate_access::{Actor, Create, Delete, Identity, May, Roles, System, Update};
use tollgate_core::{Change, Clock, Fault, Faults, Input, Problem, Secret};
use tollgate_macros::{input, resource};
use tollgate_store::{__private::garde, Database, Filter, Store};
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
fn in_lower_case(email: &String, _: &()) -> garde::Result {
    let is_lower = *email == email.to_lowercase();
    is_lower.then_some(()).ok_or_else(|| garde::Error::new("must be in lower case"))
}

/// Somebody to be added.
#[input]
#[derive(Clone, Default)]
pub struct NewAccount {
    /// How they are called.
    pub name: String,
    /// The address they sign in with.
    pub email: String,
    /// Their first password. Without one, they choose it with a link.
    pub password: Option<String>,
    /// Their roles. Without any, they get the default one.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// What is to become of somebody. What is absent stays as it is.
#[input]
#[derive(Clone, Default)]
pub struct AccountChange {
    /// How they are called.
    #[serde(default)]
    pub name: Change<String>,
    /// The address they sign in with.
    #[serde(default)]
    pub email: Change<String>,
    /// Their roles.
    #[serde(default)]
    pub roles: Change<Vec<String>>,
    /// Whether they are kept out.
    #[serde(default)]
    pub disabled: Change<bool>,
}

/// Why a user was not added or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// There is no such user.
    #[error("there is no such user")]
    NotFound,
    /// Another user has the address.
    #[error("there is a user with the e-mail address {0}")]
    EmailTaken(String),
    /// The password is too short or too long.
    #[error(transparent)]
    Password(#[from] Unfit),
    /// No such role.
    #[error("there is no role `{role}`; there {}", offer(.known))]
    UnknownRole {
        /// The role that was asked for.
        role: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The name or the address is none.
    #[error("{}", told(.0))]
    Invalid(Vec<Fault>),
    /// Nobody would be left who may change users.
    #[error("nobody else may change users: give that to somebody else first")]
    LastAdmin,
    /// Something else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl From<tollgate_store::Error> for UserError {
    fn from(error: tollgate_store::Error) -> Self {
        match error {
            tollgate_store::Error::NotFound => Self::NotFound,
            other => Self::Other(other.into()),
        }
    }
}

/// 404, 409 for an address that is taken and for the last admin, 422 for what cannot be.
impl From<UserError> for Problem {
    #[track_caller]
    fn from(error: UserError) -> Self {
        let said = error.to_string();
        let at = |pointer| vec![Fault::at(pointer, &*said)];
        match error {
            UserError::NotFound => tollgate_store::Error::NotFound.into(),
            UserError::EmailTaken(_) => Self::conflict().because(&*said).faults(at("#/email")),
            UserError::LastAdmin => Self::conflict().because(said),
            UserError::Password(_) => Self::invalid(at("#/password")),
            UserError::UnknownRole { .. } => Self::invalid(at("#/roles")),
            UserError::Invalid(faults) => Self::invalid(faults),
            UserError::Other(error) => error.into(),
        }
    }
}

fn offer(roles: &[String]) -> String {
    if roles.is_empty() { "are none".into() } else { format!("are {}", roles.join(", ")) }
}

/// White space around an address and its case are slips of the keyboard.
fn normalized(email: &str) -> String {
    email.trim().to_lowercase()
}

fn told(faults: &[Fault]) -> String {
    let told = faults.iter().map(|fault| {
        let field = fault.pointer.as_deref().unwrap_or_default().trim_start_matches("#/");
        format!("{field}: {}", fault.detail)
    });
    told.collect::<Vec<_>>().join("; ")
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

/// Who takes part in changing users must be able to do this: it makes somebody an admin.
const ADMIN: &str = "update:users";

/// The users, with what their roles grant.
pub(crate) struct Users {
    records: Records<User>,
    passwords: Passwords,
    roles: Arc<Roles>,
    default_role: Option<String>,
    /// Whether demo users may come in.
    demo: bool,
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

    /// Adds a user; without roles, with the default one.
    pub(crate) async fn create(&self, may: &May<Create, User>, new: NewAccount, demo: bool) -> Result<User, UserError> {
        let password = new.password.map(Secret::from);
        password.as_ref().map_or(Ok(()), password::check)?;
        let mut row = NewUser {
            name: new.name.trim().to_owned(),
            email: normalized(&new.email),
            password_hash: password::NOBODY.to_owned(),
            roles: if new.roles.is_empty() { self.default_role.iter().cloned().collect() } else { new.roles },
            disabled: false,
            demo,
        };
        self.check(&row, &row.roles)?;
        if let Some(password) = password {
            row.password_hash = self.passwords.hash(password).await?;
        }
        let email = row.email.clone();
        self.store().insert(may, row).await.map_err(|error| taken(error, email))
    }

    /// Changes a user.
    pub(crate) async fn change(
        &self,
        may: &May<Update, User>,
        id: Uuid,
        change: AccountChange,
    ) -> Result<User, UserError> {
        let AccountChange { name, email, roles, disabled } = change;
        let patch = UserPatch {
            name: name.map(|name| name.trim().to_owned()),
            email: email.map(|email| normalized(&email)),
            roles,
            disabled,
            ..UserPatch::default()
        };
        let (mut after, email) = (self.get(id).await?, patch.email.clone());
        // Roles that the settings no longer have are in nobody's way.
        let asked = if let Change::Set(roles) = &patch.roles { &roles[..] } else { &[] };
        self.check(&patch, asked)?;
        patch.roles.clone().apply(&mut after.roles);
        patch.disabled.clone().apply(&mut after.disabled);
        self.check_last_admin(id, Some(&after)).await?;
        let changed = self.store().update(may, id, patch).await;
        changed.map_err(|error| taken(error, if let Change::Set(email) = email { email } else { after.email }))
    }

    /// Removes a user.
    pub(crate) async fn remove(&self, may: &May<Delete, User>, id: Uuid) -> Result<(), UserError> {
        self.check_last_admin(id, None).await?;
        Ok(self.store().delete(may, id).await?)
    }

    /// The user of that id, also if they are kept out.
    pub(crate) async fn get(&self, id: Uuid) -> Result<User, UserError> {
        self.records.get(id).await?.ok_or(UserError::NotFound)
    }

    /// Refuses what would leave nobody to take it back.
    async fn check_last_admin(&self, id: Uuid, after: Option<&User>) -> Result<(), UserError> {
        let before = self.get(id).await?;
        if !self.is_admin(&before) || after.is_some_and(|after| self.is_admin(after)) {
            return Ok(());
        }
        let admins = self.roles.that_grant(ADMIN).map(|role| User::ROLES.has(role)).reduce(|a, b| a | b);
        let others = User::USER_ID.ne(id) & User::DISABLED.eq(false) & admins.unwrap_or_else(Filter::every);
        let others = if self.demo { others } else { others & User::DEMO.eq(false) };
        let other = self.store().find(&System::because("one admin stays").may(), others).first().await?;
        other.map(drop).ok_or(UserError::LastAdmin)
    }

    fn is_admin(&self, user: &User) -> bool {
        !self.keeps_out(user) && self.roles.grants(user.roles()).include(ADMIN)
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

    /// The rules of an input, and that there are such roles.
    fn check(&self, input: &impl Input, roles: &[String]) -> Result<(), UserError> {
        let faults = Faults::of(input);
        if !faults.is_empty() {
            return Err(UserError::Invalid(faults));
        }
        roles.iter().find(|role| !self.roles.has(role)).map_or(Ok(()), |role| {
            let known = self.roles.names().map(str::to_owned).collect();
            Err(UserError::UnknownRole { role: role.clone(), known })
        })
    }
}

fn taken(error: tollgate_store::Error, email: String) -> UserError {
    match error {
        tollgate_store::Error::Conflict { .. } => UserError::EmailTaken(email),
        other => other.into(),
    }
}
