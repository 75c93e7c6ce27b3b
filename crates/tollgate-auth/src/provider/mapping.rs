//! Where does a provider put what we need? Data, not code.
//!
//! A [`Mapping`] names the claims that hold subject, audience, scopes, permissions and roles, and what tells an access
//! token from the provider's other tokens. A path is a list of keys, never a dotted string: Auth0's role claim is a URL.

use crate::token::Type;

/// The way to a claim, key by key.
pub type Path = Vec<String>;

/// Where a provider puts what we need. By default where RFC 9068 does.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Together name the subject; of each, the first claim that is there counts. Default: `sub`.
    pub subject: Vec<Vec<Path>>,
    /// Holds the audience. Default: `aud`.
    pub audience: Path,
    /// Hold scopes: a string of words, or a list. Default: `scope`.
    pub scopes: Vec<Path>,
    /// Stands before scopes that are permissions, and is taken away. Default: nothing.
    pub scope_prefix: String,
    /// Hold permissions: a list. Default: `entitlements`.
    pub permissions: Vec<Path>,
    /// Hold roles: a list. Default: `roles`.
    pub roles: Vec<Path>,
    /// What must be there.
    pub demands: Vec<Demand>,
    /// Claims that access tokens alone have: one must be there unless `typ` says `at+jwt`. Default: none, which asks nothing.
    pub marks: Vec<Path>,
    /// Claims of other kinds of token: whoever has one is refused.
    pub foreign: Vec<String>,
    /// The `typ` that are accepted.
    pub types: Vec<Type>,
}

/// Something that every good token says.
#[derive(Debug, Clone)]
pub struct Demand {
    /// The first of these claims that is there counts; one must be.
    pub claims: Vec<Path>,
    /// What it must be, as text; any value if there are none.
    pub values: Vec<String>,
}

impl Demand {
    /// One of these claims must be there.
    pub fn any<const N: usize>(claims: [&str; N]) -> Self {
        Self { claims: claims.map(|name| path([name])).into(), values: vec![] }
    }

    /// The first of these claims that is there must have one of these values, if there are any.
    #[must_use]
    pub fn among(mut self, values: &[String]) -> Self {
        self.values = values.to_vec();
        self
    }

    /// The claim must have that value.
    pub fn is(claim: &str, value: &str) -> Self {
        Self::any([claim]).among(&[value.to_owned()])
    }
}

/// Claims of ID tokens (`nonce`, `at_hash`, `c_hash`, `s_hash`), of logout and event tokens (`events`), and of
/// tokens bound to a key that a bearer does not prove to have (`cnf`, RFC 9449, 7.1).
const FOREIGN: [&str; 6] = ["nonce", "at_hash", "c_hash", "s_hash", "events", "cnf"];

pub(super) fn path<const N: usize>(keys: [&str; N]) -> Path {
    keys.map(str::to_owned).to_vec()
}

impl Mapping {
    /// The same for ID tokens, which say who somebody is and not what they may do.
    pub(super) fn of_id_tokens(&self, demands: &[Demand]) -> Self {
        Self {
            audience: path(["aud"]),
            scopes: vec![],
            permissions: vec![],
            demands: demands.to_vec(),
            marks: vec![],
            foreign: vec!["events".into(), "cnf".into()],
            types: vec![Type::Absent, Type::Jwt],
            ..self.clone()
        }
    }
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            subject: vec![vec![path(["sub"])]],
            audience: path(["aud"]),
            scopes: vec![path(["scope"])],
            scope_prefix: String::new(),
            permissions: vec![path(["entitlements"])],
            roles: vec![path(["roles"])],
            demands: Vec::new(),
            marks: Vec::new(),
            foreign: path(FOREIGN),
            types: vec![Type::Absent, Type::Jwt, Type::AccessToken],
        }
    }
}
