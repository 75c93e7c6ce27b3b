//! Secrets that we must be able to read again, as they are stored: AES-256-GCM under a key of the issuer.
//!
//! It keeps them from who reads that table alone, from a query that shows too much, and from being moved to another row.
//! The key is derived from a row of `auth_keys`: who has the whole database has both.

use crate::error::{Error, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::STANDARD};

const NONCE: usize = 12;

pub(crate) struct Vault(RandomizedNonceKey);

impl Vault {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(|_| Error::Random)
    }

    /// The secret as it is stored, readable only as that of the same owner.
    pub(crate) fn close(&self, owner: &[u8], secret: &[u8]) -> Result<String> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(owner), &mut sealed).map_err(|_| Error::Random)?;
        Ok(STANDARD.encode([&nonce.as_ref()[..], &sealed].concat()))
    }

    /// The secret, unless the text was changed or is another's.
    pub(crate) fn open(&self, owner: &[u8], text: &str) -> Option<Vec<u8>> {
        let stored = STANDARD.decode(text).ok()?;
        let (nonce, sealed) = stored.split_at_checked(NONCE)?;
        let (nonce, mut sealed) = (Nonce::try_assume_unique_for_key(nonce).ok()?, sealed.to_vec());
        Some(self.0.open_in_place(nonce, Aad::from(owner), &mut sealed).ok()?.to_vec())
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
        assert_eq!((vault.open(b"bob", &text), other.open(b"ann", &text), vault.open(b"ann", "")), (None, None, None));
        let mut forged = STANDARD.decode(&text).unwrap();
        forged[NONCE] ^= 1;
        assert_eq!(vault.open(b"ann", &STANDARD.encode(forged)), None);
    }
}
