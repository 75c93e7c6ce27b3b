//! One key, one algorithm: the pair that verifies.
//!
//! The classic attacks on tokens (a public key used as an HMAC secret, `none`, RSA read as PSS) live from a key
//! that can be used with whatever algorithm the token names. Here a [`Key`] *is* a pair of material and
//! algorithm, made when the key is loaded; a token's `alg` can only fail to find it. A JSON Web Key that allows
//! two algorithms becomes two keys. Parsing happens at loading too, so a broken key is left out then and not
//! met in a request.

use super::{Hash, Object};
use aws_lc_rs::{
    hmac,
    signature::{self as sig, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};
use thiserror::Error;

/// A signature algorithm (RFC 7518, RFC 8037). There is no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the registry")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    HS256,
    HS384,
    HS512,
}

use Algorithm::{ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};

const NAMES: [(&str, Algorithm); 13] = [
    ("RS256", RS256),
    ("RS384", RS384),
    ("RS512", RS512),
    ("PS256", PS256),
    ("PS384", PS384),
    ("PS512", PS512),
    ("ES256", ES256),
    ("ES384", ES384),
    ("ES512", ES512),
    ("EdDSA", EdDSA),
    ("HS256", HS256),
    ("HS384", HS384),
    ("HS512", HS512),
];

/// A curve: its name, the length of a coordinate, and how to verify on it.
type Curve = (&'static str, usize, &'static EcdsaVerificationAlgorithm);

impl Algorithm {
    /// The algorithm of that exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.into_iter().find_map(|(known, algorithm)| (known == name).then_some(algorithm))
    }

    /// Whether who verifies can also sign.
    pub fn is_symmetric(self) -> bool {
        self.hmac().is_some()
    }

    fn hmac(self) -> Option<(hmac::Algorithm, usize)> {
        match self {
            HS256 => Some((hmac::HMAC_SHA256, 32)),
            HS384 => Some((hmac::HMAC_SHA384, 48)),
            HS512 => Some((hmac::HMAC_SHA512, 64)),
            _ => None,
        }
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            RS256 => Some(&sig::RSA_PKCS1_2048_8192_SHA256),
            RS384 => Some(&sig::RSA_PKCS1_2048_8192_SHA384),
            RS512 => Some(&sig::RSA_PKCS1_2048_8192_SHA512),
            PS256 => Some(&sig::RSA_PSS_2048_8192_SHA256),
            PS384 => Some(&sig::RSA_PSS_2048_8192_SHA384),
            PS512 => Some(&sig::RSA_PSS_2048_8192_SHA512),
            _ => None,
        }
    }

    fn curve(self) -> Option<Curve> {
        match self {
            ES256 => Some(("P-256", 32, &sig::ECDSA_P256_SHA256_FIXED)),
            ES384 => Some(("P-384", 48, &sig::ECDSA_P384_SHA384_FIXED)),
            ES512 => Some(("P-521", 66, &sig::ECDSA_P521_SHA512_FIXED)),
            _ => None,
        }
    }
}

/// A key that verifies with one algorithm.
pub struct Key {
    kid: Option<String>,
    /// The issuer that it is marked with, in a set that holds keys of several.
    issuer: Option<String>,
    algorithm: Algorithm,
    material: Material,
    fingerprint: Hash,
    retired: AtomicBool,
}

enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

/// Why a key of a set is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// `use` or `key_ops` say that it does not verify signatures.
    #[error("the key is not for verifying")]
    Purpose,
    /// A secret or private key where only public ones belong.
    #[error("the key is not public")]
    Secret,
    /// None of the allowed algorithms fits.
    #[error("no allowed algorithm fits the key")]
    Algorithm,
    /// Too short, off the curve, or not what its type needs.
    #[error("the key is malformed or too short")]
    Malformed,
}

impl Key {
    /// A shared secret of at least the length of the hash.
    pub fn secret(kid: Option<&str>, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let (hash, shortest) = algorithm.hmac().ok_or(KeyError::Algorithm)?;
        if secret.len() < shortest {
            return Err(KeyError::Malformed);
        }
        let material = Material::Secret(Box::new(hmac::Key::new(hash, secret)));
        Ok(Self::new(kid.map(str::to_owned), algorithm, material, Hash::of(&[b"secret", secret])))
    }

    /// The keys a public JSON Web Key (RFC 7517) makes: one for each allowed algorithm it fits.
    pub fn from_jwk(jwk: &Object, allowed: &[Algorithm]) -> Result<Vec<Self>, KeyError> {
        check_purpose(jwk)?;
        let kid = optional(jwk, "kid")?.map(str::to_owned);
        let issuer = optional(jwk, "issuer")?.map(str::to_owned);
        let only = optional(jwk, "alg")?;
        let fits = |algorithm: &&Algorithm| only.is_none_or(|name| Algorithm::from_name(name) == Some(**algorithm));
        let keys = allowed.iter().filter(fits).filter_map(|algorithm| {
            let key = public(jwk, *algorithm)?.map(|key| {
                let fingerprint = Hash::of(&[b"public", key.as_ref()]);
                let key = Self::new(kid.clone(), *algorithm, Material::Public(key), fingerprint);
                Self { issuer: issuer.clone(), ..key }
            });
            Some(key)
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::Algorithm) } else { Ok(keys) }
    }

