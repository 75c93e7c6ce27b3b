//! Is this token good, and whom does it speak of?
//!
//! The [`Gate`] reads the bytes strictly, asks the issuer they name for one key, checks the signature and then
//! every claim that decides whether the token is for us and for now. A token seen before costs one hash.
//!
//! ```text
//! gate.rs         bytes → Verified or Refusal: the whole road on one page
//! read.rs         may these bytes be read in one way only?
//! trusted.rs      is it for us, for now, and an access token?
//! key.rs          one key, one algorithm: does it verify?          sign.rs        our own key, the signing half
//! keys.rs         which key has this name, without making anybody wait?  fetch.rs  how do they get here?
//! cache.rs        seen before, and still good?                     revocation.rs  ended before it expired?
//! verified.rs     what a good token says                           refusal.rs     why another was refused
//! hash.rs         how secrets are remembered
//! ```
//!
//! ```
//! # use std::sync::Arc;
//! # use tollgate_auth::{Gate, TrustedIssuer, provider::Mapping, token::{Algorithm, Fetch, Keys, Limits}};
//! # use tollgate_core::SystemClock;
//! # fn gate(published: impl Fetch) -> Result<Gate, Box<dyn std::error::Error>> {
//! let clock = Arc::new(SystemClock::default());
//! let keys = Keys::fetched(published, clock.clone(), &[Algorithm::RS256], Limits::default());
//! let name = "https://issuer.example.com";
//! let issuer = TrustedIssuer::new(name, &["api"], &[Algorithm::RS256], Mapping::default(), keys)?;
//! let gate = Gate::new(vec![issuer], clock, 100_000)?;
//! # Ok(gate) }
//! ```
//!
//! Invariant: nothing outside this crate can make a [`Verified`].
//! ```compile_fail,E0451
//! # use tollgate_auth::Verified;
//! fn forge(verified: Verified) -> Verified { Verified { subject: "root".into(), ..verified } }
//! ```

mod cache;
#[cfg(test)]
mod cookbook;
mod fetch;
mod gate;
mod hash;
mod key;
mod keys;
mod read;
mod refusal;
mod revocation;
mod sign;
mod trusted;
mod verified;

pub use fetch::{Fetch, FetchError, Fetched, Fetching, Limits};
pub use gate::Gate;
pub use hash::Hash;
pub use key::{Algorithm, Key, KeyError};
pub use keys::{Health, Keys, Missing};
pub use read::{LONGEST, Type};
pub(crate) use read::{Unverified, algorithm_of};
pub(crate) use refusal::NOT_GOOD;
pub use refusal::Refusal;
pub use revocation::Revocations;
pub use sign::{SignError, SigningKey};
pub(crate) use trusted::MOST_SKEW;
pub use trusted::{IssuerError, TrustedIssuer};
pub use verified::Verified;

pub(crate) use cache::{Cache, Remembered};

/// A JSON object, as `tollgate_core::strict` reads it.
pub(crate) type Object = serde_json::Map<String, serde_json::Value>;

/// How deep a header, the claims or a key set may be nested.
pub(crate) const LEVELS: usize = 16;
