//! The key set through outages, storms and rubbish, on a clock that goes when told.

use crate::token::world::{NOW, Pair, Paused, Signer};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, advance, sleep};
use tollgate_auth::{
    Gate, Refusal,
    token::{Algorithm, Fetch, FetchError, Fetched, Fetching, Keys, Limits, Missing},
};

/// What the provider does next.
#[derive(Clone)]
enum Does {
    Answers(String),
    Fails,
    Hangs,
    Panics,
}

/// A provider that follows a script and notes when it was asked.
#[derive(Clone)]
struct Provider(Arc<Mutex<(Does, Vec<Instant>)>>);

impl Provider {
    fn new(does: Does) -> Self {
        Self(Arc::new(Mutex::new((does, Vec::new()))))
    }
    fn now(&self, does: Does) {
        self.0.lock().unwrap().0 = does;
    }
    fn asked(&self) -> Vec<Instant> {
        self.0.lock().unwrap().1.clone()
    }
    /// The most fetches in any 10 seconds.
    fn worst(&self) -> usize {
        let asked = self.asked();
        let within =
            |from: &Instant| asked.iter().filter(|at| **at >= *from && at.duration_since(*from) < secs(10)).count();
        asked.iter().map(within).max().unwrap_or(0)
    }
}

impl Fetch for Provider {
    fn fetch(&self, _: usize) -> Fetching<'_> {
        Box::pin(async {
            let does = {
                let mut state = self.0.lock().unwrap();
                state.1.push(Instant::now());
                state.0.clone()
            };
            sleep(Duration::from_millis(50)).await;
            match does {
                Does::Answers(document) => Ok(Fetched { document: document.into_bytes(), fresh: None }),
                Does::Fails => Err("connection refused".into()),
                Does::Hangs => std::future::pending().await,
                Does::Panics => panic!("on purpose"),
            }
        })
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn set(keys: &[serde_json::Value]) -> Does {
    Does::Answers(json!({ "keys": keys }).to_string())
}

fn keys_of(provider: &Provider) -> Keys {
    let clock = Arc::new(Paused(Instant::now()));
    Keys::fetched(provider.clone(), clock, &[Algorithm::ES256], Limits::default())
}

fn gate_of(signer: &Signer, provider: &Provider) -> Gate {
    let clock = Arc::new(Paused(Instant::now()));
    let keys = Keys::fetched(provider.clone(), clock.clone(), &[Algorithm::ES256], Limits::default());
    Gate::new(vec![signer.issuer(keys)], clock, 1000).unwrap()
}

fn signer() -> Signer {
    Signer::new("https://one.example", Algorithm::ES256)
}

async fn known(keys: &Keys, kid: &str) -> bool {
    keys.find(Some(kid), Algorithm::ES256).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_an_hour_harms_no_known_key() {
    let signer = signer();
    let provider = Provider::new(set(&[signer.pair.jwk("k1")]));
    let gate = gate_of(&signer, &provider);
    gate.check(&signer.good(0)).await.unwrap();
    provider.now(Does::Fails);
    for second in 1..3600 {
        advance(secs(1)).await;
        let mut claims = signer.claims(second);
        claims["exp"] = json!(NOW + 5000);
        let before = Instant::now();
        gate.check(&signer.token(&signer.header(), &claims)).await.unwrap();
        assert_eq!(before.elapsed(), Duration::ZERO, "a known key waits for nobody");
    }
    println!("{} fetches in an hour of outage", provider.asked().len());
    assert_eq!(provider.worst(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_names_cannot_hide_a_rotation_nor_hurt_the_provider() {
    let (old, new) = (Pair::new(Algorithm::ES256), Pair::new(Algorithm::ES256));
    let provider = Provider::new(set(&[old.jwk("old")]));
    let keys = keys_of(&provider);
    assert!(known(&keys, "old").await);
    provider.now(set(&[old.jwk("old"), new.jwk("new")]));
    let rotated = Instant::now();
    let mut seen = None;
    for n in 0..10_000 {
        let stranger = keys.clone();
        tokio::spawn(async move { known(&stranger, &format!("kid-{n}")).await });
        advance(Duration::from_millis(3)).await;
        if n % 10 == 0 && seen.is_none() && known(&keys, "new").await {
            seen = Some(rotated.elapsed());
        }
    }
    println!(
        "rotation seen after {seen:?}; {} fetches in 30 s, at most {} in 10 s",
        provider.asked().len(),
        provider.worst()
    );
    assert!(seen.is_some_and(|after| after <= secs(10)));
    assert!(provider.worst() <= 2 && known(&keys, "old").await);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_at_once_make_one_fetch() {
    let pair = Pair::new(Algorithm::ES256);
    let provider = Provider::new(set(&[pair.jwk("k1")]));
    let keys = Keys::fetched(
        provider.clone(),
        Arc::new(Paused(Instant::now())),
        &[Algorithm::ES256],
        Limits { waiters: 20_000, ..Limits::default() },
    );
    let asking: Vec<_> = (0..10_000)
        .map(|_| {
            tokio::spawn({
                let keys = keys.clone();
                async move { known(&keys, "k1").await }
            })
        })
        .collect();
    for answer in asking {
        assert!(answer.await.unwrap());
    }
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn fetches_never_overlap_however_short_the_pause() {
    let provider = Provider::new(Does::Hangs);
    let limits = Limits { cooldown: secs(1), cooldown_after_failure: secs(1), ..Limits::default() };
    let keys = Keys::fetched(provider.clone(), Arc::new(Paused(Instant::now())), &[Algorithm::ES256], limits);
    for _ in 0..49 {
        let stranger = keys.clone();
        tokio::spawn(async move { known(&stranger, "x").await });
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_provider_holds_up_only_unknown_names_and_only_for_its_patience() {
    let pair = Pair::new(Algorithm::ES256);
    let provider = Provider::new(set(&[pair.jwk("k1")]));
    let keys = keys_of(&provider);
    assert!(known(&keys, "k1").await);
    provider.now(Does::Hangs);
    advance(secs(301)).await;
    let unknown = tokio::spawn({
        let keys = keys.clone();
        async move { known(&keys, "x").await }
    });
    tokio::task::yield_now().await;
    let before = Instant::now();
    assert!(known(&keys, "k1").await);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(!unknown.await.unwrap());
    assert!(before.elapsed() <= secs(5) && matches!(keys.health().failure, Some(FetchError::Late)));
}

#[tokio::test(start_paused = true)]
async fn rubbish_replaces_nothing() {
    let pair = Pair::new(Algorithm::ES256);
    let provider = Provider::new(set(&[pair.jwk("k1")]));
    let keys = keys_of(&provider);
    assert!(known(&keys, "k1").await);
    let many: Vec<_> = (0..65).map(|n| pair.jwk(&n.to_string())).collect();
    let one = pair.jwk("k9").to_string();
    let rubbish = [
        Does::Answers("<html>".into()),
        Does::Answers(String::new()),
        Does::Answers("{}".into()),
        Does::Answers("[]".into()),
        Does::Answers("{\"keys\": {}}".into()),
        Does::Answers(format!("{{\"keys\": [{one}], \"keys\": []}}")),
        Does::Answers(format!("{{\"keys\": [{one}], \"fill\": \"{}\"}}", "x".repeat(64 * 1024))),
        Does::Panics,
        set(&[]),
        set(&many),
        set(&[json!(null), json!([]), json!({"kty": "EC"})]),
    ];
    for does in rubbish {
        provider.now(does);
        advance(secs(301)).await;
        assert!(known(&keys, "k1").await);
        sleep(secs(1)).await;
        assert!(keys.health().failure.is_some() && keys.health().keys == 1, "{:?}", keys.health());
        assert!(!known(&keys, "k9").await);
    }
    provider.now(set(&[pair.jwk("k2")]));
    advance(secs(301)).await;
    assert!(known(&keys, "k2").await && !known(&keys, "k1").await, "a good set replaces all");
}

#[tokio::test(start_paused = true)]
async fn a_provider_down_at_the_start_is_a_reason_and_not_a_crash() {
    let signer = signer();
    let provider = Provider::new(Does::Fails);
    let gate = gate_of(&signer, &provider);
    assert_eq!(gate.check(&signer.good(1)).await, Err(Refusal::NoKeys));
    provider.now(set(&[signer.pair.jwk("k1")]));
    advance(secs(10)).await;
    assert!(gate.check(&signer.good(1)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_for_other_purposes_are_left_out() {
    let pair = Pair::new(Algorithm::ES256);
    let mut jwks: Vec<_> = ["good", "enc", "sign", "alg", "private", "short"].map(|kid| pair.jwk(kid)).into();
    jwks[1]["use"] = json!("enc");
    jwks[2]["key_ops"] = json!(["sign"]);
    jwks[3]["alg"] = json!("ES384");
    jwks[4]["d"] = json!("AA");
    jwks[5]["x"] = json!("AA");
    let mut off_curve = pair.jwk("off");
    off_curve["x"] = off_curve["y"].clone();
    jwks.extend([off_curve, Pair::new(Algorithm::HS256).jwk("secret"), Pair::new(Algorithm::RS256).jwk("rsa")]);
    let keys = keys_of(&Provider::new(set(&jwks)));
    assert!(known(&keys, "good").await);
    assert_eq!(keys.health().keys, 1);
    assert_eq!(keys.find(Some("good"), Algorithm::RS256).await.unwrap_err(), Missing::Algorithm);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_left_the_set_takes_its_cached_tokens_along() {
    let signer = signer();
    let provider = Provider::new(set(&[signer.pair.jwk("k1")]));
    let gate = gate_of(&signer, &provider);
    let token = signer.good(1);
    gate.check(&token).await.unwrap();
    provider.now(set(&[Pair::new(Algorithm::ES256).jwk("k1")]));
    advance(secs(301)).await;
    assert!(gate.check(&token).await.is_ok(), "the hit that starts the renewal");
    sleep(secs(1)).await;
    assert_eq!(gate.check(&token).await, Err(Refusal::Signature), "same name, another key");
}

#[tokio::test(start_paused = true)]
async fn keys_are_given_up_after_a_day_without_the_provider() {
    let pair = Pair::new(Algorithm::ES256);
    let provider = Provider::new(set(&[pair.jwk("k1")]));
    let keys = keys_of(&provider);
    assert!(known(&keys, "k1").await);
    provider.now(Does::Fails);
    advance(secs(24 * 3600 + 1)).await;
    assert!(!known(&keys, "k1").await);
    assert_eq!(keys.health().keys, 0);
}

#[tokio::test(start_paused = true)]
async fn who_asks_and_leaves_stops_no_flight() {
    let pair = Pair::new(Algorithm::ES256);
    let provider = Provider::new(set(&[pair.jwk("k1")]));
    let keys = keys_of(&provider);
    let _ = tokio::time::timeout(Duration::from_millis(10), known(&keys, "k1")).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!((keys.health().keys, provider.asked().len()), (1, 1));
}
