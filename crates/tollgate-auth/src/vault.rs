//! What is stored where others can read or change it, and we must be able to read again: AES-256-GCM-SIV (RFC 8452).
//!
//! In the database it keeps secrets from who reads one table alone, from a query that shows too much, and from being moved
//! to another row; the key is derived from a row of `auth_keys`: who has the whole database has both. In a browser it keeps
//! what belongs to a sign-in under way. Nonces are random; should one ever repeat, all that shows is that two texts are the
//! same.

use crate::error::{Error, Result};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// The bytes of a nonce, which go first.
const NONCE: usize = 12;

pub(crate) struct Vault(RandomizedNonceKey);

impl Vault {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self> {
        RandomizedNonceKey::new(&AES_256_GCM_SIV, key).map(Self).map_err(|_| Error::Random)
    }

    /// The secret as text for a column or a cookie (RFC 4648, 5), readable only as that of the same owner.
    pub(crate) fn close(&self, owner: &[u8], secret: &[u8]) -> Result<String> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(owner), &mut sealed).map_err(|_| Error::Random)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce.as_ref()[..], &sealed].concat()))
    }

    /// The secret, unless the text was changed or is another's.
    pub(crate) fn open(&self, owner: &[u8], text: &str) -> Option<Vec<u8>> {
        let stored = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = stored.split_at_checked(NONCE)?;
        let (nonce, mut sealed) = (Nonce::try_assume_unique_for_key(nonce).ok()?, sealed.to_vec());
        Some(self.0.open_in_place(nonce, Aad::from(owner), &mut sealed).ok()?.to_vec())
    }

    /// The same for a value.
    pub(crate) fn close_value(&self, owner: &str, value: &impl Serialize) -> Result<String> {
        self.close(owner.as_bytes(), &serde_json::to_vec(value).map_err(|_| Error::Damaged("a value for a cookie"))?)
    }

    /// The same for a value.
    pub(crate) fn open_value<T: DeserializeOwned>(&self, owner: &str, text: &str) -> Option<T> {
        serde_json::from_slice(&self.open(owner.as_bytes(), text)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_by_its_owner_under_its_key_and_by_nobody_else() {
        let (vault, other) = (Vault::new(&[7; 32]).unwrap(), Vault::new(&[8; 32]).unwrap());
        let text = vault.close(b"ann", b"a secret").unwrap();
        assert_ne!(text, vault.close(b"ann", b"a secret").unwrap());
        assert_eq!(vault.open(b"ann", &text).as_deref(), Some(&b"a secret"[..]));
        assert_eq!((vault.open(b"bob", &text), other.open(b"ann", &text)), (None, None));
        for place in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(vault.open(b"ann", &String::from_utf8(forged).unwrap()), None, "{place}");
        }
        for bad in ["", "AAAA", "ö"] {
            assert_eq!(vault.open(b"ann", bad), None);
        }
    }

    #[test]
    fn a_value_is_what_it_was() {
        let vault = Vault::new(&[7; 32]).unwrap();
        let text = vault.close_value("attempt", &("state", 7)).unwrap();
        assert_eq!(vault.open_value::<(String, u32)>("attempt", &text), Some(("state".to_owned(), 7)));
        assert_eq!(vault.open_value::<String>("attempt", &text), None);
        assert_eq!(vault.open_value::<(String, u32)>("hint", &text), None);
    }
}
