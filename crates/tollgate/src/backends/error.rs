//! Why did another API bring nothing?

use axum::http::StatusCode;
use std::error::Error;
use tollgate_core::{Cause, Problem};

/// Another API that brought nothing. In a handler, `?` makes it a 502, 503 or 504 that names nothing of what is
/// behind, or a 404 where a part of the path names nothing.
#[derive(Debug, thiserror::Error)]
#[error("backend `{backend}`")]
#[non_exhaustive]
pub struct BackendError {
    /// Which one, as the settings call it.
    pub backend: &'static str,
    /// What went wrong.
    #[source]
    pub kind: ErrorKind,
}

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody there, no trust, or a line that broke.
    #[error("could not be reached")]
    Unreachable(#[source] Cause),
    /// Not a whole answer in time.
    #[error("gave no whole answer in time")]
    TimedOut,
    /// It pointed elsewhere, which is not followed.
    #[error("redirects, which is not followed; configure the address it has now")]
    Redirect,
    /// An answer that is not a success; and how many seconds it asked to wait.
    #[error("answered {0}")]
    Status(StatusCode, Option<u32>),
    /// More than is taken.
    #[error("answered with more than {0} bytes")]
    TooLarge(usize),
    /// Not the JSON that was expected.
    #[error("answered what cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// A part of the path is empty, `.` or `..`, which would be another address: nothing was sent.
    #[error("cannot be asked this: a part of the path is empty, `.` or `..`")]
    InvalidPath,
    /// The request itself was none.
    #[error("cannot be asked this: {0}")]
    Unsendable(String),
}

impl ErrorKind {
    /// One word for metrics.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "late",
            _ => "failed",
        }
    }
}

impl From<BackendError> for Problem {
    #[track_caller]
    fn from(error: BackendError) -> Self {
        let problem = match &error.kind {
            ErrorKind::TimedOut => {
                Self::new(StatusCode::GATEWAY_TIMEOUT).because("what this needs did not answer in time")
            }
            ErrorKind::Status(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, wait) => {
                Self::unavailable().because("what this needs is busy").retry_after(wait.unwrap_or(1))
            }
            // A caller sent it.
            ErrorKind::InvalidPath => Self::not_found(),
            ErrorKind::Unsendable(_) => Self::internal(),
            _ => Self::new(StatusCode::BAD_GATEWAY).because("what this needs did not answer as it should"),
        };
        problem.caused_by(Box::new(error) as Box<dyn Error + Send + Sync>)
    }
}
