//! Somebody else's client asks: people are asked, and can take it back.

use super::{
    Answer, Browser, CALLBACK, ISSUER, PASSWORD, VERIFIER, World, authorize, claims, config,
    revocation::{ends_on, is_good, text},
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_access::System;
use tollgate_auth::{Client, ClientKind};
use tollgate_store::{Store, audit::AuditEvent};

/// The issuer with a page, and an app on a device, of somebody else.
async fn world() -> World {
    World::with(third_parties()).await
}

pub(super) fn third_parties() -> tollgate_auth::IdentityConfig {
    let client = |id: &str, name: &str, kind, uri: &str| Client {
        redirect_uris: vec![uri.into()],
        third_party: true,
        ..Client::new(id, name, kind)
    };
    let mut config = config();
    config.clients.push(client("recorder", "Field <Recorder>", ClientKind::Public, CALLBACK));
    config.clients.push(client("tool", "Tool", ClientKind::Native, "http://127.0.0.1/back"));
    config
}

pub(super) fn ask(scope: &str, more: &[(&str, &str)]) -> String {
    authorize(&[&[("client_id", "recorder"), ("scope", scope)], more].concat())
}

/// The hidden fields of a form.
fn fields(page: &str) -> Vec<(String, String)> {
    let hidden = page.split("<input type=\"hidden\" ").skip(1);
    let value = |tag: &str, name: &str| {
        let value = tag.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        value.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"").replace("&amp;", "&")
    };
    hidden.map(|tag| (value(tag, "name"), value(tag, "value"))).collect()
}

/// Presses a button of the page.
pub(super) async fn press(browser: &mut Browser, page: &Answer, answer: &str) -> Answer {
    assert!(page.body.contains("<h1>Allow "), "{page:?}");
    let fields = fields(&page.body);
    let fields = fields.iter().map(|(name, value)| (&**name, &**value));
    browser.post("/oauth/consent", &fields.chain([("answer", answer)]).collect::<Vec<_>>()).await
}

pub(super) async fn allowed(browser: &mut Browser, scope: &str) -> Value {
    let page = browser.get(&ask(scope, &[])).await;
    let answer = if page.location().is_empty() { press(browser, &page, "allow").await } else { page };
    redeem(browser, &answer.location_parameter("code").unwrap()).await.json()
}

pub(super) async fn redeem(browser: &mut Browser, code: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "recorder"),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    browser.post("/oauth/token", &form).await
}

#[tokio::test]
async fn people_are_asked_once_before_somebody_elses_client_gets_anything() {
    let world = world().await;
    let mut rea = world.rea().await;
    let scope = "openid email read:movies delete:movies offline_access nonsense";
    let page = rea.get(&ask(scope, &[])).await;
    assert_eq!((page.status, page.location(), page.header("cache-control")), (StatusCode::OK, "", "no-store"));
    for said in [
        "<h1>Allow Field &lt;Recorder&gt;?</h1>",
        "<strong>rea@example.test</strong>",
        "<strong>See who you are</strong><span class=\"tag\">openid email</span>",
        "Your e-mail address.",
        "<strong>Read movies</strong><span class=\"tag\">read:movies</span>",
        "Until you withdraw it, at most 30 days.",
        "Asked for, but you may not do it yourself.",
        "Registered in the settings of this app",
    ] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    assert!(page.header("content-security-policy").contains("form-action 'self' https://client.example;"));
    let answer = press(&mut rea, &page, "allow").await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    assert_eq!(answer.location_parameter("state").unwrap(), "a state & more");
    assert_eq!(answer.location_parameter("iss").unwrap(), ISSUER);
    let tokens = redeem(&mut rea, &answer.location_parameter("code").unwrap()).await.json();
    assert_eq!(tokens["scope"], "openid email offline_access read:movies");
    for less in [scope, "read:movies", "openid"] {
        assert!(rea.get(&ask(less, &[])).await.location_parameter("code").is_some(), "remembered: {less}");
        assert!(rea.get(&ask(less, &[("prompt", "none")])).await.location_parameter("code").is_some());
    }
    let more = rea.get(&ask("read:movies profile", &[])).await;
    assert!(more.body.contains("<h1>Allow "), "more than was allowed is asked for again");
}

#[tokio::test]
async fn who_denies_sends_the_client_away_and_nothing_is_kept() {
    let world = world().await;
    let mut rea = world.rea().await;
    let page = rea.get(&ask("openid", &[])).await;
    for other in ["deny", "", "yes"] {
        let answer = press(&mut rea, &page, other).await;
        assert_eq!((answer.error(), answer.location_parameter("code")), ("access_denied".into(), None));
        assert_eq!(answer.location_parameter("state").unwrap(), "a state & more");
    }
    assert!(rea.get(&ask("openid", &[])).await.body.contains("<h1>Allow "));
    assert_eq!(rea.get(&ask("openid", &[("prompt", "none")])).await.error(), "consent_required");
}

