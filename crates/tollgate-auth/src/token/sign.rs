//! Our own key: how do we sign what our own gate will check?
//!
//! With RS256, the one algorithm that every reader of access tokens knows (RFC 9068, 2.1). The key is named by its
//! thumbprint, so the same key has the same name on every instance and two keys never share one; rotation needs no
//! numbering. What others may see of it is [`SigningKey::jwk`]; what it takes to check is [`SigningKey::verifying`].
//!
//! ```
//! # use tollgate_auth::token::{Keys, SigningKey};
//! # fn main() -> Result<(), tollgate_auth::token::SignError> {
//! let (old, new) = (SigningKey::generate()?, SigningKey::generate()?);
//! let keys = Keys::fixed(vec![old.verifying()?]);
//! keys.replace(vec![old.verifying()?, new.verifying()?]); // new tokens may be signed with `new`
//! keys.replace(vec![new.verifying()?]); // tokens signed with `old` are dead
//! # Ok(()) }
//! ```

use super::{Algorithm, Key, KeyError, Object};
use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;
use thiserror::Error;

/// An RSA key that signs with RS256. Prints its name only.
pub struct SigningKey {
    pair: KeyPair,
    kid: String,
}

/// Why there is no key, or no signature.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignError {
    /// Not a PKCS #8 document with an RSA key of 2048 to 8192 bits.
    #[error("the document holds no RSA key of 2048 to 8192 bits")]
    Document,
    /// A key that no gate would check with.
    #[error("the key is not fit to sign")]
    Unfit(#[from] KeyError),
    /// The claims do not make a JSON object.
    #[error("the claims are not a JSON object")]
    Claims(#[source] Option<serde_json::Error>),
    /// The cryptographic library failed, for want of memory or randomness.
    #[error("the cryptographic library failed")]
    Library,
}

impl From<Unspecified> for SignError {
    fn from(_: Unspecified) -> Self {
        Self::Library
    }
}

impl SigningKey {
    /// A new key of 2048 bits. Takes up to a second: not for a thread that serves requests.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn generate() -> Result<Self, SignError> {
        Self::of(KeyPair::generate(KeySize::Rsa2048)?)
    }

    /// A key that was stored.
    ///
    /// # Errors
    /// [`SignError::Document`] or [`SignError::Unfit`].
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, SignError> {
        Self::of(KeyPair::from_pkcs8(document).map_err(|_| SignError::Document)?)
    }

    fn of(pair: KeyPair) -> Result<Self, SignError> {
        let key = Self { kid: thumbprint(&pair), pair };
        key.verifying()?;
        Ok(key)
    }

    /// The key for storage, private part included (RFC 5208, DER).
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, SignError> {
        let document: Pkcs8V1Der<'_> = self.pair.as_der()?;
        Ok(document.as_ref().to_vec())
    }

    /// Its name: the SHA-256 thumbprint of RFC 7638.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half for a JSON Web Key set (RFC 7517).
    pub fn jwk(&self) -> Object {
        let [e, n] = numbers(&self.pair);
        let members = [("kty", "RSA"), ("use", "sig"), ("alg", "RS256"), ("kid", &self.kid), ("n", &n), ("e", &e)];
        members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    /// Its public half for [`Keys`](super::Keys).
    ///
    /// # Errors
    /// [`SignError::Unfit`]; not for a key that exists, since making one asks for this first.
    pub fn verifying(&self) -> Result<Key, SignError> {
        let key = Key::from_jwk(&self.jwk(), &[Algorithm::RS256])?.pop();
        key.ok_or(SignError::Unfit(KeyError::Algorithm))
    }

    /// A token (compact JWS, RFC 7515) of that `typ`, such as `at+jwt`, with those claims.
    ///
    /// # Errors
    /// [`SignError::Claims`] or [`SignError::Library`].
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let claims = match serde_json::to_value(claims) {
            Ok(claims @ Value::Object(_)) => claims,
            Ok(_) => return Err(SignError::Claims(None)),
            Err(error) => return Err(SignError::Claims(Some(error))),
        };
        let header = json!({"alg": "RS256", "typ": typ, "kid": self.kid});
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Exponent and modulus in base64url.
fn numbers(pair: &KeyPair) -> [String; 2] {
    let public = pair.public_key();
    [public.exponent(), public.modulus()].map(|number| URL_SAFE_NO_PAD.encode(number.big_endian_without_leading_zero()))
}

fn thumbprint(pair: &KeyPair) -> String {
    let [e, n] = numbers(pair);
    thumbprint_of(&e, &n)
}

/// The required members in the order of their names, without white space (RFC 7638, 3).
fn thumbprint_of(e: &str, n: &str) -> String {
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZ\
                 CiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJ\
                 ZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBn\
                 iIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(thumbprint_of("AQAB", n), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
