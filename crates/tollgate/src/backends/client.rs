//! The client of one API: where it is, and how long it may take.

use super::{BackendError, ErrorKind, Request, budget::Budget};
use crate::{app::Failure, settings::BackendSettings};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::{fmt, sync::Arc, time::Duration};
use tollgate_auth::outgoing::{self, PlaceError};
use url::Url;

/// What stands in a segment as it is (RFC 3986, 2.3). Some servers read `..;` and `..\` as the way up.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Asks one API. Clones share their connections and their budget for trying again.
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    name: &'static str,
    base: Url,
    headers: HeaderMap,
    timeout: Duration,
    tries: u8,
    largest: usize,
    health: Option<String>,
    http: reqwest::Client,
    budget: Budget,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({})", self.0.name)
    }
}

impl HttpClient {
    pub(super) fn new(name: &'static str, settings: &BackendSettings) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure(format!("backends.{name}.{what}"));
        let base = base(&settings.url, settings.insecure).map_err(|why| wrong(&format!("url: {why}")))?;
        let mut headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        if let Some(token) = &settings.token {
            let value = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
            let mut value = value.map_err(|_| wrong("token: has characters that a header cannot hold"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let least = [
            ("tries", settings.tries.into()),
            ("timeout_milliseconds", settings.timeout_milliseconds),
            ("response_kibibytes", settings.response_kibibytes),
        ];
        if let Some((name, _)) = least.into_iter().find(|(_, value)| *value == 0) {
            return Err(wrong(&format!("{name} is 0: choose 1 or more")));
        }
        let builder = outgoing::builder().map_err(|error| Failure::of(&error))?;
        Ok(Self(Arc::new(Inner {
            name,
            base,
            headers,
            timeout: Duration::from_millis(settings.timeout_milliseconds.into()),
            tries: settings.tries,
            largest: settings.response_kibibytes as usize * 1024,
            health: settings.health.clone(),
            http: builder.build().map_err(|error| Failure::of(&error))?,
            budget: Budget::default(),
        })))
    }

    /// Asks for what is at this path below the API's address. Each part is one segment, whatever is in it; with one
    /// that is empty, `.` or `..` nothing is sent, and the error is [`ErrorKind::InvalidPath`].
    pub fn get<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Request {
        self.request(Method::GET, path)
    }

    /// As [`get`](Self::get), to add something. It is tried once, unless it has an
    /// [idempotency key](Request::idempotency_key).
    pub fn post<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Request {
        self.request(Method::POST, path)
    }

    /// As [`get`](Self::get), to replace something.
    pub fn put<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Request {
        self.request(Method::PUT, path)
    }

    /// As [`get`](Self::get), to change something. It is tried once, unless it has an
    /// [idempotency key](Request::idempotency_key).
    pub fn patch<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Request {
        self.request(Method::PATCH, path)
    }

    /// As [`get`](Self::get), to remove something.
    pub fn delete<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Request {
        self.request(Method::DELETE, path)
    }

    fn request<'p>(&self, method: Method, path: impl IntoIterator<Item = &'p str>) -> Request {
        let mut url = self.0.base.clone();
        let mut whole = url.path().trim_end_matches('/').to_owned();
        let mut is_named = true;
        for part in path {
            // A URL drops tabs and line breaks, and then goes up where `..` is left: it gets neither.
            is_named &= !matches!(part, "" | "." | "..");
            whole.push('/');
            whole.extend(utf8_percent_encode(part, UNRESERVED));
        }
        url.set_path(&whole);
        Request::new(self.clone(), method, url, is_named)
    }

    /// Asks for its health, once; nothing if the settings name no path for it.
    pub(crate) fn health(&self) -> Option<Request> {
        let path = self.0.health.as_deref()?;
        Some(self.get(path.split('/').filter(|part| !part.is_empty())))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0.name
    }

    pub(super) fn headers(&self) -> HeaderMap {
        self.0.headers.clone()
    }

    pub(super) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(super) fn tries(&self) -> u8 {
        self.0.tries
    }

    pub(super) fn largest(&self) -> usize {
        self.0.largest
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    pub(super) fn error(&self, kind: ErrorKind) -> BackendError {
        BackendError { backend: self.0.name, kind }
    }
}

/// The address of an API.
fn base(text: &str, insecure: bool) -> Result<Url, String> {
    match (outgoing::Place::new(text), Url::parse(text)) {
        (Ok(place), _) => Ok(place.url().clone()),
        // Whatever else an address must be, it is.
        (Err(PlaceError::Scheme), Ok(url)) if insecure && url.scheme() == "http" => Ok(url),
        (Err(error @ PlaceError::Scheme), _) => Err(format!("{error}, or set `insecure`")),
        (Err(error), _) => Err(error.to_string()),
    }
}
