//! The people that the embedded issuer knows.

use crate::{
    IdentityConfig,
    accounts::UserError,
    error::{Error, Result},
    password::{self, Passwords, Verdict},
    records::Records,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tollgate_access::{Actor, Identity, Roles, System};
use tollgate_core::{Change, Clock, Secret};
use tollgate_macros::resource;
use tollgate_store::{__private::garde, Database, Filter, Store};
use uuid::Uuid;

/// Who vouches for them, as [`Actor::provider`] answers it.
pub const PROVIDER: &str = "this app";

/// Someone who can sign in at the embedded issuer.
#[resource(plural = "users")]
#[schemars(rename = "UserAccount")]
pub struct User {
    /// Names them for good: the `sub` of their tokens, the id of their [`Actor`].
    #[id(generated)]
    pub user_id: Uuid,
    /// How they are called.
    #[garde(length(min = 1, max = 200), custom(in_one_line))]
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
    /// What they were given under an earlier version of this row is void (`accounts/ends.rs`).
    #[hidden]
    #[read_only]
    pub void_before: i64,
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

/// Names go into mails, whose headers are lines, onto pages that ask people whom they trust, and to an operator's terminal.
#[expect(clippy::ptr_arg, clippy::trivially_copy_pass_by_ref, reason = "garde calls it so")]
pub(crate) fn in_one_line(name: &String, _: &()) -> garde::Result {
    let is_one = !name.contains(char::is_control);
    is_one.then_some(()).ok_or_else(|| garde::Error::new("must have no line breaks or other control characters"))
}

/// Who they are at the embedded issuer, if that is where they are from.
pub(crate) fn own_id(actor: &Actor) -> Option<Uuid> {
    actor.id().parse().ok().filter(|_| actor.provider() == Some(PROVIDER))
}

/// White space around an address and its case are slips of the keyboard.
pub(crate) fn normalized(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// Wrong password, wrong code, unknown or disabled user: the caller is not told which.
    #[error("{reason}")]
    Refused {
        /// For the log.
        reason: &'static str,
        /// How many tries may follow.
        left: usize,
        /// Within how long.
        window: SignedDuration,
    },
    /// Too many tries: to be tried again after that many seconds.
    #[error("too many tries")]
    Throttled(u32),
    /// It could not be told.
    #[error("it could not be told")]
    Other(#[from] Error),
}

/// Why a password let nobody in, and whose account it was tried on.
pub(crate) struct Refused {
    pub(crate) reason: &'static str,
    pub(crate) user: Option<Uuid>,
}

/// The users, with what their roles grant.
pub(crate) struct Users {
    records: Records<User>,
    pub(crate) passwords: Passwords,
    pub(crate) roles: Arc<Roles>,
    pub(crate) default_role: Option<String>,
    /// Whether demo users may come in.
    pub(crate) demo: bool,
    /// The roles of those who need a second factor.
    second_factor_roles: Vec<String>,
}

impl Users {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, config: &IdentityConfig) -> Self {
        let records = Records::new(database, clock, "the issuer keeps its users");
        let (roles, default_role) = (Arc::clone(&config.roles), config.default_role.clone());
        let second_factor_roles = config.second_factor_roles.clone();
        let (passwords, demo) = (Passwords::default(), config.demo_users);
        Self { records, passwords, roles, default_role, demo, second_factor_roles }
    }

    /// The rows, for whoever has a permission.
    pub(crate) fn store(&self) -> &Store<User> {
        self.records.store()
    }

    /// The user of that id, also if they are kept out.
    pub(crate) async fn get(&self, id: Uuid) -> Result<User, UserError> {
        self.records.get(id).await?.ok_or(UserError::NotFound)
    }

    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<User>> {
        Ok(self.records.get(id).await?)
    }

    /// The user with that address.
    pub(crate) async fn by_email(&self, email: &str) -> Result<Option<User>> {
        Ok(self.records.find(User::EMAIL.eq(normalized(email))).await?.pop())
    }

    /// The user of that id, unless they are kept out, or must first get a second factor.
    pub(crate) async fn active(&self, id: Uuid) -> Result<Option<User>> {
        Ok(self.records.get(id).await?.filter(|user| self.lets_in(user)))
    }

    /// Neither kept out nor in want of a second factor.
    pub(crate) fn lets_in(&self, user: &User) -> bool {
        !self.keeps_out(user) && !self.must_enrol(user)
    }

    /// The user of that id, unless they are kept out, or what they were given under that version of their row is void.
    pub(crate) async fn holder(&self, id: Uuid, version: i64) -> Result<Option<User>> {
        Ok(self.active(id).await?.filter(|user| user.void_before <= version))
    }

    /// Whether a role of theirs demands a second factor that they do not have.
    pub(crate) fn must_enrol(&self, user: &User) -> bool {
        !user.second_factor && user.roles.iter().any(|role| self.second_factor_roles.contains(role))
    }

    /// Sees to it that a sign-in takes as long for everybody as for those with the slowest hash.
    pub(crate) async fn expect_bcrypt(&self) -> Result<()> {
        let begins = |prefix: &str| User::PASSWORD_HASH.starts_with(prefix);
        let (store, may) = (self.store(), System::because("hashes of others are looked for").may());
        if store.find(&may, begins("$2")).first().await?.is_none() {
            return Ok(());
        }
        for cost in password::bcrypt_costs() {
            let of_cost = password::bcrypt_prefixes(cost).iter().map(|prefix| begins(prefix)).reduce(|a, b| a | b);
            if store.find(&may, of_cost.unwrap_or_else(Filter::every)).first().await?.is_some() {
                self.passwords.expect_bcrypt(cost);
                break;
            }
        }
        Ok(())
    }

    /// Disabled, or a demo user where the app is no demonstration.
    pub(crate) fn keeps_out(&self, user: &User) -> bool {
        user.disabled || (user.demo && !self.demo)
    }

    /// Who has that address and that password. Whether the address is known makes no difference in time.
    pub(crate) async fn sign_in(&self, email: &str, password: Secret) -> Result<Result<User, Refused>> {
        let known = self.by_email(email).await?;
        let stored = known.as_ref().map(|user| user.password_hash.clone());
        let fits = password.reveal().len() <= password::LONGEST;
        let verdict = self.passwords.judge(password.clone(), stored).await?;
        let refused = |reason| Ok(Err(Refused { reason, user: known.as_ref().map(|user| user.user_id) }));
        match (&known, verdict) {
            (None, _) => refused("no such user"),
            (_, Verdict::Wrong) => refused("wrong password"),
            _ if !fits => refused("too long a password"),
            (Some(user), _) if self.keeps_out(user) => refused("the user is kept out"),
            (Some(user), verdict) => {
                let upgraded = if verdict == Verdict::Outdated { self.upgrade(user, password).await } else { None };
                // The version stays as it was read: what ends between then and now ends this sign-in.
                Ok(Ok(User { password_hash: upgraded.unwrap_or_else(|| user.password_hash.clone()), ..user.clone() }))
            }
        }
    }

    /// Replaces an outdated hash, unless the password changed meanwhile; answers the new one. A failure keeps nobody out.
    async fn upgrade(&self, user: &User, password: Secret) -> Option<String> {
        let unchanged = User::PASSWORD_HASH.eq(user.password_hash.clone());
        let upgraded = async {
            let hash = self.passwords.hash(password).await?;
            let patch = UserPatch { password_hash: Change::Set(hash.clone()), ..UserPatch::default() };
            let is_kept = self.records.change(user.user_id, unchanged, patch).await?;
            Ok::<_, Error>(is_kept.then_some(hash))
        };
        upgraded.await.unwrap_or_else(|error| {
            tracing::warn!(user = %user.user_id, %error, "a password hash was not upgraded");
            None
        })
    }

    /// Who they are to the rest of the app.
    pub(crate) fn actor(&self, user: &User) -> Actor {
        self.person(user).into()
    }

    /// The same, for whoever knows more about how they came.
    pub(crate) fn person(&self, user: &User) -> Identity {
        let identity = Identity::new(user.user_id.to_string()).provider(PROVIDER);
        let identity = identity.named(Some(user.name.clone())).email(Some(user.email.clone()));
        let identity = identity.roles(user.roles().map(str::to_owned).collect());
        identity.grants(&self.roles.grants(user.roles())).grants(self.roles.anyone())
    }
}
