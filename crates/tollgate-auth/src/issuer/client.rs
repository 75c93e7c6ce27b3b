//! What is a client, and where may it be sent back to?
//!
//! Four kinds, by what they can keep to themselves. Whoever keeps a secret proves with it that they are the client; the
//! others have PKCE (RFC 7636) alone, which proves that whoever redeems a code asked for it.
//!
//! Invariant: the id of a client is never that of somebody else: users have UUIDs, service accounts and people of other
//! issuers a `:` or a `|` in theirs, and those of the system and of anyone are taken. So the subject of a token names one
//! of them for good (RFC 9068, 5).

use crate::{
    error::{Error, Result},
    random::check_secret,
    sign_in::is_loopback,
    token::Hash,
};
use jiff::Timestamp;
use std::{fmt, str::FromStr};
use tollgate_access::{Grants, Identity as Person, Roles, System};
use tollgate_core::Secret;
use url::Url;
use uuid::Uuid;

/// Ids that tokens of the app itself name: those of its command line and of `POST /token`.
pub(crate) const COMMAND_LINE: &str = "cli";
pub(super) const PASSWORD: &str = "password";
/// Those, and the ids of whoever is no client, user or program.
const RESERVED: [&str; 4] = [COMMAND_LINE, PASSWORD, System::ID, Person::ANYONE];

/// What a client is, and so what it can keep to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// A page in a browser: keeps no secret.
    Public,
    /// An app on a device: keeps no secret, and listens for the answer on a port of its own choice (RFC 8252, 7.3).
    Native,
    /// A server that people use: keeps a secret.
    Confidential,
    /// A program without people: keeps a secret, and gets tokens for itself alone.
    Machine,
}

impl ClientKind {
    const ALL: [Self; 4] = [Self::Public, Self::Native, Self::Confidential, Self::Machine];

    /// Its name in settings, in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Native => "native",
            Self::Confidential => "confidential",
            Self::Machine => "machine",
        }
    }

    /// Whether it proves with a secret that it is itself.
    pub fn keeps_a_secret(self) -> bool {
        matches!(self, Self::Confidential | Self::Machine)
    }
}

impl FromStr for ClientKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        named.ok_or_else(|| format!("`{name}` is no kind of client: it is public, native, confidential or machine"))
    }
}

/// An application that may ask for tokens.
#[derive(Clone)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it is.
    pub kind: ClientKind,
    /// Where it may be sent back to, compared byte for byte (RFC 9700, 4.1.3). On a loopback address, a native client
    /// may have any port.
    pub redirect_uris: Vec<String>,
    /// Where it may be sent after somebody signed out, compared byte for byte.
    pub logout_uris: Vec<String>,
    /// What it may do in its own name (RFC 6749, 4.4), as in `read:movies`.
    pub permissions: Vec<String>,
    /// Whether it gets a refresh token without asking for `offline_access`.
    pub offline: bool,
    /// Whether it is somebody else's, so that people are asked before it gets anything of theirs.
    pub third_party: bool,
    /// Whether it may ask for codes without PKCE: only for clients with a secret that cannot do better.
    pub insecure_without_pkce: bool,
    /// When it was added on the command line; unknown for those of the configuration.
    pub added: Option<Timestamp>,
    /// The hash of its secret, if it [has](Self::with_secret) one.
    pub secret: Option<Hash>,
}

