//! What can be said about an issuer, and what is refused with which words.

use super::provider;
use serde_json::{Value, json};
use tollgate_auth::{IssuerSettings, provider::Endpoints};

fn refused(json: Value) -> String {
    match serde_json::from_value::<IssuerSettings>(json) {
        Err(error) => error.to_string(),
        Ok(settings) => settings.provider("one").unwrap_err().to_string(),
    }
}

#[test]
fn each_preset_knows_its_issuer_and_where_people_sign_in() {
    let at = |endpoints: Option<Endpoints>| endpoints.map(|Endpoints { authorize, token, .. }| (authorize, token));
    let cases = [
        (
            json!({ "preset": "okta", "domain": "dev-1.okta.com" }),
            "https://dev-1.okta.com/oauth2/default",
            "https://dev-1.okta.com/oauth2/default/v1/authorize",
        ),
        (
            json!({ "preset": "okta", "domain": "id.example.com", "authorization_server": "aus1", "audience": "api" }),
            "https://id.example.com/oauth2/aus1",
            "https://id.example.com/oauth2/aus1/v1/authorize",
        ),
        (
            json!({ "preset": "okta", "domain": "https://dev-1.okta.com/", "authorization_server": "org",
                "client_id": "web", "client_secret": "q7Tf2mXv9LkWc4RzNb8HsJd6PgYe3UaW" }),
            "https://dev-1.okta.com",
            "https://dev-1.okta.com/oauth2/v1/authorize",
        ),
        (
            json!({ "preset": "auth0", "domain": "a.eu.auth0.com", "audience": "api" }),
            "https://a.eu.auth0.com/",
            "https://a.eu.auth0.com/authorize",
        ),
        (
            json!({ "preset": "google", "client_id": "1.apps.googleusercontent.com" }),
            "https://accounts.google.com",
            "https://accounts.google.com/o/oauth2/v2/auth",
        ),
        (
            json!({ "preset": "entra", "tenant": "a1b2c3d4-0000-4000-8000-123456789abc", "audience": "api" }),
            "https://login.microsoftonline.com/a1b2c3d4-0000-4000-8000-123456789abc/v2.0",
            "https://login.microsoftonline.com/a1b2c3d4-0000-4000-8000-123456789abc/oauth2/v2.0/authorize",
        ),
        (
            json!({ "preset": "cognito", "user_pool": "eu-west-1_Ab", "client_id": "123", "domain": "x.auth.example" }),
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab",
            "https://x.auth.example/oauth2/authorize",
        ),
        (
            json!({ "preset": "keycloak", "url": "https://sso.example/auth/", "realm": "films", "client": "api" }),
            "https://sso.example/auth/realms/films",
            "https://sso.example/auth/realms/films/protocol/openid-connect/auth",
        ),
        (
            json!({ "preset": "generic", "issuer": "https://id.example/op/", "audience": "api" }),
            "https://id.example/op/",
            "",
        ),
    ];
    for (settings, issuer, authorize) in cases {
        let provider = provider("one", settings);
        assert_eq!(provider.realms[0].name, issuer);
        assert_eq!(at(provider.endpoints).map(|(authorize, _)| authorize).unwrap_or_default(), authorize);
        assert!(provider.keys.metadata().unwrap().ends_with("/.well-known/openid-configuration"));
    }
}

#[test]
fn what_is_missing_or_wrong_is_named_with_its_remedy() {
    for (settings, said) in [
        (json!({ "preset": "octa" }), "unknown variant `octa`, expected one of `okta`, `auth0`"),
        (json!({ "domain": "x" }), "missing field `preset`"),
        (json!({ "preset": "okta" }), "missing field `domain`"),
        (
            json!({ "preset": "okta", "domain": "x.example", "realm": "r" }),
            "unknown field `realm`, expected one of `domain`",
        ),
        (json!({ "preset": "okta", "domain": "x.example", "permission": "r" }), "`permissions`"),
        (json!({ "preset": "okta", "domain": "x.example", "audience": { "a": 1 } }), "a text or a list of texts"),
        (json!({ "preset": "okta", "domain": "x.example/path" }), "identity.issuers.one.domain must be a host alone"),
        (json!({ "preset": "okta", "domain": "http://x.example" }), "must be `https`"),
        (json!({ "preset": "okta", "domain": "u:p@x.example" }), "neither user nor fragment"),
        (
            json!({ "preset": "okta", "domain": "x.example", "authorization_server": "a b" }),
            "one.authorization_server must be a name",
        ),
        (json!({ "preset": "okta", "domain": "x.example", "authorization_server": "aus1" }), "one.audience is missing"),
        (json!({ "preset": "okta", "domain": "x.example", "authorization_server": "org" }), "one.audience is missing"),
        (
            json!({ "preset": "auth0", "domain": "x.example" }),
            "one.audience is missing: set it to the identifier of the API",
        ),
        (json!({ "preset": "auth0", "domain": "x.example", "audience": [""] }), "one.audience is missing"),
        (json!({ "preset": "google" }), "one.client_id is missing"),
        (json!({ "preset": "entra", "tenant": "common", "audience": "a" }), "`common` is no id of a tenant"),
        (json!({ "preset": "entra", "audience": "a" }), "one.tenant is missing"),
        (json!({ "preset": "cognito", "user_pool": "AbC", "client_id": "c" }), "is like `eu-west-1_AbCdEfGhI`"),
        (json!({ "preset": "keycloak", "url": "sso.example", "realm": "r", "client": "c" }), "one.url is no URL"),
        (json!({ "preset": "generic", "issuer": "http://id.example", "audience": "a" }), "one.issuer must be `https`"),
        (json!({ "preset": "generic", "issuer": "https://id.example" }), "one.audience is missing"),
        (json!({ "preset": "keys", "issuer": "i", "file": "f" }), "one.audience is missing"),
        (json!({ "preset": "secret", "issuer": "i", "audience": "a", "secret": "short" }), "shorter than 32 bytes"),
        (
            json!({ "preset": "secret", "issuer": "i", "audience": "a", "secret": "a-string-secret-at-least-256-bits-long" }),
            "one.secret can be guessed; make one with `openssl rand -base64 32`",
        ),
        (json!({ "preset": "secret", "issuer": "i", "audience": "a", "secret": "ab".repeat(20) }), "can be guessed"),
        (json!({ "preset": "okta", "domain": "x.example", "clock_skew_seconds": 121 }), "is 120 at most"),
        (json!({ "preset": "okta", "domain": "x.example", "permissions": ["read"] }), "`read` is not a permission"),
    ] {
        let refusal = refused(settings);
        assert!(refusal.contains(said), "{refusal}\nlacks {said}");
    }
}

#[test]
fn the_name_of_an_issuer_can_stand_in_an_id() {
    let settings: IssuerSettings = serde_json::from_value(json!({ "preset": "okta", "domain": "x.example" })).unwrap();
    for name in ["", "a|b", "a b", "Okta", "ö"] {
        assert!(settings.provider(name).unwrap_err().to_string().contains("small letters"), "{name}");
    }
    assert!(settings.provider("okta-2_eu").is_ok());
}

#[test]
fn a_secret_of_the_settings_does_not_print() {
    let secret = "h3Vw8pZr5KtYd2QnXc6MjLs9BgFa4EuT";
    let json = json!({ "preset": "secret", "issuer": "i", "audience": "a", "secret": secret });
    let settings: IssuerSettings = serde_json::from_value(json).unwrap();
    assert!(!format!("{settings:?} {:?}", settings.provider("one").unwrap()).contains(secret));
}
