//! Which address does a request come from?
//!
//! From the socket: that of whoever opened the connection. Behind proxies it is the last of them, and each of them adds
//! whom it speaks for at the end of `X-Forwarded-For`. So with n proxies the n-th address from the end is the client's;
//! what stands before it anybody may have written.

use axum::http::{Extensions, HeaderMap, HeaderName};
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client; among the extensions of a request that came through a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The one of a request.
    pub fn of(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get::<Self>().map(|address| address.0)
    }

    /// That of a socket. An IPv4 address is one, also on a socket for both.
    pub(crate) fn of_peer(peer: SocketAddr) -> Self {
        Self(peer.ip().to_canonical())
    }

    /// What that many proxies say. `None` if they do not: then the last of them is all that is known.
    pub(crate) fn said_by(proxies: usize, headers: &HeaderMap) -> Option<Self> {
        let nth = proxies.checked_sub(1)?;
        let lines = headers.get_all(FORWARDED_FOR).iter().rev().map(|line| line.to_str().unwrap_or_default());
        let said = lines.flat_map(|line| line.rsplit(',')).nth(nth)?.trim();
        let address = said.parse::<IpAddr>().ok().or_else(|| Some(said.parse::<SocketAddr>().ok()?.ip()));
        address.map(|address| Self(address.to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn said_by(proxies: usize, lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.extend(lines.iter().map(|line| (FORWARDED_FOR, HeaderValue::from_static(line))));
        ClientAddress::said_by(proxies, &headers).map(|address| address.0.to_string())
    }

    #[test]
    fn only_what_a_proxy_of_ours_added_counts() {
        let forged = "1.1.1.1, 2.2.2.2";
        assert_eq!(said_by(0, &[forged]), None);
        assert_eq!(said_by(1, &[forged, "3.3.3.3"]).as_deref(), Some("3.3.3.3"));
        assert_eq!(said_by(2, &[forged, "3.3.3.3,10.0.0.1"]).as_deref(), Some("3.3.3.3"));
        assert_eq!(said_by(1, &["[2001:db8::1]:443"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(said_by(1, &["::ffff:3.3.3.3"]).as_deref(), Some("3.3.3.3"));
        assert_eq!(said_by(1, &["3.3.3.3:5678"]).as_deref(), Some("3.3.3.3"));
        for unusable in [&[][..], &[""], &["unknown"], &["1.1.1.1, _hidden"]] {
            assert_eq!(said_by(1, unusable), None, "{unusable:?}");
        }
        assert_eq!(said_by(3, &[forged]), None, "a proxy was left out");
    }
}
