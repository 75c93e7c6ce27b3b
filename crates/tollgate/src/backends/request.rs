//! One request to another API, as often as it may be tried.

use super::{BackendError, ErrorKind, HttpClient, measures};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};
use tollgate_http::trace::outgoing;
use tracing::Instrument;
use url::Url;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long the first wait is at most; each further one twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// A request that is not sent yet; [`HttpClient::get`] and its siblings make it.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    client: HttpClient,
    method: Method,
    url: Url,
    is_named: bool,
    headers: HeaderMap,
    body: Bytes,
    mistake: Option<String>,
}

/// An answer that came whole.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status: a success, unless [`Request::any_status`] was asked.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Request {
    pub(super) fn new(client: HttpClient, method: Method, url: Url, is_named: bool) -> Self {
        let (headers, body) = (client.headers(), Bytes::new());
        Self { client, method, url, is_named, headers, body, mistake: None }
    }

    /// Adds a parameter to the query.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.url.query_pairs_mut().append_pair(name, &value.to_string());
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends this as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = bytes.into(),
            Err(error) => self.mistake = Some(error.to_string()),
        }
        self.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// Names the request, so that the other side does it once, however often it comes: then even a `POST` is tried again.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        match HeaderValue::try_from(key) {
            Ok(value) => return self.header(IDEMPOTENCY_KEY, value),
            Err(error) => self.mistake = Some(error.to_string()),
        }
        self
    }

    /// Sends it and reads the answer as JSON.
    ///
    /// # Errors
    /// [`BackendError`]; with `?` in a handler it becomes 502, 503 or 504, or 404 ([`ErrorKind::InvalidPath`]).
    pub async fn read<T: DeserializeOwned>(self) -> Result<T, BackendError> {
        let client = self.client.clone();
        let response = self.send().await?;
        serde_json::from_slice(&response.body).map_err(|error| client.error(ErrorKind::Unreadable(error)))
    }

    /// Sends it, and takes an answer of a success.
    ///
    /// # Errors
    /// [`BackendError`]; with `?` in a handler it becomes 502, 503 or 504, or 404 ([`ErrorKind::InvalidPath`]).
    pub async fn send(self) -> Result<Response, BackendError> {
        let client = self.client.clone();
        let response = self.any_status().await?;
        if response.status.is_success() {
            Ok(response)
        } else {
            Err(client.error(ErrorKind::Status(response.status, wait_of(&response))))
        }
    }

    /// Sends it, and takes an answer of any status but a redirect, which is never followed.
    ///
    /// # Errors
    /// [`BackendError`]; with `?` in a handler it becomes 502, 503 or 504, or 404 ([`ErrorKind::InvalidPath`]).
    pub async fn any_status(self) -> Result<Response, BackendError> {
        if !self.is_named {
            return Err(self.client.error(ErrorKind::InvalidPath));
        }
        if let Some(mistake) = self.mistake {
            return Err(self.client.error(ErrorKind::Unsendable(mistake)));
        }
        let span = tracing::debug_span!(
            target: "tollgate::trace", "call", otel.kind = "client", server.address = self.client.name()
        );
        let begun = Instant::now();
        let result = self.tries(begun + self.client.timeout()).instrument(span).await;
        measures::asked(self.client.name(), &result, begun.elapsed());
        result.map_err(|kind| self.client.error(kind))
    }

    async fn tries(&self, deadline: Instant) -> Result<Response, ErrorKind> {
        let tries = if self.is_repeatable() { self.client.tries() } else { 1 };
        self.client.budget().request();
        let mut wait = FIRST_WAIT;
        for left in (1..tries).rev() {
            // A try that hangs leaves time for those that follow.
            let share = (deadline - Instant::now()) / (u32::from(left) + 1);
            let found = self.try_once(Instant::now() + share).await;
            let Some(pause) = pause(&found, wait) else { return found };
            if Instant::now() + pause >= deadline || !self.client.budget().try_again() {
                return found;
            }
            measures::tried_again(self.client.name());
            sleep(pause).await;
            wait *= 2;
        }
        self.try_once(deadline).await
    }

    /// Doing it twice does what doing it once does (RFC 9110, 9.2.2).
    fn is_repeatable(&self) -> bool {
        self.method.is_idempotent() || self.headers.contains_key(IDEMPOTENCY_KEY)
    }

    async fn try_once(&self, until: Instant) -> Result<Response, ErrorKind> {
        timeout_at(until, self.exchange()).await.unwrap_or(Err(ErrorKind::TimedOut))
    }

    async fn exchange(&self) -> Result<Response, ErrorKind> {
        let request = self.client.http().request(self.method.clone(), self.url.clone());
        let request = request.headers(self.headers.clone()).headers(outgoing());
        let mut answer = request.body(self.body.clone()).send().await.map_err(reason)?;
        if answer.status().is_redirection() {
            return Err(ErrorKind::Redirect);
        }
        let mut body = vec![];
        while let Some(chunk) = answer.chunk().await.map_err(reason)? {
            if body.len() + chunk.len() > self.client.largest() {
                return Err(ErrorKind::TooLarge(self.client.largest()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: answer.status(), headers: std::mem::take(answer.headers_mut()), body: body.into() })
    }
}

/// How long to wait before it is tried again; nothing if that would not help.
fn pause(found: &Result<Response, ErrorKind>, most: Duration) -> Option<Duration> {
    let again = match found {
        Ok(response) => matches!(response.status.as_u16(), 429 | 502 | 503 | 504),
        Err(kind) => matches!(kind, ErrorKind::Unreachable(_) | ErrorKind::TimedOut),
    };
    // At once and all together would be the next storm.
    let jittered = || most.mul_f64(f64::from(rand_byte()) / 255.0);
    again.then(|| {
        found.as_ref().ok().and_then(wait_of).map_or_else(jittered, |seconds| Duration::from_secs(seconds.into()))
    })
}

fn rand_byte() -> u8 {
    uuid::Uuid::new_v4().as_bytes()[0]
}

/// How many seconds to wait, as the other side said (RFC 9110, 10.2.3).
fn wait_of(response: &Response) -> Option<u32> {
    response.headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// The address may hold what is nobody's business.
fn reason(error: reqwest::Error) -> ErrorKind {
    if error.is_timeout() { ErrorKind::TimedOut } else { ErrorKind::Unreachable(Arc::new(error.without_url())) }
}
