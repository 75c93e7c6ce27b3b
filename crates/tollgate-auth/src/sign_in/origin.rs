//! Which pages are ours: those of the issuer's origin.
//!
//! A browser sends the session cookie along with requests that other sites make it send. What tells them apart is
//! where they come from (`Origin`, or `Sec-Fetch-Site` where that says nothing). And whoever has signed in is sent back
//! where they came from, which must not be another site's page.
//!
//! On a developer's machine one app has two names, `localhost` and `127.0.0.1`: both are ours, on the same port.

use super::{CALLBACK, LOGIN, code::CODE, reset};
use crate::error::{Error, Result};
use axum::http::{HeaderMap, HeaderName, header};
use tollgate_core::Problem;
use url::{Host, Position, Url};

/// The origins whose pages are ours.
pub(crate) struct Origins {
    base: Url,
    /// As browsers write them; the issuer's is the first.
    ours: Vec<String>,
}

impl Origins {
    /// Those of an issuer: `https` with any host, `http` on a loopback address only.
    ///
    /// # Errors
    /// Another scheme, or anything but scheme, host and port.
    pub(crate) fn of(issuer: &str) -> Result<Self> {
        let refused = |why| Error::Configuration(format!("the issuer `{issuer}` {why}"));
        let base = Url::parse(issuer).map_err(|_| refused("is no URL"))?;
        let is_origin = base.path() == "/" && base.query().is_none() && base.fragment().is_none();
        if !is_origin || !base.username().is_empty() || base.password().is_some() {
            return Err(refused("must be scheme, host and port alone, as in `https://api.example.com`"));
        }
        let local = is_loopback(&base);
        if !(base.scheme() == "https" || (base.scheme() == "http" && local)) {
            return Err(refused("must be `https`; `http` is for loopback addresses"));
        }
        let mut ours = vec![base.origin().ascii_serialization()];
        if base.scheme() == "http" {
            let port = base.port().map_or_else(String::new, |port| format!(":{port}"));
            ours.extend(["localhost", "127.0.0.1"].map(|host| format!("http://{host}{port}")));
        }
        Ok(Self { base, ours })
    }

    /// The issuer's identifier: its origin, without a slash.
    pub(crate) fn issuer(&self) -> &str {
        &self.ours[0]
    }

    /// Refuses a request that no page of ours made the browser send.
    pub(crate) fn check_ours(&self, headers: &HeaderMap) -> tollgate_core::Result<()> {
        if self.came_from_us(headers) == Some(true) { Ok(()) } else { Err(self.foreign()) }
    }

    /// A request that a page of somebody else's made the browser send.
    pub(crate) fn foreign(&self) -> Problem {
        let ours = self.issuer();
        Problem::forbidden().because(format!("this must be sent from a page of this app: open {ours} and try there"))
    }

    /// All of them, the issuer's first.
    pub(crate) fn all(&self) -> &[String] {
        &self.ours
    }

    /// Whether browsers reach us through TLS alone.
    pub(crate) fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether a browser says that one of our pages sent the request; `None` if nothing is said, as by programs.
    pub(crate) fn came_from_us(&self, headers: &HeaderMap) -> Option<bool> {
        let (Ok(origin), Ok(site)) = (only(headers, &header::ORIGIN), only(headers, &SEC_FETCH_SITE)) else {
            return Some(false);
        };
        match (origin, site) {
            (Some(origin), _) if origin != "null" => Some(self.is_ours(origin)),
            // Pages with `Referrer-Policy: no-referrer` have their forms say `null`.
            (_, Some(site)) => Some(site == "same-origin" || site == "none"),
            (Some(_), None) => Some(false),
            (None, None) => None,
        }
    }

    /// Where to go after sign-in, as path and query: as asked if that stays on our origin and is not on the way in, else
    /// home.
    pub(crate) fn return_to(&self, asked: Option<&str>) -> String {
        asked.and_then(|asked| self.path_of(asked)).unwrap_or_else(|| "/".to_owned())
    }

