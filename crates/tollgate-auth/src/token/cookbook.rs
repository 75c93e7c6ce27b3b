//! The examples of RFC 7520, RFC 7797 and RFC 8037 (tests/data/jose-cookbook): signatures that others made.

use super::{Algorithm, Key, read::Unverified};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use std::{fs, path::Path};

fn all(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/jose-cookbook")).join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let examples = files.filter(|file| file.extension().is_some_and(|end| end == "json")).map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        (file.file_name().unwrap().to_string_lossy().into_owned(), serde_json::from_str(&text).unwrap())
    });
    examples.collect()
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |all| all.iter().collect())
}

/// The verifying half of an example's key.
fn key(jwk: &Value, algorithm: Algorithm) -> Key {
    let mut jwk = jwk.as_object().unwrap().clone();
    if algorithm.is_symmetric() {
        let secret = URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).unwrap();
        return Key::secret(None, algorithm, &secret).unwrap();
    }
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk.remove(private);
    }
    Key::from_jwk(&jwk, &[algorithm]).unwrap().pop().unwrap()
}

/// The file repeats the signature of another example where it shows how its own is made.
const MISTAKEN: &str = "hmac-sha2_b64_false.json";

#[test]
fn every_signature_of_the_cookbook_verifies_and_none_with_a_bit_changed() {
    let mut verified = 0;
    for (name, example) in
        ["jws", "rfc7797", "curve25519"].into_iter().flat_map(all).filter(|(name, _)| name != MISTAKEN)
    {
        let keys = one_or_many(&example["input"]["key"]);
        let algorithms = one_or_many(&example["input"]["alg"]);
        for ((jwk, algorithm), made) in keys.iter().zip(algorithms).zip(one_or_many(&example["signing"])) {
            let Some(signed) = made["sig-input"].as_str() else { continue };
            let key = key(jwk, Algorithm::from_name(algorithm.as_str().unwrap()).unwrap());
            let mut signature = URL_SAFE_NO_PAD.decode(made["sig"].as_str().unwrap()).unwrap();
            assert!(key.verifies(signed.as_bytes(), &signature), "{name}");
            assert!(!key.verifies(&signed.as_bytes()[1..], &signature), "{name}");
            signature[7] ^= 1;
            assert!(!key.verifies(signed.as_bytes(), &signature), "{name}");
            verified += 1;
        }
    }
    assert_eq!(verified, 12);
}

#[test]
fn nothing_of_the_cookbook_is_an_access_token() {
    let mut read = 0;
    for (name, example) in ["jws", "rfc7797", "curve25519", "jwe", "."].into_iter().flat_map(all) {
        for form in ["compact", "json", "json_flat"].into_iter().filter_map(|form| example["output"].get(form)) {
            let token = form.as_str().map_or_else(|| form.to_string(), str::to_owned);
            assert!(Unverified::read(token.as_bytes()).is_err(), "{name}");
            read += 1;
        }
    }
    assert!(read > 50, "{read}");
}

#[test]
fn private_and_symmetric_keys_of_the_cookbook_are_none_to_publish() {
    use Algorithm::{ES512, HS256, RS256};
    let usable = |jwk: &Value| Key::from_jwk(jwk.as_object().unwrap(), &[RS256, ES512, HS256]).is_ok();
    let mut good: Vec<_> = all("jwk").into_iter().filter(|(_, jwk)| usable(jwk)).map(|(name, _)| name).collect();
    good.sort();
    assert_eq!(good, ["3_1.ec_public_key.json", "3_3.rsa_public_key.json"]);
}
