//! Every "no".

use crate::{Error, token::Refusal};
use axum::http::{HeaderValue, StatusCode, header};
use tollgate_core::{Fault, Problem};

/// Why a key that was shown is good for nothing: for the log. The caller learns 401, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("the API key is another app's")]
    AnotherApp,
    #[error("the API key is not whole")]
    Mistyped,
    #[error("there is no such API key")]
    Unknown,
    #[error("the API key has expired")]
    Expired,
    #[error("the user whom the API key speaks for is kept out, or is not there")]
    NoUser,
}

impl From<Wrong> for Problem {
    #[track_caller]
    fn from(wrong: Wrong) -> Self {
        Self::from(Refusal::Kind).caused_by(wrong)
    }
}

/// Why a key was not made, or not revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// 422: no permission of the app.
    #[error("{0}")]
    NoPermission(String),
    /// 422: nothing that the key may do, or too much.
    #[error("a key has 1 to 100 scopes, as in `read:movies`")]
    Scopes,
    /// 422: a service account cannot be called that.
    #[error("a service account has a name of letters, digits, `.`, `_` and `-`, as in `nightly-import`")]
    Name,
    /// 422: whoever asks is no user of this app.
    #[error("only users of this app itself have keys of their own: make one for a service account")]
    NoUser,
    /// 403: more than whoever asks, or the user whom it is for, has.
    #[error("`{0}` is more than whoever the key comes from may do")]
    More(String),
    /// 403: for others, by somebody who makes keys for themselves alone.
    #[error("a key for a service account takes `create:api_keys:any`")]
    Others,
    /// 403: no key makes another.
    #[error("an API key makes no keys: sign in")]
    ByKey,
    /// 401: whoever asks signed in too long ago, or it is not known when.
    #[error("making a key takes a sign-in of the last quarter of an hour: sign in again")]
    NotRecent,
    /// 403: a key would outlive what its user allowed to somebody else's application.
    #[error("an application of others makes no keys: sign in")]
    ByClient,
    /// 404: no key of that id, or none that whoever asks may revoke.
    #[error("there is no API key {0}")]
    NotFound(String),
    /// Something else.
    #[error(transparent)]
    Other(#[from] Error),
}

/// RFC 9470, 3: after so many seconds, of [`RECENT`](super::keys::RECENT), clients let people sign in again.
const NOT_RECENT: HeaderValue =
    HeaderValue::from_static("Bearer error=\"insufficient_user_authentication\", max_age=\"900\"");

impl From<tollgate_store::Error> for KeyError {
    fn from(error: tollgate_store::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<KeyError> for Problem {
    #[track_caller]
    fn from(error: KeyError) -> Self {
        let at = |pointer: &str| Self::invalid(vec![Fault::at(pointer, error.to_string())]);
        match &error {
            KeyError::NoPermission(_) | KeyError::Scopes => at("#/scopes"),
            KeyError::Name => at("#/name"),
            KeyError::NoUser => at("#/service"),
            KeyError::More(_) | KeyError::Others | KeyError::ByKey | KeyError::ByClient => {
                Self::new(StatusCode::FORBIDDEN).because(error.to_string())
            }
            KeyError::NotRecent => {
                Self::unauthorized().because(error.to_string()).header(header::WWW_AUTHENTICATE, NOT_RECENT)
            }
            KeyError::NotFound(_) => tollgate_store::Error::NotFound.into(),
            KeyError::Other(_) => match error {
                KeyError::Other(error) => error.into(),
                error => Self::internal().caused_by(error),
            },
        }
    }
}
