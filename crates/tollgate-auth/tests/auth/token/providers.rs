//! Each provider's claims in our words, and its other tokens refused.

use crate::token::world::{NOW, Signer, clock, object};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tollgate_auth::{
    Gate, Refusal, TrustedIssuer, Verified,
    provider::{self, Mapping},
    token::{Algorithm, IssuerError, Keys},
};

async fn ask(mapping: Mapping, claims: Value) -> Result<Arc<Verified>, Refusal> {
    let signer = Signer::new("https://issuer.example", Algorithm::EdDSA);
    let keys = Keys::fixed(signer.keys());
    let issuer = TrustedIssuer::new(&signer.name, &["api"], &[Algorithm::EdDSA], mapping, keys).unwrap();
    let mut all = json!({"iss": signer.name, "sub": "ann", "exp": NOW + 600});
    all.as_object_mut().unwrap().extend(object(&claims));
    let header = json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"});
    Gate::new(vec![issuer], Arc::new(clock()), 10).unwrap().check(&signer.token(&header, &all)).await
}

fn list(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_provider_says_scopes_permissions_and_roles_in_its_own_place() {
    let auth0 = "https://example.com/roles";
    let cases = [
        (
            provider::generic(),
            json!({"aud": "api", "scope": "a b", "roles": ["r"], "entitlements": ["p"]}),
            ["a b", "p", "r"],
        ),
        (provider::okta(), json!({"aud": "api", "scp": ["a", "b"], "groups": ["Everyone"]}), ["a b", "", "Everyone"]),
        (
            provider::auth0(auth0),
            json!({"aud": ["api", "x"], "scope": "a", "permissions": ["p:q"], auth0: ["r"]}),
            ["a", "p:q", "r"],
        ),
        (provider::google(), json!({"aud": "api", "nonce": "n", "at_hash": "h"}), ["", "", ""]),
        (provider::entra(), json!({"aud": "api", "scp": "a b", "roles": ["App.Role"]}), ["a b", "", "App.Role"]),
        (
            provider::cognito(),
            json!({"client_id": "api", "token_use": "access", "scope": "x/a", "cognito:groups": ["g"]}),
            ["x/a", "", "g"],
        ),
        (
            provider::keycloak("api"),
            json!({"aud": "api", "typ": "Bearer", "scope": "a", "realm_access": {"roles": ["not admin"]},
                "resource_access": {"api": {"roles": ["p"]}, "other": {"roles": ["admin"]}}}),
            ["a", "p", "not admin"],
        ),
    ];
    for (mapping, claims, expected) in cases {
        let verified = ask(mapping, claims.clone()).await.unwrap_or_else(|refusal| panic!("{refusal}: {claims}"));
        assert_eq!([verified.scopes(), verified.permissions(), verified.roles()].map(list), expected, "{claims}");
    }
}

#[tokio::test]
async fn other_tokens_of_a_provider_are_no_access_tokens() {
    let cases = [
        (provider::cognito(), json!({"client_id": "api", "token_use": "id"}), Refusal::Kind),
        (provider::cognito(), json!({"aud": "api", "token_use": "access"}), Refusal::Audience),
        (provider::keycloak("api"), json!({"aud": "api", "typ": "ID"}), Refusal::Kind),
        (provider::keycloak("api"), json!({"aud": "api"}), Refusal::Kind),
        (provider::okta(), json!({"aud": "api", "nonce": "n"}), Refusal::Kind),
        (provider::google(), json!({"aud": "api", "events": {}}), Refusal::Kind),
        (provider::auth0("r"), json!({"aud": "api", "cnf": {"jkt": "x"}}), Refusal::Kind),
        (provider::entra(), json!({"aud": "api", "roles": {"admin": true}}), Refusal::Claim("roles")),
    ];
    for (mapping, claims, expected) in cases {
        assert_eq!(ask(mapping, claims.clone()).await, Err(expected), "{claims}");
    }
}

#[tokio::test]
async fn an_issuer_uses_only_the_algorithms_it_is_allowed_and_may_have_two_names() {
    let (ed, ec) = (Signer::new("https://a", Algorithm::EdDSA), Signer::new("https://a", Algorithm::ES256));
    let keys = Keys::fixed(ed.keys().into_iter().chain(ec.keys()).collect());
    let issuer = TrustedIssuer::new("https://a", &["api"], &[Algorithm::EdDSA], provider::generic(), keys).unwrap();
    let gate = Gate::new(vec![issuer.or_named("a")], Arc::new(clock()), 10).unwrap();
    assert_eq!(gate.check(&ec.good(1)).await, Err(Refusal::Algorithm));
    let mut claims = ed.claims(1);
    claims["iss"] = json!("a");
    assert_eq!(gate.check(&ed.token(&ed.header(), &claims)).await.unwrap().issuer(), "https://a");
}

#[test]
fn an_unsafe_issuer_is_refused_at_the_start() {
    let make = |audiences: &[&str], algorithms: &[Algorithm]| {
        TrustedIssuer::new("https://a", audiences, algorithms, provider::generic(), Keys::fixed(Vec::new())).is_err()
    };
    assert!(make(&[], &[Algorithm::ES256]) && make(&[""], &[Algorithm::ES256]) && make(&["api"], &[]));
    assert!(make(&["api"], &[Algorithm::RS256, Algorithm::HS256]), "secrets and public keys do not mix");
    let signer = Signer::new("https://a", Algorithm::EdDSA);
    let twice = [(); 2].map(|()| signer.issuer(Keys::fixed(signer.keys()))).into();
    assert_eq!(Gate::new(twice, Arc::new(clock()), 10).err(), Some(IssuerError::Twice));
}
