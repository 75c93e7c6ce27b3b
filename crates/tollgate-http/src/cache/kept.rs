//! An answer, as it is kept.

use crate::{answer::CACHE_STATUS, etag::EntityTag};
use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// The longest body that is kept, in bytes.
const LONGEST: usize = 1024 * 1024;

/// The headers and the body of a 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    headers: HeaderMap,
    body: Bytes,
}

impl Kept {
    /// Puts a tag on an answer, and keeps it if it may be kept: a 200 of known length, without cookies, of which nobody
    /// said that it may not be stored.
    pub(super) async fn of(response: Response, is_public: bool) -> (Response, Option<Arc<Self>>) {
        let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let headers = response.headers();
        let is_secret = headers.contains_key(header::SET_COOKIE) || may_not_be_stored(headers);
        if response.status() != StatusCode::OK || is_secret || length.is_none_or(|length| length > LONGEST) {
            return (response, None);
        }
        let (mut parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, LONGEST).await else {
            return (StatusCode::INTERNAL_SERVER_ERROR.into_response(), None);
        };
        if !parts.headers.contains_key(header::ETAG) {
            EntityTag::of_bytes(&body).put_on(&mut parts.headers);
        }
        if is_public {
            parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
            parts.headers.remove(header::VARY);
        }
        let kept = Arc::new(Self { headers: parts.headers.clone(), body: body.clone() });
        (Response::from_parts(parts, Body::from(body)), Some(kept))
    }

    /// The answer, once more; `status` says where it came from (RFC 9211).
    pub(super) fn answer(&self, status: &'static str) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        response.headers_mut().clone_from(&self.headers);
        response.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static(status));
        response
    }

    /// About how much memory it takes.
    pub fn size(&self) -> usize {
        self.body.len() + self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum::<usize>()
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size());
        let mut put = |part: &[u8]| {
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        };
        for (name, value) in &self.headers {
            put(name.as_str().as_bytes());
            put(value.as_bytes());
        }
        put(&[]);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Back from bytes; `None` if they are no answer.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut headers, mut rest) = (HeaderMap::new(), bytes);
        let mut take = || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let part;
            (part, rest) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            Some(part)
        };
        loop {
            let name = take()?;
            if name.is_empty() {
                break;
            }
            headers.append(header::HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(take()?).ok()?);
        }
        Some(Self { headers, body: Bytes::copy_from_slice(rest) })
    }
}

/// Whether one of the directives says so (RFC 9111, 5.2.2.5), in any line.
fn may_not_be_stored(headers: &HeaderMap) -> bool {
    let mut directives =
        headers.get_all(header::CACHE_CONTROL).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_comes_back_as_it_was_kept() {
        let response = ([(header::CONTENT_TYPE, "text/plain"), (header::LINK, "</a>")], "body").into_response();
        let (_, kept) = Kept::of(response, false).await;
        let kept = kept.unwrap();
        assert_eq!(Kept::from_bytes(&kept.to_bytes()).as_ref(), Some(&*kept));
        let whole = kept.to_bytes();
        let head = whole.len() - "body".len();
        for length in 0..head {
            assert_eq!(Kept::from_bytes(&whole[..length]), None, "{length} bytes of it");
        }
    }

    fn twice(lines: &[&'static str]) -> Response {
        let mut response = "body".into_response();
        for line in lines {
            response.headers_mut().append(header::CACHE_CONTROL, HeaderValue::from_static(line));
        }
        response
    }

    #[tokio::test]
    async fn a_secret_or_a_refusal_is_not_kept() {
        for response in [
            ([(header::SET_COOKIE, "a=b")], "body").into_response(),
            ([(header::CACHE_CONTROL, "no-store")], "body").into_response(),
            ([(header::CACHE_CONTROL, "private, No-Store,max-age=0")], "body").into_response(),
            twice(&["max-age=60", "no-store"]),
            (StatusCode::NOT_FOUND, "body").into_response(),
            (StatusCode::CREATED, "body").into_response(),
            "x".repeat(LONGEST + 1).into_response(),
        ] {
            assert!(Kept::of(response, false).await.1.is_none());
        }
    }
}
