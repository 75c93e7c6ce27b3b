//! Twenty families of attacks, seeded, over five algorithms: none gets in, and each fails for its own reason.

mod claims;
mod form;
mod header;

use crate::token::world::{Dice, NOW, Pair, Signer, clock, gate_of, object};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tollgate_auth::{
    Gate, Refusal, TrustedIssuer,
    provider::Mapping,
    token::{Algorithm, Key, Keys},
};

const PER_FAMILY: usize = 150;
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256];

struct World {
    signer: Signer,
    /// Another issuer we trust, with the same algorithm and the same kid.
    twin: Signer,
    /// Other issuers we trust, with other algorithms.
    others: Vec<Signer>,
    /// Keys the issuer publishes for other purposes.
    unfit: Vec<(&'static str, Pair)>,
}

/// A family makes a token from the dice; the reasons are those it may be refused for.
type Make = fn(&World, &mut Dice) -> Vec<u8>;
type Family = (&'static str, Make, fn(Refusal) -> bool);

const FAMILIES: [Family; 20] = [
    ("alg none", header::alg_none, |r| matches!(r, Refusal::Algorithm)),
    ("hmac with public key", header::hmac_with_public_key, |r| matches!(r, Refusal::Algorithm | Refusal::Signature)),
    ("key of another issuer", header::foreign_key, |r| matches!(r, Refusal::Algorithm | Refusal::Signature)),
    ("kid injection", header::kid_injection, |r| matches!(r, Refusal::UnknownKey)),
    ("segments", form::segments, |r| !matches!(r, Refusal::TooLong | Refusal::Expired | Refusal::Revoked)),
    ("bit flip in header", |world, dice| form::flip(world, dice, 0), |_| true),
    ("bit flip in claims", |world, dice| form::flip(world, dice, 1), |_| true),
    (
        "bit flip in signature",
        |world, dice| form::flip(world, dice, 2),
        |r| matches!(r, Refusal::Signature | Refusal::Encoding(_) | Refusal::Segments),
    ),
    ("base64", form::base64_forms, |r| matches!(r, Refusal::Encoding(_))),
    ("duplicate keys", form::duplicates, |r| matches!(r, Refusal::Json(_))),
    ("typ", header::wrong_type, |r| matches!(r, Refusal::Type)),
    ("crit zip b64 enc", header::meaning, |r| matches!(r, Refusal::Header(_))),
    ("times", claims::times, |r| {
        matches!(r, Refusal::Expired | Refusal::NotYet | Refusal::Claim("exp" | "nbf" | "iat"))
    }),
    ("aud", claims::audience, |r| matches!(r, Refusal::Audience | Refusal::Claim("aud"))),
    ("iss", claims::issuer, |r| matches!(r, Refusal::Issuer)),
    ("other kinds", claims::kinds, |r| matches!(r, Refusal::Kind)),
    ("key use", header::key_use, |r| matches!(r, Refusal::UnknownKey)),
    ("oversized", form::oversized, |r| matches!(r, Refusal::TooLong)),
    ("embedded keys", header::embedded, |r| matches!(r, Refusal::Signature | Refusal::UnknownKey)),
    ("json shapes", form::shapes, |r| matches!(r, Refusal::Json(_) | Refusal::Claim(_))),
];

#[tokio::test]
async fn no_attack_gets_in_and_each_fails_for_its_own_reason() {
    let mut made = BTreeMap::new();
    for algorithm in ALGORITHMS {
        let (world, gate) = world(algorithm);
        let mut dice = Dice(0x7011_6A7E);
        for (name, make, expected) in FAMILIES {
            for n in 0..PER_FAMILY {
                let token = make(&world, &mut dice);
                let refusal = gate.check(&token).await.err();
                let shown = String::from_utf8_lossy(&token);
                assert!(refusal.is_some_and(expected), "{algorithm:?} {name}: {refusal:?}: {shown}");
                if n % 10 == 0 {
                    assert!(gate.check(&world.signer.good(dice.roll())).await.is_ok(), "a good token in between");
                }
                *made.entry(name).or_insert(0) += 1;
            }
        }
    }
    let total: usize = made.values().sum();
    println!("{total} attacks in {} families, 0 accepted", made.len());
    assert!(total >= 10_000);
}

#[tokio::test]
async fn good_tokens_get_in() {
    for algorithm in ALGORITHMS {
        let (world, gate) = world(algorithm);
        let signer = &world.signer;
        let mut variants = vec![
            (signer.header(), signer.claims(1)),
            (json!({"alg": format!("{algorithm:?}")}), signer.claims(2)),
            (with(signer.header(), "typ", json!("JWT")), signer.claims(3)),
            (with(signer.header(), "typ", json!("application/at+JWT")), signer.claims(4)),
            (with(signer.header(), "jku", json!("https://evil.example/jwks")), signer.claims(5)),
            (with(signer.header(), "jwk", Pair::new(Algorithm::EdDSA).jwk("k1")), signer.claims(6)),
            (signer.header(), with(signer.claims(7), "aud", json!(["other", "api"]))),
            (signer.header(), with(signer.claims(9), "deep", (0..15).fold(json!(1), |inner, _| json!([inner])))),
        ];
        for (name, value) in [("exp", NOW - 29), ("nbf", NOW + 30), ("iat", NOW + 30)] {
            variants.push((signer.header(), with(signer.claims(8), name, json!(value))));
        }
        variants[8].1["iat"] = json!(NOW - 60);
        variants[8].1["nbf"] = json!(NOW - 60);
        for (header, claims) in variants {
            for look in ["first", "second"] {
                let verified = gate.check(&signer.token(&header, &claims)).await;
                let verified = verified.unwrap_or_else(|refusal| panic!("{look} {refusal}: {header} {claims}"));
                assert_eq!((verified.issuer(), verified.subject()), (&*signer.name, "ann"));
                assert_eq!(verified.scopes().iter().collect::<Vec<_>>(), ["read:movies", "write:movies"]);
                assert!(verified.roles().contains("curator"));
            }
        }
        for n in 0..500 {
            assert!(gate.check(&signer.good(n)).await.is_ok());
        }
    }
}

/// A key of a set that names no algorithm, as Auth0 publishes them, is one key for each that the issuer may use.
#[tokio::test]
async fn an_rsa_key_without_an_algorithm_verifies_either_padding_and_each_as_what_it_is() {
    use Algorithm::{PS256, RS256};
    let Pair::Rsa(pair) = Pair::new(RS256) else { unreachable!() };
    let pkcs = Signer { name: "https://one.example".into(), algorithm: RS256, pair: Pair::Rsa(pair) };
    let keys = Key::from_jwk(&object(&pkcs.pair.jwk("k1")), &[RS256, PS256]).unwrap();
    let issuer =
        TrustedIssuer::new(&pkcs.name, &["api"], &[RS256, PS256], Mapping::default(), Keys::fixed(keys)).unwrap();
    let gate = Gate::new(vec![issuer], Arc::new(clock()), 10).unwrap();
    assert!(gate.check(&pkcs.good(1)).await.is_ok());
    let as_pss = pkcs.token(&with(pkcs.header(), "alg", json!("PS256")), &pkcs.claims(2));
    assert_eq!(gate.check(&as_pss).await.err(), Some(Refusal::Signature));
    let Pair::Rsa(pair) = pkcs.pair else { unreachable!() };
    let pss = Signer { name: pkcs.name, algorithm: PS256, pair: Pair::Pss(pair) };
    assert!(gate.check(&pss.good(3)).await.is_ok());
    let as_pkcs = pss.token(&with(pss.header(), "alg", json!("RS256")), &pss.claims(4));
    assert_eq!(gate.check(&as_pkcs).await.err(), Some(Refusal::Signature));
}

/// What this generator signs is what the usual library accepts: the attacks start from true tokens.
#[tokio::test]
async fn the_usual_library_agrees_on_good_tokens() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA] {
        let signer = Signer::new("https://one.example", algorithm);
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(signer.pair.jwk("k1")).unwrap();
        let mut validation = jsonwebtoken::Validation::new(format!("{algorithm:?}").parse().unwrap());
        validation.validate_exp = false;
        validation.set_audience(&["api"]);
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        jsonwebtoken::decode::<Value>(signer.good(1), &key, &validation).unwrap();
    }
}

