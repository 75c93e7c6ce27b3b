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
            Refusal::from(Problem::unavailable().because(words).later(1)).into_response()
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
        let refusal = Refusal::from(Problem::unavailable().because(words).later(1));
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{StatusCode, header};
    use futures_util::future::{join, join_all};
    use std::pin::pin;
    use tokio::time::sleep;

    async fn work(millis: u64) -> Response {
        sleep(Duration::from_millis(millis)).await;
        StatusCode::OK.into_response()
    }

    fn load(most: usize, patience: u64) -> Load {
        Load::new(most, Duration::from_millis(patience), Duration::from_secs(30))
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_in_time_is_told_when_to_come_back() {
        let load = load(1, 50);
        let (first, second) = join(load.run(None, Box::pin(work(100))), load.run(None, Box::pin(work(1)))).await;
        assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 503));
        assert_eq!(second.headers()[header::RETRY_AFTER], "1");
        assert_eq!(load.counts(), LoadCounts { in_flight: 0, queued: 0, shed: 1, most: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn by_default_who_finds_no_place_knows_within_a_tenth_of_a_second() {
        let load = Load::default();
        let late = async {
            sleep(Duration::from_millis(1)).await;
            let began = Instant::now();
            (load.run(None, Box::pin(work(1))).await.status().as_u16(), began.elapsed())
        };
        let (_, (status, told)) = join(join_all((0..256).map(|_| load.run(None, Box::pin(work(1000))))), late).await;
        assert!(status == 503 && told < Duration::from_millis(100), "{status} after {told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_served() {
        let load = load(2, 50);
        let answers = join_all((0..10).map(|_| load.run(None, Box::pin(work(8))))).await;
        assert!(answers.iter().all(|answer| answer.status() == 200));
        assert_eq!(load.counts().shed, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_never_empties_is_short() {
        let load = load(1, 500);
        let late = async {
            sleep(Duration::from_millis(200)).await;
            let began = Instant::now();
            assert_eq!(load.run(None, Box::pin(work(1))).await.status(), 503);
            began.elapsed()
        };
        let holds_and_waits = join(load.run(None, Box::pin(work(1500))), load.run(None, Box::pin(work(1))));
        let ((held, waited), late) = join(holds_and_waits, late).await;
        assert_eq!((held.status().as_u16(), waited.status().as_u16()), (200, 503));
        assert!(late < Duration::from_millis(60), "{late:?}");
    }

    /// So many requests a second come for so long, whatever becomes of those before: how long the served ones took in the
    /// last half of that, and how many requests there were in it.
    async fn come(load: &Load, a_second: u32, lasting: Duration, work: impl AsyncFn()) -> (Vec<Duration>, usize) {
        let (work, begun) = (&work, Instant::now());
        let count = a_second * u32::try_from(lasting.as_secs()).unwrap();
        let each = (0..count).map(async |number| {
            tokio::time::sleep_until(begun + Duration::from_secs(1) * number / a_second).await;
            let since = Instant::now();
            let work = async {
                work().await;
                StatusCode::OK.into_response()
            };
            (load.run(None, pin!(work)).await.status() == 200).then(|| since.elapsed())
        });
        let told = join_all(each).await.split_off(count as usize / 2);
        let count = told.len();
        (told.into_iter().flatten().collect(), count)
    }

    #[tokio::test(start_paused = true)]
    async fn more_requests_than_can_be_served_are_not_all_made_late() {
        let (load, cores) = (load(256, 50), Semaphore::new(4));
        let work = async || {
            let _core = cores.acquire().await;
            sleep(Duration::from_millis(4)).await;
        };
        let (served, count) = come(&load, 2000, Duration::from_secs(10), work).await;
        let (goodput, slowest) = (2 * served.len(), served.iter().max().unwrap());
        assert!(goodput * 10 > count * 9, "{goodput} of {count} that four cores can do");
        assert!(*slowest < Duration::from_millis(40), "{slowest:?}, and a quarter of a second with all places");
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_crowd_who_would_wait_in_vain_is_told_at_once() {
        let (load, cores) = (load(256, 50), Semaphore::new(4));
        let work = async || {
            let _core = cores.acquire().await;
            sleep(Duration::from_millis(4)).await;
        };
        let (waited, in_vain) = (AtomicU64::new(0), AtomicU64::new(0));
        let ask = async |number| {
            sleep(Duration::from_millis(number) / 2).await;
            let since = Instant::now();
            let answer = async {
                work().await;
                StatusCode::OK.into_response()
            };
            if load.run(None, pin!(answer)).await.status() == 503 && number > 4000 {
                let counted = if since.elapsed() < Duration::from_millis(1) { &in_vain } else { &waited };
                counted.fetch_add(1, Ordering::Relaxed);
            }
        };
        join_all((0..20_000).map(ask)).await;
        let [waited, in_vain] = [waited, in_vain].map(AtomicU64::into_inner);
        assert!(in_vain > 6000 && waited * 4 < in_vain, "{in_vain} were told at once, {waited} waited first");
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_has_become_slow_is_asked_by_as_many_as_may() {
        let (load, cores) = (load(64, 500), Semaphore::new(4));
        let quick = async || {
            let _core = cores.acquire().await;
            sleep(Duration::from_millis(4)).await;
        };
        come(&load, 2000, Duration::from_secs(5), quick).await;
        assert!(load.counts().most < 32, "{:?}", load.counts());
        let slow = async || sleep(Duration::from_millis(500)).await;
        let (served, count) = come(&load, 256, Duration::from_secs(20), slow).await;
        let goodput = 2 * served.len();
        assert!(goodput * 10 > count * 9, "{goodput} of {count} that sixty-four places can do, {:?}", load.counts());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_calm_all_places_are_there_again() {
        let (load, cores) = (load(64, 50), Semaphore::new(4));
        let quick = async || {
            let _core = cores.acquire().await;
            sleep(Duration::from_millis(4)).await;
        };
        come(&load, 2000, Duration::from_secs(5), quick).await;
        assert!(load.counts().most < 32, "{:?}", load.counts());
        sleep(CALM).await;
        let answers = join_all((0..64).map(|_| load.run(None, Box::pin(work(5000))))).await;
        assert!(answers.iter().all(|answer| answer.status() == 200), "{:?}", load.counts());
    }

    #[tokio::test(start_paused = true)]
    async fn bursts_do_not_keep_the_few_places_of_a_storm() {
        let (load, cores) = (load(64, 50), Semaphore::new(4));
        let quick = async || {
            let _core = cores.acquire().await;
            sleep(Duration::from_millis(4)).await;
        };
        come(&load, 2000, Duration::from_secs(5), quick).await;
        assert!(load.counts().most < 32, "{:?}", load.counts());
        let mut served = Vec::new();
        for _ in 0..20 {
            let burst = (0..40).map(async |number| {
                sleep(Duration::from_millis(150) * number / 40).await;
                load.run(None, Box::pin(work(200))).await.status() == 200
            });
            served.push(join_all(burst).await.into_iter().filter(|is_served| *is_served).count());
            sleep(Duration::from_millis(600)).await;
        }
        assert!(served[0] < 40 && served[13..] == [40; 7], "{served:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_looked_at_the_clock_before_others_ends_no_turn() {
        let load = load(64, 50);
        load.turn.lock().unwrap().knee.next(64, 100, 100);
        load.turn(20, 10);
        load.turn(19, 10);
        let turn = load.turn.lock().unwrap();
        assert_eq!((turn.began, turn.learnt, turn.knee.places()), (20, 0, 16), "the trial goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_not_held_for_ever() {
        let load = Load::new(1, Duration::ZERO, Duration::from_secs(1));
        assert_eq!(load.run(None, Box::pin(work(2000))).await.status(), 503);
        assert_eq!(load.run(None, Box::pin(work(1))).await.status(), 200);
    }
}
