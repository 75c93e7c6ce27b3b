//! Which address does a request come from?
//!
//! From the socket: that of whoever opened the connection. Behind proxies it is the last of them, and each of them adds
//! whom it speaks for at the end of `X-Forwarded-For`. So with n proxies the n-th address from the end is the client's;
//! what stands before it anybody may have written.

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
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

    /// An IPv4 address, or the network of an IPv6 address: whoever has one of those has all of them.
    pub fn network(address: IpAddr) -> String {
        match address {
            IpAddr::V6(address) => format!("{:x?}", &address.segments()[..4]),
            IpAddr::V4(address) => address.to_string(),
        }
    }

    /// That of a socket. An IPv4 address is one, also on a socket for both.
    pub(crate) fn of_peer(peer: SocketAddr) -> Self {
        Self(peer.ip().to_canonical())
    }

    /// What that many proxies say. `None` if they do not: then the last of them is all that is known.
    pub(crate) fn said_by(proxies: usize, headers: &HeaderMap) -> Option<Self> {
        let nth = proxies.checked_sub(1)?;
        // Bytes, for what a caller wrote in front of it need not be text: it must not hide what the proxy added.
        let lines = headers.get_all(FORWARDED_FOR).iter().rev().map(HeaderValue::as_bytes);
        let said = lines.flat_map(|line| line.rsplit(|c| *c == b',')).nth(nth)?;
        let said = str::from_utf8(said).ok()?.trim();
        let address = said.parse::<IpAddr>().ok().or_else(|| Some(said.parse::<SocketAddr>().ok()?.ip()));
        address.map(|address| Self(address.to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_by(proxies: usize, lines: &[impl AsRef<[u8]>]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
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
        assert_eq!(said_by(1, &[b"\xff, 3.3.3.3"]).as_deref(), Some("3.3.3.3"), "what was forged hides nobody");
        assert_eq!(said_by(2, &[&b"\xff,3.3.3.3"[..], b"10.0.0.1"]).as_deref(), Some("3.3.3.3"));
        for unusable in [&[][..], &[""], &["unknown"], &["1.1.1.1, _hidden"]] {
            assert_eq!(said_by(1, unusable), None, "{unusable:?}");
        }
        assert_eq!(said_by(3, &[forged]), None, "a proxy was left out");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let network = |text: &str| ClientAddress::network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1:2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
