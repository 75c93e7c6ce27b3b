//! Who sent this request?

use super::{Answer, Browser, World, config};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_access::{Actor, Roles};
use tollgate_auth::IdentityConfig;
use tollgate_core::Problem;

async fn identify(world: &World, method: Method, headers: &[(&str, &str)]) -> Result<Actor, Problem> {
    let mut request = Request::builder().method(method).uri("/movies");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    world.identity.authenticator().identify(&head).await
}

async fn with_token(browser: &mut Browser, token: &str) -> Answer {
    let request = Request::get("/api/me").header(header::AUTHORIZATION, format!("Bearer {token}"));
    browser.send(request.body("".into()).unwrap()).await
}

fn permissions(actor: &Actor) -> Vec<String> {
    actor.grants().permissions().collect()
}

#[tokio::test]
async fn whoever_says_nothing_is_anyone() {
    let world = World::new().await;
    for method in [Method::GET, Method::POST] {
        let anyone = identify(&world, method, &[]).await.unwrap();
        assert!(anyone.is_anyone());
        assert_eq!(permissions(&anyone), ["read:news"]);
    }
}

/// Who runs the app takes a permission from a role in the settings, and starts it again.
#[tokio::test]
async fn what_the_settings_take_from_a_role_is_gone_from_tokens_that_were_given() {
    let world = World::new().await;
    world.change("rea@example.test", super::roles("curator")).await;
    let tokens = world.rea().await.tokens("web", "").await;
    let before = with_token(&mut world.browser(), tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(before["permissions"], json!(["create:movies", "read:*", "read:news"]));
    let roles = BTreeMap::from([("curator".to_owned(), vec!["read:movies".to_owned()])]);
    let less = IdentityConfig { roles: Arc::new(Roles::new(&roles, &[]).unwrap()), ..config() };
    let less = World::on(less, Arc::clone(&world.database), world.clock.clone()).await;
    let after = with_token(&mut less.browser(), tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(after["permissions"], json!(["read:movies"]));
}

#[tokio::test]
async fn a_token_gives_what_its_scope_says_and_not_all_that_its_user_may() {
    let world = World::new().await;
    world.change("rea@example.test", super::roles("reader curator")).await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("web", "openid create:movies").await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    for written in [bearer.clone(), bearer.replace("Bearer", "bEARER")] {
        let actor = identify(&world, Method::POST, &[("authorization", &written)]).await.unwrap();
        assert_eq!(permissions(&actor), ["create:movies", "read:news"]);
        assert_eq!((actor.name(), actor.email()), (Some("Rea Oku"), Some("rea@example.test")));
        assert_eq!((actor.id(), actor.roles()), (&*world.id().await, &["curator".to_owned(), "reader".into()][..]));
    }
    assert_eq!(world.identity.gate().remembered(), 1);
}

#[tokio::test]
async fn who_is_signed_in_can_ask_who_that_is() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let me = json!({
        "id": world.id().await,
        "name": "Rea Oku",
        "email": "rea@example.test",
        "provider": "this app",
        "roles": ["reader"],
        "permissions": ["read:movies", "read:news"],
    });
    assert_eq!(rea.get("/api/me").await.json(), me);
    let token = world.identity.issue_token("rea@example.test").await.unwrap();
    assert_eq!(with_token(&mut world.browser(), &token).await.json(), me);
    let answer = world.browser().get("/api/me").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
}

#[tokio::test]
async fn a_header_that_is_no_bearer_token_is_refused_with_a_challenge() {
    let world = World::new().await;
    let token = world.identity.issue_token("rea@example.test").await.unwrap();
    let (good, double) = (format!("Bearer {token}"), format!("Bearer {token}, Bearer {token}"));
    let spaced = format!("Bearer  {token}");
    let forged = format!("{}x", &good[..good.len() - 1]);
    for (headers, error) in [
        (&[("authorization", "")][..], ""),
        (&[("authorization", "Bearer")], ""),
        (&[("authorization", "Bearer ")], ""),
        (&[("authorization", "Basic cmVhOmhvcnNl")], ""),
        (&[("authorization", &token)], ""),
        (&[("authorization", &double)], ""),
        (&[("authorization", &spaced)], ""),
        (&[("authorization", "Bearer tökén")], ""),
        (&[("authorization", "Bearer a\tb")], ""),
        (&[("authorization", &good), ("authorization", &good)], ""),
        (&[("authorization", "Bearer x")], " error=\"invalid_token\""),
        (&[("authorization", &forged)], " error=\"invalid_token\""),
    ] {
        let problem = identify(&world, Method::GET, headers).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
        let (name, challenge) = &problem.headers()[0];
        assert_eq!((name, challenge.to_str().unwrap()), (&header::WWW_AUTHENTICATE, &*format!("Bearer{error}")));
        assert!(!format!("{problem:?}").contains(&token), "no token in the log");
    }
    assert!(identify(&world, Method::GET, &[("authorization", &good)]).await.is_ok());
    world.clock.advance(Duration::from_secs(3600 + 30));
    assert_eq!(with_token(&mut world.browser(), &token).await.status, StatusCode::UNAUTHORIZED, "it has expired");
}

#[tokio::test]
async fn a_session_may_change_something_only_from_a_page_of_ours() {
    let world = World::new().await;
    let cookie = world.rea().await.cookie.unwrap();
    let ask = async |method, headers: &[(&str, &str)]| {
        let headers = [headers, &[("cookie", cookie.as_str())]].concat();
        identify(&world, method, &headers).await.map(|actor| actor.is_signed_in()).map_err(|problem| problem.status())
    };
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert_eq!(ask(method, &[("origin", "https://evil.example")]).await, Ok(true));
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for ours in [
            ("origin", "http://127.0.0.1:8000"),
            ("origin", "http://localhost:8000"),
            ("sec-fetch-site", "same-origin"),
        ] {
            assert_eq!(ask(method.clone(), &[ours]).await, Ok(true), "{method} {ours:?}");
        }
        for foreign in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site"), ("x", "y")]
        {
            assert_eq!(ask(method.clone(), &[foreign]).await, Err(StatusCode::FORBIDDEN), "{method} {foreign:?}");
        }
    }
}

#[tokio::test]
async fn where_a_token_and_a_cookie_come_together_the_token_counts() {
    let world = World::new().await;
    let cookie = world.rea().await.cookie.unwrap();
    let curator = ["curator".to_owned()];
    world.identity.create_user("Cu", "cu@example.test", &super::PASSWORD.into(), &curator).await.unwrap();
    let bearer = format!("Bearer {}", world.identity.issue_token("cu@example.test").await.unwrap());
    let both = [("cookie", cookie.as_str()), ("authorization", &bearer), ("origin", "https://evil.example")];
    assert_eq!(identify(&world, Method::POST, &both).await.unwrap().email(), Some("cu@example.test"));
    let both = [("cookie", cookie.as_str()), ("authorization", "Bearer x")];
    assert_eq!(identify(&world, Method::GET, &both).await.unwrap_err().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_cookie_that_names_no_session_is_anyones() {
    let world = World::new().await;
    let good = world.rea().await.cookie.unwrap();
    for cookie in
        ["session=", "session=x", "session", "other=1", "", &format!("{good}; {good}"), &format!("{good}; session=x")]
    {
        let actor = identify(&world, Method::POST, &[("cookie", cookie)]).await.unwrap();
        assert!(actor.is_anyone(), "{cookie}");
    }
    let among_others = format!("a=b; {good};c=d");
    assert!(identify(&world, Method::GET, &[("cookie", &among_others)]).await.unwrap().is_signed_in());
}
