//! The second factor: a code after the password.

use super::{
    Answer, Browser, PASSWORD, World,
    accounts::recorded,
    claims, config,
    revocation::{is_good, text},
};
use aws_lc_rs::hmac;
use axum::http::StatusCode;
use serde_json::json;
use std::time::Duration;
use tollgate_access::System;
use tollgate_auth::IdentityConfig;
use tollgate_core::Clock;

const EMAIL: &str = "rea@example.test";

/// An authenticator app, written from RFC 4226 and RFC 6238.
pub(crate) struct Authenticator(Vec<u8>);

impl Authenticator {
    /// Reads the key from the page.
    fn of(page: &str) -> Self {
        let key = page.split("gate-secret select-whole\">").nth(1).unwrap().split('<').next().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits = key.chars().filter(|c| *c != ' ').flat_map(|c| {
            let value = alphabet.find(c).unwrap();
            (0..5).rev().map(move |bit| value >> bit & 1 == 1)
        });
        let bits: Vec<bool> = bits.collect();
        Self(bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect())
    }

    pub(crate) fn code(&self, world: &World) -> String {
        let step = world.clock.unix() / 30;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

fn hidden(page: &str, name: &str) -> String {
    let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("{page}"));
    value.split('"').next().unwrap().to_owned()
}

/// Sets the second factor up in that browser; answers the app, and the page with the recovery codes.
pub(crate) async fn enrol(world: &World, browser: &mut Browser) -> (Authenticator, Answer) {
    let page = browser.get("/auth/second-factor").await.page();
    assert!(page.contains("<svg viewBox=\"0 0 ") && page.contains("otpauth://totp/"), "{page}");
    let app = Authenticator::of(&page);
    let offer = hidden(&page, "offer");
    let form = [("do", "enrol"), ("offer", &offer), ("current", PASSWORD), ("code", &app.code(world))];
    let done = browser.post("/auth/second-factor", &form).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    (app, done)
}

fn recovery_codes(page: &str) -> Vec<String> {
    let list = page.split("gate-codes\">").nth(1).unwrap().split("</ul>").next().unwrap();
    list.split("<li>").skip(1).map(|item| item.split('<').next().unwrap().to_owned()).collect()
}

pub(crate) async fn code(browser: &mut Browser, code: &str) -> Answer {
    browser.post("/auth/code", &[("code", code), ("return_to", "/docs")]).await
}

#[tokio::test]
async fn with_a_second_factor_the_password_alone_lets_nobody_in() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let mut elsewhere = world.rea().await;
    let (app, _) = enrol(&world, &mut rea).await;
    assert_eq!(elsewhere.get("/api/me").await.status, StatusCode::UNAUTHORIZED, "other sessions end");
    world.clock.advance(Duration::from_secs(30));

    let mut browser = world.browser();
    let step = browser.sign_in(EMAIL, PASSWORD).await;
    assert_eq!((step.status, step.location()), (StatusCode::SEE_OTHER, "/auth/code?return_to=%2F"));
    assert_eq!(browser.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get("/auth/password").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/auth/second-factor").await.status, StatusCode::SEE_OTHER);
    assert!(browser.get("/auth/code").await.body.contains("one-time-code"));
    assert_eq!(code(&mut browser, "000000").await.status, StatusCode::UNAUTHORIZED);
    let done = code(&mut browser, &app.code(&world)).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/docs"));
    assert_eq!(browser.get("/api/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_is_good_once_also_for_two_at_the_same_time() {
    let world = World::new().await;
    let (app, _) = enrol(&world, &mut world.rea().await).await;
    let mut first = world.browser();
    first.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(code(&mut first, &app.code(&world)).await.status, StatusCode::UNAUTHORIZED, "it was used to enrol");
    world.clock.advance(Duration::from_secs(30));
    let typed = app.code(&world);
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (mut browser, typed) = (first.clone(), typed.clone());
            tokio::spawn(async move { code(&mut browser, &typed).await.status })
        })
        .collect();
    let mut entered = 0;
    for answer in tries {
        entered += usize::from(answer.await.unwrap() == StatusCode::SEE_OTHER);
    }
    assert_eq!(entered, 1);
}

#[tokio::test]
async fn a_recovery_code_is_good_once_however_it_is_typed() {
    let world = World::new().await;
    let (_, page) = enrol(&world, &mut world.rea().await).await;
    let codes = recovery_codes(&page.body);
    assert_eq!(codes.len(), 10);
    let stored = format!("{:?}", recorded(&world).await);
    assert!(codes.iter().all(|code| !stored.contains(code)), "{stored}");
    for (typed, status) in [
        (codes[0].clone(), StatusCode::SEE_OTHER),
        (codes[0].clone(), StatusCode::UNAUTHORIZED),
        (codes[1].to_uppercase().replace('-', " "), StatusCode::SEE_OTHER),
    ] {
        let mut browser = world.browser();
        browser.sign_in(EMAIL, PASSWORD).await;
        assert_eq!(code(&mut browser, &typed).await.status, status, "{typed}");
    }
}

/// Each of them is good, so each lets in; one code for several lets in one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_recovery_codes_at_the_same_moment_each_lets_in_once() {
    let world = World::new().await;
    let (_, page) = enrol(&world, &mut world.rea().await).await;
    let codes = recovery_codes(&page.body);
    let mut browser = world.browser();
    browser.sign_in(EMAIL, PASSWORD).await;
    // Eight at once: four codes, each from two.
    let tries: Vec<_> = codes.iter().take(4).chain(codes.iter().take(4)).cloned().collect();
    let tries = tries.into_iter().map(|typed| {
        let mut browser = browser.clone();
        tokio::spawn(async move { code(&mut browser, &typed).await.status })
    });
    let mut entered = 0;
    for answer in tries.collect::<Vec<_>>() {
        entered += usize::from(answer.await.unwrap() == StatusCode::SEE_OTHER);
    }
    assert_eq!(entered, 4);
    let mut rea = world.browser();
    rea.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(code(&mut rea, &codes[9]).await.status, StatusCode::SEE_OTHER);
    assert!(rea.get("/auth/second-factor").await.body.contains("Recovery codes left: 5."));
}

