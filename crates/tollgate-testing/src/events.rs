//! A stream of server-sent events, as a test wants to read it.

use axum::{body::Body, response::Response};
use http_body_util::BodyExt;
use serde_json::Value;
use std::{collections::VecDeque, fmt, time::Duration};
use tokio::time::timeout;

/// How long an event may take to come.
const TIMEOUT: Duration = Duration::from_secs(20);

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub kind: String,
    /// What it carries; null if that is no JSON.
    pub data: Value,
}

/// Events, as they come.
pub struct Events {
    body: Body,
    status: u16,
    unread: String,
    read: VecDeque<Event>,
    last_id: String,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("status", &self.status).field("last_id", &self.last_id).finish_non_exhaustive()
    }
}

impl Events {
    /// Those of an answer.
    pub fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        Self { body, status, unread: String::new(), read: VecDeque::new(), last_id: String::new() }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The last id that came: what a client comes back with.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// The next event; `None` at the end of the stream.
    ///
    /// # Panics
    /// If neither comes within 20 seconds.
    pub async fn next(&mut self) -> Option<Event> {
        let next = timeout(TIMEOUT, self.wait()).await;
        next.unwrap_or_else(|_| panic!("no event within {TIMEOUT:?}"))
    }

    /// What comes within that time, besides comments.
    pub async fn within(&mut self, time: Duration) -> Option<Event> {
        timeout(time, self.wait()).await.ok().flatten()
    }

    async fn wait(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            let frame = self.body.frame().await?.ok()?;
            self.unread.push_str(&String::from_utf8_lossy(frame.data_ref()?));
            while let Some((block, rest)) = self.unread.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
                self.unread = rest;
                self.take(&block);
            }
        }
    }

    /// A block of lines, as [HTML, 9.2.6](https://html.spec.whatwg.org/multipage/server-sent-events.html) reads it.
    fn take(&mut self, block: &str) {
        let (mut kind, mut data) = (None, None);
        for (name, value) in block.lines().filter_map(|line| line.split_once(": ")) {
            match name {
                "event" => kind = Some(value.to_owned()),
                "data" => data = serde_json::from_str(value).ok(),
                "id" => value.clone_into(&mut self.last_id),
                _ => {}
            }
        }
        self.read.extend(kind.map(|kind| Event { kind, data: data.unwrap_or_default() }));
    }
}
