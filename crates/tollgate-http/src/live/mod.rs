//! What changes, sent to those who may see it, as it happens: server-sent events ([HTML, 9.2]).
//!
//! ```text
//! hub.rs      one follower of each database's log, one reading of the rows, for all readers
//! batch.rs    what some changes are to a reader: created, changed, deleted, or nothing
//! reader.rs   one reader: their permission, their pace, their end
//! measures.rs how many of them, and why they ended
//! ```
//!
//! A reader is asked each second who they are: a token that has expired or was revoked ends the stream, and so does another
//! scope. They get the rows of their scope and nothing else: a row that enters it was created for them, one that leaves
//! it was deleted. What they miss they get when they come back with `Last-Event-ID`; where that is not known any more,
//! `reset` tells them to read anew.
//!
//! Invariant: writers never wait for readers. Who is slower than 64 batches is sent away, and comes back.
//!
//! [HTML, 9.2]: https://html.spec.whatwg.org/multipage/server-sent-events.html

mod batch;
mod hub;
mod measures;
mod reader;

pub use hub::{Live, LiveLimits};
pub(crate) use measures::metrics;

use crate::{Answer, Argument, Call, Operation, Place, Service};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use reader::Reader;
use serde_json::json;
use std::marker::PhantomData;
use tollgate_access::{May, Read};
use tollgate_core::{Problem, Result};
use tollgate_store::{Resource, Store};

/// What a client that comes back has seen last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx, and proxies like it, not to collect an answer before it is passed on.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

impl Service {
    /// Sends the changes of a resource to those who may read it, as they happen: `GET path` is a stream of server-sent
    /// events `created`, `changed` and `deleted`. It needs a process that stays: in AWS Lambda the answer is 503.
    ///
    /// Each write through a store of the resource is then a transaction that logs which rows it touched; what is written
    /// past the stores is not seen.
    #[must_use]
    pub fn live<R: Resource>(mut self, path: &str) -> Self {
        self.live.push(R::TABLE);
        measures::known(R::TABLE.name);
        let (name, many) = (R::TABLE.name, R::TABLE.name.replace('_', " "));
        let text = format!(
            "Sends changes of {many} as they happen.\n\nAn event is `created` or `changed`, with the row, or `deleted`, with \
             its key. `ready` says that from here on nothing is missed; `reset` says that something was, and that the rows \
             are to be read anew. Who comes back with `Last-Event-ID` gets what they missed."
        );
        self.get(path, live::<R>).named(&format!("{name}_live"), &text)
    }
}

async fn live<R: Resource>(may: May<Read, R>, rows: Store<R>, follow: Follow<R>) -> Result<Events<R>> {
    let reader = Reader::begin(may, rows, follow.call).await?;
    Ok(Events { body: reader.body(), of: PhantomData })
}

/// What a reader is asked again with.
struct Follow<R> {
    call: Followed,
    of: PhantomData<fn() -> R>,
}

/// A request that goes on.
struct Followed {
    head: axum::http::request::Parts,
    context: std::sync::Arc<crate::Context>,
    live: Live,
    last: Option<String>,
}

impl<R: Resource> Argument for Follow<R> {
    const REPEATABLE: bool = false;
    const OF_A_REQUEST: bool = true;

    fn describe(operation: &mut Operation<'_>) {
        let about = "The id of the last event that you have: you get what came after it.";
        let schema = json!({ "type": "string", "description": about });
        operation.parameter(Place::Header, "Last-Event-ID", schema, false);
    }

    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let live = call.extension()?;
        let last = call.head.headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        let head = call.head.clone();
        Ok(Self { call: Followed { head, context: call.context.clone(), live, last }, of: PhantomData })
    }
}

/// A stream of events.
struct Events<R> {
    body: Body,
    of: PhantomData<fn() -> R>,
}

impl<R: Resource> Answer for Events<R> {
    fn describe(operation: &mut Operation<'_>) {
        let row = operation.schemas.output::<R>();
        let key = R::TABLE.columns[R::TABLE.id].name;
        let id = operation.schemas.output::<R::Id>();
        let gone = json!({ "type": "object", "required": [key], "properties": { key: id } });
        let none = json!({ "type": "object" });
        let schema = json!({
            "type": "string",
            "description": "Server-sent events. What the `data` of each is, as JSON, stands in `x-events`.",
            "x-events": { "created": row, "changed": row, "deleted": gone, "ready": none, "reset": none },
        });
        operation.answers_as(StatusCode::OK, "Events, until somebody ends it.", "text/event-stream", &schema);
        operation.refuses(StatusCode::TOO_MANY_REQUESTS, "You have as many streams as one person may.");
    }

    fn answer(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (BUFFERING, HeaderValue::from_static("no")),
        ];
        (headers, self.body).into_response()
    }
}
