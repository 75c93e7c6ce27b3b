//! Secrets that nobody guesses.

use crate::error::{Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Secret bytes.
///
/// # Errors
/// [`Error::Random`].
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// 256 secret bits as text for URLs and cookies (RFC 4648, section 5).
///
/// # Errors
/// [`Error::Random`].
pub(crate) fn random_text() -> Result<String> {
    random::<32>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}
