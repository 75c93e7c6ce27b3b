//! Cookies of ours, by their names: who is signed in, who is half way, and which accounts this browser knows.

use axum::http::{HeaderMap, HeaderValue, header};

/// Names a session.
pub(crate) const SESSION: &str = "session";
/// Says that the password was right and something else is still to come.
pub(crate) const STEP: &str = "step";
/// Says that this browser has signed in to an account before.
pub(crate) const KNOWN: &str = "known";

/// Sets and reads cookies. The prefix makes browsers insist on `Secure`, `Path=/` and no `Domain` (RFC 6265bis, 4.1.3.2),
/// so that no sibling domain can set one; plain `http`, which is for loopback alone, cannot have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    pub(crate) secure: bool,
}

impl Cookies {
    fn prefix(self) -> &'static str {
        if self.secure { "__Host-" } else { "" }
    }

    #[expect(clippy::expect_used, reason = "names of ours, base64url and numbers are visible ASCII")]
    pub(crate) fn set(self, name: &str, value: &str, seconds: u64) -> HeaderValue {
        let (prefix, secure) = (self.prefix(), if self.secure { "; Secure" } else { "" });
        let text = format!("{prefix}{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).expect("a cookie of visible ASCII is a header value")
    }

    pub(crate) fn remove(self, name: &str) -> HeaderValue {
        self.set(name, "", 0)
    }

    /// Whether an answer sets that cookie, or removes it.
    pub(crate) fn sets(self, answer: &HeaderMap, name: &str) -> bool {
        let names = |set: &HeaderValue| {
            let text = set.to_str().ok()?.strip_prefix(self.prefix())?;
            Some(text.split_once('=')?.0 == name)
        };
        answer.get_all(header::SET_COOKIE).iter().any(|set| names(set) == Some(true))
    }

    /// The value of a cookie. One that comes twice is none: one of the two was put there by somebody else.
    pub(crate) fn get<'h>(self, headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        let mut values = self.all(headers).filter(|(known, _)| *known == name).map(|(_, value)| value);
        values.next().filter(|value| !value.is_empty() && values.next().is_none())
    }

    /// The names of all, without the prefix and as far as a cookie of ours can have them.
    pub(crate) fn names(self, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        let good = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        self.all(headers).map(|(name, _)| name).filter(good)
    }

    fn all(self, headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
        let prefix = self.prefix();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }
}
