//! Issuers that sign, and clocks that obey.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self as sig, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tollgate_auth::{
    Gate, TrustedIssuer,
    provider::Mapping,
    token::{Algorithm, Key, Keys},
};
use tollgate_core::{Clock, ManualClock};

pub(crate) const NOW: u64 = 1_800_000_000;

/// The calendar shows [`NOW`].
pub(crate) fn clock() -> ManualClock {
    ManualClock::at(start())
}

fn start() -> Timestamp {
    Timestamp::from_second(NOW.try_into().unwrap()).unwrap()
}

/// The clock of a paused runtime: timeouts and cool-downs go together.
#[derive(Debug)]
pub(crate) struct Paused(pub(crate) tokio::time::Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        start() + self.uptime()
    }
    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

pub(crate) enum Pair {
    Rsa(Box<RsaKeyPair>),
    Pss(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
    Secret(Vec<u8>),
}

impl Pair {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::RS256 => Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
            Algorithm::PS256 => Self::Pss(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
            Algorithm::ES256 => {
                Self::Ec(Box::new(EcdsaKeyPair::generate(&sig::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
            }
            Algorithm::EdDSA => Self::Ed(Box::new(Ed25519KeyPair::generate().unwrap())),
            Algorithm::HS256 => {
                let mut secret = vec![0; 32];
                aws_lc_rs::rand::fill(&mut secret).unwrap();
                Self::Secret(secret)
            }
            other => panic!("nobody signs with {other:?} here"),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |pair: &RsaKeyPair, padding: &'static dyn sig::RsaEncoding| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        match self {
            Self::Rsa(pair) => rsa(pair, &sig::RSA_PKCS1_SHA256),
            Self::Pss(pair) => rsa(pair, &sig::RSA_PSS_SHA256),
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Secret(secret) => mac(hmac::HMAC_SHA256, secret, message),
        }
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) | Self::Pss(pair) => {
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({"kty": "RSA", "kid": kid, "n": BASE64.encode(n), "e": BASE64.encode(e)})
            }
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": BASE64.encode(x), "y": BASE64.encode(y)})
            }
            Self::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": BASE64.encode(pair.public_key().as_ref())})
            }
            Self::Secret(secret) => json!({"kty": "oct", "kid": kid, "k": BASE64.encode(secret)}),
        }
    }

    pub(crate) fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) | Self::Pss(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Self::Secret(_) => Vec::new(),
        }
    }
}

pub(crate) fn mac(hash: hmac::Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().to_vec()
}

/// An issuer's side: signs whatever it is given.
pub(crate) struct Signer {
    pub(crate) name: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) pair: Pair,
}

impl Signer {
    pub(crate) fn new(name: &str, algorithm: Algorithm) -> Self {
        Self { name: name.into(), algorithm, pair: Pair::new(algorithm) }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.algorithm), "typ": "at+jwt", "kid": "k1"})
    }

    pub(crate) fn claims(&self, jti: u64) -> Value {
        json!({
            "iss": self.name, "sub": "ann", "aud": "api", "exp": NOW + 600, "iat": NOW - 5, "nbf": NOW - 5,
            "jti": jti.to_string(), "scope": "read:movies write:movies", "roles": ["curator"],
        })
    }

    pub(crate) fn token(&self, header: &Value, claims: &Value) -> Vec<u8> {
        self.token_of(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    pub(crate) fn token_of(&self, header: &[u8], claims: &[u8]) -> Vec<u8> {
        self.signed(&format!("{}.{}", BASE64.encode(header), BASE64.encode(claims)))
    }

    pub(crate) fn signed(&self, message: &str) -> Vec<u8> {
        format!("{message}.{}", BASE64.encode(self.pair.sign(message.as_bytes()))).into_bytes()
    }

    pub(crate) fn good(&self, jti: u64) -> Vec<u8> {
        self.token(&self.header(), &self.claims(jti))
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        match &self.pair {
            Pair::Secret(secret) => vec![Key::secret(Some("k1"), self.algorithm, secret).unwrap()],
            pair => Key::from_jwk(&object(&pair.jwk("k1")), &[self.algorithm]).unwrap(),
        }
    }

    pub(crate) fn issuer(&self, keys: Keys) -> TrustedIssuer {
        TrustedIssuer::new(&self.name, &["api"], &[self.algorithm], Mapping::default(), keys).unwrap()
    }
}

pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

pub(crate) fn gate_of(signers: &[&Signer], clock: &ManualClock) -> Gate {
    let issuers = signers.iter().map(|signer| signer.issuer(Keys::fixed(signer.keys()))).collect();
    Gate::new(issuers, Arc::new(clock.clone()), 10_000).unwrap()
}

/// Splitmix64: the same attacks every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).unwrap()
    }
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
    pub(crate) fn word(&mut self, length: usize) -> String {
        (0..length).map(|_| *self.pick(b"abcdefghijklmnopqrstuvwxyz0123456789-_") as char).collect()
    }
}
