//! Who makes keys, for whom, with what; and what is known of them.

use super::{Instance, list};
use crate::issuer::{Browser, ISSUER, PASSWORD, accounts::send};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_access::System;
use tollgate_auth::{KeyError, KeyFor, NewKey, User};
use tollgate_core::Clock;
use tollgate_store::{Filter, audit::AuditEvent};
use tower::ServiceExt;

#[tokio::test]
async fn a_key_of_ones_own_speaks_for_its_maker_and_may_what_it_was_made_for() {
    let app = Instance::new().await;
    let rea = app.world.user("rea@example.test").await.user_id.to_string();
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(key.starts_with(&format!("tg_films_{id}_")), "{key}");
    let (status, me) = app.me(&key).await;
    assert_eq!((status, &me["id"], &me["name"]), (StatusCode::OK, &json!(rea), &json!("Rea Oku")));
    assert_eq!(list(&me["permissions"]), ["read:movies", "read:news"], "and what anyone may");
    assert_eq!(app.send(Method::GET, "/api-keys", &key, None).await.0, StatusCode::FORBIDDEN);
    let row = app.row(&id).await;
    assert_eq!((row.creator, row.subject), (rea.clone(), rea));
    let days = row.expires.unwrap().duration_since(app.world.clock.now()).as_hours() / 24;
    assert_eq!(days, 90);
}

#[tokio::test]
async fn a_key_is_shown_once_and_kept_nowhere() {
    let app = Instance::new().await;
    let rea = app.token("rea@example.test").await;
    let (_, headers, made) =
        app.send(Method::POST, "/api-keys", &rea, Some(json!({ "name": "a", "scopes": ["read:movies"] }))).await;
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let key = made["secret"].as_str().unwrap();
    let secret = key.rsplit('_').next().unwrap();
    for path in ["/api-keys".to_owned(), format!("/api-keys/{}", made["key"]["key_id"].as_str().unwrap())] {
        let (status, _, shown) = app.send(Method::GET, &path, &rea, None).await;
        let text = shown.to_string();
        assert!(status == StatusCode::OK && text.contains("read:movies"), "{path}: {text}");
        assert!(!text.contains(secret) && !text.contains("hash"), "{path}: {text}");
    }
    let rows = app.keys.store().find(&System::because("a test looks").may(), Filter::every()).all().await.unwrap();
    assert!(rows.iter().all(|row| !serde_json::to_string(row).unwrap().contains(secret) && row.hash.len() == 43));
    assert!(!format!("{rows:?}").contains(&rows[0].hash), "nor does a row say its hash by accident");
}

