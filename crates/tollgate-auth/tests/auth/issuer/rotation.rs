//! Keys change, and nobody's request fails.

use super::{World, config};
use crate::token::world::clock;
use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_auth::{Identity, IdentityConfig};
use tollgate_http::pages::{Pages, Site};
use tollgate_store::Memory;

const EMAIL: &str = "rea@example.test";

async fn token(world: &World) -> String {
    world.identity.issue_token(EMAIL).await.unwrap()
}

/// Which key signed it.
fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

async fn published(world: &World) -> BTreeSet<String> {
    let keys = world.browser().get("/oauth/jwks").await.json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn is_good(world: &World, token: &str) -> bool {
    world.identity.gate().check(token.as_bytes()).await.is_ok()
}

/// Waits until an instance has followed, some seconds at most.
async fn until(world: &World, done: impl AsyncFn(&World) -> bool) {
    let start = Instant::now();
    while !done(world).await {
        assert!(start.elapsed() < Duration::from_secs(20), "it did not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
    let world = World::new().await;
    let other = world.restarted().await;
    let before = token(&world).await;
    let old = BTreeSet::from([kid(&before)]);
    assert_eq!(published(&world).await, old);
    let from = world.identity.rotate_keys().await.unwrap();
    assert_eq!(world.identity.rotate_keys().await.unwrap(), from, "one that is to come is enough");
    let both = published(&world).await;
    assert!(both.len() == 2 && both.is_superset(&old));
    until(&other, async |other| published(other).await == both).await;

    world.clock.advance(Duration::from_secs(599));
    let last = token(&world).await;
    assert_eq!(kid(&last), kid(&before), "it signs not yet");
    world.clock.advance(Duration::from_secs(1));
    for (signs, checks) in [(&world, &other), (&other, &world)] {
        let after = token(signs).await;
        assert_ne!(kid(&after), kid(&before));
        assert!(is_good(signs, &after).await && is_good(checks, &after).await && is_good(checks, &last).await);
    }
    assert_eq!(published(&world).await, both);
    world.clock.advance(Duration::from_mins(24 * 60 + 2));
    for instance in [&world, &other] {
        until(instance, async |instance| published(instance).await.is_disjoint(&old)).await;
        assert_eq!(instance.identity.keys().len(), 1);
        assert!(is_good(instance, &token(&world).await).await);
    }
}

#[tokio::test]
async fn an_old_key_is_followed_by_another_by_itself() {
    let world = World::with(IdentityConfig { key_lifetime: Duration::from_hours(24), ..config() }).await;
    let others = [world.restarted().await, world.restarted().await];
    let first = kid(&token(&world).await);
    world.clock.advance(Duration::from_hours(24) - Duration::from_mins(10));
    until(&world, async |world| published(world).await.len() == 2).await;
    assert_eq!(kid(&token(&world).await), first, "published, and signing not yet");
    let both = published(&world).await;
    world.clock.advance(Duration::from_mins(10));
    for instance in &others {
        until(instance, async |instance| published(instance).await == both).await;
        assert_ne!(kid(&token(instance).await), first);
    }
    assert_eq!(published(&world).await, both, "three instances made one key");
}

#[tokio::test]
async fn a_key_that_became_known_ends_at_once_with_all_that_it_signed() {
    let world = World::new().await;
    let other = world.restarted().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "").await;
    let access = tokens["access_token"].as_str().unwrap();
    assert!(is_good(&other, access).await);
    world.identity.rotate_keys().await.unwrap();
    world.identity.replace_keys().await.unwrap();
    assert!(!is_good(&world, access).await);
    until(&other, async |other| !is_good(other, access).await).await;
    let [key] = &world.identity.keys()[..] else { panic!("the one to come is not trusted either") };
    let after = rea.refresh("app", tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(after.status, StatusCode::OK, "whoever has a refresh token notices nothing");
    let after = after.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(kid(&after), key.id);
    assert!(is_good(&other, &after).await && is_good(&world, &after).await);
}

#[tokio::test]
async fn a_key_that_signs_for_less_than_a_day_does_not_start() {
    let config = IdentityConfig { key_lifetime: Duration::from_hours(23), ..config() };
    let pages = Arc::new(Pages::new(Site::default()));
    let started = Identity::start(config, Arc::new(Memory::default()), Arc::new(clock()), pages).await;
    assert!(started.unwrap_err().to_string().contains("a day or more"));
}
