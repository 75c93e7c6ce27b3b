//! A code becomes tokens: once, soon, and for the client that asked.

use super::{
    CALLBACK, VERIFIER, World,
    clients::{self, SECRET, basic},
    revocation::{ends_on, is_good, text},
};
use axum::http::{Request, StatusCode};
use std::{sync::Arc, time::Duration};
use tollgate_access::System;
use tollgate_auth::{ApiKeys, Refusal, issuer::Revocation};
use tollgate_core::Clock;
use tollgate_store::{Filter, Store};

#[tokio::test]
async fn a_code_is_for_its_client_its_address_and_its_verifier() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let code = rea.code("web", "read:movies").await;
    let good = [
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("redirect_uri", CALLBACK),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let other_verifier = "a".repeat(43);
    for (name, value, error) in [
        ("client_id", "app", "invalid_grant"),
        ("client_id", "nobody", "invalid_client"),
        ("client_id", "", "invalid_client"),
        ("redirect_uri", "https://client.example/other", "invalid_grant"),
        ("redirect_uri", "https://client.example/callback/", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("code", "unknown", "invalid_grant"),
        ("code", "", "invalid_request"),
        ("code_verifier", &other_verifier, "invalid_grant"),
        ("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("grant_type", "", "invalid_request"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "client_credentials", "unauthorized_client"),
        ("grant_type", "refresh_token", "invalid_request"),
    ] {
        let form = good.map(|(known, kept)| (known, if known == name { value } else { kept }));
        let answer = rea.post("/oauth/token", &form).await;
        assert_eq!((answer.status, answer.error()), (StatusCode::BAD_REQUEST, error.into()), "{name}={value:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.body.contains("eyJ") && !answer.body.contains(&code), "{}", answer.body);
    }
    assert_eq!(rea.post("/oauth/token", &good).await.status, StatusCode::OK, "none of this used the code up");
}

#[tokio::test]
async fn a_form_that_can_be_read_in_two_ways_is_not_read() {
    let world = World::new().await;
    let mut browser = world.browser();
    let twice = [("grant_type", "authorization_code"), ("client_id", "web"), ("client_id", "app")];
    assert_eq!(browser.post("/oauth/token", &twice).await.error(), "invalid_request");
    let long = "a".repeat(20_000);
    assert_eq!(browser.post("/oauth/token", &[("client_id", &long)]).await.error(), "invalid_request");
    let of = |kind: &str| Request::post("/oauth/token").header("content-type", kind);
    assert_eq!(browser.send(of("application/json").body("{}".into()).unwrap()).await.error(), "invalid_request");
    for form in ["client_id=%ff", "client_id=a%C3", "%ff=a"] {
        let answer = browser.send(of("application/x-www-form-urlencoded").body(form.into()).unwrap()).await;
        assert_eq!((answer.status, answer.error()), (StatusCode::BAD_REQUEST, "invalid_request".into()), "{form}");
        for page in ["/oauth/authorize", "/auth/login", "/auth/code", "/oauth/logout"] {
            let answer = browser.get(&format!("{page}?{form}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{page}?{form}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let (first, second) = (rea.code("web", "").await, rea.code("web", "").await);
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(rea.redeem("web", &first).await.status, StatusCode::OK);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(rea.redeem("web", &second).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_that_comes_back_takes_back_what_it_gave() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let code = rea.code("web", "offline_access read:movies").await;
    let tokens = rea.redeem("web", &code).await.json();
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let next = rea.refresh("web", refresh).await.json();
    assert!(world.identity.gate().check(access.as_bytes()).await.is_ok());
    assert_eq!(rea.redeem("web", &code).await.error(), "invalid_grant");
    assert_eq!(world.identity.gate().check(access.as_bytes()).await.unwrap_err(), Refusal::Revoked);
    assert_eq!(rea.refresh("web", next["refresh_token"].as_str().unwrap()).await.error(), "invalid_grant");
}

/// Whoever uses codes twice, gives tokens back or signs out fills no list, and nothing that ended is good again.
#[tokio::test]
async fn what_one_person_ends_over_and_over_takes_no_more_than_a_hundred_rows() {
    let world = World::new().await;
    let other = world.restarted().await;
    let mut rea = world.rea().await;
    let (before, lasting) = (rea.tokens("web", "").await, rea.tokens("app", "").await);
    let mut ended = vec![];
    for nth in 0..130 {
        let code = rea.code("web", if nth % 2 == 0 { "offline_access" } else { "" }).await;
        ended.push(rea.redeem("web", &code).await.json());
        assert_eq!(rea.redeem("web", &code).await.error(), "invalid_grant");
    }
    let store: Store<Revocation> = Store::new(Arc::clone(&world.database), Arc::new(world.clock.clone()));
    let rows = store.count(&System::because("a test looks").may(), Filter::every()).await.unwrap();
    assert!((30..=101).contains(&rows), "{rows} rows");
    for tokens in &ended {
        assert!(!is_good(&world, text(tokens, "access_token")).await);
        ends_on(&other, text(tokens, "access_token")).await;
        let refresh = tokens["refresh_token"].as_str();
        assert!(refresh.is_none() || rea.refresh("web", refresh.unwrap()).await.error() == "invalid_grant");
    }
    assert!(!is_good(&world, text(&before, "access_token")).await, "with so many, all access tokens end");
    let renewed = rea.refresh("app", text(&lasting, "refresh_token")).await.json();
    for tokens in [renewed, rea.tokens("web", "").await] {
        assert!(
            is_good(&world, text(&tokens, "access_token")).await
                && is_good(&other, text(&tokens, "access_token")).await
        );
    }
    assert_eq!(rea.get("/api/me").await.status, StatusCode::OK, "and nothing else");
}

/// A program that gives each token back fills no list either, and what it gets afterwards is good. Nor does one end of all
/// spare a token that was given before another, after which it was forgotten.
#[tokio::test]
async fn what_one_machine_gives_back_over_and_over_takes_no_more_than_a_thousand_rows() {
    let world = clients::world().await;
    let other = world.restarted().await;
    let of_a_user = world.rea().await.tokens("web", "").await;
    let mut lasting = own(&world).await;
    let store: Store<Revocation> = Store::new(Arc::clone(&world.database), Arc::new(world.clock.clone()));
    for _ in 0..2 {
        assert!(is_good(&world, &lasting).await && is_good(&other, &lasting).await);
        let first = own(&world).await;
        give_back(&world, &first).await;
        for _ in 0..1_000 {
            give_back(&world, &own(&world).await).await;
        }
        let rows = store.count(&System::because("a test looks").may(), Filter::every()).await.unwrap();
        assert_eq!(rows, 1, "a thousand and one have become one");
        for token in [&lasting, &first] {
            assert!(!is_good(&world, token).await, "with so many, all of them end");
            ends_on(&other, token).await;
        }
        world.clock.advance(Duration::from_mins(24 * 60 + 30));
        lasting = own(&world).await;
        world.clock.advance(Duration::from_mins(35));
        for instance in [&world, &other] {
            catch_up(instance).await;
        }
        let rows = store.count(&System::because("a test looks").may(), Filter::every()).await.unwrap();
        assert_eq!(rows, 0, "it is forgotten when nothing from before can be alive");
    }
    assert!(is_good(&world, &lasting).await && !is_good(&world, text(&of_a_user, "access_token")).await);
}

/// Reads everything, and sweeps out what is forgotten.
async fn catch_up(world: &World) {
    let (identity, clock): (_, Arc<dyn Clock>) = (Some(world.identity.clone()), Arc::new(world.clock.clone()));
    let keys = ApiKeys::start("app", super::config().roles, identity, &world.database, &clock).await.unwrap();
    keys.catch_up(true).await.unwrap();
}

/// A token of a machine in its own name.
async fn own(world: &World) -> String {
    let form = [("grant_type", "client_credentials")];
    let answer = world.browser().post_as("/oauth/token", &form, Some(&basic("machine", SECRET))).await;
    text(&answer.json(), "access_token").to_owned()
}

async fn give_back(world: &World, token: &str) {
    let answer = world.browser().post_as("/oauth/revoke", &[("token", token)], Some(&basic("machine", SECRET))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!is_good(world, token).await);
}

/// However the requests meet: one gets tokens at most, and since the others came, they are good for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_with_one_code_none_keeps_what_it_got() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    for _ in 0..10 {
        let code = rea.code("app", "").await;
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (mut browser, code) = (world.browser(), code.clone());
                tokio::spawn(async move { browser.redeem("app", &code).await })
            })
            .collect();
        let mut good = vec![];
        for answer in tries {
            let answer = answer.await.unwrap();
            if answer.status == StatusCode::OK {
                good.push(answer.json());
            } else {
                assert_eq!(answer.error(), "invalid_grant");
            }
        }
        assert_eq!(good.len(), 1);
        let access = good[0]["access_token"].as_str().unwrap();
        assert_eq!(world.identity.gate().check(access.as_bytes()).await.unwrap_err(), Refusal::Revoked);
        assert_eq!(rea.refresh("app", good[0]["refresh_token"].as_str().unwrap()).await.error(), "invalid_grant");
    }
}

#[tokio::test]
async fn a_user_who_was_disabled_meanwhile_gets_nothing() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let code = rea.code("web", "").await;
    world.set_disabled(true).await;
    assert_eq!(rea.redeem("web", &code).await.error(), "invalid_grant");
}
