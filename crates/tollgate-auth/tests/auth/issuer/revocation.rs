//! What was given back, or taken back, ends: here at once, on every instance within a second.

use super::{
    Answer, Browser, PASSWORD, World,
    accounts::events,
    clients::{SECRET, basic, world},
};
use axum::http::StatusCode;
use serde_json::Value;
use std::time::Duration;
use tollgate_auth::{Client, ClientKind};
use tollgate_store::audit::AuditEvent;

pub(super) fn text<'t>(tokens: &'t Value, name: &str) -> &'t str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

/// To be asked before a refresh is tried: one that is refused ends what came of its family by itself.
pub(super) async fn is_good(world: &World, access: &str) -> bool {
    world.identity.gate().check(access.as_bytes()).await.is_ok()
}

/// Waits until an instance refuses a token: a second at most, on a clock that stands still while anything is done, so that a
/// busy machine takes no longer.
pub(super) async fn ends_on(world: &World, access: &str) {
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    while is_good(world, access).await {
        assert!(start.elapsed() < Duration::from_secs(1), "still good after {:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::resume();
}

async fn revoke(browser: &mut Browser, client: &str, token: &str) -> Answer {
    browser.post("/oauth/revoke", &[("client_id", client), ("token", token)]).await
}

#[tokio::test]
async fn an_access_token_that_its_client_gives_back_ends_on_every_instance() {
    let world = World::new().await;
    let (second, third) = (world.restarted().await, world.restarted().await);
    let mut rea = world.rea().await;
    let (one, other) = (rea.tokens("web", "").await, rea.tokens("web", "").await);
    let (one, other) = (text(&one, "access_token"), text(&other, "access_token"));
    for instance in [&world, &second, &third] {
        assert!(is_good(instance, one).await, "and is remembered from now on");
    }
    let answer = revoke(&mut rea, "web", one).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    assert!(!is_good(&world, one).await, "at once where it was said");
    for instance in [&second, &third] {
        ends_on(instance, one).await;
        assert!(is_good(instance, other).await);
    }
    assert!(!is_good(&world.restarted().await, one).await, "an instance that starts later knows it too");
    assert_eq!(revoke(&mut rea, "web", one).await.status, StatusCode::OK, "twice is as good as once");
}

#[tokio::test]
async fn a_refresh_token_takes_along_what_came_of_it() {
    let world = World::new().await;
    let other = world.restarted().await;
    let mut rea = world.rea().await;
    let first = rea.tokens("app", "").await;
    let next = rea.refresh("app", text(&first, "refresh_token")).await.json();
    let apart = rea.tokens("app", "").await;
    assert_eq!(revoke(&mut rea, "app", text(&next, "refresh_token")).await.status, StatusCode::OK);
    for tokens in [&first, &next] {
        assert!(!is_good(&world, text(tokens, "access_token")).await);
        ends_on(&other, text(tokens, "access_token")).await;
    }
    assert_eq!(rea.refresh("app", text(&next, "refresh_token")).await.error(), "invalid_grant");
    assert!(is_good(&other, text(&apart, "access_token")).await, "another sign-in goes on");
    assert_eq!(rea.refresh("app", text(&apart, "refresh_token")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_gives_back_what_is_another_clients() {
    let world = world().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "").await;
    for name in ["access_token", "refresh_token"] {
        assert_eq!(revoke(&mut rea, "web", text(&tokens, name)).await.error(), "invalid_grant");
        assert_eq!(revoke(&mut rea, "nobody", text(&tokens, name)).await.error(), "invalid_client");
        let form = [("client_id", "machine"), ("token", text(&tokens, name))];
        assert_eq!(rea.post("/oauth/revoke", &form).await.error(), "invalid_client", "without its secret");
    }
    assert!(is_good(&world, text(&tokens, "access_token")).await);
    assert_eq!(rea.refresh("app", text(&tokens, "refresh_token")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_nobody_knows_needs_no_revocation() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let unknown = "A".repeat(64);
    for token in ["x", "a.b.c", &unknown] {
        assert_eq!(revoke(&mut rea, "web", token).await.status, StatusCode::OK, "{token}");
    }
    assert_eq!(revoke(&mut rea, "web", "").await.error(), "invalid_request");
    assert_eq!(rea.get("/oauth/revoke").await.status, StatusCode::METHOD_NOT_ALLOWED, "no token in an address");
}

#[tokio::test]
async fn a_full_list_takes_no_more_tokens_and_says_so_and_still_takes_users() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("web", "").await;
    let access = text(&tokens, "access_token");
    let list = world.identity.gate().revocations();
    for number in 0..1_000_000 {
        list.revoke_token("issuer", &number.to_string(), u64::MAX / 2);
    }
    let answer = revoke(&mut rea, "web", access).await;
    assert_eq!((answer.status, &*answer.error()), (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"));
    assert!(is_good(&world, access).await);
    let kept = rea.tokens("app", "").await;
    assert_eq!(revoke(&mut rea, "app", text(&kept, "refresh_token")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        rea.refresh("app", text(&kept, "refresh_token")).await.error(),
        "invalid_grant",
        "it ended all the same"
    );
    world.end_sessions().await;
    assert!(!is_good(&world, access).await);
}

#[tokio::test]
async fn a_code_used_twice_ends_what_it_gave_on_every_instance() {
    let world = World::new().await;
    let (second, third) = (world.restarted().await, world.restarted().await);
    let mut rea = world.rea().await;
    let code = rea.code("app", "").await;
    let first = rea.redeem("app", &code).await.json();
    let next = second.browser().refresh("app", text(&first, "refresh_token")).await.json();
    assert!(is_good(&third, text(&first, "access_token")).await);
    assert_eq!(second.browser().redeem("app", &code).await.error(), "invalid_grant");
    for instance in [&world, &second, &third] {
        ends_on(instance, text(&first, "access_token")).await;
        ends_on(instance, text(&next, "access_token")).await;
        let answer = instance.browser().refresh("app", text(&next, "refresh_token")).await;
        assert_eq!(answer.error(), "invalid_grant");
    }
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_access_tokens_too() {
    let world = World::new().await;
    let other = world.restarted().await;
    let first = world.rea().await.tokens("app", "").await;
    let next = world.browser().refresh("app", text(&first, "refresh_token")).await.json();
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(other.browser().refresh("app", text(&first, "refresh_token")).await.error(), "invalid_grant");
    for tokens in [&first, &next] {
        ends_on(&world, text(tokens, "access_token")).await;
    }
}

#[tokio::test]
async fn what_came_back_after_its_use_is_recorded_once_with_whose_it_was() {
    let world = World::new().await;
    let (mut rea, before) = (world.rea().await, events(&world).await.len());
    let code = rea.code("app", "").await;
    let first = rea.redeem("app", &code).await.json();
    world.browser().refresh("app", text(&first, "refresh_token")).await;
    world.clock.advance(Duration::from_secs(11));
    for _ in 0..3 {
        assert_eq!(rea.refresh("app", text(&first, "refresh_token")).await.error(), "invalid_grant");
    }
    assert_eq!(rea.redeem("app", &code).await.error(), "invalid_grant");
    let events = events(&world).await.split_off(before);
    let said = |event: &AuditEvent| (event.action.clone(), event.actor.clone(), event.row_id.clone(), event.allowed);
    let thefts: Vec<_> = events.iter().filter(|event| !event.allowed).map(said).collect();
    let id = Some(world.id().await);
    let expected = ["refresh", "redeem_code"].map(|action| (action.to_owned(), "anyone".to_owned(), id.clone(), false));
    assert_eq!(thefts, expected);
}

#[tokio::test]
async fn sessions_and_tokens_of_a_disabled_user_end_on_three_instances() {
    let world = World::new().await;
    let instances = [&world, &world.restarted().await, &world.restarted().await];
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "").await;
    let by_command = world.identity.issue_token("rea@example.test").await.unwrap();
    let code = rea.code("app", "").await;
    let user = world.user("rea@example.test").await.user_id;
    world.identity.create_user("Ada", "ada@example.test", &PASSWORD.into(), &[]).await.unwrap();
    let of_another = world.identity.issue_token("ada@example.test").await.unwrap();
    for instance in instances {
        assert!(is_good(instance, text(&tokens, "access_token")).await && is_good(instance, &by_command).await);
    }
    world.disable(user).await;
    for instance in instances {
        ends_on(instance, text(&tokens, "access_token")).await;
        ends_on(instance, &by_command).await;
    }
    for instance in instances {
        let mut browser = instance.browser();
        browser.cookie.clone_from(&rea.cookie);
        assert_eq!(browser.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(browser.refresh("app", text(&tokens, "refresh_token")).await.error(), "invalid_grant");
        assert_eq!(browser.redeem("app", &code).await.error(), "invalid_grant");
        assert!(is_good(instance, &of_another).await, "nobody else is signed out");
    }
}

#[tokio::test]
async fn who_was_signed_out_everywhere_comes_in_again() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "").await;
    world.end_sessions().await;
    assert!(!is_good(&world, text(&tokens, "access_token")).await);
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    world.clock.advance(Duration::from_secs(1));
    let again = world.rea().await.tokens("app", "").await;
    assert!(is_good(&world, text(&again, "access_token")).await);
    world.end_sessions().await;
    assert!(!is_good(&world, text(&again, "access_token")).await, "a second time too");
}

#[tokio::test]
async fn what_a_client_was_given_ends_with_it() {
    let world = World::new().await;
    let other = world.restarted().await;
    let page = Client {
        redirect_uris: vec![super::CALLBACK.into()],
        offline: true,
        ..Client::new("page", "Page", ClientKind::Public)
    };
    world.identity.add_client(page.clone()).await.unwrap();
    let mut rea = world.rea().await;
    let answer = rea.get(&super::authorize(&[("client_id", "page")])).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "page"),
        ("redirect_uri", super::CALLBACK),
        ("code", &answer.location_parameter("code").unwrap()),
        ("code_verifier", super::VERIFIER),
    ];
    let tokens = rea.post("/oauth/token", &form).await.json();
    assert!(is_good(&other, text(&tokens, "access_token")).await);
    world.identity.remove_client("page").await.unwrap();
    ends_on(&other, text(&tokens, "access_token")).await;
    world.identity.add_client(page).await.unwrap();
    assert_eq!(rea.refresh("page", text(&tokens, "refresh_token")).await.error(), "invalid_grant");
}

#[tokio::test]
async fn only_a_client_that_proves_itself_looks_at_tokens() {
    let world = world().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "openid read:movies").await;
    let access = text(&tokens, "access_token");
    let look = async |header: Option<&str>, more: &[(&str, &str)]| {
        world.browser().post_as("/oauth/introspect", &[&[("token", access)], more].concat(), header).await
    };
    for (header, form) in [
        (None, &[][..]),
        (None, &[("client_id", "app")]),
        (None, &[("client_id", "server")]),
        (Some(basic("server", "wrong")), &[]),
    ] {
        let answer = look(header.as_deref(), form).await;
        assert_eq!((answer.status, answer.error()), (StatusCode::UNAUTHORIZED, "invalid_client".into()));
        assert!(answer.header("www-authenticate").starts_with("Basic "), "{answer:?}");
        assert!(!answer.body.contains("active"));
    }
    let said = look(Some(&basic("server", SECRET)), &[]).await;
    assert_eq!(said.header("cache-control"), "no-store");
    let said = said.json();
    assert_eq!(
        (&said["active"], &said["client_id"], &said["token_type"]),
        (&true.into(), &"app".into(), &"Bearer".into())
    );
    assert_eq!((&said["scope"], &said["username"]), (&"openid read:movies".into(), &"rea@example.test".into()));
    assert_eq!((&said["sub"], &said["aud"]), (&Value::from(world.id().await), &"api".into()));
    for name in ["exp", "iat", "iss", "jti"] {
        assert!(!said[name].is_null(), "{name}");
    }
}

#[tokio::test]
async fn a_token_that_is_no_good_is_not_active_and_nothing_else() {
    let world = world().await;
    let mut rea = world.rea().await;
    let (ended, good) = (rea.tokens("app", "openid").await, rea.tokens("app", "openid").await);
    revoke(&mut rea, "app", text(&ended, "access_token")).await;
    let header = basic("machine", SECRET);
    let look =
        async |token: &str| world.browser().post_as("/oauth/introspect", &[("token", token)], Some(&header)).await;
    let unknown = "A".repeat(64);
    let not = [text(&ended, "access_token"), text(&good, "id_token"), text(&good, "refresh_token"), &unknown, "x"];
    for token in not {
        assert_eq!(look(token).await.body, r#"{"active":false}"#, "{token}");
    }
    assert_eq!(look(text(&good, "access_token")).await.json()["active"], true);
    world.set_disabled(true).await;
    assert_eq!(look(text(&good, "access_token")).await.body, r#"{"active":false}"#, "its user is kept out");
    world.set_disabled(false).await;
    world.clock.advance(Duration::from_secs(3631));
    assert_eq!(look(text(&good, "access_token")).await.body, r#"{"active":false}"#, "it has expired");
}

#[tokio::test]
async fn a_refresh_token_is_shown_to_its_client_while_it_is_the_current_one() {
    let mut config = super::config();
    let server = Client::new("server", "Server", ClientKind::Confidential).with_secret(&SECRET.into()).unwrap();
    config.clients.push(Client { redirect_uris: vec![super::CALLBACK.into()], offline: true, ..server });
    let stranger = Client { third_party: true, ..Client::new("stranger", "Stranger", ClientKind::Machine) };
    config.clients.push(stranger.with_secret(&SECRET.into()).unwrap());
    let world = World::with(config).await;
    let mut rea = world.rea().await;
    let answer = rea.get(&super::authorize(&[("client_id", "server")])).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", super::CALLBACK),
        ("code", &answer.location_parameter("code").unwrap()),
        ("code_verifier", super::VERIFIER),
    ];
    let header = basic("server", SECRET);
    let first = rea.post_as("/oauth/token", &form, Some(&header)).await.json();
    let look = async |client: &str, token: &str| {
        world.browser().post_as("/oauth/introspect", &[("token", token)], Some(&basic(client, SECRET))).await.json()
    };
    let said = look("server", text(&first, "refresh_token")).await;
    assert_eq!((&said["active"], &said["client_id"]), (&true.into(), &"server".into()));
    assert_eq!(look("stranger", text(&first, "refresh_token")).await["active"], false);
    assert_eq!(look("stranger", text(&first, "access_token")).await["active"], false, "not its own");
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token"))];
    assert_eq!(rea.post_as("/oauth/token", &form, Some(&header)).await.status, StatusCode::OK);
    assert_eq!(look("server", text(&first, "refresh_token")).await["active"], false, "it was used");
}
