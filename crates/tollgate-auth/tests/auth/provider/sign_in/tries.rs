//! There and back: what a browser must bring along, and what is nobody's answer.

use super::{Browser, HERE, Provider, one, refused, start};
use crate::provider::{fake::Does, permissions};
use crate::token::world::{NOW, clock};
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::Request;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use tokio::task::JoinSet;
use tower::ServiceExt;

#[tokio::test]
async fn who_went_to_the_provider_and_came_back_is_signed_in() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let only = browser.get(&app, "/auth/login?return_to=/movies").await;
    assert_eq!((only.status, only.location()), (303, "/auth/login/sso?return_to=%2Fmovies"));

    let begun = browser.begin(&app, "sso").await;
    assert!(begun.0.as_str().starts_with(&format!("{}/authorize?tenant=1&response_type=code", provider.fake.url)));
    assert_eq!(begun.get("redirect_uri"), format!("{HERE}/auth/callback"));
    assert_eq!((begun.get("client_id"), begun.get("scope")), ("web".into(), "openid profile email".into()));
    assert_eq!((begun.get("code_challenge_method"), begun.get("code_challenge").len()), ("S256".into(), 43));
    assert!(begun.get("state").len() >= 43 && begun.get("nonce").len() >= 43);
    assert!(browser.actor(&app).await.is_none());

    provider.gives(&begun, &json!({}));
    let reply = browser.back(&app, &begun).await;
    assert_eq!((reply.status, reply.location()), (303, "/movies?a=b"), "{}", reply.body);
    let actor = browser.actor(&app).await.unwrap();
    assert_eq!((actor.id(), actor.provider(), actor.email()), ("sso|ann", Some("sso"), Some("ann@example.test")));
    assert_eq!(permissions(&actor), "create:movies update:movies read:news");
    assert!(browser.0.keys().all(|name| name == "provider-session"), "the try is over: {:?}", browser.0.keys());

    // What the provider was sent: the verifier of the challenge, and the client's secret where it belongs.
    let (head, form) = provider.fake.sent();
    let form: BTreeMap<_, _> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!(BASE64.encode(digest(&SHA256, form["code_verifier"].as_bytes())), begun.get("code_challenge"));
    assert_eq!((form["code"].as_str(), form["grant_type"].as_str()), ("c0de", "authorization_code"));
    assert_eq!(form["redirect_uri"], begun.get("redirect_uri"));
    let basic = "web:a%2Bsecret%2Fof%3A+the+client";
    let basic = base64::engine::general_purpose::STANDARD.encode(basic);
    assert!(head.contains(&format!("Basic {basic}")) && !form.contains_key("client_secret"));
}

#[tokio::test]
async fn a_client_says_its_secret_as_the_provider_wants_it_and_a_public_one_has_none() {
    let (provider, app) = one(json!({})).await;
    provider.says(&json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    assert_eq!(browser.back(&app, &begun).await.status, 303);
    let (head, form) = provider.fake.sent();
    assert!(!head.to_lowercase().contains("authorization:"));
    assert!(form.contains("client_id=web") && form.contains("client_secret=a%2Bsecret%2Fof%3A+the+client"));

    let clock = clock();
    let settings = json!({ "preset": "generic", "issuer": provider.fake.url, "client_id": "web" });
    let app = start(&clock, HERE, &[("sso", settings)]).await.unwrap();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    assert_eq!(browser.back(&app, &begun).await.status, 303);
    let (head, form) = provider.fake.sent();
    assert!(!head.to_lowercase().contains("authorization:") && form.contains("client_id=web"));
    assert!(!form.contains("secret"));
}

#[tokio::test]
async fn an_answer_that_this_browser_did_not_ask_for_signs_nobody_in() {
    let (provider, app) = one(json!({})).await;
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    let begun = browser.begin(&app, "sso").await;
    let foreign = other.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    let (state, theirs) = (begun.get("state"), foreign.get("state"));
    let cut = &state[..state.len() - 1];
    for query in [
        "code=c0de".to_owned(),
        "code=c0de&state=".into(),
        format!("code=c0de&state={state}&state={state}"),
        format!("code=c0de&code=c0de&state={state}"),
        format!("code=c0de&state={theirs}"),
        format!("code=c0de&state={cut}"),
        format!("code=c0de&state={state}x"),
        format!("code=c0de&state={}%0d%0aset-cookie:x", &state[..16]),
        "code=c0de&state=%ff".into(),
        String::new(),
    ] {
        let reply = browser.get(&app, &format!("/auth/callback?{query}")).await;
        assert_eq!(refused(&browser, &app, &reply).await, 400, "{query}");
    }
    // The cookie of one try does not serve another.
    let mut mixed = browser.clone();
    let names: Vec<_> = [&browser, &other].map(|browser| browser.0.keys().next().unwrap().clone()).into();
    mixed.0 = BTreeMap::from([(names[1].clone(), browser.0[&names[0]].clone())]);
    let reply = mixed.get(&app, &format!("/auth/callback?code=c0de&state={theirs}")).await;
    assert_eq!(refused(&mixed, &app, &reply).await, 400);
    assert!(provider.fake.asked("/token").is_empty(), "no code was traded in");

    assert_eq!(browser.back(&app, &begun).await.status, 303, "the try is still good");
    let mut again = Browser::default();
    assert_eq!(again.back(&app, &begun).await.status, 400, "elsewhere it never was");
    assert_eq!(browser.back(&app, &begun).await.status, 400, "and it is good once");
    assert_eq!(provider.fake.asked("/token").len(), 1);
}

#[tokio::test]
async fn a_try_lasts_ten_minutes_and_two_tabs_do_not_disturb_each_other() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let (first, second) = (browser.begin(&app, "sso").await, browser.begin(&app, "sso").await);
    provider.gives(&second, &json!({}));
    assert_eq!(browser.back(&app, &second).await.status, 303);
    provider.gives(&first, &json!({}));
    assert_eq!(browser.back(&app, &first).await.status, 303);

    let mut late = Browser::default();
    let begun = late.begin(&app, "sso").await;
    app.clock.advance(Duration::from_mins(10));
    provider.gives(&begun, &json!({ "exp": NOW + 9000 }));
    let reply = late.back(&app, &begun).await;
    assert_eq!(refused(&late, &app, &reply).await, 400);

    for _ in 0..20 {
        late.begin(&app, "sso").await;
    }
    assert_eq!(late.0.len(), 5, "a browser does not drown in tries");
}

