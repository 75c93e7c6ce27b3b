//! Keys and applications of others speak for somebody: what they cannot do in their stead.

use super::{PASSWORD, api_keys::Instance, consent::allowed, revocation::text};
use axum::http::{Method, StatusCode};
use serde_json::json;
use tollgate_access::System;
use tollgate_store::audit::AuditEvent;

const EMAIL: &str = "rea@example.test";
const NEW: &str = "the lorry sleeps at noon";

#[tokio::test]
async fn an_application_of_others_makes_no_key_that_would_outlive_what_it_was_allowed() {
    let app = Instance::new().await;
    let mut rea = app.world.rea().await;
    let tokens = allowed(&mut rea, "read:movies create:api_keys").await;
    let theirs = text(&tokens, "access_token");
    let wanted = json!({ "name": "a", "scopes": ["read:movies"] });
    let (status, body) = app.make(theirs, wanted.clone()).await;
    assert_eq!(
        (status, &body["detail"]),
        (403.try_into().unwrap(), &json!("an application of others makes no keys: sign in"))
    );
    assert_eq!(app.make(&app.token(EMAIL).await, wanted).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn it_is_recorded_through_whose_application_something_was_done() {
    let app = Instance::new().await;
    let mut rea = app.world.rea().await;
    let (_, id) = app.own_key(EMAIL, &["read:movies"]).await;
    let tokens = allowed(&mut rea, "delete:api_keys").await;
    let (status, ..) = app.send(Method::DELETE, &format!("/api-keys/{id}"), text(&tokens, "access_token"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (may, revoked) = (System::because("a test looks").may(), AuditEvent::ACTION.eq("revoke"));
    let event = app.store::<AuditEvent>().find(&may, revoked).first().await.unwrap().unwrap();
    assert_eq!((event.via.as_deref(), event.actor), (Some("client recorder"), app.world.id().await));
}

#[tokio::test]
async fn neither_a_key_nor_an_application_of_others_tries_passwords() {
    let app = Instance::new().await;
    let mut rea = app.world.rea().await;
    let tokens = allowed(&mut rea, "read:movies").await;
    let (key, _) = app.own_key(EMAIL, &["read:movies"]).await;
    let body = json!({ "current": PASSWORD, "new": NEW });
    for bearer in [text(&tokens, "access_token"), &key] {
        let (status, ..) = app.send(Method::POST, "/api/me/password", bearer, Some(body.clone())).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
}

/// A key has no second factor, and revoking it would end nothing of a password that it has made.
#[tokio::test]
async fn no_key_becomes_the_password_of_its_user() {
    let app = Instance::new().await;
    let (key, _) = app.own_key("ada@example.test", &["*"]).await;
    let own = app.world.user("ada@example.test").await.user_id;
    for (method, path, body) in [
        (Method::POST, format!("/users/{own}/reset-link"), None),
        (Method::DELETE, format!("/users/{own}/second-factor"), None),
        (Method::PATCH, format!("/users/{own}"), Some(json!({ "email": "thief@example.test" }))),
    ] {
        let (status, _, body) = app.send(method, &path, &key, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {body}");
    }
}

#[tokio::test]
async fn who_stole_a_token_keeps_its_owner_from_changing_no_password() {
    let app = Instance::new().await;
    let (mut rea, stolen) = (app.world.rea().await, app.token(EMAIL).await);
    let guess = async || {
        let body = json!({ "current": "wrong password altogether", "new": NEW });
        app.send(Method::POST, "/api/me/password", &stolen, Some(body)).await.0
    };
    for _ in 0..10 {
        assert_eq!(guess().await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(guess().await, StatusCode::TOO_MANY_REQUESTS);
    let changed = rea.post("/auth/password", &[("current", PASSWORD), ("new", NEW)]).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
}
