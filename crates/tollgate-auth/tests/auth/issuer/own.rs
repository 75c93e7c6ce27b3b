//! One's own account: another password, a forgotten one.

use super::{
    Answer, Browser, PASSWORD, World,
    accounts::{events, recorded, send},
    config,
};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tollgate_access::System;
use tollgate_auth::{IdentityConfig, Mailer};
use tollgate_http::ClientAddress;
use tollgate_store::{audit::AuditEvent, background};

const EMAIL: &str = "rea@example.test";
const NEW: &str = "the lorry sleeps at noon";

async fn change(browser: &mut Browser, current: &str, new: &str) -> Answer {
    browser.post("/auth/password", &[("current", current), ("new", new)]).await
}

/// A link as the command line makes one: its path.
async fn link(world: &World) -> String {
    let user = world.user(EMAIL).await.user_id;
    let link = world.identity.accounts().reset_link(&System::because("a test asks").may(), user).await.unwrap();
    link.strip_prefix(super::ISSUER).unwrap().to_owned()
}

async fn reset(browser: &mut Browser, link: &str, new: &str) -> Answer {
    browser.post("/auth/reset", &[("link", link.split_once("link=").unwrap().1), ("new", new)]).await
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions_and_all_tokens() {
    let world = World::new().await;
    let (mut here, mut there) = (world.rea().await, world.rea().await);
    let tokens = there.tokens("app", "").await;
    let page = here.get("/auth/password").await;
    assert!(page.body.contains("At least 15 characters") && page.body.contains("new-password"), "{}", page.body);
    let answer = change(&mut here, PASSWORD, NEW).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.contains("Your password was changed"), "{}", answer.body);
    assert_eq!(here.get("/api/me").await.status, StatusCode::OK);
    assert_eq!(there.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(world.identity.gate().check(tokens["access_token"].as_str().unwrap().as_bytes()).await.is_err());
    assert_eq!(there.refresh("app", tokens["refresh_token"].as_str().unwrap()).await.error(), "invalid_grant");
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.browser().sign_in(EMAIL, NEW).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_from_a_page_of_ours() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    for (current, new, said) in [
        ("wrong password altogether", NEW, "The current password is wrong."),
        (PASSWORD, "too short", "A password has at least 15 characters."),
        (PASSWORD, "password password", "among the first that others try"),
        (PASSWORD, "rea oku rea oku 1990", "among the first that others try"),
    ] {
        let answer = change(&mut rea, current, new).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        assert!(answer.body.contains(said) && !answer.body.contains(new), "{}", answer.body);
    }
    let mut foreign = rea.clone();
    foreign.origin = Some("https://evil.example".into());
    assert_eq!(change(&mut foreign, PASSWORD, NEW).await.status, StatusCode::FORBIDDEN);
    let mut anyone = world.browser();
    assert_eq!(change(&mut anyone, PASSWORD, NEW).await.location(), "/auth/login?return_to=%2Fauth%2Fpassword");
    for _ in 0..10 {
        change(&mut rea, "wrong password altogether", NEW).await;
    }
    assert_eq!(change(&mut rea, PASSWORD, NEW).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_program_changes_its_users_password_with_the_current_one() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let body = |current: &str| Some(json!({ "current": current, "new": NEW }));
    let path = "/api/me/password";
    let wrong = send(&mut rea, Method::POST, path, body("wrong password altogether")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("#/current"), "{}", wrong.body);
    let unfit = json!({ "current": PASSWORD, "new": "too short" });
    let unfit = send(&mut rea, Method::POST, path, Some(unfit)).await;
    assert_eq!((unfit.status, &unfit.json()["errors"][0]["pointer"]), (wrong.status, &json!("#/new")));
    assert_eq!(send(&mut world.browser(), Method::POST, path, body(PASSWORD)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&mut rea, Method::POST, path, body(PASSWORD)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rea.get("/api/me").await.status, StatusCode::OK, "this session stays");
    assert_eq!(world.browser().sign_in(EMAIL, NEW).await.status, StatusCode::SEE_OTHER);
}

/// A token says who asks, and the cookie beside it is that of a session which has ended.
#[tokio::test]
async fn a_session_that_has_ended_is_not_good_again_with_another_password() {
    let world = World::new().await;
    let mut stolen = world.rea().await;
    world.end_sessions().await;
    let tokens = world.rea().await.tokens("web", "").await;
    let mut request = Request::post("/api/me/password").header(header::CONTENT_TYPE, "application/json");
    request = request.header(header::AUTHORIZATION, format!("Bearer {}", tokens["access_token"].as_str().unwrap()));
    let body = json!({ "current": PASSWORD, "new": NEW }).to_string();
    let changed = stolen.send(request.body(body.into()).unwrap()).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.body);
    assert_eq!(stolen.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_is_good_once_within_an_hour_and_ends_everything() {
    let world = World::new().await;
    let (mut rea, mut browser) = (world.rea().await, world.browser());
    let (first, second) = (link(&world).await, link(&world).await);
    let page = browser.get(&first).await;
    assert!(page.status == StatusCode::OK && page.body.contains(EMAIL), "{}", page.body);
    let unfit = reset(&mut browser, &first, "too short").await;
    assert_eq!(unfit.status, StatusCode::UNPROCESSABLE_ENTITY, "and the link stays good");
    let done = reset(&mut browser, &first, NEW).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/auth/login?done=1"));
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    for used in [&first, &second] {
        assert_eq!(reset(&mut browser, used, "yet another password of mine").await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(browser.sign_in(EMAIL, NEW).await.status, StatusCode::SEE_OTHER);

    let late = link(&world).await;
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(browser.get(&late).await.status, StatusCode::NOT_FOUND);
    assert_eq!(reset(&mut browser, &late, NEW).await.status, StatusCode::NOT_FOUND);
    let kept_out = link(&world).await;
    world.set_disabled(true).await;
    assert_eq!(reset(&mut browser, &kept_out, NEW).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn parallel_uses_of_a_link_set_one_password() {
    let world = World::new().await;
    let link = link(&world).await;
    let tries: Vec<_> = (0..10)
        .map(|number| {
            let (mut browser, link) = (world.browser(), link.clone());
            tokio::spawn(async move { reset(&mut browser, &link, &format!("{NEW} {number}")).await.status })
        })
        .collect();
    let mut set = 0;
    for answer in tries {
        set += usize::from(answer.await.unwrap() == StatusCode::SEE_OTHER);
    }
    assert_eq!(set, 1);
}

#[tokio::test]
async fn asking_for_a_link_tells_nobody_whether_there_is_an_account() {
    let sent = Arc::new(Mutex::new(vec![]));
    let outbox = Arc::clone(&sent);
    let mailer = Mailer::new(move |mail| {
        outbox.lock().unwrap().push((mail.to.clone(), mail.text.clone()));
        async { Ok(()) }
    });
    let world = World::with(IdentityConfig { mailer: Some(mailer), ..config() }).await;
    let mut browser = world.browser();
    assert!(browser.get("/auth/login").await.page().contains(r#"href="/auth/forgot""#));
    let mut answers = vec![];
    for email in [EMAIL, "sam@example.test", EMAIL, EMAIL, EMAIL] {
        let mut answer = forget(&mut browser, email).await;
        answer.headers.remove("x-request-id");
        answers.push((answer.status, answer.headers, answer.body.replace(email, "who")));
        // What is to be done is done afterwards.
        background::wait().await;
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let sent = sent.lock().unwrap().clone();
    assert_eq!(sent.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), [EMAIL; 3], "and no more than three");
    let link = sent[0].1.lines().find_map(|line| line.strip_prefix(super::ISSUER)).unwrap().to_owned();
    assert_eq!(reset(&mut browser, &link, NEW).await.status, StatusCode::SEE_OTHER);
    // Nobody knows who asked, but from where: who is after an account is looked for here.
    let asked: Vec<_> = events(&world).await.into_iter().filter(|event| event.action == "reset_link").collect();
    let id = Some(world.id().await);
    assert_eq!(asked.len(), 3);
    for AuditEvent { actor, via, row_id, address, request_id, .. } in asked {
        assert_eq!((&*actor, via, row_id, address.as_deref()), ("anyone", None, id.clone(), Some("192.0.2.7")));
        assert!(request_id.is_some());
    }
}

/// Asks for a link, from an address.
async fn forget(browser: &mut Browser, email: &str) -> Answer {
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("email", email).finish();
    let request = Request::post("/auth/forgot").header(header::ORIGIN, super::ISSUER);
    let mut request =
        request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.into()).unwrap();
    request.extensions_mut().insert(ClientAddress("192.0.2.7".parse().unwrap()));
    browser.send(request).await
}

#[tokio::test]
async fn without_a_way_to_send_mail_nobody_is_promised_one() {
    let world = World::new().await;
    let mut browser = world.browser();
    assert!(!browser.get("/auth/login").await.body.contains("/auth/forgot"));
    assert_eq!(browser.get("/auth/forgot").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.post("/auth/forgot", &[("email", EMAIL)]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_people_do_with_their_accounts_is_recorded_without_a_secret() {
    let world = World::new().await;
    let (mut rea, before) = (world.browser(), recorded(&world).await.len());
    rea.sign_in(EMAIL, "a canary: wrong password").await;
    rea.sign_in("a canary: nobody", PASSWORD).await;
    rea.sign_in(EMAIL, PASSWORD).await;
    change(&mut rea, PASSWORD, NEW).await;
    rea.post("/auth/logout", &[]).await;
    let link = link(&world).await;
    reset(&mut rea, &link, "a canary: another password").await;
    let events = recorded(&world).await;
    let said: Vec<_> = events[before..].iter().map(|(action, allowed, _)| (action.as_str(), *allowed)).collect();
    let expected = [
        ("sign_in", false),
        ("sign_in", false),
        ("sign_in", true),
        ("change_password", true),
        ("sign_out", true),
        ("reset_link", true),
        ("reset_password", true),
    ];
    assert_eq!(said, expected);
    let text = format!("{events:?}");
    for secret in ["canary", PASSWORD, NEW, link.split_once("link=").unwrap().1, "argon2"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
