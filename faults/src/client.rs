//! A client with one connection, which it keeps, and makes anew after it was lost.

use crate::Result;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{self, HeaderName},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// After that long, an answer is none.
const TIMEOUT: Duration = Duration::from_secs(40);

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Whether it says when to come again.
    pub(crate) fn says_when(&self) -> bool {
        self.headers.contains_key(header::RETRY_AFTER)
    }

    /// Whether its body has these words.
    pub(crate) fn body_says(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(words)
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Somebody who asks one thing after the other.
pub(crate) struct Client {
    port: u16,
    token: Arc<str>,
    connection: Option<Connection>,
}

impl Client {
    /// Speaks to 127.0.0.1; with an empty token, as nobody.
    pub(crate) fn new(port: u16, token: &Arc<str>) -> Self {
        Self { port, token: Arc::clone(token), connection: None }
    }

    /// From now on shows that token.
    pub(crate) fn show(&mut self, token: &Arc<str>) {
        self.token = Arc::clone(token);
    }

    /// The same person on another connection.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.port, &self.token)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        let request = Request::builder().method(Method::GET).uri(path);
        self.send(request.body(Full::default())?).await
    }

    /// The same with a header.
    pub(crate) async fn get_with(&mut self, path: &str, (name, value): (HeaderName, &str)) -> Result<Answer> {
        let request = Request::builder().method(Method::GET).uri(path).header(name, value);
        self.send(request.body(Full::default())?).await
    }

    /// Sends JSON, under an idempotency key if there is one.
    pub(crate) async fn post(&mut self, path: &str, key: Option<&str>, body: &Value) -> Result<Answer> {
        let mut request = Request::builder().method(Method::POST).uri(path);
        request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request.body(Full::from(body.to_string()))?).await
    }

    /// What it shows.
    pub(crate) fn token(&self) -> Arc<str> {
        Arc::clone(&self.token)
    }

    /// Changes or removes something.
    pub(crate) async fn change(&mut self, method: &Method, path: &str, body: &Value) -> Result<Answer> {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(request.body(Full::from(body))?).await
    }

    /// Sends a form, as a proxy would for somebody at that address.
    pub(crate) async fn post_form(&mut self, path: &str, form: impl Into<Bytes>, from: Option<&str>) -> Result<Answer> {
        let request = Request::builder().method(Method::POST).uri(path);
        let mut request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(address) = from {
            request = request.header("x-forwarded-for", address);
        }
        self.send(request.body(Full::from(form.into()))?).await
    }

    /// The whole answer. After an error nobody knows whether the request was carried out.
    async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer> {
        let headers = request.headers_mut();
        headers.insert(header::HOST, format!("127.0.0.1:{}", self.port).try_into()?);
        if !self.token.is_empty() {
            headers.insert(header::AUTHORIZATION, format!("Bearer {}", self.token).try_into()?);
        }
        // Taken out, so that what was not answered in time is not waited for by the next.
        let kept = self.connection.take();
        let (answer, connection) = timeout(TIMEOUT, exchange(kept, self.port, request)).await??;
        self.connection = Some(connection);
        Ok(answer)
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn exchange(kept: Option<Connection>, port: u16, request: Request<Full<Bytes>>) -> Result<(Answer, Connection)> {
    let mut connection = match kept.filter(|kept| !kept.is_closed()) {
        Some(kept) => kept,
        None => connect(port).await?,
    };
    connection.ready().await?;
    let (head, body) = connection.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((Answer { status: head.status, headers: head.headers, body }, connection))
}

async fn connect(port: u16) -> Result<Connection> {
    let socket = TcpStream::connect(("127.0.0.1", port)).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
