//! What ends when: with a sign-out, a role, another address, the whole account.

use super::{
    Browser, CALLBACK, PASSWORD, World,
    accounts::recorded,
    authorize, clients, config,
    consent::{allowed, third_parties},
    revocation::{ends_on, is_good, text},
    roles,
    second_factor::enrol,
};
use crate::token::world::clock;
use axum::http::StatusCode;
use std::{sync::Arc, time::Duration};
use tollgate_access::System;
use tollgate_auth::{
    AccountChange, ApiKeys, Client, ClientKind, Identity, IdentityConfig, KeyFor, NewKey, User, UserPatch,
};
use tollgate_core::{Change, Clock};
use tollgate_store::{Database, Expr, Memory, Row, Select, Value};
use uuid::Uuid;

const EMAIL: &str = "rea@example.test";
const NEW: &str = "the lorry sleeps at noon";

async fn change(world: &World, change: AccountChange) -> User {
    let (may, user) = (System::because("a test changes").may(), world.user(EMAIL).await.user_id);
    world.identity.accounts().change(&may, user, change).await.unwrap()
}

fn set_roles(names: &str) -> AccountChange {
    let names = names.split_whitespace().map(str::to_owned).collect();
    AccountChange { roles: Change::Set(names), ..AccountChange::default() }
}

async fn link(world: &World) -> String {
    let (may, user) = (System::because("a test asks").may(), world.user(EMAIL).await.user_id);
    let link = world.identity.accounts().reset_link(&may, user).await.unwrap();
    link.split_once("link=").unwrap().1.to_owned()
}

async fn reset(world: &World, link: &str) -> StatusCode {
    world.browser().post("/auth/reset", &[("link", link), ("new", NEW)]).await.status
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.get("/api/me").await.status == StatusCode::OK
}

#[tokio::test]
async fn a_sign_out_ends_what_was_given_in_that_browser_and_nothing_else() {
    let world = World::new().await;
    let other = world.restarted().await;
    let (mut here, mut there) = (world.rea().await, world.rea().await);
    let (ours, theirs) = (here.tokens("app", "").await, there.tokens("app", "").await);
    let (page, code) = (here.tokens("web", "").await, here.code("app", "").await);
    for tokens in [&ours, &theirs, &page] {
        assert!(is_good(&other, text(tokens, "access_token")).await);
    }
    assert_eq!(here.post("/auth/logout", &[]).await.status, StatusCode::SEE_OTHER);
    for tokens in [&ours, &page] {
        assert!(!is_good(&world, text(tokens, "access_token")).await);
        ends_on(&other, text(tokens, "access_token")).await;
    }
    assert_eq!(other.browser().refresh("app", text(&ours, "refresh_token")).await.error(), "invalid_grant");
    assert_eq!(other.browser().redeem("app", &code).await.error(), "invalid_grant");
    assert!(is_signed_in(&mut there).await && is_good(&world, text(&theirs, "access_token")).await);
    assert_eq!(there.refresh("app", text(&theirs, "refresh_token")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_signs_somebody_out_ends_the_same() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "openid").await;
    let hint = text(&tokens, "id_token");
    let path = format!("/oauth/logout?id_token_hint={hint}");
    assert_eq!(rea.get(&path).await.status, StatusCode::SEE_OTHER);
    assert!(!is_good(&world, text(&tokens, "access_token")).await);
    assert_eq!(rea.refresh("app", text(&tokens, "refresh_token")).await.error(), "invalid_grant");
}

/// The browser forgets a session by itself, and at another sign-in: nobody has said that anything should end.
#[tokio::test]
async fn a_session_that_is_over_without_a_sign_out_ends_nothing_that_it_gave() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("app", "").await;
    rea.sign_in(EMAIL, PASSWORD).await;
    let next = rea.refresh("app", text(&tokens, "refresh_token")).await.json();
    assert!(is_good(&world, text(&next, "access_token")).await);
    world.clock.advance(Duration::from_hours(24));
    world.rea().await;
    let next = rea.refresh("app", text(&next, "refresh_token")).await;
    assert_eq!(next.status, StatusCode::OK, "sweeping ended it: {}", next.body);
    let listed = world.identity.accounts().sessions(world.user(EMAIL).await.user_id).await.unwrap();
    assert_eq!(listed.len(), 1, "nor is it shown");
}

