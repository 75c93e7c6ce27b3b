//! What our own key signs, our own gate checks, and nobody else's key does.

use crate::token::world::{NOW, Signer, clock};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_auth::{
    Gate, Refusal, TrustedIssuer,
    provider::Mapping,
    token::{Algorithm, Keys, SignError, SigningKey},
};
use tollgate_core::Problem;

fn claims(jti: &str) -> Value {
    json!({
        "iss": "https://api.example", "sub": "ann", "aud": "api", "exp": NOW + 600, "iat": NOW, "jti": jti,
        "client_id": "app", "scope": "read:movies", "roles": ["curator"],
    })
}

fn gate_of(keys: &Keys) -> Gate {
    let algorithms = [Algorithm::RS256];
    let issuer =
        TrustedIssuer::new("https://api.example", &["api"], &algorithms, Mapping::default(), keys.clone()).unwrap();
    Gate::new(vec![issuer], Arc::new(clock()), 100).unwrap()
}

async fn ask(gate: &Gate, key: &SigningKey, jti: &str) -> Result<(), Refusal> {
    gate.check(key.sign("at+jwt", &claims(jti)).unwrap().as_bytes()).await.map(|_| ())
}

#[tokio::test]
async fn a_rotation_lets_old_tokens_live_until_the_old_key_leaves() {
    let [old, new] = [(); 2].map(|()| SigningKey::generate().unwrap());
    let keys = Keys::fixed(vec![old.verifying().unwrap()]);
    let gate = gate_of(&keys);
    assert_eq!(ask(&gate, &old, "1").await, Ok(()));
    assert_eq!(ask(&gate, &new, "2").await, Err(Refusal::UnknownKey));
    keys.replace(vec![old.verifying().unwrap(), new.verifying().unwrap()]);
    assert_eq!((ask(&gate, &old, "1").await, ask(&gate, &new, "2").await), (Ok(()), Ok(())));
    assert_eq!(gate.remembered(), 2);
    keys.replace(vec![new.verifying().unwrap()]);
    assert_eq!(ask(&gate, &old, "1").await, Err(Refusal::UnknownKey), "remembered, and dead with its key");
    assert_eq!(ask(&gate, &new, "2").await, Ok(()));
    keys.replace(vec![]);
    assert_eq!(ask(&gate, &new, "2").await, Err(Refusal::NoKeys));
}

#[tokio::test]
async fn a_stored_key_is_the_same_key() {
    let key = SigningKey::generate().unwrap();
    let stored = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
    assert_eq!((stored.kid(), stored.jwk()), (key.kid(), key.jwk()));
    let gate = gate_of(&Keys::fixed(vec![key.verifying().unwrap()]));
    assert_eq!(ask(&gate, &stored, "1").await, Ok(()));
    assert!(matches!(SigningKey::from_pkcs8(b"no key"), Err(SignError::Document)));
}

#[tokio::test]
async fn the_public_half_and_the_printed_form_hold_no_private_part() {
    let key = SigningKey::generate().unwrap();
    let jwk = key.jwk();
    assert_eq!(jwk.keys().collect::<Vec<_>>(), ["kty", "use", "alg", "kid", "n", "e"]);
    assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {:?}, .. }}", key.kid()));
}

#[tokio::test]
async fn another_key_of_the_same_name_signs_in_vain() {
    let key = SigningKey::generate().unwrap();
    let gate = gate_of(&Keys::fixed(vec![key.verifying().unwrap()]));
    let thief = Signer::new("https://api.example", Algorithm::RS256);
    let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": key.kid()});
    assert_eq!(gate.check(&thief.token(&header, &claims("1"))).await, Err(Refusal::Signature));
    assert!(matches!(key.sign("at+jwt", &[1]), Err(SignError::Claims(None))));
}

#[test]
fn the_usual_library_accepts_what_we_sign() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let key = SigningKey::generate().unwrap();
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.jwk().into()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&["api"]);
    validation.set_issuer(&["https://api.example"]);
    let decoding = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let token = key.sign("at+jwt", &claims("1")).unwrap();
    let decoded = jsonwebtoken::decode::<Value>(&token, &decoding, &validation).unwrap();
    assert_eq!((decoded.header.kid.as_deref(), decoded.claims), (Some(key.kid()), claims("1")));
}

#[test]
fn only_missing_keys_are_our_fault_and_no_caller_reads_why() {
    let answer = |refusal: Refusal| {
        let problem = Problem::from(refusal);
        let headers: Vec<_> = problem.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        assert!(!serde_json::to_string(&problem).unwrap().contains(&refusal.to_string()));
        assert_eq!(problem.cause().unwrap().to_string(), refusal.to_string());
        (problem.status().as_u16(), headers.join(", "))
    };
    assert_eq!(answer(Refusal::NoKeys), (503, "retry-after: \"10\"".into()));
    for refusal in [Refusal::Expired, Refusal::UnknownKey, Refusal::Signature, Refusal::Json("claims")] {
        assert_eq!(answer(refusal), (401, r#"www-authenticate: "Bearer error=\"invalid_token\"""#.into()));
    }
}
