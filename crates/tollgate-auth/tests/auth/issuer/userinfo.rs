//! Who is it that signed in?

use super::{
    Answer, World,
    clients::{SECRET, basic, world},
};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

async fn ask(world: &World, method: Method, token: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri("/oauth/userinfo");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    world.browser().send(request.body("".into()).unwrap()).await
}

#[tokio::test]
async fn a_client_learns_of_a_user_what_it_was_granted() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let id = world.id().await;
    for (scope, said) in [
        ("openid", json!({ "sub": id })),
        ("openid profile", json!({ "sub": id, "name": "Rea Oku" })),
        ("openid email read:movies", json!({ "sub": id, "email": "rea@example.test" })),
    ] {
        let tokens = rea.tokens("web", scope).await;
        for method in [Method::GET, Method::POST] {
            let answer = ask(&world, method, tokens["access_token"].as_str()).await;
            assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
            assert_eq!(answer.json(), said);
        }
    }
}

#[tokio::test]
async fn refusals_are_those_of_rfc_6750() {
    let world = world().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("web", "openid").await;
    let (access, id) = (tokens["access_token"].as_str().unwrap(), tokens["id_token"].as_str().unwrap());
    let without = rea.tokens("web", "read:movies").await;
    let form = [("grant_type", "client_credentials")];
    let own = rea.post_as("/oauth/token", &form, Some(&basic("machine", SECRET))).await.json();
    let invalid = "Bearer error=\"invalid_token\"";
    let insufficient = "Bearer error=\"insufficient_scope\", scope=\"openid\"";
    for (token, status, challenge) in [
        (None, StatusCode::UNAUTHORIZED, "Bearer"),
        (Some("x"), StatusCode::UNAUTHORIZED, invalid),
        (Some(id), StatusCode::UNAUTHORIZED, invalid),
        (without["access_token"].as_str(), StatusCode::FORBIDDEN, insufficient),
        (own["access_token"].as_str(), StatusCode::FORBIDDEN, insufficient),
    ] {
        let answer = ask(&world, Method::GET, token).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (status, challenge), "{}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    world.set_disabled(true).await;
    let answer = ask(&world, Method::GET, Some(access)).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (StatusCode::UNAUTHORIZED, invalid));
    assert_eq!(rea.get(&format!("/oauth/userinfo?access_token={access}")).await.status, StatusCode::UNAUTHORIZED);
}
