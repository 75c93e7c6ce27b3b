//! Bodies that are watched: one that comes too slowly is given up, one that is sent piece by piece is a request under
//! way until its end.

use super::{
    limits::{ConnectionLimits, Pace},
    socket::Open,
};
use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The client sends its body too slowly: 408.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly")]
pub(crate) struct TooSlow;

/// A body as it comes in.
struct Paced {
    body: Incoming,
    limits: Arc<ConnectionLimits>,
    pace: Option<Pace>,
}

/// A body of a client, which has to come at a certain pace.
pub(super) fn paced(body: Incoming, limits: &Arc<ConnectionLimits>) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Paced { body, limits: Arc::clone(limits), pace: None })
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            let pace = this.pace.get_or_insert_with(|| Pace::new(&this.limits));
            ready!(pace.poll_over(&this.limits, context));
            return Poll::Ready(Some(Err(axum::Error::new(TooSlow))));
        };
        if let (Some(pace), Some(Ok(frame))) = (&mut this.pace, &frame) {
            pace.advance(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Keeps the request open until its answer is sent, where that may take any time. What is known whole is handed over at
/// once, and the socket watches how it is taken in.
pub(super) fn kept(body: Body, open: Open) -> Body {
    if body.size_hint().exact().is_some() {
        return body;
    }
    // What the closure holds is dropped with the body.
    Body::new(body.map_err(move |error| {
        let _ = &open;
        error
    }))
}