#[tokio::test]
async fn somebody_elses_client_gets_nothing_that_it_does_not_name() {
    let world = world().await;
    let mut rea = world.rea().await;
    assert_eq!(allowed(&mut rea, "openid").await["scope"], "openid");
    for nothing in ["", "delete:movies", "nonsense"] {
        assert_eq!(rea.get(&ask(nothing, &[])).await.error(), "invalid_scope", "{nothing:?}");
    }
}

#[tokio::test]
async fn somebody_elses_client_learns_of_a_person_what_they_allowed_and_no_more() {
    let world = world().await;
    let mut rea = world.rea().await;
    for (scope, name, email) in [
        ("read:movies", json!(null), json!(null)),
        ("read:movies profile", json!("Rea Oku"), json!(null)),
        ("read:movies email offline_access", json!(null), json!("rea@example.test")),
    ] {
        let mut tokens = allowed(&mut rea, scope).await;
        if scope.contains("offline_access") {
            tokens = rea.refresh("recorder", text(&tokens, "refresh_token")).await.json();
        }
        let access = text(&tokens, "access_token");
        let said = claims(access);
        assert_eq!(said["act"], json!({ "sub": "recorder" }), "{said}");
        let request = Request::get("/api/me").header(header::AUTHORIZATION, format!("Bearer {access}"));
        let me = world.browser().send(request.body(Body::empty()).unwrap()).await.json();
        for known in [&said, &me] {
            assert_eq!((&known["name"], &known["email"]), (&name, &email), "{scope}: {known}");
        }
        assert_eq!((said.get("roles"), &me["roles"]), (None, &json!([])), "{scope}");
    }
}

#[tokio::test]
async fn only_the_person_and_only_on_our_page_allows_what_they_saw() {
    let world = world().await;
    let mut rea = world.rea().await;
    let page = rea.get(&ask("read:movies", &[])).await;
    let mut elsewhere = rea.clone();
    for origin in [None, Some("https://evil.example"), Some("null")] {
        elsewhere.origin = origin.map(str::to_owned);
        assert_eq!(press(&mut elsewhere, &page, "allow").await.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    let answer = press(&mut world.browser(), &page, "allow").await;
    assert!(answer.location().starts_with("/auth/login?"), "nobody is signed in: {answer:?}");
    let request = ask("read:movies read:news", &[]);
    let request = request.split_once('?').unwrap().1;
    let (id, allow) = (world.id().await, [("scope", "read:movies"), ("answer", "allow")]);
    let answer = rea.post("/oauth/consent", &[&[("request", request), ("user", &*id)], &allow[..]].concat()).await;
    assert!(answer.body.contains("read:news"), "what was not seen is shown: {answer:?}");
    let evil = request.replace("client.example", "evil.example");
    let answer = rea.post("/oauth/consent", &[&[("request", &*evil), ("user", &*id)], &allow[..]].concat()).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
    assert_eq!(rea.get(&ask("read:movies", &[("prompt", "none")])).await.error(), "consent_required");
}

/// While the page waits in one tab, somebody else signs in in another.
#[tokio::test]
async fn what_one_person_was_asked_nobody_else_allows_or_denies() {
    let world = world().await;
    let reader = ["reader".to_owned()];
    world.identity.create_user("Bo", "bo@example.test", &PASSWORD.into(), &reader).await.unwrap();
    let mut browser = world.rea().await;
    let page = browser.get(&ask("read:movies", &[])).await;
    browser.sign_in("bo@example.test", PASSWORD).await;
    for answer in ["allow", "deny"] {
        let again = press(&mut browser, &page, answer).await;
        assert!(again.body.contains("<strong>bo@example.test</strong>"), "{again:?}");
    }
    assert_eq!(browser.get(&ask("read:movies", &[("prompt", "none")])).await.error(), "consent_required");
    let own = browser.get(&ask("read:movies", &[])).await;
    assert!(press(&mut browser, &own, "allow").await.location_parameter("code").is_some());
}

#[tokio::test]
async fn an_app_on_a_device_that_cannot_show_that_it_is_itself_asks_each_time() {
    let world = world().await;
    let mut rea = world.rea().await;
    let ask = authorize(&[("client_id", "tool"), ("redirect_uri", "http://127.0.0.1:7000/back"), ("scope", "openid")]);
    for _ in 0..2 {
        let page = rea.get(&ask).await;
        let answer = press(&mut rea, &page, "allow").await;
        assert!(answer.location().starts_with("http://127.0.0.1:7000/back?code="), "{answer:?}");
    }
}

/// Another app may wait at its address, on any port or under the same scheme.
#[tokio::test]
async fn an_app_of_our_own_on_a_device_gets_nothing_without_a_question() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let parameters = [("client_id", "app"), ("redirect_uri", "com.example.app:/back?from=issuer"), ("scope", "openid")];
    for _ in 0..2 {
        let page = rea.get(&authorize(&parameters)).await;
        assert!(page.body.contains("It ends when you sign out.") && page.location().is_empty(), "{page:?}");
        assert_eq!(press(&mut rea, &page, "deny").await.error(), "access_denied");
        let answer = press(&mut rea, &page, "allow").await;
        assert!(answer.location().starts_with("com.example.app:/back?from=issuer&code="), "{answer:?}");
    }
    let quietly = authorize(&[&parameters[..], &[("prompt", "none")]].concat());
    assert_eq!(rea.get(&quietly).await.error(), "consent_required");
    assert!(rea.get("/auth/apps").await.body.contains("You allowed none"), "it ends with the session, and not there");
}

#[tokio::test]
async fn an_app_of_our_own_at_an_address_that_is_its_own_is_itself() {
    let mut config = config();
    let client = Client::new("phone", "Phone", ClientKind::Native);
    config.clients.push(Client { redirect_uris: vec!["https://app.example/back".into()], ..client });
    let mut rea = World::with(config).await.rea().await;
    let ask = authorize(&[("client_id", "phone"), ("redirect_uri", "https://app.example/back")]);
    assert!(rea.get(&ask).await.location_parameter("code").is_some());
}

#[tokio::test]
async fn a_client_of_our_own_asks_only_where_it_wants_to() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    assert!(rea.get(&authorize(&[])).await.location_parameter("code").is_some());
    let page = rea.get(&authorize(&[("prompt", "consent"), ("scope", "openid")])).await;
    assert!(press(&mut rea, &page, "allow").await.location_parameter("code").is_some());
}

