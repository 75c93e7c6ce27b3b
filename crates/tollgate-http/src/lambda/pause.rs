//! How long did nothing run?
//!
//! Two clocks tell: the calendar, which goes on while the process is frozen, and the stopwatch, which may stand still with
//! it. By how much the calendar got ahead is what the stopwatch missed.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// A time in which nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// How long it was.
    pub length: Duration,
    /// How much of it no stopwatch of the process has seen.
    pub missed: Duration,
}

/// Pauses between calls. It begins with one.
#[derive(Debug)]
pub(super) struct Pauses(Mutex<Calls>);

#[derive(Debug)]
struct Calls {
    under_way: usize,
    since: (Instant, SystemTime),
}

impl Default for Pauses {
    fn default() -> Self {
        Self(Mutex::new(Calls { under_way: 0, since: now() }))
    }
}

impl Pauses {
    /// A call is over: with the last of those under way, a pause begins.
    pub(super) fn begin(&self) {
        let mut calls = self.calls();
        calls.under_way = calls.under_way.saturating_sub(1);
        calls.since = now();
    }

    /// A call has come: the pause, if there was one.
    pub(super) fn end(&self) -> Option<Pause> {
        let mut calls = self.calls();
        calls.under_way += 1;
        (calls.under_way == 1).then(|| between(calls.since, now()))
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

fn between((began, at): (Instant, SystemTime), (ended, then): (Instant, SystemTime)) -> Pause {
    let seen = ended.duration_since(began);
    // A calendar that was put back says nothing.
    let length = then.duration_since(at).unwrap_or_default().max(seen);
    Pause { length, missed: length.saturating_sub(seen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_calendar_tells_what_the_stopwatch_missed() {
        let (began, at) = now();
        let pause = |stopwatch, calendar: SystemTime| between((began, at), (began + seconds(stopwatch), calendar));
        assert_eq!(pause(1, at + seconds(601)), Pause { length: seconds(601), missed: seconds(600) });
        assert_eq!(pause(600, at + seconds(600)), Pause { length: seconds(600), missed: seconds(0) });
        assert_eq!(pause(2, at - seconds(60)), Pause { length: seconds(2), missed: seconds(0) });
    }

    #[test]
    fn there_is_no_pause_while_a_call_is_under_way() {
        let pauses = Pauses::default();
        assert!(pauses.end().is_some(), "the first call");
        assert!(pauses.end().is_none(), "another beside it");
        pauses.begin();
        assert!(pauses.end().is_none(), "the first is still under way");
        pauses.begin();
        pauses.begin();
        assert!(pauses.end().is_some());
    }
}