    /// Read as browsers read it (WHATWG), but for what they forgive: backslashes, tabs, line breaks.
    fn path_of(&self, text: &str) -> Option<String> {
        if text.contains(|c: char| c.is_control() || c == '\\') {
            return None;
        }
        let url = self.base.join(text).ok()?;
        let bare = url.username().is_empty() && url.password().is_none();
        let path = &url[Position::BeforePath..];
        // A path may begin with two slashes, and alone it would then be read as another host.
        let stays = self.is_ours(&url.origin().ascii_serialization()) && path.starts_with('/');
        (stays && bare && !path.starts_with("//") && !is_on_the_way_in(url.path())).then(|| path.to_owned())
    }

    /// Host and port as the browser knows us, where that is one of our names; else the issuer's.
    pub(crate) fn host<'a>(&'a self, headers: &'a HeaderMap) -> &'a str {
        let bare = |origin: &'a str| origin.split_once("://").map_or(origin, |(_, host)| host);
        let asked = only(headers, &header::HOST).ok().flatten();
        asked.filter(|asked| self.ours.iter().any(|ours| bare(ours) == *asked)).unwrap_or(bare(self.issuer()))
    }

    fn is_ours(&self, origin: &str) -> bool {
        self.ours.iter().any(|ours| ours == origin)
    }
}

