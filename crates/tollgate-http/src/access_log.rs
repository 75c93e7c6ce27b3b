//! The line of each request, written when it ends, however it ends.

use crate::{
    health,
    refusal::{Asked, RequestId},
};
use axum::http::StatusCode;
use std::time::Instant;

/// What the log says of a client that left before its answer; nginx's word for it.
const LEFT: u16 = 499;

/// A request under way; dropped, it is a line of the log.
pub(crate) struct Line {
    pub(crate) asked: Asked,
    pub(crate) id: RequestId,
    started: Instant,
    status: u16,
}

impl Line {
    pub(crate) fn begin(asked: Asked, id: RequestId) -> Self {
        Self { asked, id, started: Instant::now(), status: LEFT }
    }

    /// It was answered.
    pub(crate) fn end(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { asked, id, status, .. } = self;
        let micros = self.started.elapsed().as_micros();
        let end = if *status == LEFT { "left" } else { "answered" };
        tracing::info!(target: "tollgate::request", request_id = %id, method = %asked.method, path = asked.path(), route = asked.route(), status, micros, "{end}");
    }
}

/// A failure that is told in another form than that of a problem, as OAuth has one: its cause is in a line of its own.
pub(crate) fn failed(asked: &Asked, id: &RequestId, status: StatusCode) {
    if !health::is_probe(asked.path()) {
        tracing::error!(request_id = %id, method = %asked.method, path = asked.path(), route = asked.route(), status = status.as_u16(), "failed");
    }
}
