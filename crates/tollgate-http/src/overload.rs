//! How many requests run at once, and what becomes of the others?
//!
//! As many as there are places. Who finds none waits for a moment, so that a burst is served, and then is told to come
//! back later: 503 with `Retry-After`. In a crowd, where somebody always waits, the moment is a tenth as long: a queue that
//! never empties makes everybody late and nobody faster (RFC 8289 found that for routers). Who would find none by then is
//! told so at once, and costs no waiting. For the same reason there are then only as many [places](Knee) as bring something.
//!
//! A place is taken until the answer begins, for a limited time. Probes need none, nor does a request whose body is
//! [on its way](seat).

mod knee;
mod seat;
#[cfg(test)]
mod tests;

use crate::Refusal;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use knee::Knee;
pub(crate) use seat::Seat;
use std::{
    future::poll_fn,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use tollgate_core::Problem;

/// Where somebody always had to wait for that long, that is no burst.
const BURST: Duration = Duration::from_millis(100);
/// Where nobody had to wait for that long, a crowd is over. A queue that is empty for a moment says little: those in it give
/// up together, and a server that is busy reads requests by the dozen.
const PAUSE: Duration = Duration::from_millis(50);
/// What was found out is forgotten where nothing was learnt for so long.
const CALM: Duration = Duration::from_secs(10);
/// How often the log is told of those who were sent away.
const TELL: Duration = Duration::from_secs(1);
/// How much of bodies on their way there may be, in bytes; or some of the longest ones, where those are longer.
const ROOM: usize = 64 * 1024 * 1024;
const LONGEST: usize = 4;

/// The requests that run.
pub struct Load {
    patience: Duration,
    longest: Duration,
    places: Semaphore,
    /// How many places there are, and how many there should be: one too many goes when somebody leaves it.
    there: AtomicUsize,
    wanted: AtomicUsize,
    turn: Mutex<Turn>,
    /// How many requests left their place.
    done: AtomicU64,
    began: Instant,
    /// How many wait, and how many would find a place in time in a crowd.
    queued: AtomicUsize,
    in_time: AtomicUsize,
    /// How much there is of bodies on their way, and may be, in bytes.
    coming: AtomicUsize,
    room: usize,
    /// Since when there is a crowd, and when somebody waited last, in ms from the beginning.
    crowded_since: AtomicU64,
    crowded_until: AtomicU64,
    shed: AtomicU64,
    /// When the log was told last, and how many had been sent away by then.
    told: AtomicU64,
    told_of: AtomicU64,
}

tollgate_core::debug_by_name!(Load);

/// A while with one number of places.
struct Turn {
    knee: Knee,
    began: u64,
    /// Since when there are no more than these, and how many had left their place by then.
    since: u64,
    done: u64,
    /// When something was learnt last.
    learnt: u64,
}

impl Turn {
    fn new(most: usize) -> Self {
        Self { knee: Knee::new(most), began: 0, since: 0, done: 0, learnt: 0 }
    }
}

/// How many requests there are of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadCounts {
    /// Run now.
    pub in_flight: usize,
    /// Wait for a place now.
    pub queued: usize,
    /// Were sent away since the start.
    pub shed: u64,
    /// May run at once now.
    pub most: usize,
}

impl Default for Load {
    fn default() -> Self {
        Self::new(256, Duration::from_millis(50), Duration::from_secs(30))
    }
}

impl Load {
    /// At most so many requests run at once, and fewer while more bring nothing; another waits for a place for `patience`,
    /// and runs for `longest`.
    #[must_use]
    pub fn new(most: usize, patience: Duration, longest: Duration) -> Self {
        let [done, crowded_since, crowded_until, shed, told, told_of] = [0; 6].map(AtomicU64::new);
        let [there, wanted, queued, in_time, coming] = [most, most, 0, usize::MAX, 0].map(AtomicUsize::new);
        let (places, began) = (Semaphore::new(most), Instant::now());
        let turn = Mutex::new(Turn::new(most));
        Self {
            patience,
            longest,
            places,
            there,
            wanted,
            turn,
            done,
            began,
            queued,
            in_time,
            coming,
            room: ROOM,
            crowded_since,
            crowded_until,
            shed,
            told,
            told_of,
        }
    }

    /// How many requests there are of which kind.
    pub fn counts(&self) -> LoadCounts {
        LoadCounts {
            in_flight: self.there.load(Ordering::Relaxed).saturating_sub(self.places.available_permits()),
            queued: self.queued.load(Ordering::Relaxed),
            shed: self.shed.load(Ordering::Relaxed),
            most: self.wanted.load(Ordering::Relaxed),
        }
    }

    /// The same, where bodies may have so many bytes.
    #[must_use]
    pub fn with_bodies_of(self, longest: usize) -> Self {
        Self { room: ROOM.max(longest.saturating_mul(LONGEST)), ..self }
    }

    /// Runs a request if there is a place for it; one with a body has a seat.
    pub(crate) async fn run(
        &self,
        seat: Option<&Seat>,
        mut answer: impl Future<Output = Response> + Unpin,
    ) -> Response {
        if !self.find_place().await {
            return self.send_away(Away::NoPlace);
        }
        let _place = Place { load: self, seat };
        let mut answer = poll_fn(|context| match (answer.poll_unpin(context), seat) {
            (Poll::Pending, Some(seat)) => {
                seat.is_sent_away().map_or(Poll::Pending, |why| Poll::Ready(self.send_away(why)))
            }
            (polled, _) => polled,
        });
        // Many answer at once: those need no timer.
        if let Poll::Ready(response) = poll_fn(|context| Poll::Ready(answer.poll_unpin(context))).await {
            return response;
        }
        timeout(self.longest, answer).await.unwrap_or_else(|_| {
            let seconds = self.longest.as_secs();
            let words = format!("there was no answer within {seconds} s; what was asked may have happened");
            Refusal::from(Problem::unavailable().because(words).retry_after(1)).into_response()
        })
    }

