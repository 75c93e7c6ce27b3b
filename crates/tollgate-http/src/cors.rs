//! Which pages of other origins may read our answers? (CORS: <https://fetch.spec.whatwg.org/#http-cors-protocol>)
//!
//! Those of origins that are named, and of whoever knows more of them, as the embedded issuer does. Nobody else's, and
//! never with cookies: a page sends a token along, or is nobody. So what a page may send guards nothing, and each header
//! that it wants to send is allowed; any program may send them all.
//!
//! It stands at the one place that every answer passes, because an error that a page cannot read is told to its people as
//! "no connection".

use crate::edge::CROSS_ORIGIN;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::{pin::Pin, sync::Arc};

/// The origins of pages that answers are for, as far as they are not in the configuration.
pub trait Origins: Send + Sync + 'static {
    /// Whether this is one of them; as browsers write it, as in `https://app.example.com`.
    fn has<'a>(&'a self, origin: &'a str) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
}

/// Who reads answers from elsewhere.
#[derive(Default)]
pub struct Cors {
    named: Vec<String>,
    others: Option<Arc<dyn Origins>>,
}

tollgate_core::debug_by_name!(Cors);

/// A page that asks.
pub(crate) struct Page {
    origin: HeaderValue,
    /// Whether it asks before the request that it means, which headers that may send.
    is_preflight: bool,
    wanted: Option<HeaderValue>,
}

/// What a handler can answer to.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What is in answers and not in the list that pages may read anyway.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "allow, cache-status, content-disposition, etag, idempotent-replayed, link, location, ratelimit, ratelimit-policy, \
     retry-after, www-authenticate, x-request-id",
);
/// How long a browser need not ask again, in seconds.
const ASKED_AGAIN_AFTER: HeaderValue = HeaderValue::from_static("600");

impl Cors {
    /// For the pages of these origins, and of those that `others` knows.
    #[must_use]
    pub fn new(named: Vec<String>, others: Option<Arc<dyn Origins>>) -> Self {
        Self { named, others }
    }

    /// Whether there are none, and never will be.
    pub(crate) fn is_closed(&self) -> bool {
        self.named.is_empty() && self.others.is_none()
    }

    /// That page, if it may read the answer.
    pub(crate) async fn admit(&self, page: Option<Page>) -> Option<Page> {
        let page = page?;
        self.has(page.origin.to_str().ok()?).await.then_some(page)
    }

    async fn has(&self, origin: &str) -> bool {
        if self.named.iter().any(|named| named == origin) {
            return true;
        }
        match &self.others {
            Some(others) => others.has(origin).await,
            None => false,
        }
    }

    /// Says who may read the answer.
    pub(crate) fn tell(page: Option<Page>, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(Page { origin, is_preflight, wanted }) = page else { return };
        // What is anybody's says so itself.
        headers.entry(header::ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(origin);
        headers.insert(CROSS_ORIGIN, HeaderValue::from_static("cross-origin"));
        if !is_preflight {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            return;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, ASKED_AGAIN_AFTER);
        headers.extend(wanted.map(|wanted| (header::ACCESS_CONTROL_ALLOW_HEADERS, wanted)));
    }
}

impl Page {
    /// The page that a request comes from, if a browser names it.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN)?.clone();
        let is_preflight =
            request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        Some(Self { origin, is_preflight, wanted })
    }

    /// The answer to what comes before a request. It says nothing of the route, whose own answer the page then reads.
    pub(crate) fn preflight(&self) -> Option<Response> {
        self.is_preflight.then(|| StatusCode::NO_CONTENT.into_response())
    }
}
