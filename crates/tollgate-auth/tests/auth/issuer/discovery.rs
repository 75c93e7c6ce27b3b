//! What clients may learn is what there is.

use super::{ISSUER, World};
use axum::http::{Request, StatusCode};

#[tokio::test]
async fn every_endpoint_that_is_announced_is_a_route_of_the_issuer() {
    let world = World::new().await;
    let mut browser = world.browser();
    let metadata = browser.get("/.well-known/openid-configuration").await;
    assert_eq!(metadata.body, browser.get("/.well-known/oauth-authorization-server").await.body);
    assert_eq!(metadata.header("content-type"), "application/json");
    let metadata = metadata.json();
    assert_eq!(metadata["issuer"], ISSUER);
    let mut endpoints = 0;
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            let path = value.as_str().unwrap().strip_prefix(ISSUER).unwrap();
            let answer = browser.send(Request::options(path).body("".into()).unwrap()).await;
            assert_ne!(answer.status, StatusCode::NOT_FOUND, "{name}");
            endpoints += 1;
        }
    }
    assert_eq!(endpoints, 7);
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn the_published_keys_hold_no_private_part() {
    let world = World::new().await;
    let keys = world.browser().get("/oauth/jwks").await;
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    let keys = keys.json();
    let [key] = keys["keys"].as_array().unwrap().as_slice() else { panic!("{keys}") };
    assert_eq!(key.as_object().unwrap().keys().collect::<Vec<_>>(), ["kty", "use", "alg", "kid", "n", "e"]);
}