#[tokio::test]
async fn what_was_withdrawn_ends_on_every_instance() {
    let world = world().await;
    let other = World::on(third_parties(), world.database.clone(), world.clock.clone()).await;
    let mut rea = world.rea().await;
    assert!(rea.get("/auth/apps").await.body.contains("You allowed none"));
    let page = allowed(&mut rea, "read:movies").await;
    let kept = allowed(&mut rea, "read:movies offline_access").await;
    let ours = rea.tokens("web", "").await;
    let code = rea.get(&ask("read:movies", &[])).await.location_parameter("code").unwrap();
    let apps = rea.get("/auth/apps").await;
    assert!(apps.body.contains("Field &lt;Recorder&gt;") && apps.body.contains("offline_access"), "{}", apps.body);
    assert!(is_good(&other, text(&page, "access_token")).await);

    let answer = rea.post("/auth/apps", &[("client", "recorder")]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/auth/apps"));
    for tokens in [&page, &kept] {
        assert!(!is_good(&world, text(tokens, "access_token")).await, "{}", claims(text(tokens, "access_token")));
        ends_on(&other, text(tokens, "access_token")).await;
    }
    assert!(is_good(&other, text(&ours, "access_token")).await, "another client's stay");
    assert_eq!(rea.refresh("recorder", text(&kept, "refresh_token")).await.error(), "invalid_grant");
    assert_eq!(redeem(&mut rea, &code).await.error(), "invalid_grant");
    let again = allowed(&mut rea, "read:movies").await;
    assert!(is_good(&world, text(&again, "access_token")).await, "who allows it again lets it in again");
}

#[tokio::test]
async fn who_allowed_a_client_and_withdrew_it_is_recorded_by_name() {
    let world = world().await;
    let mut rea = world.rea().await;
    allowed(&mut rea, "openid read:movies").await;
    rea.post("/auth/apps", &[("client", "recorder")]).await;
    rea.post("/auth/apps", &[("client", "never allowed")]).await;
    let store: Store<AuditEvent> = Store::new(world.database.clone(), Arc::new(world.clock.clone()));
    let about = AuditEvent::ACTION.in_(["allow_client".to_owned(), "withdraw_client".to_owned()]);
    let about = about | AuditEvent::RESOURCE.eq("auth_consents");
    let events = store.find(&System::because("a test looks").may(), about).sort(AuditEvent::EVENT_ID.asc());
    let said: Vec<_> =
        events.all().await.unwrap().into_iter().map(|event| (event.actor, event.action, event.detail)).collect();
    let id = world.id().await;
    let expected = [("allow_client", "recorder: openid read:movies"), ("withdraw_client", "recorder")];
    assert_eq!(said, expected.map(|(action, detail)| (id.clone(), action.to_owned(), Some(detail.to_owned()))));
}

#[tokio::test]
async fn only_the_person_withdraws() {
    let world = world().await;
    let mut rea = world.rea().await;
    let tokens = allowed(&mut rea, "read:movies").await;
    let form = [("client", "recorder")];
    let mut elsewhere = rea.clone();
    elsewhere.origin = Some("https://evil.example".into());
    assert_eq!(elsewhere.post("/auth/apps", &form).await.status, StatusCode::FORBIDDEN);
    let (mut script, bearer) = (world.browser(), format!("Bearer {}", text(&tokens, "access_token")));
    assert!(script.post_as("/auth/apps", &form, Some(&bearer)).await.location().starts_with("/auth/login"));
    assert!(script.get("/auth/apps").await.location().starts_with("/auth/login"));
    assert!(is_good(&world, text(&tokens, "access_token")).await);
}
