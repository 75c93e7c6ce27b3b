//! Secrets that nobody guesses.
//!
//! They come from the system. The generator of the cryptographic library is no better, and measures the CPU for 35 ms before
//! its first number, which would be half of an app's start.

use crate::error::{Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Secret bytes.
///
/// # Errors
/// [`Error::Random`].
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// 256 secret bits as text for URLs and cookies (RFC 4648, section 5).
///
/// # Errors
/// [`Error::Random`].
pub(crate) fn random_text() -> Result<String> {
    random::<32>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// Secrets that others chose must not be guessed either: whoever does is anybody. Those of examples are on lists, and have
/// words; what a generator makes has not one character over and over.
pub(crate) fn check_secret(secret: &str) -> Result<(), &'static str> {
    /// The last one stood in our guide.
    const KNOWN: [&str; 7] =
        ["secret", "changeme", "change-me", "password", "example", "1234567890", "q7tf2mxv9lkwc4rznb8hsjd6pgye3uav"];
    let mut different: Vec<u8> = secret.bytes().collect();
    different.sort_unstable();
    different.dedup();
    let lower = secret.to_lowercase();
    if secret.len() < 32 {
        Err("is shorter than 32 bytes; make one with `openssl rand -base64 32`")
    } else if different.len() < 10 || KNOWN.iter().any(|known| lower.contains(known)) {
        Err("can be guessed; make one with `openssl rand -base64 32`")
    } else {
        Ok(())
    }
}
