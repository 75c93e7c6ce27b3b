//! The sign-in page: who gets a session, and what nobody learns.

use super::{ISSUER, PASSWORD, World, authorize, config};
use axum::http::{Request, StatusCode, header};
use std::{sync::Arc, time::Duration};
use tollgate_access::System;
use tollgate_auth::{IdentityConfig, Session};
use tollgate_store::{Filter, Store};

const EMAIL: &str = "rea@example.test";

#[tokio::test]
async fn a_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http() {
    let world = World::new().await;
    let answer = world.browser().sign_in(EMAIL, PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let (value, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=43200; HttpOnly; SameSite=Lax");
    let secret = value.strip_prefix("session=").unwrap();
    assert_eq!(secret.len(), 43, "256 bits");

    let secure = IdentityConfig { issuer: "https://api.example.com".into(), ..config() };
    let world = World::with(secure).await;
    let mut browser = world.browser();
    browser.origin = Some("https://api.example.com".into());
    let answer = browser.sign_in(EMAIL, PASSWORD).await;
    let (value, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(value.starts_with("__Host-session="), "{value}");
    assert_eq!(attributes, "Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure");
    for set in answer.headers.get_all("set-cookie") {
        let set = set.to_str().unwrap();
        assert!(set.starts_with("__Host-") && set.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{set}");
    }
    assert_eq!(browser.get("/api/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_table_of_sessions_makes_nobody_signed_in() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let store: Store<Session> = Store::new(Arc::clone(&world.database), Arc::new(world.clock.clone()));
    let rows = store.find(&System::because("a test looks").may(), Filter::every()).all().await.unwrap();
    assert!(!rea.cookie.as_ref().unwrap().contains(&rows[0].session));
    rea.cookie = Some(format!("session={}", rows[0].session));
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_sign_in_makes_a_new_session_and_ends_the_old_one() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.cookie = Some("session=planted-by-somebody-else".into());
    let mut thief = browser.clone();
    browser.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(thief.get("/api/me").await.status, StatusCode::UNAUTHORIZED, "what was planted is not taken over");
    let mut old = browser.clone();
    assert_eq!(old.get("/api/me").await.status, StatusCode::OK);
    browser.sign_in(EMAIL, PASSWORD).await;
    assert_ne!(browser.cookie, old.cookie);
    assert_eq!(old.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get("/api/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_password_an_unknown_user_and_a_disabled_one_get_the_same_answer() {
    let world = World::new().await;
    let mut browser = world.browser();
    let tried = async |browser: &mut super::Browser, email: &str, password: &str| {
        let mut answer = browser.sign_in(email, password).await;
        answer.headers.remove("x-request-id");
        (answer.status, answer.headers, answer.body.replace(email, "who"))
    };
    let wrong = tried(&mut browser, EMAIL, "wrong password").await;
    assert_eq!(wrong.0, StatusCode::UNAUTHORIZED);
    assert!(wrong.2.contains("E-mail or password is wrong.") && wrong.1.get("set-cookie").is_none());
    assert_eq!(tried(&mut browser, "sam@example.test", "wrong password").await, wrong);
    assert_eq!(tried(&mut browser, "sam@example.test", PASSWORD).await, wrong);
    assert_eq!(tried(&mut browser, EMAIL, &"long".repeat(500)).await, wrong);
    world.set_disabled(true).await;
    assert_eq!(tried(&mut browser, EMAIL, PASSWORD).await, wrong);
    world.set_disabled(false).await;
    assert_eq!(browser.sign_in(" REA@Example.test ", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_that_another_site_sends_signs_nobody_in() {
    let world = World::new().await;
    let mut browser = world.browser();
    for (origin, status) in [
        (Some(ISSUER), StatusCode::SEE_OTHER),
        (Some("http://localhost:8000"), StatusCode::SEE_OTHER),
        (None, StatusCode::SEE_OTHER),
        (Some("https://evil.example"), StatusCode::FORBIDDEN),
        (Some("http://evil.example:8000"), StatusCode::FORBIDDEN),
        (Some("http://127.0.0.1:8001"), StatusCode::FORBIDDEN),
        (Some("null"), StatusCode::FORBIDDEN),
    ] {
        browser.origin = origin.map(str::to_owned);
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.status, status, "{origin:?}");
    }
}

#[tokio::test]
async fn after_the_sign_in_the_browser_goes_where_it_wanted_to_on_this_origin() {
    let world = World::new().await;
    let mut browser = world.browser();
    for (asked, sent) in [
        ("/docs", "/docs"),
        ("/movies?sort=-rating#top", "/movies?sort=-rating#top"),
        ("http://localhost:8000/docs", "/docs"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let form = [("email", EMAIL), ("password", PASSWORD), ("return_to", asked)];
        assert_eq!(browser.post("/auth/login", &form).await.location(), sent, "{asked:?}");
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", asked).finish();
        let page = browser.get(&format!("/auth/login?{query}")).await;
        assert!(!page.body.contains("evil") && !page.body.contains("javascript"), "{}", page.body);
    }
}

#[tokio::test]
async fn the_page_lets_its_form_lead_to_the_client_that_asks_and_nowhere_else() {
    let world = World::new().await;
    let mut browser = world.browser();
    let mut form_action = async |path: &str| {
        let page = browser.get(path).await;
        assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "no-store"));
        assert_eq!(page.header("referrer-policy"), "same-origin");
        let policy = page.header("content-security-policy").to_owned();
        policy.split("form-action ").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    let for_client = |changes: &[(&str, &str)]| {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &authorize(changes)).finish();
        format!("/auth/login?{query}")
    };
    assert_eq!(form_action("/auth/login").await, "'self'");
    assert_eq!(form_action(&for_client(&[])).await, "'self' https://client.example");
    assert_eq!(form_action(&for_client(&[("redirect_uri", "https://evil.example/")])).await, "'self'");
    let app = [("client_id", "app"), ("redirect_uri", "com.example.app:/back?from=issuer")];
    assert_eq!(form_action(&for_client(&app)).await, "'self' com.example.app:");
}

#[tokio::test]
async fn the_page_names_the_host_only_where_it_is_ours() {
    let world = World::new().await;
    for (host, shown) in [("localhost:8000", "localhost:8000"), ("evil.example", "127.0.0.1:8000")] {
        let request = Request::get("/auth/login").header(header::HOST, host).body("".into()).unwrap();
        let page = world.browser().send(request).await;
        assert!(page.body.contains(&format!("its own identity provider, at {shown}")), "{}", page.body);
    }
}

#[tokio::test]
async fn who_signs_out_is_out_and_no_other_site_can_do_it_for_them() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let mut copy = rea.clone();
    for origin in [Some("https://evil.example".to_owned()), Some("null".into()), None] {
        let mut forged = rea.clone();
        forged.origin = origin;
        assert_eq!(forged.post("/auth/logout", &[]).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(copy.get("/api/me").await.status, StatusCode::OK);
    let answer = rea.post("/auth/logout", &[]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(answer.header("set-cookie"), "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    assert_eq!(copy.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rea.post("/auth/logout", &[]).await.status, StatusCode::SEE_OTHER, "once more does no harm");
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_at_once_with_its_user() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    world.set_disabled(true).await;
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    world.set_disabled(false).await;
    world.clock.advance(Duration::from_secs(12 * 3600 - 1));
    assert_eq!(rea.get("/api/me").await.status, StatusCode::OK);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_that_cannot_be_read_in_one_way_is_refused() {
    let world = World::new().await;
    let mut browser = world.browser();
    let twice = [("email", EMAIL), ("password", "wrong"), ("password", PASSWORD)];
    assert_eq!(browser.post("/auth/login", &twice).await.status, StatusCode::BAD_REQUEST);
    let long = "a".repeat(20_000);
    let answer = browser.post("/auth/login", &[("email", EMAIL), ("password", &long)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    for (kind, body, status) in [
        ("application/json", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("multipart/form-data", "", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/x-www-form-urlencoded", "email=a&password=%FF", StatusCode::BAD_REQUEST),
        ("application/x-www-form-urlencoded", "", StatusCode::UNAUTHORIZED),
    ] {
        let request = Request::post("/auth/login").header(header::CONTENT_TYPE, kind).body(body.into()).unwrap();
        assert_eq!(browser.send(request).await.status, status, "{kind}");
    }
}

/// A table that only grows would be found full one day.
#[tokio::test]
async fn sessions_that_have_ended_are_swept_out() {
    let world = World::with(config()).await;
    for _ in 0..3 {
        world.rea().await;
    }
    world.clock.advance(Duration::from_hours(12) + Duration::from_mins(1));
    world.rea().await;
    let store: Store<Session> = Store::new(Arc::clone(&world.database), Arc::new(world.clock.clone()));
    assert_eq!(store.count(&System::because("a test counts").may(), Filter::every()).await.unwrap(), 1);
}