    /// Whether there is a place; whoever is told so has it, and [gives it back](Self::give_back).
    async fn find_place(&self) -> bool {
        let place = match self.places.try_acquire() {
            Ok(place) => Some(place),
            Err(_) => Box::pin(self.wait()).await,
        };
        place.map(SemaphorePermit::forget).is_some()
    }

    fn give_back(&self) {
        let Self { there, wanted, .. } = self;
        let fewer = |there: usize| (there > wanted.load(Ordering::Relaxed)).then(|| there - 1);
        if there.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_err() {
            self.places.add_permits(1);
        }
    }

    async fn wait(&self) -> Option<SemaphorePermit<'_>> {
        let now = self.now();
        let waiting = Waiting::begin(self);
        let paused = now.saturating_sub(self.crowded_until.load(Ordering::Relaxed));
        if waiting.is_alone && Duration::from_millis(paused) >= PAUSE {
            self.crowded_since.store(now, Ordering::Relaxed);
            self.forget(now);
        }
        let for_millis = now.saturating_sub(self.crowded_since.load(Ordering::Relaxed));
        let is_burst = Duration::from_millis(for_millis) < BURST;
        if is_burst {
            return timeout(self.patience, self.places.acquire()).await.ok()?.ok();
        }
        self.turn(now, now - for_millis);
        if self.queued.load(Ordering::Relaxed) > self.in_time.load(Ordering::Relaxed) {
            return None;
        }
        timeout(self.moment(), self.places.acquire()).await.ok()?.ok()
    }

    /// How long somebody waits in a crowd.
    fn moment(&self) -> Duration {
        self.patience / 10
    }

    /// Ends a turn that lasted long enough: how many places should there be in the next?
    fn turn(&self, now: u64, crowded_since: u64) {
        let Ok(mut turn) = self.turn.try_lock() else { return };
        let done = self.done.load(Ordering::Relaxed);
        // Of a while in which nobody waited, nothing can be learnt.
        if crowded_since > turn.began {
            (turn.began, turn.since, turn.done) = (now, now, done);
        }
        // Nor of those who hold a place that is no more.
        if self.there.load(Ordering::Relaxed) > turn.knee.places() {
            (turn.since, turn.done) = (now, done);
        }
        // Somebody else may have looked at the clock later and been here before.
        let [measured, lasted] = [turn.since, turn.began].map(|since| now.saturating_sub(since));
        let answered = done - turn.done;
        if turn.knee.next(answered, measured, lasted) {
            (turn.began, turn.since, turn.done, turn.learnt) = (now, now, done, now);
            self.want(&turn.knee);
        }
    }

    /// All places are there again after a calm, or after nothing but bursts, which say nothing of how many are enough: who
    /// holds the few of the last storm now may be slow, and few others wait. And no trial goes on.
    fn forget(&self, now: u64) {
        let Ok(mut turn) = self.turn.try_lock() else { return };
        turn.knee.end_trial();
        if Duration::from_millis(now.saturating_sub(turn.learnt)) >= CALM {
            turn.knee.forget();
        }
        self.want(&turn.knee);
    }

    fn want(&self, knee: &Knee) {
        let wanted = knee.places();
        self.in_time.store(knee.leave_within(self.moment()), Ordering::Relaxed);
        self.wanted.store(wanted, Ordering::Relaxed);
        let there = self.there.fetch_max(wanted, Ordering::Relaxed);
        self.places.add_permits(wanted.saturating_sub(there));
    }

    fn send_away(&self, why: Away) -> Response {
        let shed = self.shed.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(shed);
        let words = match why {
            Away::NoPlace => format!("there are more than {} requests at once", self.wanted.load(Ordering::Relaxed)),
            Away::NoRoom => "too many bodies are on their way at once".to_owned(),
        };
        let refusal = Refusal::from(Problem::unavailable().because(words).retry_after(1));
        Refusal { is_one_of_many: true, ..refusal }.into_response()
    }

    /// Tells the log, but not of each: that would be one more load.
    fn tell(&self, shed: u64) {
        let (now, told) = (self.now(), self.told.load(Ordering::Relaxed));
        let is_due = told == 0 || Duration::from_millis(now.saturating_sub(told)) >= TELL;
        if is_due && self.told.compare_exchange(told, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let of = shed - self.told_of.swap(shed, Ordering::Relaxed).min(shed);
            let most = self.wanted.load(Ordering::Relaxed);
            tracing::warn!(requests = of, most, "more requests than may run at once: sent away with 503");
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Why somebody is sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    NoPlace,
    /// Bodies take too much memory.
    NoRoom,
}

/// A place that is taken, but while a body is on its way.
struct Place<'a> {
    load: &'a Load,
    seat: Option<&'a Seat>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.load.done.fetch_add(1, Ordering::Relaxed);
        if self.seat.is_none_or(Seat::end) {
            self.load.give_back();
        }
    }
}

/// Somebody who waits, also where they leave before their turn.
struct Waiting<'a> {
    load: &'a Load,
    is_alone: bool,
}

impl<'a> Waiting<'a> {
    fn begin(load: &'a Load) -> Self {
        let is_alone = load.queued.fetch_add(1, Ordering::Relaxed) == 0;
        Self { load, is_alone }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.load.crowded_until.store(self.load.now(), Ordering::Relaxed);
        self.load.queued.fetch_sub(1, Ordering::Relaxed);
    }
}
