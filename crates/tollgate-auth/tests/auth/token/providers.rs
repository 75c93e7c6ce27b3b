//! An issuer as the gate trusts it: its algorithms, its names.

use crate::token::world::{Signer, clock};
use serde_json::json;
use std::sync::Arc;
use tollgate_auth::{
    Gate, Refusal, TrustedIssuer,
    provider::Mapping,
    token::{Algorithm, IssuerError, Keys},
};

#[tokio::test]
async fn an_issuer_uses_only_the_algorithms_it_is_allowed_and_may_have_two_names() {
    let (ed, ec) = (Signer::new("https://a", Algorithm::EdDSA), Signer::new("https://a", Algorithm::ES256));
    let keys = Keys::fixed(ed.keys().into_iter().chain(ec.keys()).collect());
    let issuer = TrustedIssuer::new("https://a", &["api"], &[Algorithm::EdDSA], Mapping::default(), keys).unwrap();
    let gate = Gate::new(vec![issuer.or_named("a")], Arc::new(clock()), 10).unwrap();
    assert_eq!(gate.check(&ec.good(1)).await, Err(Refusal::Algorithm));
    let mut claims = ed.claims(1);
    claims["iss"] = json!("a");
    assert_eq!(gate.check(&ed.token(&ed.header(), &claims)).await.unwrap().issuer(), "https://a");
}

#[test]
fn an_unsafe_issuer_is_refused_at_the_start() {
    let make = |audiences: &[&str], algorithms: &[Algorithm]| {
        TrustedIssuer::new("https://a", audiences, algorithms, Mapping::default(), Keys::fixed(Vec::new())).is_err()
    };
    assert!(make(&[], &[Algorithm::ES256]) && make(&[""], &[Algorithm::ES256]) && make(&["api"], &[]));
    assert!(make(&["api"], &[Algorithm::RS256, Algorithm::HS256]), "secrets and public keys do not mix");
    let signer = Signer::new("https://a", Algorithm::EdDSA);
    let twice = [(); 2].map(|()| signer.issuer(Keys::fixed(signer.keys()))).into();
    assert_eq!(Gate::new(twice, Arc::new(clock()), 10).err(), Some(IssuerError::Twice));
}
