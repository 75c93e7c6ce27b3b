//! What came back, as a test wants to look at it.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt;
use serde_json::Value;
use std::fmt;

/// Headers that a [`Reply`] shows: those that say something about this answer.
const SHOWN: [header::HeaderName; 6] = [
    header::ALLOW,
    header::CONTENT_TYPE,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
];

/// What came back. As text: status, telling headers, and the body as laid-out JSON, with `…` for what differs each time.
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) async fn read(response: Response) -> Self {
        let (head, body) = response.into_parts();
        if head.headers.get(header::CONTENT_TYPE).is_some_and(|media_type| media_type == "text/event-stream") {
            return Self { status: head.status, headers: head.headers, body: first(body).await };
        }
        let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|error| panic!("the body broke off: {error}"));
        Self { status: head.status, headers: head.headers, body: body.into() }
    }

    /// The status, as a number.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// A header, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The beginning of what has no end.
async fn first(mut body: Body) -> Vec<u8> {
    let frame = body.frame().await.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
    frame.unwrap_or_default().into()
}

/// Replaces what differs from run to run.
fn steady(mut json: Value) -> Value {
    if let Some(object) = json.as_object_mut() {
        for name in ["request_id", "next"] {
            if object.get(name).is_some_and(Value::is_string) {
                object.insert(name.into(), "…".into());
            }
        }
    }
    json
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for name in SHOWN {
            if let Some(value) = self.headers.get(&name) {
                let value = value.to_str().unwrap_or("(not text)");
                let value = value.split_once("cursor=").map_or(value.to_owned(), |(start, rest)| {
                    let rest = rest.find(['&', '>']).map_or("", |end| &rest[end..]);
                    format!("{start}cursor=…{rest}")
                });
                writeln!(f, "{name}: {value}")?;
            }
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => write!(f, "\n{:#}", steady(json)),
            Err(_) if self.body.is_empty() => Ok(()),
            Err(_) => write!(f, "\n{}", self.text()),
        }
    }
}
