//! Keys with which anybody can sign are left out, whoever published them.

use crate::token::world::{Pair, object};
use aws_lc_rs::{digest, signature as sig};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::json;
use tollgate_auth::token::{Algorithm, Key, KeyError};

/// The eight points of small order, and the ways to write them that a lenient decoder takes.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn points_of_small_order_are_no_keys() {
    for point in SMALL_ORDER {
        for sign in [0, 0x80] {
            let mut x: Vec<_> = (0..32).map(|at| u8::from_str_radix(&point[2 * at..2 * at + 2], 16).unwrap()).collect();
            x[31] |= sign;
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(x)});
            assert_eq!(Key::from_jwk(&object(&jwk), &[Algorithm::EdDSA]).unwrap_err(), KeyError::Malformed);
        }
    }
    for _ in 0..100 {
        assert!(Key::from_jwk(&object(&Pair::new(Algorithm::EdDSA).jwk("k1")), &[Algorithm::EdDSA]).is_ok());
    }
}

/// Documents why: the library accepts a signature that nobody made.
#[test]
fn the_library_verifies_with_the_neutral_point() {
    let (mut point, mut signature) = ([0; 32], [0; 64]);
    (point[0], signature[0]) = (1, 1);
    let key = sig::ParsedPublicKey::new(&sig::ED25519, point).unwrap();
    assert!(key.verify_sig(b"anything", &signature).is_ok());
}

#[test]
fn rsa_keys_have_a_sound_modulus_and_exponent() {
    let jwk = Pair::new(Algorithm::RS256).jwk("k1");
    let with = |name: &str, bytes: &[u8]| {
        let mut jwk = jwk.clone();
        jwk[name] = json!(BASE64.encode(bytes));
        Key::from_jwk(&object(&jwk), &[Algorithm::RS256]).map(|_| ())
    };
    for e in [&[][..], &[0], &[1], &[0, 1], &[2], &[4], &[1, 0, 0, 0, 1]] {
        assert_eq!(with("e", e), Err(KeyError::Malformed), "{e:?}");
    }
    for e in [&[3][..], &[1, 0, 1], &[0, 1, 0, 1]] {
        assert_eq!(with("e", e), Ok(()), "{e:?}");
    }
    assert_eq!(with("n", &[0xff; 255]), Err(KeyError::Malformed));
    assert_eq!(with("n", &[0xff; 1025]), Err(KeyError::Malformed));
}

/// With exponent 1 the signature is the padded hash itself. The library parses the key and refuses the signature.
#[test]
fn the_library_notices_exponent_one_only_when_it_verifies() {
    let Pair::Rsa(pair) = Pair::new(Algorithm::RS256) else { unreachable!() };
    let n = sig::KeyPair::public_key(&*pair).modulus().big_endian_without_leading_zero().to_vec();
    let prefix = [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
    let hash = digest::digest(&digest::SHA256, b"anything");
    let forged = [&[0, 1][..], &[0xff; 256 - 3 - 19 - 32], &[0], &prefix, hash.as_ref()].concat();
    let components = sig::RsaPublicKeyComponents { n, e: vec![1] };
    let key = components.to_parsed_public_key(&sig::RSA_PKCS1_2048_8192_SHA256).unwrap();
    assert!(key.verify_sig(b"anything", &forged).is_err());
}