impl Client {
    /// A client that may do nothing yet. Those who keep a secret are [given](Self::with_secret) one.
    pub fn new(id: impl Into<String>, name: impl Into<String>, kind: ClientKind) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            kind,
            redirect_uris: vec![],
            logout_uris: vec![],
            permissions: vec![],
            offline: false,
            third_party: false,
            insecure_without_pkce: false,
            added: None,
            secret: None,
        }
    }

    /// The same with a secret, of which a hash is kept.
    ///
    /// # Errors
    /// Shorter than 32 bytes, or one that might be guessed.
    pub fn with_secret(self, secret: &Secret) -> Result<Self> {
        check_secret(secret.reveal()).map_err(|why| self.refused(format_args!("has a secret that {why}")))?;
        Ok(Self { secret: Some(hash(&self.id, secret.reveal())), ..self })
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self, roles: &Roles) -> Result<()> {
        // Scopes and keys of ours separate ids by spaces; `service:name` is a service account, `okta|00u1` somebody of another
        // issuer.
        let good = |byte: u8| byte.is_ascii_graphic() && !b":|".contains(&byte);
        let is_name = !self.id.is_empty() && self.id.bytes().all(good);
        if !is_name || Uuid::parse_str(&self.id).is_ok() || RESERVED.contains(&self.id.as_str()) {
            return Err(self.refused(
                "cannot be called that: an id is visible ASCII without `:` and `|`, no UUID, and not `cli`, \
                 `password`, `system` or `anyone`",
            ));
        }
        if self.name.trim().is_empty() || self.name.contains(char::is_control) {
            return Err(self.refused("has no name for people: it is one line, without control characters"));
        }
        if self.kind.keeps_a_secret() != self.secret.is_some() {
            let why = if self.secret.is_some() { "keeps no secret: leave it out" } else { "needs a secret" };
            return Err(self.refused(format_args!("is {}, so it {why}", self.kind.as_str())));
        }
        if self.insecure_without_pkce && self.kind != ClientKind::Confidential {
            return Err(self.refused("may do without PKCE only if it is confidential"));
        }
        if self.offline && self.third_party {
            return Err(
                self.refused("is somebody else's, so it asks for `offline_access`, and people see that it does")
            );
        }
        if !self.permissions.is_empty() && !self.kind.keeps_a_secret() {
            return Err(self.refused("has permissions of its own, but no secret to prove who it is"));
        }
        if let Some(why) = self.permissions.iter().find_map(|word| roles.check_permission(word).err()) {
            return Err(self.refused(format_args!("has a wrong permission: {why}")));
        }
        self.check_addresses()
    }

    fn check_addresses(&self) -> Result<()> {
        if self.kind == ClientKind::Machine && !(self.redirect_uris.is_empty() && self.logout_uris.is_empty()) {
            return Err(self.refused("is a machine, which nobody is sent back to"));
        }
        if self.redirect_uris.is_empty() && !self.kind.keeps_a_secret() {
            return Err(self.refused(format_args!(
                "is {}, so it needs an address that people are sent back to: a `redirect_uri`",
                self.kind.as_str()
            )));
        }
        let bad = self.redirect_uris.iter().chain(&self.logout_uris).find(|uri| !is_address(uri));
        bad.map_or(Ok(()), |uri| {
            Err(self.refused(format_args!(
                "cannot be sent back to `{uri}`: an address is https, http on loopback, or a scheme with a dot, and has \
                 no fragment"
            )))
        })
    }

    fn refused(&self, why: impl fmt::Display) -> Error {
        Error::Configuration(format!("the client `{}` {why}", self.id))
    }

    /// Whether it may be sent back there.
    pub(super) fn may_return_to(&self, uri: &str) -> bool {
        let registered = |known: &String| {
            let on_any_port = self.kind == ClientKind::Native && without_port(uri).is_some();
            known == uri || (on_any_port && without_port(known) == without_port(uri))
        };
        self.redirect_uris.iter().any(registered)
    }

    /// Whether somebody else may be the one who is answered there: it has no secret to prove itself with, and the address is
    /// nobody's own. A page of ours on this machine is taken at its word: it is being worked on.
    pub(super) fn may_be_another_at(&self, redirect_uri: &str) -> bool {
        let is_page_of_ours = self.kind == ClientKind::Public && !self.third_party;
        !self.kind.keeps_a_secret() && !redirect_uri.starts_with("https://") && !is_page_of_ours
    }

    /// What it may do in its own name.
    pub(super) fn grants(&self) -> Grants {
        Grants::of(self.permissions.iter().map(String::as_str))
    }

    /// Whether that is its secret. Takes the same time whatever was sent.
    pub(super) fn is_secret(&self, sent: &str) -> bool {
        self.secret.is_some_and(|secret| secret.is(&hash(&self.id, sent)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A random secret needs no slow hash; the id makes two clients with one secret look different.
pub(super) fn hash(id: &str, secret: &str) -> Hash {
    Hash::of(&[b"client", id.as_bytes(), secret.as_bytes()])
}

/// A fragment would swallow the answer; a script would run it; an app's own scheme has a dot (RFC 8252, 7.1); plain
/// `http` would show the code to whoever is on the way (RFC 9700, 2.6).
fn is_address(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let known = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        other => other.contains('.'),
    };
    known && uri.bytes().all(|byte| byte.is_ascii_graphic()) && url.fragment().is_none()
}

/// Host and path of an address on this machine, without its port. `localhost` is none: it may lead elsewhere (RFC 8252,
/// 8.3).
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let host = ["http://127.0.0.1", "http://[::1]"].into_iter().find(|host| uri.starts_with(host))?;
    let rest = &uri[host.len()..];
    let path = match rest.strip_prefix(':') {
        None => rest,
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            let (port, path) = port.split_at(digits);
            port.parse::<u16>().ok().filter(|number| *number != 0 && !port.starts_with('0'))?;
            path
        }
    };
    path.starts_with('/').then_some((host, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_access::Known;

    fn client(kind: ClientKind, uri: &str) -> Client {
        Client { redirect_uris: vec![uri.into()], ..Client::new("app", "App", kind) }
    }

    #[test]
    fn only_the_port_of_a_native_clients_loopback_address_is_free() {
        for registered in ["http://127.0.0.1/back?a=b", "http://127.0.0.1:7000/back?a=b"] {
            let native = client(ClientKind::Native, registered);
            for good in ["", ":1", ":80", ":49152", ":65535"] {
                assert!(native.may_return_to(&format!("http://127.0.0.1{good}/back?a=b")), "{good}");
            }
            for bad in [
                "http://127.0.0.1:0/back?a=b",
                "http://127.0.0.1:/back?a=b",
                "http://127.0.0.1:65536/back?a=b",
                "http://127.0.0.1:080/back?a=b",
                "http://127.0.0.1:+80/back?a=b",
                "http://127.0.0.1:80 /back?a=b",
                "http://127.0.0.1:80@evil.example/back?a=b",
                "http://127.0.0.1:80.evil.example/back?a=b",
                "http://127.0.0.1.evil.example/back?a=b",
                "http://127.0.0.1@evil.example/back?a=b",
                "http://127.0.0.10:80/back?a=b",
                "http://127.0.0.2:80/back?a=b",
                "http://127.1:80/back?a=b",
                "http://localhost:80/back?a=b",
                "http://[::1]:80/back?a=b",
                "http://0.0.0.0:80/back?a=b",
                "https://127.0.0.1:80/back?a=b",
                "HTTP://127.0.0.1:80/back?a=b",
                "http://127.0.0.1:80/back?a=b&c=d",
                "http://127.0.0.1:80/back?a=b#c",
                "http://127.0.0.1:80/back",
                "http://127.0.0.1:80/back/?a=b",
                "http://127.0.0.1:80//back?a=b",
                "http://127.0.0.1:80/./back?a=b",
                "http://127.0.0.1:80\\back?a=b",
                "http://127.0.0.1:80?a=b",
                "http://user@127.0.0.1:80/back?a=b",
            ] {
                assert!(!native.may_return_to(bad), "{bad}");
            }
        }
        assert!(client(ClientKind::Native, "http://[::1]/back").may_return_to("http://[::1]:4000/back"));
        for kind in [ClientKind::Public, ClientKind::Confidential] {
            assert!(!client(kind, "http://127.0.0.1/back").may_return_to("http://127.0.0.1:80/back"));
        }
        for fixed in ["http://localhost:4000/back", "https://app.example/back", "com.example.app:/back"] {
            let native = client(ClientKind::Native, fixed);
            assert!(native.may_return_to(fixed) && !native.may_return_to("http://localhost:4001/back"));
        }
    }

    #[test]
    fn a_client_that_contradicts_itself_is_refused_in_words() {
        let secret = Secret::from("0123456789abcdef0123456789abcdef");
        let good = |kind| client(kind, "https://app.example/back");
        let roles = Roles::default().knowing(Known::of(["movies"], []));
        assert!(good(ClientKind::Public).check(&roles).is_ok());
        let confidential = good(ClientKind::Confidential).with_secret(&secret).unwrap();
        assert!(confidential.check(&roles).is_ok());
        let permissions = vec!["read:movies".to_owned()];
        let named = |id: &str| Client { id: id.into(), ..good(ClientKind::Public) };
        for (bad, said) in [
            (named(""), "an id is visible ASCII"),
            (named("a b"), "an id is visible ASCII"),
            (named("0198f5b4-7cc8-7000-8000-000000000000"), "no UUID"),
            (named("0198F5B47CC870008000000000000000"), "no UUID"),
            (named("cli"), "not `cli`"),
            (named("password"), "not `cli`"),
            (named("system"), "not `cli`"),
            (named("anyone"), "not `cli`"),
            (named("service:nightly-import"), "without `:`"),
            (named("okta|00u1"), "without `:`"),
            (Client { name: " ".into(), ..named("a") }, "no name"),
            (Client { name: "Recorder\nof this app".into(), ..named("a") }, "no name"),
            (Client { offline: true, third_party: true, ..named("a") }, "asks for `offline_access`"),
            (good(ClientKind::Confidential), "needs a secret"),
            (Client { kind: ClientKind::Native, ..confidential.clone() }, "keeps no secret"),
            (Client { insecure_without_pkce: true, ..good(ClientKind::Public) }, "only if it is confidential"),
            (Client { permissions: permissions.clone(), ..good(ClientKind::Public) }, "no secret to prove"),
            (Client { permissions: vec!["movies".into()], ..confidential.clone() }, "`movies` is no permission"),
            (Client { permissions: vec!["read:movie".into()], ..confidential.clone() }, "did you mean `read:movies`?"),
            (Client { redirect_uris: vec![], ..named("a") }, "is public, so it needs an address"),
            (
                Client { kind: ClientKind::Native, redirect_uris: vec![], ..named("a") },
                "is native, so it needs an address",
            ),
            (Client { kind: ClientKind::Machine, permissions, ..confidential.clone() }, "is a machine"),
        ] {
            let why = bad.check(&roles).unwrap_err().to_string();
            assert!(why.contains(said), "{why}");
        }
        let short = good(ClientKind::Confidential).with_secret(&"0123456789abcdef0123456789abcde".into()).unwrap_err();
        assert!(!short.to_string().contains("0123456789"), "{short}");
        assert!(!format!("{confidential:?}").contains("secret"), "{confidential:?}");
    }

    #[test]
    fn a_secret_is_its_clients_alone() {
        let secret = Secret::from("0123456789abcdef0123456789abcdef");
        let ours = good("ours").with_secret(&secret).unwrap();
        assert!(ours.is_secret(secret.reveal()) && !ours.is_secret("") && !good("none").is_secret(""));
        assert!(ours.secret != good("theirs").with_secret(&secret).unwrap().secret);
    }

    fn good(id: &str) -> Client {
        Client::new(id, id, ClientKind::Machine)
    }
}
