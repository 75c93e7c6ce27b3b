//! What was answered over HTTP/2 and not taken in yet.
//!
//! Over HTTP/1.1, a client that does not read fills its socket, and `socket.rs` sees that. Over HTTP/2 it need not: it
//! gives an answer no room (RFC 9113, 5.2), which then lies in memory, while the socket is free and all else goes on. So
//! an answer is handed over in pieces, and each of them is known until it was written or thrown away.

use super::{limits::ConnectionLimits, socket::Open};
use axum::body::{Body, HttpBody};
use hyper::body::{Bytes, Frame, SizeHint};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Instant;

/// The longest piece, in bytes: what fits into a frame, unless a client takes larger ones (RFC 9113, 6.5.2).
const PIECE: usize = 16 * 1024;
/// What all connections may hold together, in bytes, before nobody is waited for any longer than [`SHORT`].
const MOST: usize = 64 * 1024 * 1024;
/// How often those who do not read are looked at, and how long they have where there is too much of it.
pub(super) const SHORT: Duration = Duration::from_secs(1);

/// What was not taken in on all connections, in bytes.
static ALL: AtomicUsize = AtomicUsize::new(0);
/// Names answers.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// The answers of one connection of which a piece lies here.
#[derive(Default)]
pub(super) struct Unread(Mutex<State>);

#[derive(Default)]
struct State {
    answers: BTreeMap<u64, Waiting>,
    /// Since when there is always something that waits, and how much was taken in since then, in bytes.
    since: Option<Instant>,
    taken: usize,
}

/// The pieces of one answer: of it, one or two are handed over at a time.
struct Waiting {
    since: Instant,
    pieces: usize,
    bytes: usize,
}

impl Unread {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().answers.len()
    }

    /// Until when the client has to take something in, if anything waits. It advances like a client of HTTP/1.1, and
    /// nothing stands still for longer than all may take that was handed over.
    pub(super) fn deadline(&self, limits: &ConnectionLimits) -> Option<Instant> {
        let state = self.lock();
        let oldest = state.answers.values().map(|waiting| waiting.since).min()?;
        if ALL.load(Ordering::Relaxed) > MOST {
            return Some(oldest + SHORT.min(limits.stall));
        }
        let bytes = || state.answers.values().map(|waiting| waiting.bytes);
        // A piece is taken in once it is so whole.
        let advanced = state.taken + bytes().max().unwrap_or_default();
        let on_the_average = state.since.unwrap_or(oldest) + limits.time_for(advanced);
        Some(on_the_average.min(oldest + limits.time_for(bytes().sum())))
    }

    fn add(&self, answer: u64, bytes: usize) {
        let (since, mut state) = (Instant::now(), self.lock());
        if state.answers.is_empty() {
            (state.since, state.taken) = (Some(since), 0);
        }
        let waiting = state.answers.entry(answer).or_insert(Waiting { since, pieces: 0, bytes: 0 });
        waiting.pieces += 1;
        waiting.bytes += bytes;
    }

    fn take(&self, answer: u64, bytes: usize) {
        let mut state = self.lock();
        state.taken += bytes;
        let Some(waiting) = state.answers.get_mut(&answer) else { return };
        waiting.since = Instant::now();
        waiting.pieces -= 1;
        waiting.bytes -= bytes;
        if waiting.pieces == 0 {
            state.answers.remove(&answer);
        }
    }
}

/// An answer, for as long as anything of it lies here.
struct Answer {
    name: u64,
    open: Open,
}

impl Answer {
    fn unread(&self) -> &Unread {
        &self.open.requests().unread
    }
}

/// A piece of an answer, until it was written.
struct Piece {
    bytes: Bytes,
    is_own: bool,
    answer: Arc<Answer>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.is_own {
            ALL.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        }
        self.answer.unread().take(self.answer.name, self.bytes.len());
    }
}

/// The body of an answer, in pieces.
struct InPieces {
    body: Body,
    /// What came of it and was not handed over.
    rest: Bytes,
    /// Whether that is there for this answer alone: what others hold as well takes no memory of its own.
    is_own: bool,
    answer: Arc<Answer>,
}

impl Drop for InPieces {
    fn drop(&mut self) {
        if self.is_own {
            ALL.fetch_sub(self.rest.len(), Ordering::Relaxed);
        }
    }
}

/// Keeps the request open until the client has taken in its answer.
pub(super) fn in_pieces(body: Body, open: Open) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let name = COUNT.fetch_add(1, Ordering::Relaxed);
    Body::new(InPieces { body, rest: Bytes::new(), is_own: false, answer: Arc::new(Answer { name, open }) })
}

impl HttpBody for InPieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(bytes))) => {
                    (this.is_own, this.rest) = (bytes.is_unique(), bytes);
                    if this.is_own {
                        ALL.fetch_add(this.rest.len(), Ordering::Relaxed);
                    }
                }
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let bytes = this.rest.split_to(this.rest.len().min(PIECE));
        this.answer.unread().add(this.answer.name, bytes.len());
        let piece = Piece { bytes, is_own: this.is_own, answer: Arc::clone(&this.answer) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::socket::Requests;
    use futures_util::future::poll_fn;
    use tokio::time::{advance, pause};

    async fn piece(body: &mut Body) -> Bytes {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        frame.unwrap().unwrap().into_data().unwrap()
    }

    #[tokio::test]
    async fn what_others_hold_as_well_is_not_counted() {
        let requests = Arc::new(Requests::default());
        let (own, shared) = (vec![1; 3 * PIECE], Bytes::from(vec![1; 3 * PIECE]));
        let bodies = [Body::from(own), Body::from(shared.clone())];
        for (body, counted) in bodies.into_iter().zip([3 * PIECE, 0]) {
            let before = ALL.load(Ordering::Relaxed);
            let mut body = in_pieces(body, requests.begin());
            let handed = piece(&mut body).await;
            assert_eq!(ALL.load(Ordering::Relaxed) - before, counted);
            drop((handed, body));
            assert_eq!(ALL.load(Ordering::Relaxed), before, "what is dropped lies here no more");
        }
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_as_long_as_its_client_advances() {
        pause();
        let limits = ConnectionLimits { stall: Duration::from_secs(10), rate: 1024, ..ConnectionLimits::default() };
        let (requests, start) = (Arc::new(Requests::default()), Instant::now());
        let within = |requests: &Requests| requests.unread.deadline(&limits).map(|end| (end - start).as_secs());
        let mut long = in_pieces(Body::from(vec![1; PIECE + 1024]), requests.begin());
        assert_eq!(within(&requests), None, "what hyper did not ask for is not held back by a client");
        let first = piece(&mut long).await;
        assert_eq!((first.len(), within(&requests)), (PIECE, Some(10 + 16)));
        advance(Duration::from_secs(12)).await;
        let last = piece(&mut long).await;
        assert!(long.is_end_stream() && last.len() == 1024);
        drop((first, long));
        assert_eq!(within(&requests), Some(12 + 10 + 1), "it stands still from then on");
        let mut other = in_pieces(Body::from("a second"), requests.begin());
        let small = piece(&mut other).await;
        drop((small, other));
        assert_eq!(within(&requests), Some(12 + 10 + 1), "another's answer does not help");
        drop(last);
        assert_eq!(within(&requests), None);
    }
}
