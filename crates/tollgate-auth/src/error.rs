//! What can fail that is nobody's wrong password or bad request.

use crate::token::{IssuerError, SignError};
use tollgate_core::Problem;

/// Why identity could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration contradicts itself or a standard; the text says what to change.
    #[error("{0}")]
    Configuration(String),
    /// The database refused or could not be reached.
    #[error(transparent)]
    Store(#[from] tollgate_store::Error),
    /// As many passwords are being checked as we let wait: later is better.
    #[error("too many are signing in at once")]
    Busy,
    /// No key, or no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The issuer cannot be trusted like that.
    #[error(transparent)]
    Gate(#[from] IssuerError),
    /// Neither memory nor randomness may fail, but one did; or a task was lost.
    #[error("hashing failed")]
    Hashing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The TLS library cannot work here.
    #[error("the TLS library does not start")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system gave no random bytes.
    #[error("there is no randomness")]
    Random,
    /// Nobody has that address, or they are disabled, or must first set up a second factor.
    #[error("there is no user with the e-mail address {0}, or they are disabled, or must first set up a second factor")]
    NoSuchUser(String),
    /// More tokens were revoked one by one than are remembered: later is better, or revoking a user as a whole.
    #[error("a million tokens are revoked and have not expired: no more is taken for now")]
    TooManyRevoked,
    /// Another client has that id.
    #[error("there is a client `{0}`: take another id, or remove that one first")]
    ClientTaken(String),
    /// No client was added under that id.
    #[error("there is no client `{0}`: `client list` shows those there are")]
    NoSuchClient(String),
    /// A row of ours holds what we never write.
    #[error("a stored row cannot be read: {0}")]
    Damaged(&'static str),
}

/// 503 for what passes; 500 for the rest, which only the log explains.
impl From<Error> for Problem {
    #[track_caller]
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Busy | Error::TooManyRevoked => Self::unavailable().because(error.to_string()).retry_after(1),
            Error::Configuration(_)
            | Error::Sign(_)
            | Error::Gate(_)
            | Error::Hashing(_)
            | Error::Tls(_)
            | Error::Random
            | Error::NoSuchUser(_)
            | Error::ClientTaken(_)
            | Error::NoSuchClient(_)
            | Error::Damaged(_) => Self::internal().caused_by(error),
        }
    }
}

/// The result of identity's work.
pub type Result<T, E = Error> = std::result::Result<T, E>;
