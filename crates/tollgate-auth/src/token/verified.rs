//! What a verified token says.

use super::Object;
use std::collections::BTreeSet;

/// The claims of a token that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: Vec<String>,
    /// From when it is good: the later of `nbf` and `iat`.
    pub(crate) starts: u64,
    pub(crate) expires: u64,
    pub(crate) issued: Option<u64>,
    pub(crate) id: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) permissions: BTreeSet<String>,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) claims: Object,
}

impl Verified {
    /// Who issued the token, exactly as configured.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom it speaks of; unique only together with the issuer.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// For whom it was issued; we are among them.
    pub fn audience(&self) -> &[String] {
        &self.audience
    }

    /// When it expires, in seconds since 1970.
    pub fn expires(&self) -> u64 {
        self.expires
    }

    /// When it was issued, in seconds since 1970.
    pub fn issued(&self) -> Option<u64> {
        self.issued
    }

    /// Its `jti`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What the client was allowed to ask for.
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// What the subject may do, where the issuer says so.
    pub fn permissions(&self) -> &BTreeSet<String> {
        &self.permissions
    }

    /// What the subject is, where the issuer says so.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// All claims, for what the mapping does not cover.
    pub fn claims(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.claims
    }
}