/// Whether that is a page of a sign-in. What brought somebody there is over once they are signed in, and a link to sign in
/// on a page that says no would lead back to it.
fn is_on_the_way_in(path: &str) -> bool {
    let is_below = |page: &str| path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    [LOGIN, CALLBACK, CODE, reset::FORGOT, reset::RESET].into_iter().any(is_below)
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A header that may come once; an error if it comes twice or is no text.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> std::result::Result<Option<&'h str>, ()> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ways off the origin that have worked somewhere, and what they come to here.
    const ATTACKS: [&str; 44] = [
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "https://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "http:///evil.example",
        "HTTPS://EVIL.EXAMPLE",
        "http://127.0.0.1:8000@evil.example/",
        "http://evil.example#http://127.0.0.1:8000/",
        "http://evil.example?http://127.0.0.1:8000/",
        "http://127.0.0.1.evil.example:8000/",
        "http://127.0.0.1:80",
        "http://127.0.0.1:8001/",
        "https://127.0.0.1:8000/",
        "http://user@127.0.0.1:8000/",
        "http://user:secret@127.0.0.1:8000/",
        "http://[::ffff:127.0.0.1]:8000/",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "blob:http://127.0.0.1:8000/x",
        "filesystem:http://127.0.0.1:8000/x",
        "mailto:a@evil.example",
        "file:///etc/passwd",
        "ws://127.0.0.1:8000/",
        "\t//evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "\u{0}//evil.example",
        "\u{7f}//evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/a/..//evil.example",
        "/./\\evil.example",
        "http://127.0.0.1:8000//evil.example",
        " //evil.example",
    ];

    #[test]
    fn no_address_to_return_to_leaves_the_origin() {
        let origins = Origins::of("http://127.0.0.1:8000").unwrap();
        for attack in ATTACKS {
            let path = origins.return_to(Some(attack));
            assert_eq!(path, "/", "{attack:?}");
        }
    }

    /// Made of the pieces that attacks are made of: whatever comes out, a browser that follows it stays.
    #[test]
    fn whatever_is_asked_for_a_browser_that_is_sent_back_stays() {
        const PIECES: [&str; 16] = [
            "/",
            "//",
            "\\",
            ".",
            "..",
            "@",
            ":",
            "?",
            "#",
            "evil.example",
            "http:",
            "127.0.0.1:8000",
            "%2f",
            "%5c",
            "\t",
            "a",
        ];
        let origins = Origins::of("http://127.0.0.1:8000").unwrap();
        let here = Url::parse("http://localhost:8000/auth/login").unwrap();
        let mut kept = 0;
        for number in 0..PIECES.len().pow(4) {
            let digits = [0, 1, 2, 3].map(|place| number / PIECES.len().pow(place) % PIECES.len());
            let asked = digits.map(|digit| PIECES[digit]).concat();
            let path = origins.return_to(Some(&asked));
            assert_eq!(here.join(&path).unwrap().origin(), here.origin(), "{asked:?} became {path:?}");
            kept += usize::from(path != "/");
        }
        assert!(kept > 10_000, "only {kept} were let through: the test proves little");
    }

    #[test]
    fn what_stays_is_kept_with_its_query() {
        let origins = Origins::of("http://127.0.0.1:8000").unwrap();
        let kept = |asked| origins.return_to(Some(asked));
        for path in ["/", "/docs", "/movies?limit=1&sort=-rating#top", "/oauth/authorize?redirect_uri=https%3A%2F%2Fx"]
        {
            assert_eq!(kept(path), path);
        }
        assert_eq!(kept("http://localhost:8000/docs"), "/docs");
        assert_eq!(kept("docs"), "/docs");
        assert_eq!(kept("/ä b"), "/%C3%A4%20b");
        assert_eq!(origins.return_to(None), "/");
    }

    #[test]
    fn nobody_who_has_signed_in_is_sent_back_to_where_they_did() {
        let origins = Origins::of("http://127.0.0.1:8000").unwrap();
        for over in [
            "/auth/callback?error=access_denied&state=s",
            "/auth/callback/okta?code=c&state=s",
            "/auth/login?return_to=/docs",
            "/auth/login/okta",
            "/auth/code?return_to=/",
            "/auth/forgot",
            "/auth/reset?link=l",
            "/docs/../auth/callback",
        ] {
            assert_eq!(origins.return_to(Some(over)), "/", "{over}");
        }
        for there in ["/auth/apps", "/auth/sessions", "/auth/password", "/auth/second-factor", "/auth/callbacks"] {
            assert_eq!(origins.return_to(Some(there)), there);
        }
    }

    #[test]
    fn an_issuer_is_an_origin_behind_tls_or_on_this_machine() {
        for (good, all) in [
            ("https://api.example.com", &["https://api.example.com"][..]),
            ("https://API.example.com:443/", &["https://api.example.com"]),
            ("http://127.0.0.1:8000", &["http://127.0.0.1:8000", "http://localhost:8000", "http://127.0.0.1:8000"]),
            ("http://localhost", &["http://localhost", "http://localhost", "http://127.0.0.1"]),
            ("http://[::1]:8000", &["http://[::1]:8000", "http://localhost:8000", "http://127.0.0.1:8000"]),
        ] {
            assert_eq!(Origins::of(good).unwrap().all(), all);
        }
        for bad in
            ["", "api", "http://api.example.com", "https://a/b", "https://a?b", "https://a#b", "https://u@a", "ftp://a"]
        {
            assert!(matches!(Origins::of(bad), Err(Error::Configuration(_))), "{bad}");
        }
    }

    #[test]
    fn a_browser_tells_where_a_request_comes_from() {
        let origins = Origins::of("http://127.0.0.1:8000").unwrap();
        let asked = |headers: &[(&str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
            }
            origins.came_from_us(&map)
        };
        assert_eq!(asked(&[]), None);
        for ours in ["http://127.0.0.1:8000", "http://localhost:8000"] {
            assert_eq!(asked(&[("origin", ours)]), Some(true));
            assert_eq!(asked(&[("origin", ours), ("origin", ours)]), Some(false));
        }
        for other in
            ["http://evil.example", "http://127.0.0.1", "https://127.0.0.1:8000", "null", "", "http://127.0.0.1:8000/"]
        {
            assert_eq!(asked(&[("origin", other)]), Some(false), "{other}");
        }
        for (site, answer) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)] {
            assert_eq!(asked(&[("sec-fetch-site", site)]), Some(answer));
            assert_eq!(asked(&[("origin", "null"), ("sec-fetch-site", site)]), Some(answer));
            assert_eq!(asked(&[("origin", "http://evil.example:8000"), ("sec-fetch-site", site)]), Some(false));
        }
    }

    #[test]
    fn the_host_on_the_page_is_one_of_our_names() {
        let origins = Origins::of("http://127.0.0.1:8000").unwrap();
        for (asked, shown) in [("localhost:8000", "localhost:8000"), ("evil.example", "127.0.0.1:8000")] {
            assert_eq!(origins.host(&HeaderMap::from_iter([(header::HOST, asked.parse().unwrap())])), shown);
        }
    }
}
