//! Who is signed in: for how long, on whose pages, and how it ends.

use super::{Begun, Browser, HERE, Provider, one, refused, start};
use crate::token::world::clock;
use axum::body::Body;
use http::header;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_access::{Actor, Identity, System};
use tollgate_auth::{ProviderSession, UserError};
use tollgate_store::{Filter, Resource, Store};
use url::Url;

#[tokio::test]
async fn each_sign_in_is_a_new_session_and_ends_the_old_one() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser(BTreeMap::from([("provider-session".into(), "planted".into())]));
    let sign_in = async |browser: &mut Browser| {
        let begun = browser.begin(&app, "sso").await;
        provider.gives(&begun, &json!({}));
        assert_eq!(browser.back(&app, &begun).await.status, 303);
    };
    sign_in(&mut browser).await;
    assert_ne!(browser.0["provider-session"], "planted");
    let old = browser.clone();
    sign_in(&mut browser).await;
    assert!(old.actor(&app).await.is_none() && browser.actor(&app).await.is_some());

    let old = browser.clone();
    let leave =
        |origin: &str| browser.request("POST", "/auth/logout").header("origin", origin).body(Body::empty()).unwrap();
    let (foreign, ours) = (leave("https://evil.example"), leave(HERE));
    assert_eq!(browser.send(&app, foreign).await.status, 403);
    assert!(browser.actor(&app).await.is_some());
    let reply = browser.send(&app, ours).await;
    assert_eq!((reply.status, reply.location()), (303, "/"));
    assert!(browser.0.is_empty() && old.actor(&app).await.is_none());

    sign_in(&mut browser).await;
    app.clock.advance(Duration::from_hours(12));
    assert!(browser.actor(&app).await.is_none(), "it ends by itself");
}

/// As users of the app do.
#[tokio::test]
async fn people_of_a_provider_see_where_they_are_signed_in_and_end_it_there() {
    let (provider, app) = one(json!({})).await;
    let sign_in = async |sub: &str| {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.gives(&begun, &json!({ "sub": sub }));
        browser.back(&app, &begun).await;
        browser
    };
    let (mut home, left, mut bob) = (sign_in("ann").await, sign_in("ann").await, sign_in("bob").await);
    let page = home.get(&app, "/auth/sessions").await;
    assert_eq!((page.body.matches("name=\"session\"").count(), page.body.matches("this browser").count()), (2, 1));
    assert!(!page.body.contains("/auth/password"), "the app knows no password of theirs");
    let this = page.body.split("<li>").find(|row| row.contains("this browser")).unwrap();
    let rows = app.people.sessions("sso|ann").await.unwrap();
    let name = &rows.iter().find(|row| !this.contains(&*row.session)).unwrap().session;
    let end = |browser: &Browser, origin: &str| {
        let request = browser.request("POST", "/auth/sessions").header("origin", origin);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(Body::from(format!("session={name}"))).unwrap()
    };
    let (lured, others) = (end(&home, "https://evil.example"), end(&bob, HERE));
    assert_eq!(home.send(&app, lured).await.status, 403);
    assert_eq!(bob.send(&app, others).await.status, 303);
    let nobody = end(&Browser::default(), HERE);
    assert_eq!(Browser::default().send(&app, nobody).await.location(), "/auth/login?return_to=/auth/sessions");
    assert!(left.actor(&app).await.is_some(), "nobody else ended it");
    let own = end(&home, HERE);
    assert_eq!(home.send(&app, own).await.location(), "/auth/sessions");
    assert!(left.actor(&app).await.is_none() && home.actor(&app).await.is_some());
    assert!(app.recorded().await.contains(&("sso|ann".into(), "end_session".into(), true)));
}

#[tokio::test]
async fn a_session_changes_nothing_for_another_site() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    for (origin, allowed) in [(HERE, true), ("https://evil.example", false), ("null", false)] {
        let (head, ()) = browser.request("POST", "/movies").header("origin", origin).body(()).unwrap().into_parts();
        let identified = app.authenticate.identify(&head).await;
        assert_eq!(identified.is_ok_and(|actor| actor.is_signed_in()), allowed, "{origin}");
    }
    let (head, ()) = browser.request("GET", "/").header("authorization", "Bearer x.y.z").body(()).unwrap().into_parts();
    assert!(app.authenticate.identify(&head).await.is_err(), "a bad token is not saved by a cookie");
}

