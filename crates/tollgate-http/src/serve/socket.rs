//! A socket that watches its client.
//!
//! It sits below hyper and needs no timer for each request: whether a request is under way is counted by the service,
//! and one timer, set again only when it rings, tells whether a head, the next request or the reader of an answer takes
//! too long. Where hyper would refuse a head with bare words, the socket keeps them back, so that a
//! [problem](tollgate_core::Problem) can be written in their place.

use super::{
    limits::{ConnectionLimits, Pace},
    unread::{SHORT, Unread},
};
use axum::http::StatusCode;
use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    time::{Instant, Sleep, sleep},
};
use tokio_rustls::server::TlsStream;

/// How much hyper reads at once over HTTP/1, in bytes. Where it gets as much as it has room for, it makes twice as much
/// room, up to a head's largest size: a client that sends many heads at once would have it keep as many of them.
const PIECE: u64 = 8 * 1024 - 1;

/// The requests of one connection, as its service counts them.
#[derive(Default)]
pub(super) struct Requests {
    begun: AtomicU32,
    open: AtomicU32,
    /// What they were answered over HTTP/2 and have not taken in.
    pub(super) unread: Unread,
    /// The client does not take in what there is: what it asks for over HTTP/1 meanwhile waits for that.
    is_full: AtomicBool,
    has_room: Notify,
    /// Told when new ones had better go elsewhere.
    pub(super) leave: Notify,
}

/// A request under way; it ends with this value.
pub(super) struct Open(Arc<Requests>);

