//! Cookies of ours, by their names.

use axum::http::{HeaderMap, HeaderValue, header};

/// Sets and reads cookies. The prefix makes browsers insist on `Secure`, `Path=/` and no `Domain` (RFC 6265bis, 4.1.3.2),
/// so that no sibling domain can set one; plain `http`, which is for loopback alone, cannot have it.
pub(super) struct Cookies {
    pub(super) secure: bool,
}

impl Cookies {
    fn prefix(&self) -> &'static str {
        if self.secure { "__Host-" } else { "" }
    }

    #[expect(clippy::expect_used, reason = "names of ours, base64url and numbers are visible ASCII")]
    pub(super) fn set(&self, name: &str, value: &str, seconds: u64) -> HeaderValue {
        let (prefix, secure) = (self.prefix(), if self.secure { "; Secure" } else { "" });
        let text = format!("{prefix}{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).expect("a cookie of visible ASCII is a header value")
    }

    pub(super) fn remove(&self, name: &str) -> HeaderValue {
        self.set(name, "", 0)
    }

    /// The value of a cookie. One that comes twice is none: one of the two was put there by somebody else.
    pub(super) fn get<'h>(&self, headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        let mut values = self.all(headers).filter(|(known, _)| *known == name).map(|(_, value)| value);
        values.next().filter(|value| !value.is_empty() && values.next().is_none())
    }

    /// The names of all, without the prefix and as far as a cookie of ours can have them.
    pub(super) fn names<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> {
        let good = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        self.all(headers).map(|(name, _)| name).filter(good)
    }

    fn all<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = (&'h str, &'h str)> {
        let prefix = self.prefix();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }
}