#[tokio::test]
async fn who_is_kept_out_loses_all_sessions_and_gets_no_other() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    let may = System::because("a test keeps people out").may();
    let row = app.people.keep_out(&may, "sso|ann", true).await.unwrap();
    assert!(row.disabled && row.name.as_deref() == Some("Ann"));
    assert!(browser.actor(&app).await.is_none());
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    let reply = browser.back(&app, &begun).await;
    assert_eq!(refused(&browser, &app, &reply).await, 403);
    app.people.keep_out(&may, "sso|ann", false).await.unwrap();
    assert!(app.people.sessions("sso|ann").await.unwrap().is_empty());
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    assert_eq!(browser.back(&app, &begun).await.status, 303);
    assert_eq!(app.people.sessions("sso|ann").await.unwrap().len(), 1);
    let (ann, system) = ("sso|ann", "system");
    let recorded = [
        (ann, "sign_in", true),
        (system, "disable", true),
        (ann, "sign_in", false),
        (system, "enable", true),
        (ann, "sign_in", true),
    ];
    assert_eq!(app.recorded().await, recorded.map(|(who, what, allowed)| (who.into(), what.into(), allowed)));
}

#[tokio::test]
async fn who_is_let_in_already_is_not_signed_out_by_saying_so() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    let may = System::because("a test lets people in").may();
    assert!(!app.people.keep_out(&may, "sso|ann", false).await.unwrap().disabled);
    assert!(browser.actor(&app).await.is_some());
    assert_eq!(app.recorded().await, [("sso|ann".into(), "sign_in".into(), true)], "there was nothing to record");
}

#[tokio::test]
async fn one_browser_of_somebody_of_a_provider_is_signed_out_and_no_other() {
    let (provider, app) = one(json!({})).await;
    let sign_in = async |sub: &str| {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.gives(&begun, &json!({ "sub": sub }));
        browser.back(&app, &begun).await;
        browser
    };
    let home = sign_in("ann").await;
    let home_is = app.people.sessions("sso|ann").await.unwrap().remove(0).session;
    let (left, bob) = (sign_in("ann").await, sign_in("bob").await);
    let sessions = app.people.sessions("sso|ann").await.unwrap();
    let left_is = &sessions.iter().find(|session| session.session != home_is).unwrap().session;
    let may = System::because("a test signs out").may();
    app.people.end_session(&may, "sso|bob", left_is).await.unwrap();
    assert!(left.actor(&app).await.is_some(), "it is not Bob's");
    for _ in 0..2 {
        app.people.end_session(&may, "sso|ann", left_is).await.unwrap();
    }
    assert!(left.actor(&app).await.is_none());
    assert!(home.actor(&app).await.is_some() && bob.actor(&app).await.is_some());
    let ends = app.recorded().await.into_iter().filter(|(who, what, _)| (&**who, &**what) == ("system", "end_session"));
    assert_eq!(ends.count(), 1);
    let reader = Actor::from(Identity::new("ed").granted(["update:users"])).may().unwrap();
    let refused = app.people.end_session(&reader, "sso|ann", &home_is).await;
    assert!(matches!(refused, Err(UserError::Beyond(_))), "Ann is a curator: {refused:?}");
}

#[tokio::test]
async fn a_name_that_is_not_one_line_is_not_believed() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({ "name": "Ann\u{1b}[2J\nroot" }));
    browser.back(&app, &begun).await;
    assert_eq!(app.people.get("sso|ann").await.unwrap().name, None);
    assert_eq!(browser.actor(&app).await.unwrap().name(), None);
}

type Late = <ProviderSession as Resource>::New;

