//! What names a request: the key that came with it, and hashes.

use aws_lc_rs::digest::{Context, SHA256};
use axum::http::{HeaderMap, HeaderName};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tollgate_core::{Problem, Result};

/// The header, in the lower case of HTTP/2.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in bytes.
const KEY: usize = 255;

/// The key of a request: the quoted string of the draft, or bare, as many send it.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut all = headers.get_all(HEADER).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_key = (1..=KEY).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic() && c != b'"');
    if !is_key || all.next().is_some() {
        return Err(Problem::bad_request()
            .because("`Idempotency-Key` is one key of up to 255 visible ASCII characters, such as a UUID"));
    }
    Ok(Some(text.to_owned()))
}

/// A hash that no two lists of parts share: the length of each goes first.
pub(super) fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(hash.finish())
}