#[tokio::test]
async fn what_a_provider_says_instead_of_a_code_is_not_repeated() {
    let (provider, app) = one(json!({})).await;
    for (error, status) in [
        ("access_denied", 403),
        ("login_required", 403),
        ("temporarily_unavailable", 503),
        ("server_error", 503),
        ("%3Cscript%3Ealert(1)%3C/script%3E", 403),
    ] {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        let path =
            format!("/auth/callback?state={}&error={error}&error_description=evil&code=c0de", begun.get("state"));
        let reply = browser.get(&app, &path).await;
        assert_eq!(refused(&browser, &app, &reply).await, status);
        assert!(!reply.body.contains("evil") && !reply.body.contains("script"), "{}", reply.body);
        assert!(browser.0.is_empty(), "the try is over");
    }
    assert!(provider.fake.asked("/token").is_empty());
}

#[tokio::test]
async fn an_answer_names_the_issuer_where_the_issuer_says_that_it_does() {
    let (provider, app) = one(json!({})).await;
    let encoded: String = form_urlencoded::byte_serialize(provider.fake.url.as_bytes()).collect();
    let ask = async |iss: &str| {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.gives(&begun, &json!({}));
        browser.get(&app, &format!("/auth/callback?code=c0de&state={}{iss}", begun.get("state"))).await.status
    };
    assert_eq!(ask("").await, 303);
    assert_eq!(ask(&format!("&iss={encoded}")).await, 303);
    assert_eq!(ask("&iss=https%3A%2F%2Fevil.example").await, 400);
    assert_eq!(ask(&format!("&iss={encoded}%2F")).await, 400);

    provider.says(&json!({ "authorization_response_iss_parameter_supported": true }));
    app.clock.advance(Duration::from_hours(1));
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({ "exp": NOW + 9000 }));
    assert_eq!(browser.clone().back(&app, &begun).await.status, 400, "it is missing");
    let path = format!("/auth/callback?code=c0de&state={}&iss={encoded}", begun.get("state"));
    assert_eq!(browser.get(&app, &path).await.status, 303);
}