/// A sign-in that was under way writes its session after the others were ended.
#[tokio::test]
async fn a_session_that_was_begun_before_a_sign_out_everywhere_is_none_also_where_it_is_kept_later() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    let sessions: Store<ProviderSession> = Store::new(Arc::clone(&app.database), Arc::new(app.clock.clone()));
    let (here, operator) = (System::because("a test"), System::because("an operator").may());
    let before = sessions.find(&here.may(), Filter::every()).all().await.unwrap().remove(0);
    app.people.sign_out(&operator, "sso|ann").await.unwrap();
    assert!(browser.actor(&app).await.is_none());
    let late = Late {
        session: before.session,
        person_id: before.person_id,
        expires: before.expires,
        address: None,
        browser: None,
        signed_out: before.signed_out,
    };
    sessions.insert(&here.may(), late).await.unwrap();
    assert!(browser.actor(&app).await.is_none(), "it was begun before");
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    assert!(browser.actor(&app).await.is_some());
}

#[tokio::test]
async fn over_tls_every_cookie_is_bound_to_the_host() {
    let clock = clock();
    let provider = Provider::new(&clock).await;
    let settings = provider.settings(&json!({ "sign_out_there": true }));
    let app = start(&clock, "https://app.example", &[("sso", settings)]).await.unwrap();
    let mut browser = Browser::default();
    let reply = browser.get(&app, "/auth/login/sso").await;
    let begun = Begun(reply.location().parse().unwrap());
    provider.gives(&begun, &json!({}));
    let back = browser.back(&app, &begun).await;
    assert_eq!(back.status, 303, "{}", back.body);
    let all: Vec<_> = [&reply, &back].into_iter().flat_map(|reply| reply.cookies()).collect();
    assert!(all.len() >= 4, "{all:?}");
    for cookie in all {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for part in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Max-Age="] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain") && !cookie.contains(&begun.get("nonce")));
    }
    assert_eq!(back.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn who_signs_out_is_signed_out_there_as_well_where_that_is_wanted() {
    let (provider, app) = one(json!({ "sign_out_there": true })).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    let kept = browser.0.values().cloned().collect::<Vec<_>>().join(" ");
    let leave = browser.request("POST", "/auth/logout").header("origin", HERE).body(Body::empty()).unwrap();
    let reply = browser.send(&app, leave).await;
    assert_eq!((reply.status, browser.0.len()), (200, 0), "{:?}", browser.0);
    let refresh = reply.headers[header::REFRESH].to_str().unwrap();
    let place: Url = refresh.strip_prefix("0; url=").unwrap().parse().unwrap();
    let asked: BTreeMap<_, _> = place.query_pairs().into_owned().collect();
    assert!(place.as_str().starts_with(&format!("{}/leave?", provider.fake.url)));
    let parts: Vec<_> = asked["id_token_hint"].split('.').collect();
    assert!(parts.len() == 3 && !parts.iter().any(|part| kept.contains(part)), "it is kept in the clear: {kept}");
    assert_eq!(
        (asked["client_id"].as_str(), asked["post_logout_redirect_uri"].as_str()),
        ("web", "http://127.0.0.1:8000/")
    );
    assert!(browser.actor(&app).await.is_none());
}

#[tokio::test]
async fn after_sign_in_a_browser_stays_on_this_origin() {
    let (provider, app) = one(json!({})).await;
    for asked in ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"] {
        let mut browser = Browser::default();
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", asked).finish();
        let begun = Begun(browser.get(&app, &format!("/auth/login/sso?{query}")).await.location().parse().unwrap());
        provider.gives(&begun, &json!({}));
        assert_eq!(browser.back(&app, &begun).await.location(), "/", "{asked}");
    }
}

/// A page that says no has a link to sign in and come back: to a try that is over.
#[tokio::test]
async fn who_declined_and_signs_in_after_all_is_not_sent_back_to_the_refusal() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    let declined = format!("/auth/callback?error=access_denied&state={}", begun.get("state"));
    assert_eq!(browser.get(&app, &declined).await.status, 403);
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &declined).finish();
    let begun = Begun(browser.get(&app, &format!("/auth/login/sso?{query}")).await.location().parse().unwrap());
    provider.gives(&begun, &json!({}));
    assert_eq!(browser.back(&app, &begun).await.location(), "/");
    assert!(browser.actor(&app).await.is_some());
}
