//! What a browser keeps for us and can neither read nor change: AES-256-GCM-SIV, under a key of this app.

use crate::error::{Error, Result};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// The bytes of a nonce, which go first.
const NONCE: usize = 12;

pub(super) struct Sealed(RandomizedNonceKey);

impl Sealed {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self> {
        RandomizedNonceKey::new(&AES_256_GCM_SIV, key).map(Self).map_err(|_| Error::Random)
    }

    /// The value as text for a cookie (RFC 4648, 5), for that use of it alone.
    pub(super) fn close(&self, usage: &str, value: &impl Serialize) -> Result<String> {
        let mut text = serde_json::to_vec(value).map_err(|_| Error::Damaged("a value for a cookie"))?;
        let nonce =
            self.0.seal_in_place_append_tag(Aad::from(usage.as_bytes()), &mut text).map_err(|_| Error::Random)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce.as_ref()[..], &text].concat()))
    }

    /// The value, if we closed it for that use.
    pub(super) fn open<T: DeserializeOwned>(&self, usage: &str, text: &str) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE)?;
        let (nonce, mut text) = (Nonce::try_assume_unique_for_key(nonce).ok()?, text.to_vec());
        let text = self.0.open_in_place(nonce, Aad::from(usage.as_bytes()), &mut text).ok()?;
        serde_json::from_slice(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_with_its_key_for_its_use_and_unchanged() {
        let sealed = Sealed::new(&[7; 32]).unwrap();
        let text = sealed.close("attempt", &"secret").unwrap();
        assert_eq!(sealed.open::<String>("attempt", &text).as_deref(), Some("secret"));
        assert_eq!(sealed.open::<String>("hint", &text), None);
        assert_eq!(Sealed::new(&[8; 32]).unwrap().open::<String>("attempt", &text), None);
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(sealed.open::<String>("attempt", &String::from_utf8(other).unwrap()), None);
        }
        for bad in ["", "AAAA", "ö"] {
            assert_eq!(sealed.open::<String>("attempt", bad), None);
        }
    }
}
