//! Our cookies: who is signed in, who is half way, and which accounts this browser knows.

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Names a session.
    Session,
    /// Says that the password was right and something else is still to come.
    Step,
    /// Says that this browser has signed in to an account before.
    Known,
}

/// How they travel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    /// Through TLS alone.
    pub(crate) secure: bool,
}

impl Cookies {
    /// The prefix makes browsers insist on `Secure`, `Path=/` and no `Domain` (RFC 6265bis, 4.1.3.2), so that no sibling
    /// domain can set it; plain `http` cannot have it.
    fn name(self, cookie: Cookie) -> &'static str {
        match (cookie, self.secure) {
            (Cookie::Session, true) => "__Host-session",
            (Cookie::Session, false) => "session",
            (Cookie::Step, true) => "__Host-step",
            (Cookie::Step, false) => "step",
            (Cookie::Known, true) => "__Host-known",
            (Cookie::Known, false) => "known",
        }
    }

    /// Its value. One that comes twice says nothing: one of the two was put there by somebody else.
    pub(crate) fn read(self, headers: &HeaderMap, cookie: Cookie) -> Option<&str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name(cookie)).map(|(_, value)| value);
        values.next().filter(|value| !value.is_empty() && values.next().is_none())
    }

    /// The `Set-Cookie` for a value of base64url.
    #[expect(clippy::expect_used, reason = "base64url and numbers are visible ASCII")]
    pub(crate) fn set(self, cookie: Cookie, value: &str, seconds: u64) -> HeaderValue {
        let (name, secure) = (self.name(cookie), if self.secure { "; Secure" } else { "" });
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).expect("a cookie of visible ASCII is a header value")
    }

    /// The `Set-Cookie` that removes it.
    pub(crate) fn remove(self, cookie: Cookie) -> HeaderValue {
        self.set(cookie, "", 0)
    }
}
