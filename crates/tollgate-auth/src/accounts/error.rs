//! Why something was not done to an account.

use crate::{error::Error, password::Unfit};
use axum::http::StatusCode;
use tollgate_core::{Fault, Problem};

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
    /// The user may do, or would be able to do, what who changes them may not.
    #[error("the roles of this user, before or after, grant `{0}`, and you cannot do that yourself")]
    Beyond(String),
    /// The password that was asked for once more is not theirs.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Too many tries: to be tried again after that many seconds.
    #[error("too many tries: wait {} minutes", .0.div_ceil(60))]
    Throttled(u32),
    /// A link that was used, or is too old, or is none.
    #[error("this link was used before or has expired: ask for another")]
    Link,
    /// Somebody whom another provider vouches for.
    #[error("this account has no password here: change it where you sign in")]
    Elsewhere,
    /// A key, or an application of others, that speaks for them.
    #[error("neither an API key nor an application of others changes a password: sign in")]
    NotInPerson,
    /// One's own account, where whoever manages others would need no password.
    #[error(
        "for your own account there are /auth/password and /auth/second-factor; another admin changes your address"
    )]
    Own,
    /// The account is not as `If-Match` says, or as `If-None-Match` says that it must not be.
    #[error("this account is in another state than you say: look at it, and try again")]
    Precondition,
    /// Something else was done to the account at the same moment.
    #[error("this account was changed meanwhile: look at it, and try again")]
    Changed,
    /// Nobody would be left who can give back what they can give.
    #[error("nobody else may change users and has all that they can give: give their role to somebody else first")]
    LastAdmin,
    /// Something else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl From<tollgate_store::Error> for UserError {
    fn from(error: tollgate_store::Error) -> Self {
        match error {
            tollgate_store::Error::NotFound => Self::NotFound,
            tollgate_store::Error::Stale => Self::Changed,
            other => Self::Other(other.into()),
        }
    }
}

/// 403 beyond one's own permissions, 404, 409 for an address that is taken, for the last admin and for what another changed
/// at the same moment, 412 in another state than was said, 422 for what cannot be, 429 after too many tries.
impl From<UserError> for Problem {
    #[track_caller]
    fn from(error: UserError) -> Self {
        let said = error.to_string();
        let at = |pointer| vec![Fault::at(pointer, &*said)];
        match error {
            UserError::Beyond(_) | UserError::Elsewhere | UserError::NotInPerson | UserError::Own => {
                Self::forbidden().because(said)
            }
            UserError::Precondition => Self::new(StatusCode::PRECONDITION_FAILED).because(said),
            UserError::NotFound => tollgate_store::Error::NotFound.into(),
            UserError::EmailTaken(_) => Self::conflict().because(&*said).faults(at("#/email")),
            UserError::WrongPassword => Self::invalid(at("#/current")),
            UserError::Throttled(seconds) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS).because(said).retry_after(seconds)
            }
            UserError::Link => Self::not_found().because(said),
            UserError::LastAdmin | UserError::Changed => Self::conflict().because(said),
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

fn told(faults: &[Fault]) -> String {
    let told = faults.iter().map(|fault| {
        let field = fault.pointer.as_deref().unwrap_or_default().trim_start_matches("#/");
        format!("{field}: {}", fault.detail)
    });
    told.collect::<Vec<_>>().join("; ")
}
