//! What clients may learn before they ask: where everything is (OpenID Connect Discovery, RFC 8414) and which keys sign
//! (RFC 7517).

use super::{
    authorize::AUTHORIZE, exchange::TOKEN, introspect::INTROSPECT, logout::LOGOUT, revoke::REVOKE, scope,
    userinfo::USERINFO,
};
use crate::identity::Issuer;
use axum::{
    extract::State,
    http::{HeaderName, header},
    response::IntoResponse,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Where the metadata is, by OpenID Connect and by OAuth.
pub(crate) const METADATA: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
/// Where the keys are.
pub(crate) const KEYS: &str = "/oauth/jwks";

/// How clients prove who they are (RFC 6749, 2.3).
const PROOFS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];

/// Both may be kept for five minutes, as long as our own gate would keep another's, and be read by any page.
const CACHED: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "public, max-age=300"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
];

pub(crate) async fn metadata(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    (CACHED, describe(issuer.identifier()).to_string())
}

pub(crate) async fn keys(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    (CACHED, issuer.mint.keys.published())
}

fn describe(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    json!({
        "issuer": issuer,
        "authorization_endpoint": at(AUTHORIZE),
        "token_endpoint": at(TOKEN),
        "userinfo_endpoint": at(USERINFO),
        "revocation_endpoint": at(REVOKE),
        "introspection_endpoint": at(INTROSPECT),
        "end_session_endpoint": at(LOGOUT),
        "jwks_uri": at(KEYS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": PROOFS,
        "revocation_endpoint_auth_methods_supported": PROOFS,
        "introspection_endpoint_auth_methods_supported": PROOFS[..2],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scope::STANDARD,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported":
            ["iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "nonce", "at_hash", "name", "email"],
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}
