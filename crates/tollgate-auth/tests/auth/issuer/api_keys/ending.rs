//! Which keys are good, and when they end.

use super::{
    super::{roles, second_factor::enrol},
    Instance, config, list,
};
use crate::{
    issuer::{CALLBACK, PASSWORD},
    token::world::clock,
};
use axum::http::{Method, Request, StatusCode, header};
use jiff::SignedDuration;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tollgate_access::System;
use tollgate_auth::{AccountChange, ApiKey, ApiKeys, IdentityConfig, KeyError, KeyFor, NewKey};
use tollgate_core::{Change, Clock};
use tollgate_store::{Database, Memory};
use tollgate_testing::{Failed, Fault, Faulty};

#[tokio::test]
async fn a_revoked_key_ends_on_every_instance_within_a_second() {
    let app = Instance::new().await;
    let (second, third) = (app.another().await, app.another().await);
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    let (other, _) = app.own_key("rea@example.test", &["read:movies"]).await;
    for instance in [&app, &second, &third] {
        assert!(instance.is_good(&key).await && instance.is_good(&other).await, "and is remembered from now on");
    }
    let path = format!("/api-keys/{id}");
    let rea = app.token("rea@example.test").await;
    assert_eq!(app.send(Method::DELETE, &path, &rea, None).await.0, StatusCode::NO_CONTENT);
    assert!(!app.is_good(&key).await, "at once where it was said");
    for instance in [&second, &third] {
        instance.ends(&key).await;
        assert!(instance.is_good(&other).await, "and no other");
    }
    assert!(!app.another().await.is_good(&key).await);
    assert_eq!(app.send(Method::DELETE, &path, &rea, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_key_is_refused_while_its_user_has_yet_to_set_up_a_second_factor() {
    let app = Instance::new().await;
    let (key, _) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(app.is_good(&key).await);
    let strict = IdentityConfig { second_factor_roles: vec!["keeper".into()], ..config() };
    let app = Instance::with(strict, Arc::clone(&app.world.database), app.world.clock.clone()).await;
    assert!(!app.is_good(&key).await);
    let mut rea = app.world.browser();
    rea.sign_in("rea@example.test", PASSWORD).await;
    enrol(&app.world, &mut rea).await;
    assert!(app.is_good(&key).await);
}

#[tokio::test]
async fn whatever_write_fails_a_key_is_revoked_whole_or_not_and_ends_elsewhere_with_the_second_try() {
    for how in [Fault::Refused, Fault::AnswerLost] {
        for nth in 1.. {
            let faulty = Arc::new(Faulty::default());
            let app = Instance::on(Arc::clone(&faulty) as _, clock()).await;
            let other = app.another().await;
            let role = ["admin".to_owned()];
            app.world.identity.create_user("Ada", "ada@example.test", &PASSWORD.into(), &role).await.unwrap();
            let (key, id) = app.own_key("ada@example.test", &["read:movies"]).await;
            assert!(other.is_good(&key).await);
            let may = System::because("an operator revokes a key").may();
            faulty.fail(nth, how);
            let first = app.keys.revoke(&may, &id).await;
            let Some(failed) = faulty.mend() else {
                assert!(first.is_ok() && nth > 3, "{how:?} {nth}: so few writes");
                break;
            };
            assert!(first.is_err(), "{how:?} {nth}: a failure was kept back");
            let was_done = (failed, how) == (Failed::Commit, Fault::AnswerLost);
            if !was_done {
                assert!(app.is_good(&key).await && other.is_good(&key).await, "{how:?} {nth}: ended by half");
            }
            let second = app.keys.revoke(&may, &id).await;
            assert_eq!(matches!(second, Err(KeyError::NotFound(_))), was_done, "{how:?} {nth}: {second:?}");
            app.ends(&key).await;
            other.ends(&key).await;
        }
    }
}

#[tokio::test]
async fn keys_end_where_the_app_is_no_issuer_too() {
    let (database, clock): (Arc<dyn Database>, Arc<dyn Clock>) = (Arc::new(Memory::default()), Arc::new(clock()));
    let start = async || ApiKeys::start("films", config().roles, None, &database, &clock).await.unwrap();
    let (one, two) = (start().await, start().await);
    let system = System::because("an operator manages API keys");
    let new = NewKey { name: "a".into(), scopes: vec!["*".into()], expires: None, speaks_for: KeyFor::Service };
    let (key, row) = one.create(&system.may(), new.clone()).await.unwrap();
    let nobody: Arc<dyn tollgate_http::Authenticate> = Arc::new(Nobody);
    let (one_asks, two_asks) = (one.authenticator(Arc::clone(&nobody)), two.authenticator(nobody));
    let head = Request::get("/").header("authorization", format!("Bearer {}", key.reveal())).body(()).unwrap();
    let head = head.into_parts().0;
    let actor = two_asks.identify(&head).await.unwrap();
    assert!(actor.is_service() && actor.is_signed_in() && actor.key() == Some(&row.key_id));
    assert!(one_asks.identify(&head).await.is_ok());
    one.revoke(&system.may(), &row.key_id).await.unwrap();
    assert!(one_asks.identify(&head).await.is_err());
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    while two_asks.identify(&head).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(1), "still good after {:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::resume();
    let of_a_user = NewKey { speaks_for: KeyFor::User(uuid::Uuid::nil()), ..new };
    assert!(matches!(one.create(&system.may(), of_a_user).await, Err(KeyError::NoUser)));
}

struct Nobody;

impl tollgate_http::Authenticate for Nobody {
    fn identify<'a>(&'a self, _: &'a axum::http::request::Parts) -> tollgate_http::Identified<'a> {
        Box::pin(async { Err(tollgate_core::Problem::unauthorized()) })
    }
}

#[tokio::test]
async fn a_disabled_users_keys_end_on_every_instance() {
    let app = Instance::new().await;
    let other = app.another().await;
    let (key, _) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(app.is_good(&key).await && other.is_good(&key).await);
    let rea = app.world.user("rea@example.test").await.user_id;
    let (accounts, system) = (app.world.identity.accounts(), System::because("an admin keeps Rea out"));
    let kept_out = AccountChange { disabled: Change::Set(true), ..AccountChange::default() };
    accounts.change(&system.may(), rea, kept_out).await.unwrap();
    assert!(!app.is_good(&key).await);
    other.ends(&key).await;
    app.world.set_disabled(false).await;
    assert!(app.is_good(&key).await && other.is_good(&key).await, "it was not the key that was taken back");
    accounts.end_sessions(&system.may(), rea).await.unwrap();
    assert!(app.is_good(&key).await, "signing out ends sessions and tokens; a key ends when it is revoked");
}

#[tokio::test]
async fn a_key_loses_what_its_user_loses() {
    let app = Instance::new().await;
    let (key, _) = app.own_key("rea@example.test", &["read:movies", "update:movies"]).await;
    assert_eq!(list(&app.me(&key).await.1["permissions"]), ["read:movies", "update:movies", "read:news"]);
    let reader = AccountChange { roles: Change::Set(vec!["reader".into()]), ..AccountChange::default() };
    let (may, rea) = (System::because("an admin takes a role").may(), app.world.user("rea@example.test").await.user_id);
    app.world.identity.accounts().change(&may, rea, reader).await.unwrap();
    assert_eq!(list(&app.me(&key).await.1["permissions"]), ["read:movies", "read:news"]);
    app.world.change("rea@example.test", roles("")).await;
    app.world.clock.advance(Duration::from_mins(1));
    assert_eq!(
        list(&app.me(&key).await.1["permissions"]),
        ["read:news"],
        "whoever changes the row by hand waits a minute"
    );
}

#[tokio::test]
async fn a_key_expires_to_the_second() {
    let app = Instance::new().await;
    let rea = app.token("rea@example.test").await;
    let (_, made) = app.make(&rea, json!({ "name": "a", "scopes": ["read:movies"], "days": 1 })).await;
    let key = made["secret"].as_str().unwrap();
    app.world.clock.advance(Duration::from_hours(24) - Duration::from_secs(1));
    assert!(app.is_good(key).await);
    app.world.clock.advance(Duration::from_secs(1));
    assert!(!app.is_good(key).await, "also where it is remembered");
}

#[tokio::test]
async fn a_known_key_asks_nobody_for_a_minute() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(app.is_good(&key).await);
    app.store::<ApiKey>().delete(&System::because("a test cheats").may(), id).await.unwrap();
    app.world.clock.advance(Duration::from_secs(59));
    assert!(app.is_good(&key).await, "nobody was told");
    app.world.clock.advance(Duration::from_secs(1));
    assert!(!app.is_good(&key).await);
}

#[tokio::test]
async fn a_known_key_is_asked_for_again_once_the_calendar_was_put_back() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(app.is_good(&key).await);
    app.store::<ApiKey>().delete(&System::because("a test cheats").may(), id).await.unwrap();
    app.world.clock.jump(SignedDuration::from_hours(-1));
    assert!(!app.is_good(&key).await, "it would be known for an hour and a minute");
}

#[tokio::test]
async fn what_is_no_key_is_refused_like_a_bad_token() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    let (_, strange) = Instance::new().await.own_key("rea@example.test", &["read:movies"]).await;
    let other_secret = {
        let (other, _) = app.own_key("rea@example.test", &["read:movies"]).await;
        other.replace(other.split('_').nth(2).unwrap(), &id)
    };
    let (rest, last) = key.split_at(key.len() - 1);
    let mistyped = format!("{rest}{}", if last == "a" { "b" } else { "a" });
    let another_app = key.replace("tg_films_", "tg_books_");
    for bad in [&mistyped, &other_secret, &another_app, &format!("tg_films_{strange}_"), "tg_", &format!("{key} "), ""]
    {
        let (status, headers, body) = app.send(Method::GET, "/api/me", bad, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{bad}");
        assert!(headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"), "{bad}");
        assert!(!body.to_string().contains("films"), "{body}");
    }
    assert!(app.is_good(&key).await);
}

#[tokio::test]
async fn a_key_of_another_app_on_the_same_database_is_none_here() {
    let app = Instance::new().await;
    let (clock, roles): (Arc<dyn Clock>, _) = (Arc::new(app.world.clock.clone()), config().roles);
    let books = ApiKeys::start("books", roles, None, &app.world.database, &clock).await.unwrap();
    let new = NewKey { name: "a".into(), scopes: vec!["*".into()], expires: None, speaks_for: KeyFor::Service };
    let (key, _) = books.create(&System::because("an operator makes a key").may(), new).await.unwrap();
    assert!(!app.is_good(key.reveal()).await);
}

#[tokio::test]
async fn the_last_use_is_noted_now_and_then() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    let noted = async |expected: Option<jiff::Timestamp>| {
        for _ in 0..100 {
            if app.row(&id).await.last_used == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} and not {expected:?}", app.row(&id).await.last_used);
    };
    noted(None).await;
    let first = app.world.clock.now();
    app.me(&key).await;
    noted(Some(first)).await;
    for _ in 0..9 {
        app.world.clock.advance(Duration::from_secs(65));
        app.me(&key).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    noted(Some(first)).await;
    app.world.clock.advance(Duration::from_secs(65));
    app.me(&key).await;
    noted(Some(app.world.clock.now())).await;
}

/// A key is for the API. Where tokens and people are the matter, it is nothing.
#[tokio::test]
async fn a_key_opens_no_door_of_the_issuer() {
    let app = Instance::new().await;
    let (key, _) = app.own_key("ada@example.test", &["*"]).await;
    assert_eq!(app.send(Method::GET, "/oauth/userinfo", &key, None).await.0, StatusCode::UNAUTHORIZED);
    let path = crate::issuer::authorize(&[("redirect_uri", CALLBACK)]);
    let (status, headers, _) = app.send(Method::GET, &path, &key, None).await;
    assert!(!headers.get(header::LOCATION).is_some_and(|to| to.to_str().unwrap().contains("code=")), "{status}");
}