#[tokio::test]
async fn the_code_of_one_provider_never_goes_to_another() {
    let clock = clock();
    let (honest, evil) = (Provider::new(&clock).await, Provider::new(&clock).await);
    let own = json!({ "redirect_uri": format!("{HERE}/auth/callback/evil") });
    let both = [("honest", honest.settings(&json!({}))), ("evil", evil.settings(&own))];
    let app = start(&clock, HERE, &both).await.unwrap();
    let mut browser = Browser::default();
    let page = browser.get(&app, "/auth/login?return_to=/x?y=1%26z").await;
    assert!(page.body.contains(r#"href="/auth/login/honest?return_to=&#x2f;x%3Fy%3D1%26z""#), "{}", page.body);
    assert!(page.body.contains("HONEST") && page.body.contains("EVIL") && !page.body.contains("password"));

    // Somebody begins with `evil`, which sends the browser on to `honest`, whose answer comes to its own place.
    let begun = browser.begin(&app, "evil").await;
    let state = begun.get("state");
    for path in [
        format!("/auth/callback?code=c0de&state={state}"),
        format!("/auth/callback/honest?code=c0de&state={state}"),
        format!("/auth/callback/evil?code=c0de&state={state}&iss={}", honest.fake.url),
    ] {
        let reply = browser.clone().get(&app, &path).await;
        assert_eq!(reply.status, 400, "{path}");
    }
    assert!(evil.fake.asked("/token").is_empty() && honest.fake.asked("/token").is_empty());

    // Nor does an ID token of one speak for the other.
    honest.gives(&begun, &json!({}));
    let claims = json!({ "iss": honest.fake.url, "aud": "web", "sub": "ann", "iat": NOW, "exp": NOW + 300,
        "nonce": begun.get("nonce") });
    evil.answers(&honest.signer.token(&json!({ "alg": "EdDSA", "kid": "k1" }), &claims));
    let reply = browser.get(&app, &format!("/auth/callback/evil?code=c0de&state={state}")).await;
    assert_eq!(refused(&browser, &app, &reply).await, 403);
}

#[tokio::test]
async fn a_provider_that_is_away_is_503_and_one_that_is_not_there_404() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/auth/login/other").await.status, 404);
    browser.begin(&app, "sso").await;
    let evil = Provider::new(&app.clock).await;
    evil.says(&json!({ "authorization_endpoint": "http://evil.example/" }));
    let app = start(&app.clock, HERE, &[("sso", evil.settings(&json!({})))]).await.unwrap();
    assert_eq!(browser.get(&app, "/auth/login/sso").await.status, 503, "never in the clear");

    provider.fake.both(&Does::HangsUp);
    let app = start(&app.clock, HERE, &[("sso", provider.settings(&json!({})))]).await.unwrap();
    let reply = browser.get(&app, "/auth/login/sso").await;
    assert_eq!((reply.status, &reply.headers["retry-after"]), (503, &"10".parse().unwrap()));
}

/// Anybody can begin to sign in.
#[tokio::test]
async fn who_begins_to_sign_in_over_and_over_makes_one_call_in_ten_seconds_of_a_provider_that_is_away() {
    let clock = clock();
    let provider = Provider::new(&clock).await;
    provider.fake.both(&Does::HangsUp);
    let app = start(&clock, HERE, &[("sso", provider.settings(&json!({})))]).await.unwrap();
    let calls = || provider.fake.asked("openid-configuration").len();
    let storm = async || {
        let asked = || Request::get("/auth/login/sso").body(Body::empty()).unwrap();
        let all: JoinSet<_> = (0..200).map(|_| app.router.clone().oneshot(asked())).collect();
        all.join_all().await.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect::<Vec<_>>()
    };
    assert!(storm().await.iter().all(|status| *status == 503));
    assert_eq!(calls(), 1);
    clock.advance(Duration::from_secs(9));
    storm().await;
    assert_eq!(calls(), 1);
    clock.advance(Duration::from_secs(1));
    storm().await;
    assert_eq!(calls(), 2);

    provider.says(&json!({}));
    clock.advance(Duration::from_secs(10));
    assert!(storm().await.iter().all(|status| *status == 303), "all wait for the one call");
    assert_eq!(calls(), 3);
    provider.fake.both(&Does::HangsUp);
    clock.advance(Duration::from_hours(2));
    assert!(storm().await.iter().all(|status| *status == 303), "what it said last counts while it is away");
    storm().await;
    assert!(calls() <= 4, "{}", calls());
}

#[tokio::test]
async fn a_redirect_uri_is_a_page_of_this_app_and_one_issuers_alone() {
    let clock = clock();
    let provider = Provider::new(&clock).await;
    let tried = async |uri: &str| {
        let settings = provider.settings(&json!({ "redirect_uri": uri }));
        start(&clock, HERE, &[("sso", settings)]).await.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for good in ["http://127.0.0.1:8000/auth/callback", "http://localhost:8000/auth/callback/sso"] {
        assert_eq!(tried(good).await, "", "{good}");
    }
    for bad in [
        "http://127.0.0.1:8000/callback",
        "http://127.0.0.1:8000/auth/callback/other",
        "http://127.0.0.1:8001/auth/callback",
        "http://app.example/auth/callback",
        "https://evil.example/auth/callback",
        "http://127.0.0.1:8000/auth/callback?x=y",
        "/auth/callback",
    ] {
        assert!(tried(bad).await.contains("identity.issuers.sso.redirect_uri"), "{bad}");
    }
    let two = [("a", provider.settings(&json!({}))), ("b", provider.settings(&json!({})))];
    let refusal = start(&clock, HERE, &two).await.err().unwrap().to_string();
    assert!(refusal.contains("identity.issuers.b.redirect_uri is that of `a` as well"), "{refusal}");
    assert!(refusal.contains("http://127.0.0.1:8000/auth/callback/b"), "{refusal}");
}
