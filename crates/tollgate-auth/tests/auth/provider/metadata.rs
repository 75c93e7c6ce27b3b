//! Keys fetched through metadata over real sockets: what is found, what is asked how often, and what bad answers do.

use super::{
    fake::{Does, Fake, answers},
    provider, roles,
};
use crate::token::world::{NOW, Pair, Signer, clock};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tollgate_access::Actor;
use tollgate_auth::{
    Gate, Issuers, Refusal,
    outgoing::{Outgoing, Place, PlaceError},
    token::Algorithm,
};
use tollgate_core::{Clock, ManualClock};

/// A provider, and an app that trusts it, on one clock.
struct World {
    fake: Fake,
    signer: Signer,
    clock: ManualClock,
    issuers: Issuers,
    gate: Gate,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The provider is told what to do before it is first asked.
    async fn with(prepare: impl FnOnce(&Fake)) -> Self {
        let (clock, mut signer) = (clock(), Signer::new("", Algorithm::EdDSA));
        let fake = Fake::start(&mut signer, Arc::new(clock.clone())).await;
        prepare(&fake);
        let settings = json!({ "preset": "generic", "issuer": fake.url, "audience": "api" });
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let issuers = Issuers::start(vec![provider("one", settings)], &roles(), &shared).unwrap();
        let gate = issuers.gate(shared, 100).unwrap();
        Self { fake, signer, clock, issuers, gate }
    }

    async fn ask(&self, kid: &str, id: u64) -> Result<Actor, Refusal> {
        let (mut header, mut claims) = (self.signer.header(), self.signer.claims(id));
        header["kid"] = json!(kid);
        claims["exp"] = json!(NOW + 100_000);
        self.gate.actor(&self.signer.token(&header, &claims)).await
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Why there are no keys, once they were asked for.
    async fn reason(&self) -> String {
        let issuer = self.issuers.iter().next().unwrap();
        issuer.keys().arrived().await.reason().unwrap_or_default()
    }

    /// Waits for a fetch that is seen to be under way.
    async fn landed(&self) {
        let issuer = self.issuers.iter().next().unwrap();
        assert!(issuer.keys().find(Some("nobody's"), Algorithm::EdDSA).await.is_err());
    }

    /// Lets a fetch that may be under way come to its end.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(3)).await;
    }

    fn set(&self, kids: &[&str]) -> Does {
        answers(&json!({ "keys": kids.iter().map(|kid| self.signer.pair.jwk(kid)).collect::<Vec<_>>() }))
    }
}

