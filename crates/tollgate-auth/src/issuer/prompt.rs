//! How does a client want people to be asked? `prompt` and `max_age` (OpenID Connect Core, 3.1.2.1).
//!
//! Whoever has just signed in is not sent to do so again: what asked for that, also an `id_token_hint` of somebody else, is
//! taken out of the request which they come back with. A client that must know reads `auth_time` and `sub` in the ID token,
//! as that section says.

use super::denied::{Code, Denied};
use crate::{parameters::Parameters, sign_in::Session};
use jiff::{SignedDuration, Timestamp};

/// What a request says about asking.
pub(super) struct Prompt {
    /// Nobody is asked anything.
    pub(super) none: bool,
    /// Who is signed in does so again, or somebody else does.
    login: bool,
    /// Who is signed in is asked, also if they allowed it before.
    pub(super) consent: bool,
    /// How long ago they may have signed in.
    max_age: Option<SignedDuration>,
}

impl Prompt {
    pub(super) fn read(asked: &Parameters) -> Result<Self, Denied> {
        let invalid = |why| Denied::new(Code::InvalidRequest, why);
        let words: Vec<_> = asked.get("prompt").unwrap_or_default().split_ascii_whitespace().collect();
        if words.iter().any(|word| !["none", "login", "select_account", "consent"].contains(word)) {
            return Err(invalid("`prompt` must be of `none`, `login`, `select_account`, `consent`"));
        }
        let has = |word| words.contains(&word);
        if has("none") && words.len() > 1 {
            return Err(invalid("`prompt=none` stands alone"));
        }
        let max_age =
            asked.get("max_age").map(|age| age.parse::<u32>().map(|age| SignedDuration::from_secs(age.into())));
        let max_age = max_age.transpose().map_err(|_| invalid("`max_age` must be a number of seconds"))?;
        Ok(Self { none: has("none"), login: has("login") || has("select_account"), consent: has("consent"), max_age })
    }

    /// Whether a session is good enough.
    pub(super) fn accepts(&self, session: &Session, now: Timestamp) -> bool {
        !self.login && self.max_age.is_none_or(|age| now.duration_since(session.signed_in) < age)
    }

    /// The request of somebody who has signed in meanwhile, as a query.
    pub(super) fn afterwards(&self, asked: &Parameters) -> String {
        let consent = self.consent.then_some(("prompt", "consent"));
        asked.changed(&["prompt", "max_age", "id_token_hint"], consent)
    }
}
