//! Users, and how the command line and scripts get at tokens.

use super::{PASSWORD, World, claims, config, secret};
use axum::http::StatusCode;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_access::{Roles, System};
use tollgate_auth::{Client, ClientKind, Error, Identity, IdentityConfig, UserError};
use tollgate_http::pages::{Pages, Site};
use tollgate_store::{
    Memory, Store,
    audit::{AuditEvent, NewAuditEvent},
};

#[tokio::test]
async fn a_user_is_added_once_with_a_good_password_and_known_roles() {
    let world = World::with(IdentityConfig { default_role: Some("reader".into()), ..config() }).await;
    let add = async |name: &str, email: &str, password: &str, roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        world.identity.create_user(name, email, &secret(password), &roles).await
    };
    let ada = add("Ada", "  Ada@Example.TEST ", PASSWORD, &[]).await.unwrap();
    assert_eq!((&*ada.email, &*ada.roles), ("ada@example.test", &["reader".to_owned()][..]));
    assert!(!format!("{ada:?}").contains("argon2"), "{ada:?}");
    assert!(!serde_json::to_string(&ada).unwrap().contains("argon2"));
    for (name, email, password, roles, said) in [
        ("B", "ADA@example.test", PASSWORD, &[][..], "there is a user with the e-mail address ada@example.test"),
        ("B", "b@example.test", "short", &[], "a password has at least 15 characters"),
        (
            "B",
            "b@example.test",
            "password password",
            &[],
            "this password is among the first that others try: use three or more words of your own",
        ),
        ("B", "b@example.test", PASSWORD, &["owner"], "there is no role `owner`; there are curator, reader"),
        ("", "b@example.test", PASSWORD, &[], "name: length is lower than 1"),
        ("B", "nobody", PASSWORD, &[], "email: not a valid email: value is missing `@`"),
    ] {
        assert_eq!(add(name, email, password, roles).await.unwrap_err().to_string(), said);
    }
    let both = add("C", "c@example.test", PASSWORD, &["reader", "curator"]).await.unwrap();
    assert_eq!(both.roles().collect::<Vec<_>>(), ["reader", "curator"]);
}

#[tokio::test]
async fn a_demo_user_who_is_there_stays_as_they_are() {
    let world = World::with(IdentityConfig { demo_users: true, ..config() }).await;
    let before = world.user("rea@example.test").await;
    let ensure = async |email| world.identity.ensure_demo_user("Other", email, &secret("another password"), &[]).await;
    ensure("REA@example.test").await.unwrap();
    assert_eq!(world.user("rea@example.test").await, before);
    ensure("new@example.test").await.unwrap();
    assert!(matches!(
        world.identity.ensure_demo_user("D", "d@example.test", &secret("short"), &[]).await,
        Err(UserError::Password(_))
    ));
    assert_eq!(world.browser().sign_in("new@example.test", "another password").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_demo_user_comes_in_only_where_demonstrations_are_allowed() {
    let world = World::new().await;
    world.identity.ensure_demo_user("Demo", "demo@example.test", &secret("no secret at all"), &[]).await.unwrap();
    assert_eq!(world.browser().sign_in("demo@example.test", "no secret at all").await.status, StatusCode::UNAUTHORIZED);
    assert!(matches!(world.identity.issue_token("demo@example.test").await, Err(Error::NoSuchUser(_))));
}

#[tokio::test]
async fn the_command_line_makes_tokens_for_users_who_are_there_and_not_kept_out() {
    let world = World::new().await;
    let token = world.identity.issue_token(" Rea@example.test").await.unwrap();
    assert_eq!(
        (&claims(&token)["scope"], &claims(&token)["client_id"]),
        (&json!("read:movies read:news"), &json!("cli"))
    );
    assert!(world.identity.gate().check(token.as_bytes()).await.is_ok());
    assert!(matches!(world.identity.issue_token("nobody@example.test").await, Err(Error::NoSuchUser(_))));
    world.set_disabled(true).await;
    assert!(matches!(world.identity.issue_token("rea@example.test").await, Err(Error::NoSuchUser(_))));
    let strict = IdentityConfig { second_factor_roles: vec!["reader".into()], ..config() };
    let strict = World::with(strict).await;
    assert!(
        matches!(strict.identity.issue_token("rea@example.test").await, Err(Error::NoSuchUser(_))),
        "no factor yet"
    );
}

#[tokio::test]
async fn a_token_that_an_operator_made_is_recorded() {
    let world = World::new().await;
    world.identity.issue_token("rea@example.test").await.unwrap();
    let (may, made) = (System::because("a test looks").may(), AuditEvent::ACTION.eq("issue_token"));
    let store: Store<AuditEvent> = Store::new(world.database.clone(), Arc::new(world.clock.clone()));
    let event = store.find(&may, made).first().await.unwrap().unwrap();
    let said = (&*event.actor, event.via.as_deref(), event.row_id, event.allowed);
    assert_eq!(said, ("system", Some("an operator makes a token"), Some(world.id().await), true));
}

#[tokio::test]
async fn an_operator_who_acts_in_somebodys_stead_is_recorded_as_that() {
    let world = World::new().await;
    let rea = world.identity.stand_in("rea@example.test").await.unwrap();
    let event = NewAuditEvent::new(&rea, "create", "movies");
    assert_eq!((event.actor, event.via.as_deref()), (world.id().await, Some("client cli")));
}

#[tokio::test]
async fn passwords_become_tokens_only_where_that_is_switched_on() {
    let form = [("username", "rea@example.test"), ("password", PASSWORD)];
    let closed = World::new().await;
    assert_eq!(closed.browser().post("/token", &form).await.status, StatusCode::NOT_FOUND);

    let world = World::with(IdentityConfig { password_grant: true, ..config() }).await;
    let mut script = world.browser();
    script.origin = None;
    let answer = script.post("/token", &form).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    let token = answer.json();
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("bearer"), &json!(3600)));
    assert_eq!(token["scope"], "read:movies read:news");
    let access = token["access_token"].as_str().unwrap();
    assert!(world.identity.gate().check(access.as_bytes()).await.is_ok());
    let with = |more: &[(&'static str, &'static str)]| [&form[..], more].concat();
    let narrow = script.post("/token", &with(&[("grant_type", "password"), ("scope", "read:news *")])).await.json();
    assert_eq!(claims(narrow["access_token"].as_str().unwrap())["scope"], "read:news");
    assert_eq!(narrow["scope"], "read:news", "and not what was asked for");
    let other = script.post("/token", &with(&[("grant_type", "client_credentials")])).await;
    assert_eq!((other.status, other.error()), (StatusCode::BAD_REQUEST, "unsupported_grant_type".into()));
    assert_eq!(script.post("/token", &form[..1]).await.error(), "invalid_request");
}

