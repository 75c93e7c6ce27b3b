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
