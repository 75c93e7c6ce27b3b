//! Refresh tokens over a database: one successor, no second life.

use super::World;
use axum::http::StatusCode;
use std::{collections::HashSet, sync::Arc, time::Duration};

fn refresh_of(tokens: &serde_json::Value) -> String {
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_who_asks_for_it_or_is_set_up_for_it_gets_a_refresh_token() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    assert!(rea.tokens("web", "read:movies").await.get("refresh_token").is_none());
    assert!(rea.tokens("web", "offline_access").await.get("refresh_token").is_some());
    assert!(rea.tokens("app", "read:movies").await.get("refresh_token").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_parallel_uses_on_two_instances_give_one_successor() {
    let world = World::new().await;
    let other = world.restarted().await;
    let token = refresh_of(&world.rea().await.tokens("app", "").await);
    let uses: Vec<_> = (0..200)
        .map(|number| {
            let mut browser = if number % 2 == 0 { world.browser() } else { other.browser() };
            let token = token.clone();
            tokio::spawn(async move { browser.refresh("app", &token).await })
        })
        .collect();
    let mut successors = HashSet::new();
    for answer in uses {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        successors.insert(refresh_of(&answer.json()));
    }
    assert_eq!(successors.len(), 1);
    let successor = successors.into_iter().next().unwrap();
    assert_eq!(other.browser().refresh("app", &successor).await.status, StatusCode::OK);
}

#[tokio::test]
async fn late_reuse_ends_the_family_also_for_who_has_the_latest_token() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let first = refresh_of(&rea.tokens("app", "").await);
    let second = refresh_of(&rea.refresh("app", &first).await.json());
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(rea.refresh("app", &first).await.error(), "invalid_grant");
    assert_eq!(rea.refresh("app", &second).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_is_its_clients_and_ends_after_thirty_days() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let token = refresh_of(&rea.tokens("app", "").await);
    for bad in ["", "x", &token[1..], &token.replace(|c: char| c.is_ascii_lowercase(), "A")] {
        assert_ne!(rea.refresh("app", bad).await.status, StatusCode::OK);
    }
    assert_eq!(rea.refresh("web", &token).await.error(), "invalid_grant");
    let next = refresh_of(&rea.refresh("app", &token).await.json());
    world.clock.advance(Duration::from_hours(30 * 24));
    assert_eq!(rea.refresh("app", &next).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_disabled_user_gets_no_more_tokens_also_after_coming_back() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let token = refresh_of(&rea.tokens("app", "").await);
    world.disable(world.user("rea@example.test").await.user_id).await;
    assert_eq!(rea.refresh("app", &token).await.error(), "invalid_grant");
    world.set_disabled(false).await;
    assert_eq!(rea.refresh("app", &token).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_gives_no_more_than_was_granted_and_no_more_than_is_left() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let token = refresh_of(&rea.tokens("app", "read:movies read:news").await);
    let asked = async |rea: &mut super::Browser, scope| {
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &token), ("scope", scope)];
        rea.post("/oauth/token", &form).await
    };
    assert_eq!(asked(&mut rea, "create:movies").await.error(), "invalid_scope");
    assert_eq!(asked(&mut rea, "read:movies").await.json()["scope"], "read:movies");
    world.change("rea@example.test", super::roles("")).await;
    assert_eq!(asked(&mut rea, "").await.json()["scope"], "read:news", "what anyone may do is left");
}

/// RFC 6749, 5.2: what was refused has changed nothing. An honest mistake is no theft.
#[tokio::test]
async fn a_refresh_that_asks_for_too_much_leaves_its_token_as_good_as_it_was() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "read:movies offline_access").await;
    let token = refresh_of(&tokens);
    let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &*token)];
    let too_much = [&form[..], &[("scope", "read:movies create:movies")]].concat();
    assert_eq!(rea.post("/oauth/token", &too_much).await.error(), "invalid_scope");
    world.clock.advance(Duration::from_secs(11));
    let refreshed = rea.refresh("app", &token).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{}", refreshed.body);
    let access = tokens["access_token"].as_str().unwrap();
    assert!(world.identity.gate().check(access.as_bytes()).await.is_ok());
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(
        rea.post("/oauth/token", &too_much).await.error(),
        "invalid_grant",
        "a stolen one asks for what it likes"
    );
    assert_eq!(rea.refresh("app", &refresh_of(&refreshed.json())).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "").await;
    let again = world.restarted().await;
    let access = tokens["access_token"].as_str().unwrap();
    assert!(again.identity.gate().check(access.as_bytes()).await.is_ok());
    let mut browser = again.browser();
    assert_eq!(browser.refresh("app", &refresh_of(&tokens)).await.status, StatusCode::OK);
    browser.cookie = rea.cookie.clone();
    assert_eq!(browser.get("/api/me").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_start_together_on_an_empty_database_share_their_keys() {
    let database: Arc<dyn tollgate_store::Database> = Arc::new(tollgate_store::Memory::default());
    let clock = crate::token::world::clock();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let (database, clock) = (Arc::clone(&database), clock.clone());
            tokio::spawn(async move { World::on(super::config(), database, clock).await })
        })
        .collect();
    let mut published = HashSet::new();
    for world in starts {
        published.insert(world.await.unwrap().browser().get("/oauth/jwks").await.body);
    }
    assert_eq!(published.len(), 1);
}
