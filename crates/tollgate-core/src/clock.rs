//! Two kinds of time: the calendar that tokens and rows speak of, and the stopwatch that pauses are measured with.
//!
//! They are kept apart because a calendar may jump, also backwards. A cool-down measured with it would end too
//! early, or not for an hour.

use jiff::{SignedDuration, Timestamp};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The calendar: for `exp`, `nbf`, `iat` and everything stored.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment, never going back: for pauses and limits.
    fn uptime(&self) -> Duration;

    /// The calendar in whole seconds since 1970; zero before that.
    fn unix(&self) -> u64 {
        self.now().as_second().try_into().unwrap_or(0)
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The clock of a machine that is frozen now and then, as AWS Lambda does between calls: its stopwatch counts the time that
/// it is told of as missed.
#[derive(Debug, Default)]
pub struct FrozenClock {
    machine: SystemClock,
    millis: AtomicU64,
}

impl FrozenClock {
    /// So long nothing ran.
    pub fn missed(&self, time: Duration) {
        self.millis.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        self.machine.now()
    }

    fn uptime(&self) -> Duration {
        self.machine.uptime() + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// A clock for tests: it moves when told. Clones move together.
#[derive(Debug, Clone)]
pub struct ManualClock {
    start: Timestamp,
    millis: Arc<AtomicU64>,
    /// How far the calendar was put forward, in milliseconds.
    jumped: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows that moment.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { start, millis: Arc::default(), jumped: Arc::default() }
    }

    /// Moves on.
    pub fn advance(&self, by: Duration) {
        self.millis.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Puts the calendar forward, or back, as somebody with the right to do so might. The stopwatch does not notice.
    pub fn jump(&self, by: SignedDuration) {
        self.jumped.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let jumped = SignedDuration::from_millis(self.jumped.load(Ordering::SeqCst));
        self.start.checked_add(self.uptime()).and_then(|moved| moved.checked_add(jumped)).unwrap_or(Timestamp::MAX)
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::SeqCst))
    }
}