/// The browser at home ends the one that was left somewhere, and what clients were given there; nobody ends another's.
#[tokio::test]
async fn people_see_where_they_are_signed_in_and_end_it_there_and_nobody_else_does() {
    let world = World::new().await;
    world.identity.create_user("Ada", "ada@example.test", &PASSWORD.into(), &[]).await.unwrap();
    let (mut home, mut left, mut ada) = (world.rea().await, world.rea().await, world.browser());
    ada.sign_in("ada@example.test", PASSWORD).await;
    let tokens = left.tokens("app", "").await;
    let page = home.get("/auth/sessions").await;
    assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "no-store"));
    let shown = page.page();
    let names: Vec<&str> =
        shown.split("name=\"session\" value=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!((names.len(), shown.matches("this browser").count()), (2, 1), "{shown}");
    let user = world.user(EMAIL).await.user_id;
    let newest = world.identity.accounts().sessions(user).await.unwrap();
    let name = &newest.iter().find(|session| session.gave_until.is_some()).unwrap().session;
    let form = [("session", &**name)];
    for (mut stranger, status) in [(ada, StatusCode::SEE_OTHER), (world.browser(), StatusCode::SEE_OTHER)] {
        assert_eq!(stranger.post("/auth/sessions", &form).await.status, status);
    }
    let mut lured = Browser { origin: Some("https://evil.example".into()), ..home.clone() };
    assert_eq!(lured.post("/auth/sessions", &form).await.status, StatusCode::FORBIDDEN);
    assert_eq!(left.get("/api/me").await.status, StatusCode::OK, "nobody else ended it");
    assert_eq!(home.post("/auth/sessions", &form).await.location(), "/auth/sessions");
    assert_eq!(left.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(!is_good(&world, text(&tokens, "access_token")).await);
    assert_eq!(left.refresh("app", text(&tokens, "refresh_token")).await.error(), "invalid_grant");
    assert_eq!(home.get("/api/me").await.status, StatusCode::OK);
    assert_eq!(home.get("/auth/sessions").await.page().matches("name=\"session\"").count(), 1);
    assert_eq!(recorded(&world).await.iter().filter(|(action, ..)| action == "end_session").count(), 1);
    assert!(left.get("/auth/sessions").await.location().starts_with("/auth/login"));
}

/// By hand, past all that ends with it otherwise. What cannot be asked for each time is an access token.
#[tokio::test]
async fn who_is_disabled_in_the_database_itself_gets_nothing_more_and_nothing_back_when_enabled_again() {
    let world = clients::world().await;
    let mut rea = world.rea().await;
    let (tokens, code) = (rea.tokens("app", "openid").await, rea.code("web", "").await);
    let access = text(&tokens, "access_token");
    let bearer = format!("Bearer {access}");
    let (service, form) = (clients::basic("server", clients::SECRET), [("token", access)]);
    world.set_disabled(true).await;
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED, "the session");
    assert!(rea.get("/auth/sessions").await.location().starts_with("/auth/login"));
    let mut script = world.browser();
    assert_eq!(script.post_as("/oauth/userinfo", &[], Some(&bearer)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(script.post_as("/oauth/introspect", &form, Some(&service)).await.body, r#"{"active":false}"#);
    assert_eq!(script.redeem("web", &code).await.error(), "invalid_grant");
    assert!(is_good(&world, access).await, "nothing has been revoked");
    assert_eq!(script.refresh("app", text(&tokens, "refresh_token")).await.error(), "invalid_grant");
    assert!(!is_good(&world, access).await, "what came of the refresh token ends with its next use");
    world.set_disabled(false).await;
    assert_eq!(script.refresh("app", text(&tokens, "refresh_token")).await.error(), "invalid_grant");
    assert!(!is_good(&world, access).await);
}

#[tokio::test]
async fn what_somebody_elses_client_was_allowed_ends_when_that_is_withdrawn_and_not_with_a_sign_out() {
    let world = World::with(third_parties()).await;
    let mut rea = world.rea().await;
    let tokens = allowed(&mut rea, "read:movies offline_access").await;
    rea.post("/auth/logout", &[]).await;
    let next = rea.refresh("recorder", text(&tokens, "refresh_token")).await;
    assert_eq!(next.status, StatusCode::OK, "{}", next.body);
    let mut rea = world.rea().await;
    rea.post("/auth/apps", &[("client", "recorder")]).await;
    assert!(!is_good(&world, text(&next.json(), "access_token")).await);
    let gone = rea.refresh("recorder", text(&next.json(), "refresh_token")).await;
    assert_eq!(gone.error(), "invalid_grant");
}

#[tokio::test]
async fn a_role_that_is_taken_away_leaves_the_access_tokens_and_a_refresh_gives_what_is_left() {
    let world = World::new().await;
    let other = world.restarted().await;
    world.change(EMAIL, roles("reader curator")).await;
    let mut rea = world.rea().await;
    let before = rea.tokens("app", "").await;
    assert!(is_good(&other, text(&before, "access_token")).await);
    change(&world, set_roles("reader")).await;
    ends_on(&world, text(&before, "access_token")).await;
    ends_on(&other, text(&before, "access_token")).await;
    let after = rea.refresh("app", text(&before, "refresh_token")).await.json();
    let (access, scope) = (text(&after, "access_token"), text(&after, "scope"));
    assert!(scope.contains("read:movies") && !scope.contains("create:movies"), "{scope}");
    assert!(is_good(&world, access).await && is_good(&other, access).await && is_signed_in(&mut rea).await);
    change(&world, set_roles("reader curator")).await;
    assert!(is_good(&world, access).await, "who gets a role loses nothing");
}

#[tokio::test]
async fn a_link_ends_with_any_change_of_its_account() {
    let world = World::new().await;
    let rename = AccountChange { email: Change::Set("rea.oku@example.test".into()), ..AccountChange::default() };
    let promoted = link(&world).await;
    change(&world, set_roles("reader curator")).await;
    assert_eq!(reset(&world, &promoted).await, StatusCode::NOT_FOUND);
    let page = world.browser().get(&format!("/auth/reset?link={promoted}")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let signed_out = link(&world).await;
    world.end_sessions().await;
    assert_eq!(reset(&world, &signed_out).await, StatusCode::NOT_FOUND);
    let (first, second) = (link(&world).await, link(&world).await);
    assert_eq!(reset(&world, &first).await, StatusCode::SEE_OTHER);
    assert_eq!(reset(&world, &second).await, StatusCode::NOT_FOUND, "one password, however many links");
    let moved = link(&world).await;
    change(&world, rename).await;
    assert_eq!(reset(&world, &moved).await, StatusCode::NOT_FOUND);
}

/// A token of an instance whose clock is ahead looks younger than the revocation.
/// What one writes whose clock is ahead must not keep the others from reading what comes after it.
async fn ahead_ends_somebody_first(ahead: &World, third: &World) {
    let ada = ahead.identity.create_user("Ada", "ada@example.test", &PASSWORD.into(), &[]).await.unwrap();
    let token = third.identity.issue_token("ada@example.test").await.unwrap();
    assert!(is_good(third, &token).await);
    ahead.disable(ada.user_id).await;
    ends_on(third, &token).await;
}

#[tokio::test]
async fn a_user_ends_whatever_the_clocks_of_the_instances_say() {
    let database: Arc<dyn Database> = Arc::new(Memory::with_clock(clock()));
    let world = World::on(config(), Arc::clone(&database), clock()).await;
    let ahead = clock();
    ahead.advance(Duration::from_secs(20));
    let ahead = World::on(config(), Arc::clone(&database), ahead).await;
    let third = World::on(config(), database, clock()).await;
    world.identity.create_user("Rea Oku", EMAIL, &PASSWORD.into(), &[]).await.unwrap();
    ahead_ends_somebody_first(&ahead, &third).await;
    let tokens = ahead.rea().await.tokens("app", "").await;
    let access = text(&tokens, "access_token");
    assert!(is_good(&world, access).await && is_good(&ahead, access).await);
    world.end_sessions().await;
    assert!(!is_good(&world, access).await);
    ends_on(&ahead, access).await;
    ends_on(&third, access).await;
    let again = world.rea().await.tokens("app", "").await;
    assert!(is_good(&world, text(&again, "access_token")).await, "within the same second");
}

#[tokio::test]
async fn a_client_that_is_removed_ends_whatever_the_clocks_say() {
    let database: Arc<dyn Database> = Arc::new(Memory::default());
    let world = World::on(config(), Arc::clone(&database), clock()).await;
    let ahead = clock();
    ahead.advance(Duration::from_secs(9));
    let ahead = World::on(config(), database, ahead).await;
    world.identity.create_user("Rea Oku", EMAIL, &PASSWORD.into(), &[]).await.unwrap();
    let page = Client { redirect_uris: vec![CALLBACK.into()], ..Client::new("page", "Page", ClientKind::Public) };
    world.identity.add_client(page).await.unwrap();
    let mut rea = ahead.rea().await;
    let code = rea.get(&authorize(&[("client_id", "page")])).await.location_parameter("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "page"),
        ("redirect_uri", CALLBACK),
        ("code", &*code),
        ("code_verifier", super::VERIFIER),
    ];
    let tokens = rea.post("/oauth/token", &form).await.json();
    assert!(is_good(&world, text(&tokens, "access_token")).await);
    world.identity.remove_client("page").await.unwrap();
    assert!(!is_good(&world, text(&tokens, "access_token")).await);
    ends_on(&ahead, text(&tokens, "access_token")).await;
}

#[tokio::test]
async fn an_old_hash_and_a_second_factor_to_come_let_people_go_on() {
    let strict = IdentityConfig { second_factor_roles: vec!["reader".into()], ..config() };
    let world = World::with(strict).await;
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    world.change(EMAIL, UserPatch { password_hash: Change::Set(hash), ..UserPatch::default() }).await;
    let mut rea = world.browser();
    assert_eq!(rea.sign_in(EMAIL, PASSWORD).await.location(), "/auth/second-factor?return_to=%2F");
    assert!(world.user(EMAIL).await.password_hash.starts_with("$argon2"), "it was replaced");
    let page = rea.get("/auth/second-factor").await;
    assert_eq!((page.status, page.location()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn nothing_is_kept_of_a_user_who_is_removed_but_what_was_recorded() {
    let world = World::with(third_parties()).await;
    let mut rea = world.rea().await;
    rea.tokens("app", "").await;
    allowed(&mut rea, "read:movies offline_access").await;
    enrol(&world, &mut rea).await;
    link(&world).await;
    let (user, clock): (_, Arc<dyn Clock>) = (world.user(EMAIL).await.user_id, Arc::new(world.clock.clone()));
    let keys =
        ApiKeys::start("app", config().roles, Some(world.identity.clone()), &world.database, &clock).await.unwrap();
    let (name, scopes) = ("sync".into(), vec!["read:movies".into()]);
    let new = NewKey { name, scopes, expires: None, speaks_for: KeyFor::User(user) };
    keys.create(&System::because("a test makes one").may(), new).await.unwrap();

    let kept = tables_that_name(&world, user).await;
    let expected = [
        "users",
        "api_keys",
        "auth_sessions",
        "auth_consents",
        "auth_codes",
        "auth_refreshes",
        "auth_revocations",
        "auth_second_factors",
        "auth_links",
    ];
    assert_eq!(kept, expected);
    world.identity.accounts().remove(&System::because("a test removes").may(), user).await.unwrap();
    assert_eq!(tables_that_name(&world, user).await, ["auth_revocations"], "until the last token has expired");
    assert!(recorded(&world).await.iter().any(|(action, ..)| action == "delete"));
}

/// The tables of identity with a row that says who it is about.
async fn tables_that_name(world: &World, user: Uuid) -> Vec<&'static str> {
    let mut named = vec![];
    for table in Identity::tables() {
        let select = Select { table, filter: Expr::EVERY, order: vec![], limit: None };
        let mut is_named = false;
        let mut look = |row: &dyn Row| {
            let cells = (0..table.columns.len()).map(|column| row.value(column)).collect::<Result<Vec<_>, _>>()?;
            let text = format!("{cells:?}");
            is_named |= text.contains(&user.to_string()) || cells.contains(&Value::Uuid(user));
            Ok(())
        };
        world.database.select(&select, &mut look).await.unwrap();
        named.extend(is_named.then_some(table.name));
    }
    named
}