impl Requests {
    pub(super) fn begin(self: &Arc<Self>) -> Open {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Returns once the client has taken in all before. hyper alone would have a client's next requests answered until
    /// a head's largest size of answers waits to be sent.
    pub(super) async fn room(&self) {
        while self.is_full.load(Ordering::Relaxed) {
            self.has_room.notified().await;
        }
    }

    fn fill(&self, is_full: bool) {
        if self.is_full.load(Ordering::Relaxed) != is_full {
            self.is_full.store(is_full, Ordering::Relaxed);
            self.has_room.notify_waiters();
        }
    }

    /// Whether there are others than those whose answers are not taken in.
    fn has_others(&self) -> bool {
        self.open.load(Ordering::Relaxed) as usize > self.unread.count()
    }
}

impl Open {
    pub(super) fn requests(&self) -> &Requests {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket that watches its client.
pub(super) struct Socket<T> {
    io: T,
    limits: Arc<ConnectionLimits>,
    requests: Arc<Requests>,
    /// Bytes that were read to tell the version of HTTP.
    ahead: Vec<u8>,
    /// HTTP/1 has one request after the other; in HTTP/2 a head is one frame among many.
    is_http1: bool,
    /// How many requests had begun when something was last written.
    answered: u32,
    /// Since when there is the beginning of a head.
    head: Option<Instant>,
    /// When something was last written that belongs to a request.
    wrote: Instant,
    /// Until when the others on a connection have time, once one of them does not read.
    grace: Option<Instant>,
    silence: Option<Pin<Box<Sleep>>>,
    writing: Option<Pace>,
    /// What hyper refused the head with, or 408.
    refused: Option<StatusCode>,
    /// Nobody is there any more who could be told something.
    is_gone: bool,
}

/// What carries a connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// What was not taken in yet is thrown away when it closes: the system would keep it for minutes.
    fn forget_rest(&self);
}

impl Stream for TcpStream {
    fn forget_rest(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Stream for TlsStream<TcpStream> {
    fn forget_rest(&self) {
        self.get_ref().0.forget_rest();
    }
}

impl<T: Stream> Socket<T> {
    /// A socket on which these bytes were read `since` then.
    pub(super) fn new(
        (io, ahead): (T, Vec<u8>),
        since: Instant,
        is_http1: bool,
        limits: &Arc<ConnectionLimits>,
        requests: &Arc<Requests>,
    ) -> Self {
        Self {
            io,
            limits: Arc::clone(limits),
            requests: Arc::clone(requests),
            ahead,
            is_http1,
            answered: 0,
            head: Some(since),
            wrote: since,
            grace: None,
            silence: None,
            writing: None,
            refused: None,
            is_gone: false,
        }
    }

    /// Why no request came of what was sent.
    pub(super) fn refused(&self) -> Option<StatusCode> {
        self.refused
    }

    /// Whether nobody is there any more.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(super) fn into_inner(self) -> T {
        self.io
    }

    /// A head that became a request is none any more. Whether one began since the last time.
    fn note_requests(&mut self) -> bool {
        let begun = self.requests.begun.load(Ordering::Relaxed);
        let is_new = begun != self.answered;
        if is_new {
            (self.answered, self.head) = (begun, None);
        }
        is_new
    }

    /// Ready once the client has been silent for too long. The timer rings now and then whatever happens, so that nobody
    /// has to set it when a head or the wait for one begins.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut shortest = self.limits.head.min(self.limits.idle);
        let mut timer = self.silence.take().unwrap_or_else(|| Box::pin(sleep(shortest)));
        if !self.is_http1 && self.requests.unread.count() > 0 {
            shortest = shortest.min(SHORT);
            let soon = Instant::now() + shortest;
            if timer.deadline() > soon {
                timer.as_mut().reset(soon);
            }
        }
        let is_over = loop {
            if timer.as_mut().poll(context).is_pending() {
                break false;
            }
            let (now, deadline) = (Instant::now(), self.deadline());
            if deadline.is_some_and(|deadline| now >= deadline) {
                break true;
            }
            let next = now + shortest;
            timer.as_mut().reset(deadline.map_or(next, |deadline| deadline.min(next)));
        };
        self.silence = Some(timer);
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Until when the client has to say something; while it waits for an answer, it need not.
    fn deadline(&mut self) -> Option<Instant> {
        if let Some(deadline) = self.requests.unread.deadline(&self.limits) {
            return self.grace_after(deadline);
        }
        if self.requests.is_open() {
            return None;
        }
        self.note_requests();
        Some(match self.head {
            Some(since) if self.is_http1 => since + self.limits.head,
            _ => self.wrote + self.limits.idle,
        })
    }

    /// Somebody does not take in an answer. Others on the same connection, as behind a proxy, may be well: they have as long
    /// again, and new ones go elsewhere.
    fn grace_after(&mut self, deadline: Instant) -> Option<Instant> {
        if self.grace.is_none() && Instant::now() >= deadline && self.requests.has_others() {
            self.requests.leave.notify_one();
            self.grace = Some(deadline + self.limits.stall);
        }
        self.grace.max(Some(deadline))
    }

    /// The refusal of a head in hyper's own words: the only thing ever written without a request.
    fn bare_refusal(&self, bytes: &[u8]) -> Option<StatusCode> {
        let begun = self.requests.begun.load(Ordering::Relaxed);
        if !self.is_http1 || begun != self.answered || self.writing.is_some() || self.requests.is_open() {
            return None;
        }
        let status = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        let is_all = bytes.len() < 200 && bytes.ends_with(b"\r\n\r\n");
        StatusCode::from_bytes(status).ok().filter(|status| is_all && status.is_client_error())
    }

    /// After an attempt to write: who takes nothing in does so for a limited time.
    fn poll_wrote<V>(&mut self, wrote: Poll<io::Result<V>>, context: &mut Context<'_>) -> Poll<io::Result<V>> {
        if wrote.is_pending() {
            self.requests.fill(true);
            let pace = self.writing.get_or_insert_with(|| Pace::new(&self.limits));
            ready!(pace.poll_over(&self.limits, context));
            self.io.forget_rest();
            self.is_gone = true;
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        // What HTTP/2 says beside requests, as its answer to a PING, is no sign of life.
        if self.note_requests() || self.is_http1 || self.requests.is_open() {
            self.wrote = Instant::now();
        }
        wrote
    }

    /// What was taken in only in part has to be so before long.
    fn advance(&mut self, wrote: &Poll<io::Result<usize>>, offered: usize) {
        let Poll::Ready(Ok(bytes)) = *wrote else { return };
        match &mut self.writing {
            Some(pace) => pace.advance(bytes),
            None if bytes < offered => self.writing = Some(Pace::new(&self.limits)),
            None => {}
        }
    }
}

impl<T: Stream> AsyncRead for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if this.ahead.is_empty() {
            let most = if this.is_http1 { PIECE } else { u64::MAX };
            let Poll::Ready(read) = Pin::new(&mut (&mut this.io).take(most)).poll_read(context, buffer) else {
                ready!(this.poll_silence(context));
                this.refused = (this.is_http1 && this.head.is_some()).then_some(StatusCode::REQUEST_TIMEOUT);
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            };
            read?;
        } else {
            let now = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(&this.ahead[..now]);
            this.ahead = this.ahead.split_off(now);
        }
        this.is_gone = buffer.filled().len() == before;
        if this.head.is_none() && !this.requests.is_open() {
            this.head = Some(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Stream> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(status) = self.bare_refusal(bytes) {
            self.refused = Some(status);
            return Poll::Ready(Ok(bytes.len()));
        }
        let wrote = Pin::new(&mut self.io).poll_write(context, bytes);
        self.advance(&wrote, bytes.len());
        self.poll_wrote(wrote, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices
            && let Some(status) = self.bare_refusal(bytes)
        {
            self.refused = Some(status);
            return Poll::Ready(Ok(bytes.len()));
        }
        let wrote = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.advance(&wrote, slices.iter().map(|slice| slice.len()).sum());
        self.poll_wrote(wrote, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes once it has handed over everything.
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        if flushed.is_ready() {
            self.writing = None;
            self.requests.fill(false);
            return flushed;
        }
        self.poll_wrote(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        let closed = Pin::new(&mut self.io).poll_shutdown(context);
        self.poll_wrote(closed, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::pin;

    #[test]
    fn who_takes_in_no_answer_gets_no_other() {
        let requests = Requests::default();
        assert!(requests.room().now_or_never().is_some());
        requests.fill(true);
        let mut next = pin!(requests.room());
        assert!(next.as_mut().now_or_never().is_none());
        requests.fill(false);
        assert!(next.now_or_never().is_some());
    }
}
