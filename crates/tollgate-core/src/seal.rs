//! Values that travel through the hands of callers and come back unchanged, or not at all.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;

/// How many bytes of the HMAC-SHA-256 travel along: 128 bits, more than can be guessed.
const TAG: usize = 16;

/// Seals payloads with HMAC-SHA-256 (RFC 2104). A seal hides nothing: it only shows that nobody changed what
/// is inside, nor the context it was made for.
pub struct Seal(hmac::Key);

impl Seal {
    /// Seals with this key. Instances that share a key accept each other's seals.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The payload, sealed for a context, as text for URLs (RFC 4648, section 5).
    pub fn close(&self, context: &[u8], payload: &[u8]) -> String {
        let mut sealed = payload.to_vec();
        sealed.extend_from_slice(&self.tag(context, payload)[..TAG]);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The payload, if this text was sealed with this key for this context.
    pub fn open(&self, context: &[u8], text: &str) -> Option<Vec<u8>> {
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let tag = sealed.split_off(sealed.len().checked_sub(TAG)?);
        let expected = self.tag(context, &sealed);
        aws_lc_rs::constant_time::verify_slices_are_equal(&tag, &expected[..TAG]).ok()?;
        Some(sealed)
    }

    /// The length of the context goes first, so that no context can borrow bytes from a payload.
    fn tag(&self, context: &[u8], payload: &[u8]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(&(context.len() as u64).to_be_bytes());
        mac.update(context);
        mac.update(payload);
        let mut tag = [0; 32];
        tag.copy_from_slice(mac.sign().as_ref());
        tag
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_for_this_context_opens() {
        let seal = Seal::new(&[7; 32]);
        let text = seal.close(b"movies", b"rating 8.5");
        assert_eq!(seal.open(b"movies", &text).as_deref(), Some(&b"rating 8.5"[..]));
        assert_eq!(seal.open(b"books", &text), None);
        assert_eq!(Seal::new(&[8; 32]).open(b"movies", &text), None);
        assert_eq!(seal.open(b"movies", ""), None);
        for position in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal.open(b"movies", &String::from_utf8(forged).unwrap()), None, "byte {position}");
        }
    }
}
