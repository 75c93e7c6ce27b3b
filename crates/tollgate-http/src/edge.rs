//! What the pipeline needs to know, and what each answer has of it: its id, its headers, the body of a problem.

use crate::{
    AuditLog, Authenticate, Limits, Load,
    cors::Cors,
    pages::{self, Pages, ProblemPage},
    refusal::{Asked, Refusal, RequestId},
};
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    response::Response,
};
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tollgate_access::Roles;
use tollgate_core::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Whose pages may show an answer without reading it.
pub(crate) const CROSS_ORIGIN: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Headers of every answer that does not say otherwise.
fn usual_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.extend([
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (CROSS_ORIGIN, HeaderValue::from_static("same-origin")),
    ]);
    headers
}

/// What the pipeline needs to know.
pub struct Edge {
    /// Headers of every answer that does not say otherwise.
    headers: HeaderMap,
    pages: Arc<Pages>,
    authenticate: Arc<dyn Authenticate>,
    /// Known to developers only: what a refusal's page tells about roles and source.
    roles: Option<Roles>,
    /// How many proxies of ours a request comes through.
    pub(crate) proxies: usize,
    /// Whether the id that a request brings along is its own, and its trace.
    pub(crate) believes_ids: bool,
    audit: Option<AuditLog>,
    pub(crate) limits: Option<Arc<Limits>>,
    /// Absent where no page of another origin reads anything.
    pub(crate) cors: Option<Cors>,
    pub(crate) load: Arc<Load>,
    /// Begins the ids of this process; the rest counts.
    prefix: u64,
    count: AtomicU64,
}

tollgate_core::debug_by_name!(Edge);

impl Edge {
    /// An edge whose problems become these pages. With `roles`, they tell what only developers should see.
    #[must_use]
    pub fn new(pages: Arc<Pages>, authenticate: Arc<dyn Authenticate>, roles: Option<Roles>) -> Self {
        let prefix = uuid::Uuid::new_v4().as_u64_pair().0 & 0xffff_ffff;
        Self {
            headers: usual_headers(),
            pages,
            authenticate,
            roles,
            proxies: 0,
            believes_ids: false,
            audit: None,
            limits: None,
            cors: None,
            load: Arc::default(),
            prefix,
            count: AtomicU64::new(0),
        }
    }

    /// The same, where browsers come through TLS alone: for a year they try nothing else (RFC 6797). Nothing is said of
    /// hosts below this one, which may be others'.
    #[must_use]
    pub fn over_tls_alone(mut self) -> Self {
        let year = HeaderValue::from_static("max-age=31536000");
        self.headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        self
    }

    /// Behind that many proxies, each of which says whom it speaks for.
    #[must_use]
    pub fn behind(self, proxies: usize) -> Self {
        Self { proxies, believes_ids: self.believes_ids || proxies > 0, ..self }
    }

    /// The same, where nobody but us says in `X-Request-Id` what a request is called.
    #[must_use]
    pub fn believing_ids(self) -> Self {
        Self { believes_ids: true, ..self }
    }

    /// The same, which records what somebody who is signed in was not let do.
    #[must_use]
    pub fn audited(self, audit: AuditLog) -> Self {
        Self { audit: Some(audit), ..self }
    }

    /// The same, within these limits of an address.
    #[must_use]
    pub fn limited(self, limits: Option<Arc<Limits>>) -> Self {
        Self { limits, ..self }
    }

    /// The same, whose answers these pages of other origins may read.
    #[must_use]
    pub fn read_by(self, cors: Cors) -> Self {
        Self { cors: Some(cors).filter(|cors| !cors.is_closed()), ..self }
    }

    /// The same, which lets in as many requests as this says, for as long as it says.
    #[must_use]
    pub fn bearing(self, load: Arc<Load>) -> Self {
        Self { load, ..self }
    }

    /// The answer to what never became a request, as bytes of HTTP/1.1.
    pub(crate) fn answer_unread(&self, problem: Problem) -> Vec<u8> {
        let id = RequestId(self.next_id());
        let asked = Asked { method: Method::default(), uri: Uri::default(), route: None, head: None };
        let refusal = Refusal::from(problem.unread(&id.0));
        refusal.log(&asked, &id);
        let (status, body) = refusal.bytes();
        let mut headers = HeaderMap::new();
        self.finish_headers(&mut headers, &id);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
        for (name, value) in &headers {
            bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend([b"\r\n", &*body].concat());
        bytes
    }

    pub(crate) fn finish_headers(&self, headers: &mut HeaderMap, id: &RequestId) {
        // To copy a map costs less than to look up each of its names.
        let own = mem::replace(headers, self.headers.clone());
        headers.extend(own);
        headers.extend(HeaderValue::from_str(&id.0).ok().map(|id| (REQUEST_ID, id)));
    }

    /// Logs a refusal and writes its body.
    pub(crate) async fn write_refusal(
        &self,
        mut refusal: Refusal,
        response: Response,
        asked: &Asked,
        id: &RequestId,
    ) -> Response {
        let page = match &asked.head {
            None => None,
            Some(head) => {
                if refusal.actor.is_none() && !refusal.is_sent_away() {
                    refusal.actor = self.authenticate.identify(head).await.ok();
                }
                let mut page = pages::refused(&refusal, asked, id, self.roles.as_ref());
                page.frame.nav = refusal.actor.as_ref().map_or(page.frame.nav, |actor| self.pages.nav(actor));
                self.pages.render(ProblemPage::TEMPLATE, page).ok()
            }
        };
        refusal.log(asked, id);
        if let Some(audit) = &self.audit {
            refusal.record(asked, audit);
        }
        refusal.write(response, page)
    }

    /// The id that was given on the way, if it is one; else a new one. With nobody on the way, whoever asks would
    /// choose under which id they are recorded.
    pub(crate) fn request_id(&self, headers: &HeaderMap) -> RequestId {
        let given = self.believes_ids.then(|| headers.get(REQUEST_ID)).flatten().and_then(|id| id.to_str().ok());
        let good = |id: &&str| {
            let good = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
            (8..=64).contains(&id.len()) && id.bytes().all(good)
        };
        RequestId(given.filter(good).map_or_else(|| self.next_id(), Arc::from))
    }

    /// Sixteen hexadecimal digits, written in place: every request has one.
    fn next_id(&self) -> Arc<str> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let count = self.count.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff;
        let id = self.prefix << 32 | count;
        let digits: [u8; 16] = std::array::from_fn(|at| DIGITS[(id >> (60 - 4 * at) & 0xf) as usize]);
        std::str::from_utf8(&digits).unwrap_or_default().into()
    }
}
