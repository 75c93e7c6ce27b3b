//! What do we ask of others, and how much of an answer do we take?
//!
//! Every call goes to a [`Place`] that the configuration or a provider's own metadata named, never a token or a caller:
//! `https`, or `http` on this machine. No redirect is followed, no proxy or cookie of the environment is used, no
//! compressed answer unpacked. An answer is whole within [`TIMEOUT`] and as many bytes as whoever asked takes, or it is
//! an error.
//!
//! Whose certificates are trusted, `authorities.rs` says.

use crate::{authorities::Authorities, sign_in::is_loopback};
use http::{HeaderMap, StatusCode, header};
use reqwest::{Body, Client, ClientBuilder, RequestBuilder, Response, redirect::Policy};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use std::{fmt, sync::Arc, time::Duration};
use tollgate_http::trace::outgoing;
use tracing::Instrument;
use url::Url;

/// How long a call may take, from the first packet to the last byte.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The most that a provider's documents and answers may be, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// An address that may be called: `https`, or `http` on a loopback address.
#[derive(Clone, PartialEq, Eq)]
pub struct Place(Url);

/// Why a text is no [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Not a URL.
    #[error("is no URL")]
    Url,
    /// `http` beyond this machine, or another scheme.
    #[error("must be `https`; `http` is for loopback addresses")]
    Scheme,
    /// A user, a password or a fragment.
    #[error("must have neither user nor fragment")]
    Parts,
}

impl Place {
    /// That address.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn new(text: &str) -> Result<Self, PlaceError> {
        let url = Url::parse(text).map_err(|_| PlaceError::Url)?;
        if !(url.username().is_empty() && url.password().is_none() && url.fragment().is_none()) {
            return Err(PlaceError::Parts);
        }
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        if is_safe { Ok(Self(url)) } else { Err(PlaceError::Scheme) }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether nobody on the way can read along.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address as a URL.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.0)
    }
}

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
#[error("{place}")]
pub struct CallError {
    /// Scheme, host and path of what was called; a query may hold what is nobody's business.
    pub place: String,
    /// What went wrong.
    #[source]
    pub why: Why,
}

/// What went wrong with a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// Nobody there, no trust, or a line that broke.
    #[error("could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Not a whole answer in time.
    #[error("gave no whole answer within {} seconds", TIMEOUT.as_secs())]
    Late,
    /// It pointed elsewhere, which is not followed.
    #[error("redirects, which is not followed; configure the address it has now")]
    Redirect,
    /// An answer that is not a success.
    #[error("answered {0}")]
    Status(StatusCode),
    /// More than was wanted.
    #[error("answered with more than {0} bytes")]
    TooLarge(usize),
}

/// An answer that arrived whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status: for a [`get`](Outgoing::get) always a success.
    pub status: StatusCode,
    /// The body.
    pub body: Vec<u8>,
    /// For how long it says that it may be kept (RFC 9111, 5.2.2), if it does.
    pub fresh: Option<Duration>,
}

/// Calls others. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Outgoing(Client);

impl Outgoing {
    /// A client with no call made yet.
    ///
    /// # Errors
    /// The TLS library cannot work here.
    pub fn new() -> crate::Result<Self> {
        let client = builder()?.timeout(TIMEOUT).pool_max_idle_per_host(4).build();
        client.map(Self).map_err(|error| crate::Error::Tls(error.into()))
    }

    /// A JSON document of at most `limit` bytes.
    ///
    /// # Errors
    /// [`CallError`], also for any status but a success.
    pub async fn get(&self, place: &Place, limit: usize) -> Result<Answer, CallError> {
        let answer = self.call(self.0.get(place.0.clone()), place, limit).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(error(place, Why::Status(answer.status))) }
    }

    /// Sends a form, and takes at most `limit` bytes of an answer of any status but a redirect. `authorization`, if
    /// any, is the value of that header.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn post_form(
        &self,
        place: &Place,
        fields: &[(&str, &str)],
        authorization: Option<&str>,
        limit: usize,
    ) -> Result<Answer, CallError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self.0.post(place.0.clone()).body(form);
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        self.call(request, place, limit).await
    }

    /// Sends bytes with these headers, and takes nothing of the answer but its status. It is no step of a trace: traces
    /// are sent this way.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn post(
        &self,
        place: &Place,
        body: impl Into<Body>,
        headers: HeaderMap,
    ) -> Result<StatusCode, CallError> {
        let answer = self.0.post(place.0.clone()).headers(headers).body(body).send().await;
        answer.map(|answer| answer.status()).map_err(|failed| error(place, reason(failed)))
    }

    async fn call(&self, request: RequestBuilder, place: &Place, limit: usize) -> Result<Answer, CallError> {
        let answer = async {
            let request = request.header(header::ACCEPT, "application/json").headers(outgoing());
            let response = request.send().await.map_err(reason)?;
            if response.status().is_redirection() {
                return Err(Why::Redirect);
            }
            let (status, fresh) = (response.status(), freshness(response.headers()));
            Ok(Answer { status, fresh, body: body(response, limit).await? })
        };
        let span =
            tracing::debug_span!(target: "tollgate::trace", "call", otel.kind = "client", url.full = bare(place));
        answer.instrument(span).await.map_err(|why| error(place, why))
    }
}

/// Stops reading at the first byte too many.
async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, Why> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reason)? {
        if body.len() + chunk.len() > limit {
            return Err(Why::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn error(place: &Place, why: Why) -> CallError {
    CallError { place: bare(place), why }
}

/// The address without its query.
fn bare(place: &Place) -> String {
    let mut url = place.0.clone();
    url.set_query(None);
    url.into()
}

/// The address is told once, without its query.
fn reason(error: reqwest::Error) -> Why {
    if error.is_timeout() { Why::Late } else { Why::Unreachable(error.without_url()) }
}

/// What is left of `max-age`; nothing if the answer must not be kept.
fn freshness(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let directives = || text(header::CACHE_CONTROL).into_iter().flat_map(|all| all.split(',')).map(str::trim);
    if directives().any(|one| one.eq_ignore_ascii_case("no-store") || one.eq_ignore_ascii_case("no-cache")) {
        return Some(Duration::ZERO);
    }
    let seconds = |one: &str| -> Option<u64> {
        let (name, value) = one.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    };
    let age = text(header::AGE).and_then(|age| age.parse().ok()).unwrap_or(0);
    directives().find_map(seconds).map(|most| Duration::from_secs(most.saturating_sub(age)))
}

/// A client that trusts and follows nobody but whom it is told to; its user says how long it waits.
///
/// # Errors
/// The TLS library cannot work here.
pub fn builder() -> crate::Result<ClientBuilder> {
    let tls = tls().map_err(|error| crate::Error::Tls(error.into()))?;
    let agent = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
    let client = Client::builder().tls_backend_preconfigured(tls).user_agent(agent);
    Ok(client.redirect(Policy::none()).referer(false).no_proxy())
}

/// rustls with aws-lc-rs, whatever another dependency might have installed for the process.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Authorities { provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
