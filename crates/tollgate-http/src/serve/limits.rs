//! How long, how much and how many: what one client may take from the others.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// What connections are held to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// How many connections are open at once.
    pub connections: usize,
    /// How long the head of a request may take, and TLS before it: 408 afterwards.
    pub head: Duration,
    /// The largest head, in bytes: 431 beyond it.
    pub head_bytes: usize,
    /// How long a connection may wait for the next request.
    pub idle: Duration,
    /// How long a body or an answer may stand still: 408, or the end of the connection.
    pub stall: Duration,
    /// What a body or an answer has to advance by afterwards, on the average since it stood still: bytes a second.
    pub rate: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head: Duration::from_secs(10),
            head_bytes: 64 * 1024,
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(10),
            rate: 1024,
        }
    }
}

impl ConnectionLimits {
    /// How long so many bytes may take.
    pub(super) fn time_for(&self, bytes: usize) -> Duration {
        self.stall + Duration::from_millis((bytes as u64).saturating_mul(1000) / u64::from(self.rate.max(1)))
    }
}

/// Something that waits for the other side. It has a timer only while it does.
pub(super) struct Pace {
    since: Instant,
    bytes: usize,
    timer: Pin<Box<Sleep>>,
}

impl Pace {
    pub(super) fn new(limits: &ConnectionLimits) -> Self {
        let since = Instant::now();
        Self { since, bytes: 0, timer: Box::pin(sleep_until(since + limits.stall)) }
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Ready once this has taken longer than its bytes may.
    pub(super) fn poll_over(&mut self, limits: &ConnectionLimits, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.since + limits.time_for(self.bytes);
        while self.timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::poll_fn;

    #[tokio::test]
    async fn what_advances_may_take_longer() {
        let limits = ConnectionLimits { stall: Duration::from_millis(20), rate: 1000, ..ConnectionLimits::default() };
        let start = Instant::now();
        let mut still = Pace::new(&limits);
        poll_fn(|context| still.poll_over(&limits, context)).await;
        assert!(start.elapsed() >= Duration::from_millis(20));
        let start = Instant::now();
        let mut moving = Pace::new(&limits);
        moving.advance(50);
        poll_fn(|context| moving.poll_over(&limits, context)).await;
        assert!(start.elapsed() >= Duration::from_millis(70));
    }
}