#[tokio::test]
async fn no_key_may_more_than_its_maker() {
    let app = Instance::new().await;
    let rea = app.token("rea@example.test").await;
    let make = async |wanted: Value| app.make(&rea, wanted).await;
    for scope in ["delete:movies", "read:movies:any", "read:*", "*", "read:audit_events"] {
        let (status, body) = make(json!({ "name": "a", "scopes": ["read:movies", scope] })).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{scope}");
        assert!(body["detail"].as_str().unwrap().contains(scope), "{body}");
    }
    for scopes in [json!([]), json!(["read"]), json!(["openid"]), json!(["read:movies "]), json!(["a:b:c"])] {
        let (status, body) = make(json!({ "name": "a", "scopes": scopes })).await;
        assert_eq!((status, &body["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/scopes")));
    }
    let (status, body) = make(json!({ "name": "importer", "scopes": ["read:movies"], "service": true })).await;
    assert_eq!(
        (status, &body["detail"]),
        (403.try_into().unwrap(), &json!("a key for a service account takes `create:api_keys:any`"))
    );
    for bad in [
        json!({ "days": 0 }),
        json!({ "days": 367 }),
        json!({ "name": "" }),
        json!({ "name": "x\u{1b}[2J\nnightly" }),
        json!({ "creator": "ada" }),
    ] {
        let mut wanted = json!({ "name": "a", "scopes": ["read:movies"] });
        wanted.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        assert_eq!(make(wanted).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(make(json!({ "name": "a", "scopes": ["read:movies"] })).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_token_with_fewer_scopes_makes_lesser_keys() {
    let app = Instance::new().await;
    let may = app.keys.clone();
    let user = app.world.user("rea@example.test").await.user_id;
    let actor = tollgate_access::Identity::new(user.to_string()).provider(tollgate_auth::PROVIDER);
    let actor = actor.signed_in_at(Some(app.world.clock.unix()));
    let actor = tollgate_access::Actor::from(actor.granted(["create:api_keys"]));
    let new = |scope: &str| NewKey {
        name: "a".into(),
        scopes: vec![scope.into()],
        expires: None,
        speaks_for: KeyFor::User(user),
    };
    let refused = may.create(&actor.may().unwrap(), new("read:movies")).await;
    assert!(matches!(refused, Err(KeyError::More(scope)) if scope == "read:movies"));
    let system = System::because("an operator makes a key").may();
    assert!(matches!(may.create(&system, new("delete:movies")).await, Err(KeyError::More(_))), "nor than its user");
    assert!(may.create(&system, new("read:movies")).await.is_ok());
}

#[tokio::test]
async fn somebody_of_a_provider_who_did_not_just_sign_in_makes_no_key() {
    let app = Instance::new().await;
    let now = app.world.clock.unix();
    let new = || NewKey {
        name: "importer".into(),
        scopes: vec!["read:movies".into()],
        expires: None,
        speaks_for: KeyFor::Service,
    };
    for (signed_in, is_recent) in [(None, false), (Some(now - 901), false), (Some(now - 900), true)] {
        let admin = tollgate_access::Identity::new("okta|00u1").provider("okta").signed_in_at(signed_in);
        let admin = tollgate_access::Actor::from(admin.granted(["*"]));
        let made = app.keys.create(&admin.may().unwrap(), new()).await;
        assert_eq!(made.is_ok(), is_recent, "{signed_in:?}: {made:?}");
        assert!(is_recent || matches!(made, Err(KeyError::NotRecent)));
    }
}

#[tokio::test]
async fn a_permission_that_was_misspelt_is_in_no_key() {
    let app = Instance::new().await;
    let ada = app.token("ada@example.test").await;
    for (wrong, meant) in [("raed:movies", "read:movies"), ("read:movie:any", "read:movies:any")] {
        let (status, body) = app.make(&ada, json!({ "name": "a", "scopes": ["read:news", wrong] })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let said = format!("`{wrong}` is no permission of this app; did you mean `{meant}`?");
        assert_eq!(body["errors"][0]["detail"], said);
    }
}

/// What a stolen token, or a browser that somebody left open, could be turned into would outlive it.
#[tokio::test]
async fn a_key_is_made_by_who_has_just_signed_in() {
    let app = Instance::new().await;
    let rea = app.token("rea@example.test").await;
    let mut browser = Browser { app: app.app.clone(), cookie: None, origin: Some(ISSUER.into()) };
    browser.sign_in("rea@example.test", PASSWORD).await;
    let wanted = || json!({ "name": "a", "scopes": ["read:movies"] });
    app.world.clock.advance(Duration::from_mins(15));
    assert_eq!(app.make(&rea, wanted()).await.0, StatusCode::CREATED);
    assert_eq!(send(&mut browser, Method::POST, "/api-keys", Some(wanted())).await.status, StatusCode::CREATED);

    app.world.clock.advance(Duration::from_secs(1));
    let (status, headers, body) = app.send(Method::POST, "/api-keys", &rea, Some(wanted())).await;
    let challenge = "Bearer error=\"insufficient_user_authentication\", max_age=\"900\"";
    assert_eq!(
        (status, headers[header::WWW_AUTHENTICATE].to_str().unwrap()),
        (StatusCode::UNAUTHORIZED, challenge),
        "{body}"
    );
    assert!(body["detail"].as_str().unwrap().ends_with("sign in again"), "{body}");
    let late = send(&mut browser, Method::POST, "/api-keys", Some(wanted())).await;
    assert_eq!((late.status, late.header("www-authenticate")), (StatusCode::UNAUTHORIZED, challenge));
    let (status, _, keys) = app.send(Method::GET, "/api-keys", &rea, None).await;
    assert_eq!(status, StatusCode::OK, "nothing else takes it");
    let revoke = format!("/api-keys/{}", keys["items"][0]["key_id"].as_str().unwrap());
    assert_eq!(app.send(Method::DELETE, &revoke, &rea, None).await.0, StatusCode::NO_CONTENT);

    browser.sign_in("rea@example.test", PASSWORD).await;
    assert_eq!(send(&mut browser, Method::POST, "/api-keys", Some(wanted())).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn no_key_makes_another() {
    let app = Instance::new().await;
    let (key, _) = app.own_key("ada@example.test", &["*"]).await;
    assert_eq!(app.send(Method::GET, "/api-keys", &key, None).await.0, StatusCode::OK);
    let (status, body) = app.make(&key, json!({ "name": "b", "scopes": ["read:movies"], "service": true })).await;
    assert_eq!((status, &body["detail"]), (StatusCode::FORBIDDEN, &json!("an API key makes no keys: sign in")));
}

#[tokio::test]
async fn keys_of_one_name_speak_for_one_service_account() {
    let app = Instance::new().await;
    let ada = app.token("ada@example.test").await;
    let mut ids = vec![];
    for scope in ["read:movies", "update:movies:any"] {
        let wanted = json!({ "name": "nightly-import", "scopes": [scope], "service": true });
        let (status, made) = app.make(&ada, wanted).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let (_, me) = app.me(made["secret"].as_str().unwrap()).await;
        assert_eq!(list(&me["permissions"]), [scope, "read:news"]);
        assert_eq!((&me["email"], &me["roles"]), (&Value::Null, &json!([])));
        ids.push(me["id"].clone());
    }
    assert_eq!(ids, ["service:nightly-import", "service:nightly-import"]);
    let spaced = json!({ "name": "nightly import", "scopes": ["read:movies"], "service": true });
    assert_eq!(app.make(&ada, spaced).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn everybody_sees_and_revokes_their_own_keys() {
    let app = Instance::new().await;
    let (_, reas) = app.own_key("rea@example.test", &["read:movies"]).await;
    let (_, adas) = app.own_key("ada@example.test", &["read:movies"]).await;
    let user = app.world.user("rea@example.test").await.user_id;
    let new = NewKey {
        name: "by an operator".into(),
        scopes: vec!["read:movies".into()],
        expires: None,
        speaks_for: KeyFor::User(user),
    };
    let (_, given) = app.keys.create(&System::because("an operator makes a key").may(), new).await.unwrap();
    let seen = async |email: &str| {
        let (_, _, page) = app.send(Method::GET, "/api-keys", &app.token(email).await, None).await;
        let ids = page["items"].as_array().unwrap().iter().map(|key| key["key_id"].as_str().unwrap().to_owned());
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(seen("rea@example.test").await, [reas.clone(), given.key_id.clone()].into());
    assert_eq!(seen("ada@example.test").await, [reas.clone(), adas.clone(), given.key_id.clone()].into());
    let revoke = async |email: &str, id: &str| {
        app.send(Method::DELETE, &format!("/api-keys/{id}"), &app.token(email).await, None).await.0
    };
    assert_eq!(revoke("rea@example.test", &adas).await, StatusCode::NOT_FOUND);
    assert_eq!(revoke("rea@example.test", &given.key_id).await, StatusCode::NO_CONTENT);
    assert_eq!(revoke("ada@example.test", &reas).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn making_and_revoking_a_key_is_recorded_with_it() {
    let app = Instance::new().await;
    let user: User = app.world.user("rea@example.test").await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies", "delete:api_keys"]).await;
    app.make(&app.token("rea@example.test").await, json!({ "name": "a", "scopes": ["*"] })).await;
    assert_eq!(app.send(Method::DELETE, &format!("/api-keys/{id}"), &key, None).await.0, StatusCode::NO_CONTENT);
    let may = System::because("a test looks").may();
    let of_keys = AuditEvent::RESOURCE.eq("api_keys");
    let events = app.store::<AuditEvent>().find(&may, of_keys).sort(AuditEvent::EVENT_ID.asc()).all().await.unwrap();
    let said: Vec<_> =
        events.iter().map(|event| (&*event.action, event.row_id.as_deref(), event.via.as_deref())).collect();
    let by_key = format!("key {id}");
    assert_eq!(said, [("create", Some(&*id), Some("this app")), ("revoke", Some(&*id), Some(&*by_key))]);
    assert!(events.iter().all(|event| event.actor == user.user_id.to_string() && event.allowed));
    assert_eq!(events[0].detail.as_deref(), Some(&*format!("for {}: read:movies delete:api_keys", user.user_id)));
    assert!(!events.iter().any(|event| format!("{event:?}").contains(&key)), "a record holds no secret");
}

#[tokio::test]
async fn a_request_for_a_key_is_not_repeated_under_an_idempotency_key() {
    let app = Instance::new().await;
    let request = Request::post("/api-keys")
        .header(header::AUTHORIZATION, format!("Bearer {}", app.token("rea@example.test").await))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", "one");
    let body = json!({ "name": "a", "scopes": ["read:movies"] }).to_string();
    let answer = app.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let all = app.keys.store().count(&System::because("a test looks").may(), Filter::every()).await.unwrap();
    assert_eq!(all, 0, "none was made");
}
