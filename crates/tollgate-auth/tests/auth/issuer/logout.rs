//! A client signs somebody out: only whom it means, and only to where it may send them.

use super::{Browser, CALLBACK, World, accounts::recorded, authorize, config};
use axum::http::StatusCode;
use std::time::Duration;

const BYE: &str = "https://client.example/bye";

async fn world() -> World {
    let mut config = config();
    config.clients[0].logout_uris = vec![BYE.into()];
    World::with(config).await
}

async fn hint(rea: &mut Browser) -> String {
    rea.tokens("web", "openid").await["id_token"].as_str().unwrap().to_owned()
}

fn logout(parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth/logout?{query}")
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.get(&authorize(&[("prompt", "none")])).await.location_parameter("code").is_some()
}

#[tokio::test]
async fn a_client_that_shows_whom_it_means_signs_them_out() {
    let world = world().await;
    let mut rea = world.rea().await;
    let hint = hint(&mut rea).await;
    world.clock.advance(Duration::from_hours(2));
    let asked = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE), ("state", "a b")];
    let answer = rea.get(&logout(&asked)).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, &*format!("{BYE}?state=a+b")));
    assert!(!is_signed_in(&mut rea).await);
    let answer = rea.get(&logout(&asked)).await;
    assert_eq!(answer.location(), format!("{BYE}?state=a+b"), "who is out already is sent on");
    let out = recorded(&world).await.into_iter().filter(|(action, ..)| action == "sign_out");
    assert_eq!(out.count(), 1, "as any sign-out it is recorded");
}

#[tokio::test]
async fn a_link_signs_nobody_out_who_does_not_say_so() {
    let world = world().await;
    let mut rea = world.rea().await;
    let mut other = world.browser();
    world.identity.create_user("Ola", "ola@example.test", &super::PASSWORD.into(), &[]).await.unwrap();
    other.sign_in("ola@example.test", super::PASSWORD).await;
    let hint = hint(&mut other).await;
    let forged = format!("{}AAAA", &hint[..hint.len() - 4]);
    for hint in ["", &hint, &forged, "x"] {
        let asked = [("id_token_hint", hint), ("client_id", "web"), ("post_logout_redirect_uri", BYE)];
        let page = rea.get(&logout(&asked)).await;
        assert!(page.body.contains("<h1>Sign out?</h1>") && page.body.contains("rea@example.test"), "{page:?}");
        assert!(page.header("content-security-policy").contains("form-action 'self' https://client.example;"));
        let mut elsewhere = rea.clone();
        elsewhere.origin = Some("https://evil.example".into());
        assert!(elsewhere.post("/oauth/logout", &asked).await.body.contains("<h1>Sign out?</h1>"));
        assert!(is_signed_in(&mut rea).await);
    }
    let answer = rea.post("/oauth/logout", &[("client_id", "web"), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, BYE));
    assert!(!is_signed_in(&mut rea).await);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_than_to_an_address_of_the_client() {
    let world = world().await;
    let mut rea = world.rea().await;
    let hint = hint(&mut rea).await;
    for uri in [
        CALLBACK,
        "https://evil.example",
        "https://client.example/bye/",
        "https://client.example/bye?",
        "//evil.example",
    ] {
        let answer = rea.get(&logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", uri)])).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{uri}");
    }
    let answer = rea.get(&logout(&[("post_logout_redirect_uri", BYE)])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "nobody's address");
    let answer = rea.get(&logout(&[("id_token_hint", &hint), ("client_id", "app")])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "another client's hint");
    assert!(is_signed_in(&mut rea).await);
    assert_eq!(rea.get(&logout(&[("id_token_hint", &hint)])).await.location(), "/");
}
