//! Why a token was refused: for the log. The caller gets 401, or 503 where we had no keys, and nothing else.
//!
//! No variant carries a word of the token, so no attacker writes into our log.

use http::{HeaderValue, header::WWW_AUTHENTICATE};
use thiserror::Error;
use tollgate_core::Problem;

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Longer than 8 KB.
    #[error("the token is too long")]
    TooLong,
    /// Not header, claims and signature.
    #[error("the token has not three segments")]
    Segments,
    /// A segment is not canonical base64url without padding.
    #[error("the {0} is not canonical base64url")]
    Encoding(&'static str),
    /// A segment is not a JSON object, has a key twice, or is nested too deep.
    #[error("the {0} is not a flat enough object with distinct keys")]
    Json(&'static str),
    /// A header member that changes what the token means: `crit`, `zip`, `b64`, `enc`.
    #[error("the header has `{0}`")]
    Header(&'static str),
    /// `alg` is missing, unknown, not allowed to this issuer, or not the key's.
    #[error("the algorithm is not allowed")]
    Algorithm,
    /// `typ` is that of another kind of token.
    #[error("the type is not that of an access token")]
    Type,
    /// `iss` is missing, or nobody we trust.
    #[error("the issuer is not known")]
    Issuer,
    /// No such key, also after asking the issuer where that was due.
    #[error("the key is not known")]
    UnknownKey,
    /// The issuer has not answered yet, so no key is known: ours to mend, not the caller's.
    #[error("the keys of the issuer could not be had")]
    NoKeys,
    /// The signature is not that of the key.
    #[error("the signature is wrong")]
    Signature,
    /// A claim is missing or of another type than it must be.
    #[error("the claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// Not for us.
    #[error("the audience is another")]
    Audience,
    /// At or after `exp`.
    #[error("the token has expired")]
    Expired,
    /// Before `nbf`, or before it was issued.
    #[error("the token is not valid yet")]
    NotYet,
    /// An ID, logout or sender-constrained token.
    #[error("the claims are those of another kind of token")]
    Kind,
    /// Revoked before it expired.
    #[error("the token was revoked")]
    Revoked,
}

impl Refusal {
    /// One word for it, for metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Segments | Self::Encoding(_) | Self::Json(_) => "malformed",
            Self::Header(_) => "header",
            Self::Algorithm => "algorithm",
            Self::Type => "type",
            Self::Issuer => "issuer",
            Self::UnknownKey => "unknown_key",
            Self::NoKeys => "no_keys",
            Self::Signature => "signature",
            Self::Claim(_) => "claim",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Kind => "kind",
            Self::Revoked => "revoked",
        }
    }
}

/// 503 for [`Refusal::NoKeys`], since the token may be good; else 401 with the challenge of RFC 6750, 3.1.
impl From<Refusal> for Problem {
    #[track_caller]
    fn from(refusal: Refusal) -> Self {
        let problem = match refusal {
            Refusal::NoKeys => Self::unavailable().retry_after(RETRY_AFTER),
            _ => Self::unauthorized().because(NOT_GOOD).header(WWW_AUTHENTICATE, INVALID_TOKEN),
        };
        problem.caused_by(refusal)
    }
}

/// The same words for all: why is for the log.
pub(crate) const NOT_GOOD: &str = "the token, or key, is not good here, or not any more";

/// After so many seconds keys that could not be had are asked for again.
const RETRY_AFTER: u32 = 10;

const INVALID_TOKEN: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");