#[tokio::test]
async fn no_page_of_another_site_turns_a_password_into_a_token() {
    let form = [("username", "rea@example.test"), ("password", PASSWORD)];
    let world = World::with(IdentityConfig { password_grant: true, ..config() }).await;
    let mut page = world.browser();
    assert_eq!(page.post("/token", &form).await.status, StatusCode::OK);
    for origin in ["http://rebound.example:8000", "null"] {
        page.origin = Some(origin.into());
        let answer = page.post("/token", &form).await;
        assert_eq!((answer.status, answer.error()), (StatusCode::BAD_REQUEST, "invalid_request".into()), "{origin}");
    }
}

#[tokio::test]
async fn the_password_grant_tells_an_unknown_user_from_a_wrong_password_by_nothing() {
    let world = World::with(IdentityConfig { password_grant: true, ..config() }).await;
    let mut script = world.browser();
    let tried = async |script: &mut super::Browser, username, password| {
        let mut answer = script.post("/token", &[("username", username), ("password", password)]).await;
        answer.headers.remove("x-request-id");
        (answer.status, answer.headers, answer.body)
    };
    let wrong = tried(&mut script, "rea@example.test", "wrong password").await;
    assert_eq!((wrong.0, wrong.1["www-authenticate"].to_str().unwrap()), (StatusCode::UNAUTHORIZED, "Bearer"));
    assert_eq!(wrong.2, r#"{"error":"invalid_grant","error_description":"e-mail or password is wrong"}"#);
    assert_eq!(tried(&mut script, "nobody@example.test", PASSWORD).await, wrong);
    world.set_disabled(true).await;
    assert_eq!(tried(&mut script, "rea@example.test", PASSWORD).await, wrong);
}

#[tokio::test]
async fn a_configuration_that_contradicts_itself_does_not_start() {
    let client =
        |id: &str, uri: &str| Client { redirect_uris: vec![uri.into()], ..Client::new(id, id, ClientKind::Public) };
    let with = |clients| IdentityConfig { clients, ..config() };
    let roles = Roles::new(&BTreeMap::from([("film curator".into(), vec![])]), &[]).unwrap();
    for (config, said) in [
        (IdentityConfig { issuer: "http://api.example.com".into(), ..config() }, "must be `https`"),
        (IdentityConfig { issuer: "https://api.example.com/v1".into(), ..config() }, "scheme, host and port alone"),
        (IdentityConfig { session_lifetime: Duration::ZERO, ..config() }, "a lifetime of zero"),
        (IdentityConfig { access_lifetime: Duration::from_hours(25), ..config() }, "a day at most"),
        (IdentityConfig { audience: String::new(), ..config() }, "audience"),
        (IdentityConfig { default_role: Some("owner".into()), ..config() }, "`owner` is not among the roles"),
        (IdentityConfig { shortest_password: 7, ..config() }, "the shortest password has 8 to 128 characters"),
        (
            IdentityConfig { second_factor_roles: vec!["owner".into()], ..config() },
            "`owner`, which needs a second factor",
        ),
        (IdentityConfig { roles: Arc::new(roles), ..config() }, "`film curator` has white space"),
        (with(vec![client("docs", "https://a.example/")]), "two clients `docs`"),
        (with(vec![client("a b", "https://a.example/")]), "cannot be called that"),
        (with(vec![client("a", "https://a.example/#x")]), "cannot be sent back"),
        (with(vec![client("a", "javascript:alert(1)")]), "cannot be sent back"),
        (with(vec![client("a", "http://a.example/")]), "cannot be sent back"),
        (with(vec![client("a", "/callback")]), "cannot be sent back"),
    ] {
        let (database, clock) = (Arc::new(Memory::default()), Arc::new(crate::token::world::clock()));
        let started = Identity::start(config, database, clock, Arc::new(Pages::new(Site::default()))).await;
        let error = started.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