    fn new(kid: Option<String>, algorithm: Algorithm, material: Material, fingerprint: Hash) -> Self {
        Self { kid, issuer: None, algorithm, material, fingerprint, retired: AtomicBool::new(false) }
    }

    /// Its name in the set of its issuer.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm it verifies with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a token that names that key, or none, may mean this one. A shared secret without a name is the only one
    /// there is.
    pub(crate) fn answers_to(&self, kid: Option<&str>) -> bool {
        kid.is_none() || self.kid() == kid || (self.kid.is_none() && self.algorithm.is_symmetric())
    }

    /// The issuer that alone may sign with it, if it is marked with one.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Public(key) => key.verify_sig(signed, signature).is_ok(),
            Material::Secret(key) => hmac::verify(key, signed, signature).is_ok(),
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_named_alike = self.kid == other.kid && self.issuer == other.issuer;
        is_named_alike && self.algorithm == other.algorithm && self.fingerprint == other.fingerprint
    }

    /// From now on, nothing that was verified with this key counts.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(crate) fn is_live(&self) -> bool {
        !self.retired.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// RFC 7517, 4.2 and 4.3: a key says what it is for, and a published one has no private part.
fn check_purpose(jwk: &Object) -> Result<(), KeyError> {
    if jwk.contains_key("d") || jwk.contains_key("k") {
        return Err(KeyError::Secret);
    }
    let verifies = |operations: &Value| operations.as_array().is_some_and(|list| list.contains(&"verify".into()));
    let purpose = jwk.get("use").is_none_or(|purpose| purpose == "sig");
    if purpose && jwk.get("key_ops").is_none_or(verifies) { Ok(()) } else { Err(KeyError::Purpose) }
}

/// The material for that algorithm; `None` if the type of the key is another one's.
fn public(jwk: &Object, algorithm: Algorithm) -> Option<Result<ParsedPublicKey, KeyError>> {
    let (kind, curve) = (jwk.get("kty")?.as_str()?, jwk.get("crv").and_then(Value::as_str));
    if let ("RSA", Some(parameters)) = (kind, algorithm.rsa()) {
        return Some(rsa(jwk, parameters));
    }
    if let ("EC", Some((name, length, verification))) = (kind, algorithm.curve()) {
        return (curve == Some(name)).then(|| point(jwk, length, verification));
    }
    (kind == "OKP" && curve == Some("Ed25519") && algorithm == EdDSA).then(|| edwards(jwk))
}

/// Modulus and exponent are checked here: the library parses any and refuses, at best, in each verification.
fn rsa(jwk: &Object, parameters: &'static RsaParameters) -> Result<ParsedPublicKey, KeyError> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let (n, e) = (number(&n), number(&e));
    let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let odd = e.last().is_some_and(|byte| byte % 2 == 1);
    if !(2048..=8192).contains(&bits) || !odd || e == [1] || e.len() > 4 {
        return Err(KeyError::Malformed);
    }
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).map_err(|_| KeyError::Malformed)
}

fn point(jwk: &Object, length: usize, curve: &'static EcdsaVerificationAlgorithm) -> Result<ParsedPublicKey, KeyError> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err(KeyError::Malformed);
    }
    ParsedPublicKey::new(curve, [&[4], &x[..], &y[..]].concat()).map_err(|_| KeyError::Malformed)
}

fn edwards(jwk: &Object) -> Result<ParsedPublicKey, KeyError> {
    let x = bytes(jwk, "x")?;
    if x.len() != 32 || is_small_order(&x) {
        return Err(KeyError::Malformed);
    }
    ParsedPublicKey::new(&sig::ED25519, x).map_err(|_| KeyError::Malformed)
}

/// Whether anybody can sign with that Ed25519 point, because a small multiple of it is zero. The library takes
/// such keys. The points are those with y in {-1, 0, 1}, also when written as y + p, and two of order eight.
fn is_small_order(point: &[u8]) -> bool {
    const EIGHTH: [&str; 2] =
        ["JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"];
    let [first, middle @ .., last] = point else { return true };
    let last = last & 0x7f;
    let near_zero = *first <= 1 && last == 0 && middle.iter().all(|byte| *byte == 0);
    let near_p = *first >= 0xec && last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    near_zero || near_p || EIGHTH.contains(&&*URL_SAFE_NO_PAD.encode([&[*first], middle, &[last]].concat()))
}

/// A big-endian number without leading zeros; some issuers publish one.
fn number(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn bytes(jwk: &Object, member: &str) -> Result<Vec<u8>, KeyError> {
    let text = optional(jwk, member)?.ok_or(KeyError::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Malformed)
}

fn optional<'j>(jwk: &'j Object, member: &str) -> Result<Option<&'j str>, KeyError> {
    jwk.get(member).map(|value| value.as_str().ok_or(KeyError::Malformed)).transpose()
}
