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

/// Four cores: each does a piece of work in four milliseconds.
struct Cores(Semaphore);

impl Cores {
    fn new() -> Self {
        Self(Semaphore::new(4))
    }

    async fn work(&self) {
        let _core = self.0.acquire().await;
        sleep(Duration::from_millis(4)).await;
    }
}

/// So many requests a second come for so long, whatever becomes of those before: whether each in the last half of that was
/// served, and how long it took until it knew.
async fn come(load: &Load, a_second: u32, lasting: Duration, work: impl AsyncFn()) -> Vec<(bool, Duration)> {
    let (work, begun) = (&work, Instant::now());
    let count = a_second * u32::try_from(lasting.as_secs()).unwrap();
    let each = (0..count).map(async |number| {
        tokio::time::sleep_until(begun + Duration::from_secs(1) * number / a_second).await;
        let since = Instant::now();
        let work = async {
            work().await;
            StatusCode::OK.into_response()
        };
        (load.run(None, pin!(work)).await.status() == 200, since.elapsed())
    });
    join_all(each).await.split_off(count as usize / 2)
}

/// How long those took that were served.
fn served(told: &[(bool, Duration)]) -> Vec<Duration> {
    told.iter().filter(|(is_served, _)| *is_served).map(|(_, took)| *took).collect()
}

/// After twice as many requests as the cores can do there are few places.
async fn after_a_storm(patience: u64) -> Load {
    let (load, cores) = (load(64, patience), Cores::new());
    come(&load, 2000, Duration::from_secs(5), async || cores.work().await).await;
    assert!(load.counts().most < 32, "{:?}", load.counts());
    load
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_can_be_served_are_not_all_made_late() {
    let (load, cores) = (load(256, 50), Cores::new());
    let told = come(&load, 2000, Duration::from_secs(10), async || cores.work().await).await;
    let (served, count) = (served(&told), told.len());
    let (goodput, slowest) = (2 * served.len(), served.iter().max().unwrap());
    assert!(goodput * 10 > count * 9, "{goodput} of {count} that four cores can do");
    assert!(*slowest < Duration::from_millis(40), "{slowest:?}, and a quarter of a second with all places");
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_who_would_wait_in_vain_is_told_at_once() {
    let (load, cores) = (load(256, 50), Cores::new());
    let told = come(&load, 2000, Duration::from_secs(10), async || cores.work().await).await;
    let away: Vec<_> = told.iter().filter(|(is_served, _)| !is_served).collect();
    let at_once = away.iter().filter(|(_, took)| *took < Duration::from_millis(1)).count();
    let waited = away.len() - at_once;
    assert!(at_once > 4000 && waited * 4 < at_once, "{at_once} were told at once, {waited} waited first");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_has_become_slow_is_asked_by_as_many_as_may() {
    let load = after_a_storm(500).await;
    let slow = async || sleep(Duration::from_millis(500)).await;
    let told = come(&load, 256, Duration::from_secs(20), slow).await;
    let (goodput, count) = (2 * served(&told).len(), told.len());
    assert!(goodput * 10 > count * 9, "{goodput} of {count} that sixty-four places can do, {:?}", load.counts());
}

#[tokio::test(start_paused = true)]
async fn after_a_calm_all_places_are_there_again() {
    let load = after_a_storm(50).await;
    sleep(CALM).await;
    let answers = join_all((0..64).map(|_| load.run(None, Box::pin(work(5000))))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200), "{:?}", load.counts());
}

#[tokio::test(start_paused = true)]
async fn bursts_do_not_keep_the_few_places_of_a_storm() {
    let load = after_a_storm(50).await;
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