/// The most that lie within a stretch of time.
fn most_within(stretch: u64, times: &[Duration]) -> usize {
    let stretch = Duration::from_secs(stretch);
    let within = |from: &Duration| times.iter().filter(|at| *at >= from && **at < *from + stretch).count();
    times.iter().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn the_keys_of_an_issuer_are_where_its_metadata_says() {
    let world = World::new().await;
    assert_eq!(world.ask("k1", 1).await.unwrap().id(), "one|ann");
    assert_eq!(world.fake.asked("/.well-known/openid-configuration").len(), 1);
    assert!(world.issuers.without_keys().is_empty());
}

#[tokio::test]
async fn an_issuer_that_knows_oauth_alone_has_its_metadata_elsewhere() {
    let world = World::with(|fake| {
        fake.metadata(Does::Fails(404));
    })
    .await;
    assert_eq!(world.ask("k1", 1).await.err(), Some(Refusal::NoKeys));
    assert_eq!(world.fake.asked("/.well-known/oauth-authorization-server").len(), 1);
    world.fake.metadata(Does::Fails(500));
    world.pass(10);
    assert_eq!(world.ask("k1", 1).await.err(), Some(Refusal::NoKeys));
    assert_eq!(world.fake.asked("/.well-known/oauth-authorization-server").len(), 1, "a failure is no hint");
}

#[tokio::test]
async fn an_hour_without_the_provider_harms_nobody_who_has_a_key() {
    let world = World::new().await;
    world.ask("k1", 0).await.unwrap();
    world.fake.both(&Does::HangsUp);
    for second in (5..=3600).step_by(5) {
        world.pass(5);
        world.ask("k1", second).await.unwrap();
        world.settle().await;
    }
    let asked = world.fake.asked("");
    // A fetch may be noted a step late, so single ones may look closer than they are.
    assert!(asked.len() <= 362 && most_within(100, &asked) <= 11, "{} in an hour", asked.len());
    assert!(asked.len() > 200, "it was hardly asked: {}", asked.len());
    world.fake.metadata(answers(&json!({ "issuer": world.fake.url, "jwks_uri": format!("{}/keys", world.fake.url) })));
    world.fake.keys(world.set(&["k2"]));
    world.pass(10);
    assert_eq!(world.ask("k2", 1).await.unwrap().id(), "one|ann", "and it is heard again");
}

#[tokio::test]
async fn metadata_that_cannot_be_had_again_keeps_no_key_from_being_renewed() {
    let world = World::new().await;
    world.ask("k1", 0).await.unwrap();
    world.fake.metadata(Does::Fails(500));
    world.fake.keys(world.set(&["k2"]));
    world.pass(3600);
    let mut seconds = 0;
    while world.ask("k2", seconds).await.is_err() {
        world.settle().await;
        world.pass(1);
        seconds += 1;
        assert!(seconds <= 20, "the new key was not found");
    }
}

#[tokio::test]
async fn a_storm_of_invented_names_is_two_fetches_in_ten_seconds_and_hides_no_rotation() {
    let world = World::new().await;
    world.ask("k1", 0).await.unwrap();
    let rotated = world.clock.uptime();
    world.fake.keys(world.set(&["k1", "k2"]));
    let mut seen = None;
    for number in 0..10_000 {
        world.clock.advance(Duration::from_millis(3));
        assert_eq!(world.ask(&format!("kid-{number}"), 0).await.err(), Some(Refusal::UnknownKey));
        if seen.is_none() && number % 50 == 0 && world.ask("k2", number).await.is_ok() {
            seen = Some(world.clock.uptime().saturating_sub(rotated));
        }
    }
    let seen = seen.unwrap();
    assert!(seen <= Duration::from_secs(10), "{seen:?}");
    let asked = world.fake.asked("/keys");
    assert!(most_within(10, &asked) <= 2 && asked.len() <= 7, "{asked:?}");
    assert_eq!(world.fake.asked("openid-configuration").len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_a_reason_and_503_until_it_is_there() {
    let world = World::with(|fake| fake.both(&Does::HangsUp)).await;
    assert_eq!(world.ask("k1", 0).await.err(), Some(Refusal::NoKeys));
    let without = world.issuers.without_keys();
    assert_eq!(without[0].0, "one");
    assert!(without[0].1.contains("could not be reached"), "{without:?}");
    let problem = tollgate_core::Problem::from(Refusal::NoKeys);
    assert_eq!(problem.status(), http::StatusCode::SERVICE_UNAVAILABLE);
    assert!(problem.headers().iter().any(|(name, value)| name == "retry-after" && value == "10"));
    world.fake.metadata(answers(&json!({ "issuer": world.fake.url, "jwks_uri": format!("{}/keys", world.fake.url) })));
    world.fake.keys(world.set(&["k1"]));
    world.pass(10);
    assert!(world.ask("k1", 0).await.is_ok() && world.issuers.without_keys().is_empty());
}

/// The patience of a call and that of the whole fetch end together.
const LATE: &str = "did not arrive in time|gave no whole answer within 5 seconds";

/// Each bad answer, for metadata and for keys, and what `/readyz` says about it.
#[tokio::test]
async fn no_bad_answer_lets_a_token_in_and_each_says_what_is_wrong() {
    let other = Fake::start(&mut Signer::new("", Algorithm::EdDSA), Arc::new(clock())).await;
    let elsewhere = format!("{}/keys", other.url);
    let text = |text: &str| Does::Answers(text.into(), "");
    let metadata = [
        (Does::Fails(500), "answered 500"),
        (Does::Fails(403), "answered 403"),
        (Does::Redirects(elsewhere.clone()), "redirects, which is not followed"),
        (Does::Floods, "more than 65536 bytes"),
        (Does::Drips, LATE),
        (Does::Hangs, LATE),
        (Does::HangsUp, "could not be reached"),
        (text("<html>"), "no metadata of an issuer"),
        (text("[]"), "no metadata of an issuer"),
        (text(r#"{"issuer": 7}"#), "no metadata of an issuer"),
        (
            answers(&json!({ "issuer": "https://evil.example", "jwks_uri": elsewhere })),
            "is not that of `http://127.0.0.1",
        ),
        (text("{}"), "no metadata of an issuer"),
    ];
    let keys = [
        (Does::Fails(500), "answered 500"),
        (Does::Redirects(elsewhere), "redirects, which is not followed"),
        (Does::Floods, "more than 65536 bytes"),
        (Does::Drips, LATE),
        (Does::HangsUp, "could not be reached"),
        (text("garbage"), "not a key set"),
        (text(r#"{"keys": []}"#), "no usable key"),
        (answers(&json!({ "keys": [Pair::new(Algorithm::HS256).jwk("k1")] })), "no usable key"),
    ];
    let metadata = metadata.into_iter().map(|(does, said)| (true, does, said));
    let all = metadata.chain(keys.into_iter().map(|(does, said)| (false, does, said)));
    let each = all.map(|(of_metadata, does, said)| {
        tokio::spawn(async move {
            let world = World::with(|fake| if of_metadata { fake.metadata(does) } else { fake.keys(does) }).await;
            assert_eq!(world.ask("k1", 0).await.err(), Some(Refusal::NoKeys), "{said}");
            let reason = world.reason().await;
            assert!(said.split('|').any(|said| reason.contains(said)), "{reason}\nlacks {said}");
        })
    });
    for judged in each.collect::<Vec<_>>() {
        judged.await.unwrap();
    }
    assert!(other.asked("").is_empty(), "nobody was sent there");
}

#[tokio::test]
async fn the_issuer_is_named_letter_for_letter() {
    for change in [
        |url: &str| format!("{url}/"),
        |url: &str| url.to_uppercase(),
        |url: &str| url.replace("127.0.0.1", "localhost"),
    ] {
        let world = World::with(|fake| {
            fake.metadata(answers(&json!({ "issuer": change(&fake.url), "jwks_uri": format!("{}/keys", fake.url) })));
        })
        .await;
        assert_eq!(world.ask("k1", 0).await.err(), Some(Refusal::NoKeys));
        assert!(world.fake.asked("/keys").is_empty());
    }
}

#[tokio::test]
async fn metadata_cannot_point_into_the_network_in_the_clear() {
    for (address, said) in [
        ("http://169.254.169.254/latest/meta-data", "must be `https`"),
        ("http://keys.internal/set", "must be `https`"),
        ("file:///etc/passwd", "must be `https`"),
        ("https://user:word@keys.example/", "neither user nor fragment"),
        ("/keys", "is no URL"),
    ] {
        let world =
            World::with(|fake| fake.metadata(answers(&json!({ "issuer": fake.url, "jwks_uri": address })))).await;
        assert_eq!(world.ask("k1", 0).await.err(), Some(Refusal::NoKeys));
        let reason = world.reason().await;
        assert!(reason.contains(said), "{address}: {reason}");
    }
}

#[tokio::test]
async fn a_set_is_kept_as_long_as_the_provider_says_within_bounds() {
    for (header, kept) in [
        ("", 300),
        ("cache-control: public, max-age=1800\r\n", 1800),
        ("cache-control: max-age=\"1800\"\r\nage: 600\r\n", 1200),
        ("cache-control: max-age=15\r\n", 60),
        ("cache-control: no-store\r\n", 60),
        ("cache-control: max-age=9999999\r\n", 3600),
        ("cache-control: max-age=soon\r\n", 300),
    ] {
        let world = World::new().await;
        world.landed().await;
        let set = json!({ "keys": [world.signer.pair.jwk("k1")] }).to_string();
        world.fake.keys(Does::Answers(set, header));
        for (seconds, fetches) in [(3600, 2), (kept - 1, 2), (1, 3)] {
            world.pass(seconds);
            let before = world.fake.asked("/keys").len();
            world.ask("k1", 0).await.unwrap();
            for _ in 0..1000 {
                world.settle().await;
                if before == fetches || world.fake.asked("/keys").len() >= fetches {
                    break;
                }
            }
            assert_eq!(world.fake.asked("/keys").len(), fetches, "{header:?} after {seconds}");
            if before < fetches {
                world.landed().await;
            }
        }
    }
}

#[tokio::test]
async fn a_key_marked_as_that_of_another_issuer_signs_nothing() {
    let world = World::with(|_| {}).await;
    let mut theirs = world.signer.pair.jwk("theirs");
    theirs["issuer"] = json!("https://evil.example");
    let mut ours = world.signer.pair.jwk("ours");
    ours["issuer"] = json!(world.fake.url);
    world.ask("k1", 0).await.unwrap();
    world.fake.keys(answers(&json!({ "keys": [theirs, ours] })));
    world.pass(6);
    assert!(world.ask("ours", 0).await.is_ok());
    assert_eq!(world.ask("theirs", 0).await.err(), Some(Refusal::UnknownKey));
}

#[tokio::test]
async fn nothing_is_told_that_was_not_asked_for() {
    let fake = Fake::start(&mut Signer::new("", Algorithm::EdDSA), Arc::new(clock())).await;
    fake.metadata(Does::Fails(400));
    let place = Place::new(&format!("{}/token?secret=x", fake.url)).unwrap();
    let outgoing = Outgoing::new().unwrap();
    let answer = outgoing.post_form(&place, &[("a", "b&c")], Some("Basic eA=="), 100).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (400, &b"{}"[..]), "a refusal is an answer");
    let error = outgoing.get(&place, 100).await.unwrap_err();
    assert!(!tollgate_core::with_causes(&error).contains("secret"), "{error}");
}

#[test]
fn a_place_is_https_or_on_this_machine() {
    for good in ["https://a.example/x?y=z", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]:8000/a"] {
        assert_eq!(Place::new(good).unwrap().url().as_str(), good);
    }
    for (bad, why) in [
        ("http://a.example/", PlaceError::Scheme),
        ("http://127.0.0.1.evil.example/", PlaceError::Scheme),
        ("ftp://127.0.0.1/", PlaceError::Scheme),
        ("https://u@a.example/", PlaceError::Parts),
        ("https://a.example/#x", PlaceError::Parts),
        ("a.example", PlaceError::Url),
    ] {
        assert_eq!(Place::new(bad), Err(why), "{bad}");
    }
}
