//! What a code is traded in for: which ID tokens sign somebody in, and which nobody.

use super::{Browser, HERE, Provider, SECRET, one, refused, started};
use crate::provider::{fake::Does, provider};
use crate::token::world::{NOW, Signer, clock, object};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use tollgate_auth::{provider::KeySource, token::Algorithm};

#[tokio::test]
async fn only_an_id_token_for_this_client_and_this_try_signs_in() {
    let (provider, app) = one(json!({ "max_age_minutes": 10 })).await;
    let half = |hash| BASE64.encode(&digest(hash, b"opaque").as_ref()[..hash.output_len() / 2]);
    let good = [
        json!({ "azp": "web" }),
        json!({ "aud": ["web", "other"], "azp": "web" }),
        json!({ "aud": ["web"] }),
        json!({ "at_hash": half(&SHA512) }),
    ];
    let bad = [
        json!({ "nonce": null }),
        json!({ "nonce": "another" }),
        json!({ "nonce": ["x"] }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "aud": [] }),
        json!({ "azp": "other" }),
        json!({ "azp": 7 }),
        json!({ "aud": ["web", "other"] }),
        json!({ "aud": ["web", "other"], "azp": "other" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "exp": NOW - 31 }),
        json!({ "exp": null }),
        json!({ "iat": null }),
        json!({ "iat": NOW + 40 }),
        json!({ "at_hash": half(&SHA256) }),
        json!({ "at_hash": "x" }),
        json!({ "at_hash": null, "events": {} }),
        json!({ "cnf": { "jkt": "k" } }),
        json!({ "auth_time": null }),
        json!({ "auth_time": NOW - 631 }),
        json!({ "auth_time": "now" }),
    ];
    for (change, status) in good.iter().map(|good| (good, 303)).chain(bad.iter().map(|bad| (bad, 403))) {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        assert_eq!(begun.get("max_age"), "600");
        let mut all = object(&json!({ "auth_time": NOW - 630 }));
        all.extend(object(change));
        provider.gives(&begun, &Value::Object(all));
        let reply = browser.back(&app, &begun).await;
        assert_eq!(reply.status, status, "{change}");
        assert_eq!(browser.actor(&app).await.is_some(), status == 303, "{change}");
    }
}

#[tokio::test]
async fn an_id_token_that_the_provider_did_not_sign_as_such_signs_nobody_in() {
    let (provider, app) = one(json!({})).await;
    let stranger = Signer::new(&provider.fake.url, Algorithm::EdDSA);
    let signed = |header: Value, claims: &Value| provider.signer.token(&header, claims);
    for forge in [
        &|claims: &Value| stranger.token(&json!({ "alg": "EdDSA", "kid": "k1" }), claims),
        &|claims: &Value| signed(json!({ "alg": "none", "kid": "k1" }), claims),
        &|claims: &Value| signed(json!({ "alg": "HS256", "kid": "k1" }), claims),
        &|claims: &Value| signed(json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" }), claims),
        &|claims: &Value| signed(json!({ "alg": "EdDSA", "kid": "k1", "typ": "logout+jwt" }), claims),
        &|claims: &Value| signed(json!({ "alg": "EdDSA", "kid": "k1", "crit": ["x"] }), claims),
        &|_: &Value| b"no token".to_vec(),
    ] as [&dyn Fn(&Value) -> Vec<u8>; 7]
    {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.answers(&forge(&provider.claims(&begun)));
        let reply = browser.back(&app, &begun).await;
        assert_eq!(refused(&browser, &app, &reply).await, 403);
    }
}

#[tokio::test]
async fn a_code_that_is_not_taken_and_an_answer_that_is_none_sign_nobody_in() {
    let (provider, app) = one(json!({})).await;
    let text = |text: &str| Does::Answers(text.into(), "");
    for (does, status) in [
        (Does::Fails(400), 403),
        (Does::Fails(500), 403),
        (text("{}"), 403),
        (text("[]"), 403),
        (text("garbage"), 403),
        (text(r#"{"id_token": 7}"#), 403),
        (text(r#"{"id_token": "a.b.c", "id_token": "d.e.f"}"#), 403),
        (text(r#"{"access_token": "opaque"}"#), 403),
        (Does::Redirects("https://evil.example/".into()), 503),
        (Does::Floods, 503),
        (Does::HangsUp, 503),
    ] {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.fake.token(does);
        let reply = browser.back(&app, &begun).await;
        assert_eq!(refused(&browser, &app, &reply).await, status, "{}", reply.body);
        assert!(!reply.body.contains(SECRET) && !reply.body.contains("c0de"));
        assert_eq!(browser.back(&app, &begun).await.status, 400, "there is one try");
    }
}

#[tokio::test]
async fn google_signs_in_the_people_of_the_domain() {
    let clock = clock();
    let google = Provider::new(&clock).await;
    let issuer = "https://accounts.google.com";
    google.says(&json!({ "issuer": issuer }));
    let settings = json!({ "preset": "google", "client_id": "1-a.apps.googleusercontent.com", "client_secret": "GOCSPX-x",
        "hosted_domain": "example.com", "roles": ["curator"] });
    let mut provider = provider("google", settings);
    provider.algorithms = vec![Algorithm::EdDSA];
    provider.keys = KeySource::Published { at: google.fake.url.clone(), issuer: issuer.into() };
    let app = started(&clock, HERE, vec![provider]).await.unwrap();
    for (hosted, signed_in) in [(json!("example.com"), true), (json!("evil.example"), false), (Value::Null, false)] {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "google").await;
        google.gives(
            &begun,
            &json!({ "iss": issuer, "aud": begun.get("client_id"), "azp": begun.get("client_id"),
            "sub": "11096", "hd": hosted, "picture": "https://x.example/p.png", "roles": null }),
        );
        browser.back(&app, &begun).await;
        let actor = browser.actor(&app).await;
        assert_eq!(actor.is_some(), signed_in, "{hosted}");
        if let Some(actor) = actor {
            assert_eq!((actor.id(), actor.email()), ("google|11096", Some("ann@example.test")));
            assert_eq!(actor.roles(), ["curator"]);
        }
    }
}
