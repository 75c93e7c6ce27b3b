//! What can go wrong, told by what the caller can do about it.

use tollgate_core::{Cause, Fault, Problem};

/// The store's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such row among the caller's rows (404).
    #[error("there is no such row")]
    NotFound,
    /// The row would leave the caller's rows (403).
    #[error("the row would lie outside the rows you may write")]
    Outside,
    /// It can only be done for every row, and the caller reaches some; why, in words for the log (403).
    #[error("this reaches every row, and you may reach only some")]
    Unscoped(#[source] Cause),
    /// The row is not as the caller believed (412).
    #[error("the row has changed in the meantime")]
    Stale,
    /// Another row is in the way (409).
    #[error("this conflicts with another row")]
    Conflict {
        /// The column both rows have the same value in, where the database tells.
        column: Option<String>,
    },
    /// It cannot be done as it was asked for, in words for the caller (422).
    #[error(transparent)]
    Invalid(Cause),
    /// The database does not take these values, in words for the log (422).
    #[error("the database does not take these values")]
    Rejected(#[source] Cause),
    /// The tables are not those of the resources (500).
    #[error("the database is not as the app needs it")]
    Schema(#[source] Cause),
    /// Too much is waiting already; later is better (503).
    #[error("too many requests are waiting")]
    Overloaded,
    /// The database cannot be reached; whether a write happened is unknown (503).
    #[error("the database cannot be reached")]
    Unavailable(#[source] Cause),
    /// There is no space left; nothing was written (507).
    #[error("the database has no space left")]
    Full(#[source] Cause),
    /// Something nobody planned (500).
    #[error("the database answered something unexpected")]
    Internal(#[source] Cause),
}

impl Error {
    /// What cannot be done as it was asked for, in words for the caller.
    pub fn invalid(words: impl Into<String>) -> Self {
        Self::Invalid(Self::source_of(words))
    }

    /// Something nobody planned, in words for the log.
    pub fn internal(words: impl Into<String>) -> Self {
        Self::Internal(Self::source_of(words))
    }

    /// A cause of our own, in words.
    pub fn source_of(words: impl Into<String>) -> Cause {
        Cause::from(Box::<dyn std::error::Error + Send + Sync>::from(words.into()))
    }

    /// True if one row of a group may be at fault, so that the others deserve another try.
    pub fn blames_a_row(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Invalid(_) | Self::Rejected(_))
    }
}

impl From<Error> for Problem {
    #[track_caller]
    fn from(error: Error) -> Self {
        let said = error.to_string();
        match error {
            Error::NotFound => Self::not_found().because("there is none, or none that you may reach"),
            Error::Outside => Self::forbidden().because(said),
            Error::Unscoped(cause) => Self::forbidden().because(said).caused_by(cause),
            Error::Stale => Self::new(http::StatusCode::PRECONDITION_FAILED).because(said),
            Error::Conflict { column: None } => Self::conflict().because(said),
            Error::Conflict { column: Some(column) } => {
                let detail = format!("another row has this `{column}` already");
                Self::conflict().because(&detail).faults(vec![Fault::at(format!("#/{column}"), detail)])
            }
            Error::Invalid(_) => Self::invalid(vec![]).because(said),
            Error::Rejected(cause) => Self::invalid(vec![]).because(said).caused_by(cause),
            Error::Overloaded => Self::unavailable().because(said).retry_after(1),
            Error::Unavailable(cause) => Self::unavailable().because(said).retry_after(1).caused_by(cause),
            Error::Full(cause) => Self::new(http::StatusCode::INSUFFICIENT_STORAGE).because(said).caused_by(cause),
            Error::Schema(cause) | Error::Internal(cause) => Self::internal().caused_by(cause),
        }
    }
}
