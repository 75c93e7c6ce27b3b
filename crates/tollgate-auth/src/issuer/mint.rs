//! What our tokens say.
//!
//! An access token is for the API and follows RFC 9068; an ID token is for the client and follows OpenID Connect Core.
//! Neither passes for the other: they differ in `typ` and in audience.

use super::{client::Client, keyring::Keyring, scope};
use crate::{error::Result, users::User};
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tollgate_core::Clock;
use uuid::Uuid;

/// Signs tokens.
pub(crate) struct Mint {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) lifetime: Duration,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
}

/// RFC 9068, 2.2; `name` and `email` for whoever shows who is signed in; the last three for `token/revocation.rs`. What is
/// given to somebody else's client says so (`act`: RFC 8693, 4.1), and no more of its user than `profile` and `email` allow.
#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    exp: u64,
    iat: u64,
    jti: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Acting<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_under: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
}

/// Who acts in the stead of whom a token speaks of.
#[derive(Serialize)]
struct Acting<'a> {
    sub: &'a str,
}

/// What an access token is given for.
pub(crate) struct Access<'a> {
    /// Its `jti`.
    pub(crate) id: &'a str,
    pub(crate) client: &'a str,
    /// Whether the client is somebody else's.
    pub(crate) third_party: bool,
    pub(crate) scope: &'a str,
    /// When it was looked up that they may have it: whatever ends them later ends the token too.
    pub(crate) at: u64,
    /// When they signed in, if it is given for that; a refresh is not.
    pub(crate) signed_in: Option<u64>,
    /// The refresh family that it ends with.
    pub(crate) grant: Option<&'a str>,
    /// The session, or what somebody allowed, that it ends with.
    pub(crate) under: Option<&'a str>,
}

impl<'a> Access<'a> {
    /// One that belongs to no session and no refresh token, for somebody who has just shown who they are.
    pub(crate) fn alone(id: &'a str, client: &'a str, scope: &'a str, at: u64) -> Self {
        Self { id, client, third_party: false, scope, at, signed_in: Some(at), grant: None, under: None }
    }
}

/// OpenID Connect Core, 2 and 5.4.
#[derive(Serialize)]
struct IdClaims<'a> {
    iss: &'a str,
    sub: Uuid,
    aud: &'a str,
    exp: u64,
    iat: u64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<Vec<&'a str>>,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

/// What an ID token says besides who.
pub(crate) struct SignIn<'a> {
    pub(crate) client: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) at: jiff::Timestamp,
    /// How, in the words of RFC 8176, separated by spaces.
    pub(crate) methods: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    /// The access token that goes along.
    pub(crate) access_token: &'a str,
}

impl Mint {
    /// A name for a token to come.
    pub(crate) fn new_id() -> String {
        Uuid::new_v4().simple().to_string()
    }

    /// An access token that speaks of a user.
    pub(crate) fn access_token(&self, user: &User, access: &Access<'_>) -> Result<String> {
        let (sub, ours) = (user.user_id.to_string(), !access.third_party);
        let claims = AccessClaims {
            name: (ours || scope::has(access.scope, "profile")).then_some(&user.name),
            email: (ours || scope::has(access.scope, "email")).then_some(&user.email),
            roles: user.roles().filter(|_| ours).collect(),
            act: access.third_party.then_some(Acting { sub: access.client }),
            user_version: Some(user.version),
            auth_time: access.signed_in.filter(|_| ours),
            ..self.access_claims(&sub, access)
        };
        self.keys.sign("at+jwt", &claims)
    }

    /// An access token that speaks of the client itself, and the version of those if one has ended.
    pub(crate) fn own_token(&self, client: &Client, scope: &str, at: u64, version: Option<i64>) -> Result<String> {
        let (id, client_id) = (Self::new_id(), &client.id);
        let access = Access::alone(&id, client_id, scope, at);
        let claims =
            AccessClaims { name: Some(&client.name), user_version: version, ..self.access_claims(client_id, &access) };
        self.keys.sign("at+jwt", &claims)
    }

    fn access_claims<'a>(&'a self, sub: &'a str, access: &Access<'a>) -> AccessClaims<'a> {
        AccessClaims {
            iss: &self.issuer,
            sub,
            aud: &self.audience,
            client_id: access.client,
            exp: access.at + self.lifetime.as_secs(),
            iat: access.at,
            jti: access.id,
            scope: access.scope,
            name: None,
            email: None,
            roles: vec![],
            act: None,
            grant_id: access.grant,
            given_under: access.under,
            user_version: None,
            auth_time: None,
        }
    }

    /// An ID token; name and address where `profile` and `email` were granted.
    pub(crate) fn id_token(&self, user: &User, sign_in: &SignIn<'_>) -> Result<String> {
        let now = self.clock.unix();
        let claims = IdClaims {
            iss: &self.issuer,
            sub: user.user_id,
            aud: sign_in.client,
            exp: now + self.lifetime.as_secs(),
            iat: now,
            auth_time: sign_in.at.as_second(),
            amr: sign_in.methods.map(|methods| methods.split(' ').collect()),
            at_hash: half_hash(sign_in.access_token),
            nonce: sign_in.nonce,
            name: scope::has(sign_in.scope, "profile").then_some(&user.name),
            email: scope::has(sign_in.scope, "email").then_some(&user.email),
        };
        self.keys.sign("JWT", &claims)
    }
}

/// The left half of the SHA-256 (OpenID Connect Core, 3.1.3.6).
fn half_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, token.as_bytes()).as_ref()[..16])
}