#[tokio::test]
async fn codes_are_not_guessed() {
    let world = World::new().await;
    let (app, _) = enrol(&world, &mut world.rea().await).await;
    world.clock.advance(Duration::from_secs(30));
    let mut thief = world.browser();
    for _ in 0..10 {
        thief.cookie = None;
        thief.sign_in(EMAIL, PASSWORD).await;
        assert_eq!(code(&mut thief, "123456").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(code(&mut thief, &app.code(&world)).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn who_guesses_codes_slowly_comes_to_an_end_too_and_is_in_nobodys_way() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let (app, _) = enrol(&world, &mut rea).await;
    let mut thief = world.browser();
    for _ in 0..3 {
        world.clock.advance(Duration::from_mins(15));
        thief.sign_in(EMAIL, PASSWORD).await;
        for _ in 0..10 {
            assert_eq!(code(&mut thief, "123456").await.status, StatusCode::UNAUTHORIZED);
        }
    }
    world.clock.advance(Duration::from_mins(15));
    thief.sign_in(EMAIL, PASSWORD).await;
    let refused = code(&mut thief, &app.code(&world)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "83700"));
    assert!(refused.body.contains("Wait 24 hours"), "{}", refused.body);
    let last = recorded(&world).await.into_iter().rfind(|(_, allowed, _)| !allowed).unwrap();
    assert_eq!(last.2.as_deref(), Some("wrong code: no more are looked at for now"));

    rea.post("/auth/logout", &[]).await;
    rea.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(code(&mut rea, &app.code(&world)).await.status, StatusCode::SEE_OTHER, "a browser that she knows");
    world.clock.advance(Duration::from_hours(24));
    thief.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(code(&mut thief, "123456").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_says_what_was_shown_and_not_where() {
    let world = World::new().await;
    let (app, page) = enrol(&world, &mut world.rea().await).await;
    let recovery = recovery_codes(&page.body).swap_remove(0);
    world.clock.advance(Duration::from_secs(30));
    let typed = app.code(&world);
    for (typed, field, methods) in [(&recovery, None, "pwd mfa"), (&typed, Some(("recovery", "1")), "pwd otp mfa")] {
        let mut browser = world.browser();
        browser.sign_in(EMAIL, PASSWORD).await;
        let form: Vec<_> = [("code", typed.as_str())].into_iter().chain(field).collect();
        assert_eq!(browser.post("/auth/code", &form).await.status, StatusCode::SEE_OTHER);
        let (action, _, how) = recorded(&world).await.pop().unwrap();
        assert_eq!((&*action, how.as_deref()), ("sign_in", Some(methods)));
        let tokens = browser.tokens("web", "openid").await;
        assert_eq!(claims(text(&tokens, "id_token"))["amr"], json!(methods.split(' ').collect::<Vec<_>>()));
    }
}

#[tokio::test]
async fn half_way_in_lasts_ten_minutes_and_ends_with_the_password() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let (app, _) = enrol(&world, &mut rea).await;
    let mut browser = world.browser();
    browser.sign_in(EMAIL, PASSWORD).await;
    world.clock.advance(Duration::from_mins(10));
    assert!(code(&mut browser, &app.code(&world)).await.location().starts_with("/auth/login"));

    browser.sign_in(EMAIL, PASSWORD).await;
    rea.post("/auth/password", &[("current", PASSWORD), ("new", "the lorry sleeps at noon")]).await;
    world.clock.advance(Duration::from_secs(30));
    assert!(code(&mut browser, &app.code(&world)).await.location().starts_with("/auth/login"));
    let mut forged = world.browser();
    forged.cookie = browser.cookie.map(|cookie| cookie.replace("step=", "step=A"));
    assert!(code(&mut forged, &app.code(&world)).await.location().starts_with("/auth/login"));
}

#[tokio::test]
async fn a_role_that_needs_a_second_factor_lets_nobody_in_without_one() {
    let world = World::new().await;
    let mut before = world.rea().await;
    let strict = || IdentityConfig { second_factor_roles: vec!["reader".into()], password_grant: true, ..config() };
    let world = World::on(strict(), world.database.clone(), world.clock.clone()).await;
    let mut rea = world.browser();
    rea.cookie = before.cookie.take();
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED, "the session from before");
    rea.cookie = None;
    let step = rea.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(step.location(), "/auth/second-factor?return_to=%2F");
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    let form = [("username", EMAIL), ("password", PASSWORD)];
    assert_eq!(world.browser().post("/token", &form).await.status, StatusCode::UNAUTHORIZED);
    assert!(rea.get("/auth/second-factor").await.body.contains("Your role needs a second factor."));
    enrol(&world, &mut rea).await;
    assert_eq!(rea.get("/api/me").await.status, StatusCode::OK, "who enrols is signed in");
    assert_eq!(world.browser().post("/token", &form).await.status, StatusCode::UNAUTHORIZED, "no code, no token");
    let (action, allowed, why) = recorded(&world).await.pop().unwrap();
    let expected = ("sign_in", false, Some("a second factor is needed, which this grant cannot ask for"));
    assert_eq!((&*action, allowed, why.as_deref()), expected);
}

#[tokio::test]
async fn who_must_set_one_up_does_so_in_a_browser_where_somebody_else_is_signed_in_too() {
    let strict = IdentityConfig { second_factor_roles: vec!["reader".into()], ..config() };
    let world = World::with(strict).await;
    let curator = ["curator".to_owned()];
    world.identity.create_user("Bo", "bo@example.test", &PASSWORD.into(), &curator).await.unwrap();
    let mut browser = world.browser();
    browser.sign_in("bo@example.test", PASSWORD).await;
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.location(), "/auth/second-factor?return_to=%2F");
    let page = browser.get("/auth/second-factor").await.page();
    assert!(page.contains("Your role needs a second factor.") && page.contains("rea%40example.test"), "{page}");
    enrol(&world, &mut browser).await;
    assert_eq!(browser.get("/api/me").await.json()["email"], EMAIL);
    assert!(world.user(EMAIL).await.second_factor && !world.user("bo@example.test").await.second_factor);
}

#[tokio::test]
async fn who_signs_out_is_not_half_way_in_any_more_either() {
    let world = World::with(IdentityConfig { second_factor_roles: vec!["reader".into()], ..config() }).await;
    let mut browser = world.browser();
    browser.sign_in(EMAIL, PASSWORD).await;
    assert!(browser.get("/auth/second-factor").await.body.contains("Your role needs a second factor."));
    browser.post("/auth/logout", &[]).await;
    assert!(browser.get("/auth/second-factor").await.location().starts_with("/auth/login"));
}

#[tokio::test]
async fn a_second_factor_is_given_up_with_the_password_and_taken_by_an_admin() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let (app, page) = enrol(&world, &mut rea).await;
    let old = recovery_codes(&page.body);
    let wrong = [("do", "off"), ("password", "wrong password altogether")];
    assert_eq!(rea.post("/auth/second-factor", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(rea.get("/auth/second-factor").await.body.contains("Recovery codes left: 10."));
    let renewed = rea.post("/auth/second-factor", &[("do", "codes"), ("current", PASSWORD)]).await;
    assert!(recovery_codes(&renewed.body).iter().all(|code| !old.contains(code)));
    world.clock.advance(Duration::from_secs(30));
    let mut elsewhere = world.browser();
    elsewhere.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(code(&mut elsewhere, &app.code(&world)).await.status, StatusCode::SEE_OTHER);
    let tokens = elsewhere.tokens("app", "").await;
    let off = rea.post("/auth/second-factor", &[("do", "off"), ("password", PASSWORD)]).await;
    assert_eq!(off.status, StatusCode::SEE_OTHER);
    assert_eq!(rea.get("/api/me").await.status, StatusCode::OK, "this session stays");
    assert_eq!(elsewhere.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(!is_good(&world, text(&tokens, "access_token")).await);
    assert_eq!(elsewhere.refresh("app", text(&tokens, "refresh_token")).await.error(), "invalid_grant");
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.location(), "/");

    let (_, _) = enrol(&world, &mut rea).await;
    let (accounts, user) = (world.identity.accounts(), world.user(EMAIL).await);
    assert!(user.second_factor);
    let may = System::because("a test removes").may();
    assert!(accounts.remove_second_factor(&may, user.user_id).await.unwrap());
    assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.location(), "/");
    let events: Vec<_> = recorded(&world).await.into_iter().map(|(action, ..)| action).collect();
    for action in ["second_factor_on", "recovery_codes", "second_factor_off"] {
        assert!(events.iter().any(|event| event == action), "{action}: {events:?}");
    }
    rea.sign_in(EMAIL, PASSWORD).await;
    assert!(!accounts.remove_second_factor(&may, user.user_id).await.unwrap(), "there was none");
    assert_eq!(rea.get("/api/me").await.status, StatusCode::OK, "who had none stays signed in");
    assert_eq!(recorded(&world).await.len(), events.len() + 1, "and nothing but the sign-in is recorded");
}

#[tokio::test]
async fn who_finds_a_browser_signed_in_sets_up_no_second_factor_without_the_password() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let page = rea.get("/auth/second-factor").await.page();
    let (app, offer) = (Authenticator::of(&page), hidden(&page, "offer"));
    for current in ["", "wrong password altogether"] {
        let form = [("do", "enrol"), ("offer", &offer), ("current", current), ("code", &app.code(&world))];
        let answer = rea.post("/auth/second-factor", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{current:?}");
        assert!(answer.body.contains("The current password is wrong."), "{}", answer.body);
    }
    assert!(!world.user(EMAIL).await.second_factor);
    let form = [("do", "enrol"), ("offer", &offer), ("current", PASSWORD), ("code", &app.code(&world))];
    assert_eq!(rea.post("/auth/second-factor", &form).await.status, StatusCode::OK, "the offer stays good");
}

#[tokio::test]
async fn an_offer_is_for_the_one_it_was_made_to() {
    let world = World::new().await;
    world.identity.create_user("Bo", "bo@example.test", &PASSWORD.into(), &[]).await.unwrap();
    let mut bo = world.browser();
    bo.sign_in("bo@example.test", PASSWORD).await;
    let page = world.rea().await.get("/auth/second-factor").await.page();
    let app = Authenticator::of(&page);
    let offer = hidden(&page, "offer");
    let form = [("do", "enrol"), ("offer", &offer), ("current", PASSWORD), ("code", &app.code(&world))];
    assert_eq!(bo.post("/auth/second-factor", &form).await.status, StatusCode::BAD_REQUEST);
}

/// What was counted of codes with that result, in this process.
fn counted(result: &str) -> u64 {
    let (mut registry, mut text) = (prometheus_client::registry::Registry::default(), String::new());
    tollgate_auth::metrics(&mut registry);
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let is_it = |line: &&str| line.starts_with("tollgate_logins_total{") && line.contains("way=\"code\"");
    let line = text.lines().filter(is_it).find(|line| line.contains(&format!("result=\"{result}\"")));
    line.and_then(|line| line.rsplit(' ').next()).unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

#[tokio::test]
async fn codes_are_counted_by_what_became_of_them() {
    let world = World::new().await;
    let (app, _) = enrol(&world, &mut world.rea().await).await;
    let before = ["success", "failure", "throttled"].map(counted);
    world.clock.advance(Duration::from_secs(30));
    let mut browser = world.browser();
    browser.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(code(&mut browser, &app.code(&world)).await.status, StatusCode::SEE_OTHER);
    let mut other = world.browser();
    other.sign_in(EMAIL, PASSWORD).await;
    while code(&mut other, "000000").await.status == StatusCode::UNAUTHORIZED {}
    let after = ["success", "failure", "throttled"].map(counted);
    assert!(before.iter().zip(after).all(|(before, after)| *before < after), "{before:?} {after:?}");
}
