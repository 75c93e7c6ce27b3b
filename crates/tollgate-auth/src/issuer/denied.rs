//! Errors in the words of OAuth (RFC 6749, 4.1.2.1 and 5.2; OpenID Connect Core, 3.1.2.6).
//!
//! The client reads the code and a sentence; why exactly goes into the log, once, where the answer is written.

use super::refresh::Refused;
use crate::{error::Error, parameters::Malformed};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tollgate_core::{Problem, with_causes};

/// A request for a code or a token that got neither.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) code: Code,
    /// A sentence for the client's developer.
    pub(crate) description: &'static str,
    /// What the client is not told, for the log.
    reason: Option<&'static str>,
    /// What is behind it, for the log.
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Whether the answer is 401 and names the scheme.
    challenge: bool,
    /// After how many seconds it may try again.
    retry_after: Option<u32>,
}

/// The registered codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    AccessDenied,
    LoginRequired,
    ConsentRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    ServerError,
    TemporarilyUnavailable,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest
            | Self::InvalidClient
            | Self::InvalidGrant
            | Self::InvalidScope
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::UnsupportedResponseType
            | Self::AccessDenied
            | Self::LoginRequired
            | Self::ConsentRequired
            | Self::RequestNotSupported
            | Self::RequestUriNotSupported => StatusCode::BAD_REQUEST,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Denied {
    pub(crate) fn new(code: Code, description: &'static str) -> Self {
        Self { code, description, reason: None, cause: None, challenge: false, retry_after: None }
    }

    /// For a client that tried to prove itself in the header (RFC 6749, 5.2), or had to prove itself (RFC 7662, 2.3).
    pub(crate) fn with_challenge(self) -> Self {
        Self { challenge: true, ..self }
    }

    /// For whoever comes too often.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Adds why, for the log.
    pub(crate) fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The code or token that was sent is not good. The client is not told why: it may not be its own.
    pub(crate) fn grant(reason: &'static str) -> Self {
        Self::new(Code::InvalidGrant, "the grant is unknown, expired, used or another client's").because(reason)
    }

    fn later(cause: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self { cause: Some(cause), ..Self::new(Code::TemporarilyUnavailable, "try again later") }.retry_after(1)
    }

    /// Once, where it becomes an answer: what the client is not told.
    pub(crate) fn log(&self) {
        let (code, description, reason) = (self.code.as_str(), self.description, self.reason);
        let Some(cause) = &self.cause else {
            tracing::debug!(code, description, reason, "an authorization was refused");
            return;
        };
        tracing::error!(code, cause = with_causes(&**cause), "an authorization failed");
    }
}

impl From<Error> for Denied {
    /// What passes and what does not is told as for any problem.
    fn from(error: Error) -> Self {
        let passes = match &error {
            Error::Store(error) => Problem::from(error.clone()).status() == StatusCode::SERVICE_UNAVAILABLE,
            other => matches!(other, Error::Busy | Error::TooManyRevoked),
        };
        if passes {
            Self::later(error.into())
        } else {
            Self { cause: Some(error.into()), ..Self::new(Code::ServerError, "something went wrong on our side") }
        }
    }
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        let reason = match refused {
            Refused::Unknown => "the refresh token is not known",
            Refused::Client => "the refresh token is another client's",
            Refused::Expired => "the refresh token has expired",
            Refused::Dead(_) => "the refresh token was revoked",
            Refused::Scope => return Self::new(Code::InvalidScope, "a refresh gives no more than was granted"),
            Refused::Reuse(_) => "a retired refresh token was used: its family has ended",
            Refused::Echo => "the refresh token was just replaced",
            Refused::Unavailable(cause) => {
                return Self::later(cause.unwrap_or_else(|| "others were faster each time".into()));
            }
        };
        Self::grant(reason)
    }
}

impl From<Malformed> for Denied {
    fn from(malformed: Malformed) -> Self {
        Self::new(Code::InvalidRequest, malformed.why)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        self.log();
        let body = json!({ "error": self.code.as_str(), "error_description": self.description });
        let status = match (self.retry_after, self.challenge) {
            (Some(_), _) if self.code != Code::TemporarilyUnavailable => StatusCode::TOO_MANY_REQUESTS,
            (None, true) => StatusCode::UNAUTHORIZED,
            _ => self.code.status(),
        };
        let mut response = (status, UNCACHED, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.extend(self.retry_after.map(|seconds| (header::RETRY_AFTER, seconds.into())));
        headers.extend(self.challenge.then(|| (header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))));
        response
    }
}

const CHALLENGE: &str = "Basic realm=\"clients\", charset=\"UTF-8\"";

/// Answers with tokens, or why there are none, are never stored (RFC 6749, 5.1).
pub(crate) const UNCACHED: [(header::HeaderName, &str); 3] =
    [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