fn world(algorithm: Algorithm) -> (World, Gate) {
    let signer = Signer::new("https://one.example", algorithm);
    let twin = Signer::new("https://two.example", algorithm);
    let others = ALGORITHMS.into_iter().filter(|other| *other != algorithm);
    let others: Vec<_> = others.map(|other| Signer::new(&format!("https://{other:?}.example"), other)).collect();
    let unfit = ["encrypts", "signs", "other-alg", "private", "secret"].map(|kid| (kid, Pair::new(algorithm))).into();
    let world = World { signer, twin, others, unfit };
    let mut keys = world.signer.keys();
    for (kid, pair) in &world.unfit {
        let jwk = match *kid {
            "encrypts" => with(pair.jwk(kid), "use", json!("enc")),
            "signs" => with(pair.jwk(kid), "key_ops", json!(["sign"])),
            "other-alg" => with(pair.jwk(kid), "alg", json!("RSA-OAEP")),
            "private" => with(pair.jwk(kid), "d", json!("AA")),
            _ => Pair::new(Algorithm::HS256).jwk(kid),
        };
        keys.extend(Key::from_jwk(&object(&jwk), &[algorithm]).into_iter().flatten());
    }
    let issuers = [&world.twin].into_iter().chain(&world.others).map(|other| other.issuer(Keys::fixed(other.keys())));
    let issuers = issuers.chain([world.signer.issuer(Keys::fixed(keys))]).collect();
    (world, Gate::new(issuers, Arc::new(clock()), 1000).unwrap())
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

fn join(header: &Value, claims: &Value, signature: &[u8]) -> Vec<u8> {
    let (header, claims) = (header.to_string(), claims.to_string());
    format!("{}.{}.{}", BASE64.encode(header), BASE64.encode(claims), BASE64.encode(signature)).into_bytes()
}

#[tokio::test]
async fn an_issuer_named_by_a_token_lends_no_keys_to_another() {
    let (one, two) = (Signer::new("https://a", Algorithm::ES256), Signer::new("https://b", Algorithm::ES256));
    let gate = gate_of(&[&one, &two], &clock());
    assert!(gate.check(&one.good(1)).await.is_ok() && gate.check(&two.good(1)).await.is_ok());
    assert_eq!(gate.check(&two.token(&two.header(), &one.claims(1))).await, Err(Refusal::Signature));
}
