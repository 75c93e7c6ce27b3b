//! The calendar jumps by an hour or a day, forward and back: no token is good beyond the skew, and no provider is asked
//! more often.

use super::world::{NOW, Signer, clock, gate_of};
use jiff::SignedDuration;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tollgate_auth::{
    Refusal,
    token::{Algorithm, Fetch, Fetched, Fetching, Keys, Limits},
};
use tollgate_core::Clock;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// The default of an issuer.
const SKEW: u64 = 30;

/// An hour and a day, forward and back, each from the true time and to it.
pub(crate) fn jumps() -> [SignedDuration; 8] {
    let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    [hour, -hour, -hour, hour, day, -day, -day, day]
}

/// A token that is good from one second to another.
fn good_from(signer: &Signer, from: u64, to: u64, claim: &str) -> Vec<u8> {
    let mut claims = signer.claims(from);
    (claims["iat"], claims["nbf"], claims["exp"]) = (json!(1), json!(1), json!(to));
    claims[claim] = json!(from);
    signer.token(&signer.header(), &claims)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_accepted_beyond_the_skew_however_the_calendar_jumps() {
    let (signer, clock) = (Signer::new("https://a", Algorithm::HS256), clock());
    let gate = Arc::new(gate_of(&[&signer], &clock));
    let starts = [NOW - DAY - 300, NOW - HOUR - 300, NOW - 300, NOW + HOUR - 300, NOW + DAY - 300];
    let tokens: Arc<Vec<_>> = Arc::new(
        starts
            .iter()
            .flat_map(|from| {
                [("iat", 600), ("nbf", 600), ("iat", 2 * HOUR), ("nbf", 2 * DAY)].map(|more| (*from, more))
            })
            .map(|(from, (claim, length))| (from, from + length, good_from(&signer, from, from + length, claim)))
            .collect(),
    );
    let (checked, passed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    // Odd while the calendar jumps.
    let turns = Arc::<AtomicUsize>::default();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (gate, clock, tokens) = (Arc::clone(&gate), clock.clone(), Arc::clone(&tokens));
            let (checked, passed, turns) = (Arc::clone(&checked), Arc::clone(&passed), Arc::clone(&turns));
            tokio::spawn(async move {
                loop {
                    for (from, to, token) in &*tokens {
                        let (turn, now) = (turns.load(Ordering::SeqCst), clock.unix());
                        let answer = gate.check(token).await;
                        // With a jump in between, both would be right.
                        if turn.is_multiple_of(2) && turns.load(Ordering::SeqCst) == turn {
                            let is_good = now + SKEW >= *from && now < to + SKEW;
                            assert_eq!(answer.is_ok(), is_good, "{from} to {to} at {now}: {answer:?}");
                            passed.fetch_add(usize::from(is_good), Ordering::Relaxed);
                            checked.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for by in jumps() {
        let enough = checked.load(Ordering::Relaxed) + 2000;
        while checked.load(Ordering::Relaxed) < enough && callers.iter().all(|caller| !caller.is_finished()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        turns.fetch_add(1, Ordering::SeqCst);
        clock.jump(by);
        turns.fetch_add(1, Ordering::SeqCst);
    }
    assert!(passed.load(Ordering::Relaxed) > 1000);
    for caller in callers {
        caller.abort();
        assert!(caller.await.is_err_and(|end| end.is_cancelled()), "a caller saw what must not be");
    }
}

#[tokio::test]
async fn a_remembered_token_is_not_good_before_its_time_either() {
    let (signer, clock) = (Signer::new("https://a", Algorithm::ES256), clock());
    let gate = gate_of(&[&signer], &clock);
    let token = signer.good(1);
    for by in jumps().iter().take(4) {
        assert!(gate.check(&token).await.is_ok());
        clock.jump(*by);
        let expected = if by.is_positive() { Refusal::Expired } else { Refusal::NotYet };
        if clock.unix() != NOW {
            assert_eq!(gate.check(&token).await, Err(expected));
            clock.jump(-*by);
        }
    }
}

/// Counts how often it is asked.
struct Counted(Arc<AtomicUsize>, String);

impl Fetch for Counted {
    fn fetch(&self, _: usize) -> Fetching<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let document = self.1.clone().into_bytes();
        Box::pin(async { Ok(Fetched { document, fresh: None }) })
    }
}

#[tokio::test]
async fn a_jump_of_the_calendar_asks_no_provider_and_forgets_no_key() {
    let (signer, clock) = (Signer::new("https://a", Algorithm::ES256), clock());
    let asked = Arc::<AtomicUsize>::default();
    let fetch = Counted(Arc::clone(&asked), json!({ "keys": [signer.pair.jwk("k1")] }).to_string());
    let keys = Keys::fetched(fetch, Arc::new(clock.clone()), &[Algorithm::ES256], Limits::default());
    assert!(keys.find(Some("k1"), Algorithm::ES256).await.is_ok());
    for by in jumps() {
        clock.jump(by);
        assert!(keys.find(Some("invented"), Algorithm::ES256).await.is_err());
        assert!(keys.find(Some("k1"), Algorithm::ES256).await.is_ok());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the pause is measured with a stopwatch");
    clock.advance(Duration::from_secs(6));
    assert!(keys.find(Some("invented"), Algorithm::ES256).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}
