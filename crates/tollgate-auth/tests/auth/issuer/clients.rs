//! Clients: who proves what, and what they may do in their own name.

use super::{Answer, Browser, CALLBACK, VERIFIER, World, authorize, claims, config, secret};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tollgate_access::System;
use tollgate_auth::{Client, ClientKind, Error};
use tollgate_store::{Filter, Store, audit::AuditEvent};

pub(crate) const SECRET: &str = "a phrase & of 32 bytes, or: more";

/// The issuer with a server and a machine as clients.
pub(crate) async fn world() -> World {
    let mut config = config();
    config.clients.extend([server(), machine()]);
    World::with(config).await
}

fn server() -> Client {
    let server = Client::new("server", "Server", ClientKind::Confidential);
    Client { redirect_uris: vec![CALLBACK.into()], ..server.with_secret(&SECRET.into()).unwrap() }
}

fn machine() -> Client {
    let machine = Client::new("machine", "Night job", ClientKind::Machine).with_secret(&SECRET.into()).unwrap();
    Client { permissions: vec!["read:movies".into(), "create:movies".into()], ..machine }
}

/// The header of a client that proves itself (RFC 6749, 2.3.1).
pub(crate) fn basic(id: &str, secret: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}

async fn own(browser: &mut Browser, header: Option<&str>, more: &[(&str, &str)]) -> Answer {
    let form = [&[("grant_type", "client_credentials")], more].concat();
    browser.post_as("/oauth/token", &form, header).await
}

#[tokio::test]
async fn a_client_with_a_secret_proves_itself_in_the_header_or_in_the_form() {
    let world = world().await;
    let mut script = world.browser();
    let header = basic("machine", SECRET);
    let in_form = [("client_id", "machine"), ("client_secret", SECRET)];
    for (header, form) in [(Some(&*header), &[][..]), (Some(&header), &in_form[..1]), (None, &in_form)] {
        let answer = own(&mut script, header, form).await;
        assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"), "{}", answer.body);
    }
}

#[tokio::test]
async fn who_does_not_prove_it_or_says_it_in_two_ways_is_no_client() {
    let world = world().await;
    let mut script = world.browser();
    let (right, wrong) = (basic("machine", SECRET), basic("machine", "another secret of enough bytes .."));
    let (nobody, public) = (basic("nobody", SECRET), basic("web", ""));
    let in_form = [("client_id", "machine"), ("client_secret", SECRET)];
    for (header, form, status, error) in [
        (None, &[][..], 400, "invalid_client"),
        (None, &in_form[..1], 400, "invalid_client"),
        (None, &[("client_id", "machine"), ("client_secret", "wrong")], 400, "invalid_client"),
        (None, &[("client_id", "web"), ("client_secret", SECRET)], 400, "invalid_client"),
        (None, &[("client_id", "nobody"), ("client_secret", SECRET)], 400, "invalid_client"),
        (Some(&*wrong), &[], 401, "invalid_client"),
        (Some(&nobody), &[], 401, "invalid_client"),
        (Some(&public), &[], 401, "invalid_client"),
        (Some("Basic"), &[], 401, "invalid_client"),
        (Some("Bearer x"), &in_form, 401, "invalid_client"),
        (Some(&right), &in_form[1..], 400, "invalid_request"),
        (Some(&right), &[("client_id", "server")], 400, "invalid_request"),
    ] {
        let answer = own(&mut script, header, form).await;
        assert_eq!((answer.status.as_u16(), &*answer.error()), (status, error), "{header:?} {form:?}");
        let challenge = if status == 401 { "Basic realm=\"clients\", charset=\"UTF-8\"" } else { "" };
        assert_eq!((answer.header("www-authenticate"), answer.header("cache-control")), (challenge, "no-store"));
        assert!(!answer.body.contains("secret of"), "{}", answer.body);
    }
}

#[tokio::test]
async fn who_guesses_at_a_secret_is_slowed_down_and_the_true_client_is_not() {
    let world = world().await;
    let mut script = world.browser();
    let wrong = [("client_id", "machine"), ("client_secret", "wrong")];
    for _ in 0..10 {
        assert_eq!(own(&mut script, None, &wrong).await.status, StatusCode::BAD_REQUEST);
    }
    let answer = own(&mut script, None, &wrong).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "60"));
    assert_eq!(own(&mut script, Some(&basic("machine", SECRET)), &[]).await.status, StatusCode::OK);
    world.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(own(&mut script, None, &wrong).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_acts_in_its_own_name_within_what_it_asks_for_and_has() {
    let world = world().await;
    let mut script = world.browser();
    let header = basic("machine", SECRET);
    for (scope, granted) in [
        ("", "read:movies create:movies"),
        ("read:movies", "read:movies"),
        ("read:movies delete:movies openid *", "read:movies"),
    ] {
        let tokens = own(&mut script, Some(&header), &[("scope", scope)]).await.json();
        assert_eq!(tokens["scope"], granted);
        assert_eq!((tokens.get("refresh_token"), tokens.get("id_token")), (None, None));
        let access = tokens["access_token"].as_str().unwrap();
        let said = claims(access);
        assert_eq!((&said["sub"], &said["client_id"]), (&json!("machine"), &json!("machine")));
        let actor = world.identity.gate().actor(access.as_bytes()).await.unwrap();
        assert_eq!((actor.id(), actor.name(), actor.email()), ("machine", Some("Night job"), None));
        assert_eq!(actor.grants().include("create:movies"), granted.contains("create"));
    }
    for scope in ["delete:movies", "openid", "read:movies:any"] {
        assert_eq!(own(&mut script, Some(&header), &[("scope", scope)]).await.error(), "invalid_scope");
    }
}

#[tokio::test]
async fn who_has_no_permissions_of_its_own_gets_no_token_in_its_own_name() {
    let world = world().await;
    let mut script = world.browser();
    assert_eq!(own(&mut script, Some(&basic("server", SECRET)), &[]).await.error(), "unauthorized_client");
    assert_eq!(own(&mut script, None, &[("client_id", "web")]).await.error(), "unauthorized_client");
    let machine = authorize(&[("client_id", "machine")]);
    assert_eq!(world.rea().await.get(&machine).await.status, StatusCode::BAD_REQUEST, "nobody is sent back to it");
}

#[tokio::test]
async fn a_code_of_a_client_with_a_secret_is_redeemed_with_secret_and_verifier() {
    let world = world().await;
    let mut rea = world.rea().await;
    let answer = rea.get(&authorize(&[("client_id", "server")])).await;
    let code = answer.location_parameter("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", CALLBACK),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("client_id", "server"),
    ];
    assert_eq!(rea.post("/oauth/token", &form).await.error(), "invalid_client");
    let header = basic("server", SECRET);
    assert_eq!(rea.post_as("/oauth/token", &form[..3], Some(&header)).await.error(), "invalid_request");
    assert_eq!(rea.post_as("/oauth/token", &form, Some(&header)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_a_client_with_a_secret_and_the_insecure_setting_does_without_pkce() {
    let mut config = config();
    config.clients.extend([server(), Client { id: "old".into(), insecure_without_pkce: true, ..server() }]);
    config.clients[3] = config.clients[3].clone().with_secret(&SECRET.into()).unwrap();
    let world = World::with(config).await;
    let mut rea = world.rea().await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let ask =
        |client, changes: &[(&'static str, &'static str)]| authorize(&[&[("client_id", client)], changes].concat());
    for client in ["web", "server"] {
        assert_eq!(rea.get(&ask(client, &without)).await.error(), "invalid_request");
    }
    for half in [("code_challenge", ""), ("code_challenge_method", ""), ("code_challenge_method", "plain")] {
        assert_eq!(rea.get(&ask("old", &[half])).await.error(), "invalid_request", "half of PKCE is none");
    }
    let header = basic("old", SECRET);
    let redeem = async |rea: &mut Browser, code: &str, more: &[(&str, &str)]| {
        let form = [("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code", code)];
        rea.post_as("/oauth/token", &[&form[..], more].concat(), Some(&header)).await
    };
    let code = rea.get(&ask("old", &without)).await.location_parameter("code").unwrap();
    let downgraded = redeem(&mut rea, &code, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(downgraded.error(), "invalid_grant", "somebody took the challenge out of the request");
    assert_eq!(redeem(&mut rea, &code, &[]).await.status, StatusCode::OK);
    let code = rea.get(&ask("old", &[])).await.location_parameter("code").unwrap();
    assert_eq!(redeem(&mut rea, &code, &[]).await.error(), "invalid_request", "a challenge wants its verifier");
}

#[tokio::test]
async fn an_added_client_is_known_to_every_instance_until_it_is_removed() {
    let world = World::new().await;
    let other = world.restarted().await;
    let job = || Client { permissions: vec!["read:movies".into()], ..Client::new("job", "Job", ClientKind::Machine) };
    let first = world.identity.add_client(job()).await.unwrap().unwrap();
    assert_eq!(first.reveal().len(), 43, "256 bits");
    assert!(matches!(world.identity.add_client(job()).await, Err(Error::ClientTaken(id)) if id == "job"));
    let tried = async |secret: &str| own(&mut other.browser(), Some(&basic("job", secret)), &[]).await.status;
    assert_eq!(tried(first.reveal()).await, StatusCode::OK);
    let second = world.identity.rotate_client("job").await.unwrap();
    assert_eq!((tried(first.reveal()).await, tried(second.reveal()).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    let ids = other.identity.clients().await.unwrap();
    assert_eq!(ids.iter().map(|client| &*client.id).collect::<Vec<_>>(), ["web", "app", "docs", "job"]);
    world.identity.remove_client("job").await.unwrap();
    assert_eq!(tried(second.reveal()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn changes_of_clients_and_keys_are_recorded_without_what_is_secret() {
    let world = World::new().await;
    let job = Client { permissions: vec!["read:movies".into()], ..Client::new("job", "Job", ClientKind::Machine) };
    let first = world.identity.add_client(job).await.unwrap().unwrap();
    let second = world.identity.rotate_client("job").await.unwrap();
    world.identity.remove_client("job").await.unwrap();
    world.identity.rotate_keys().await.unwrap();
    let store: Store<AuditEvent> = Store::new(world.database.clone(), Arc::new(world.clock.clone()));
    let may = System::because("a test looks").may();
    let events = store.find(&may, Filter::every()).sort(AuditEvent::EVENT_ID.asc()).all().await.unwrap();
    let of_ours = |event: &&AuditEvent| event.resource != "auth_consents";
    let said = |event: &AuditEvent| format!("{} {} {}", event.action, event.resource, event.row_id.as_deref().unwrap());
    let said: Vec<_> = events.iter().filter(of_ours).map(said).collect();
    let changes = ["create auth_clients job", "update auth_clients job", "delete auth_clients job"];
    assert_eq!(said[said.len() - 4..], [&changes[..], &["create auth_keys signing-2"]].concat());
    let all = format!("{events:?}");
    assert!(!all.contains(first.reveal()) && !all.contains(second.reveal()), "{all}");
}

#[tokio::test]
async fn what_cannot_be_done_to_a_client_is_said_in_words() {
    let world = World::new().await;
    let page = Client { redirect_uris: vec![CALLBACK.into()], ..Client::new("page", "Page", ClientKind::Public) };
    assert!(world.identity.add_client(page).await.unwrap().is_none());
    let refused = |error: Error| error.to_string();
    assert!(refused(world.identity.rotate_client("page").await.unwrap_err()).contains("it keeps no secret"));
    assert!(refused(world.identity.rotate_client("web").await.unwrap_err()).contains("change it there"));
    assert!(refused(world.identity.remove_client("docs").await.unwrap_err()).contains("change it there"));
    assert!(matches!(world.identity.remove_client("nobody").await, Err(Error::NoSuchClient(_))));
    let taken = Client::new("docs", "Docs", ClientKind::Machine);
    assert!(matches!(world.identity.add_client(taken).await, Err(Error::ClientTaken(_))));
    let bad = Client { redirect_uris: vec!["http://a.example/".into()], ..Client::new("b", "B", ClientKind::Public) };
    assert!(refused(world.identity.add_client(bad).await.unwrap_err()).contains("cannot be sent back"));
    assert!(secret("short").reveal().len() < 32 && server().with_secret(&secret("short")).is_err());
}

#[tokio::test]
async fn pages_of_public_clients_read_answers_and_no_others_do() {
    let world = world().await;
    world.identity.add_client(page("https://page.example/a/callback")).await.unwrap();
    let asked = async |method: Method, origin: &str| {
        let request = Request::builder().method(method).uri("/oauth/token").header(header::ORIGIN, origin);
        let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        world.browser().send(request.body("".into()).unwrap()).await
    };
    for origin in ["https://client.example", "https://page.example"] {
        let answer = asked(Method::OPTIONS, origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::NO_CONTENT, origin));
        assert!(answer.header("access-control-allow-methods").contains("POST"));
        let answer = asked(Method::POST, origin).await;
        assert_eq!((answer.error(), answer.header("access-control-allow-origin")), ("invalid_request".into(), origin));
        assert_eq!((answer.header("access-control-allow-credentials"), answer.header("vary")), ("", "origin"));
    }
    for origin in [
        "https://evil.example",
        "https://client.example.evil.example",
        "https://evilclient.example",
        "https://sub.client.example",
        "https://client.example.",
        "https://client.example:8443",
        "https://client.example/",
        "https://client.example/callback",
        "https://client.example https://evil.example",
        "https://client.example,https://evil.example",
        "https://user@client.example",
        "https://CLIENT.example",
        "https://example",
        "http://client.example",
        "ftp://client.example",
        "client.example",
        "//client.example",
        "com.example.app:",
        "file://",
        "null",
        "*",
    ] {
        for method in [Method::OPTIONS, Method::POST] {
            let answer = asked(method, origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        }
    }
    let answer = world.browser().get("/oauth/jwks").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*", "keys are anybody's");
}

/// What is remembered costs the database nothing, and is forgotten soon.
#[tokio::test]
async fn where_the_pages_of_clients_come_from_is_asked_once_in_five_seconds() {
    let world = world().await;
    let may_read = async || {
        let request = Request::options("/oauth/token").header(header::ORIGIN, "https://page.example");
        let answer = world.browser().send(request.body("".into()).unwrap()).await;
        answer.headers.contains_key("access-control-allow-origin")
    };
    assert!(!may_read().await);
    world.identity.add_client(page("https://page.example/callback")).await.unwrap();
    world.clock.advance(Duration::from_millis(4999));
    assert!(!may_read().await);
    world.clock.advance(Duration::from_millis(1));
    assert!(may_read().await);
    world.identity.remove_client("page").await.unwrap();
    assert!(may_read().await);
    world.clock.advance(Duration::from_secs(5));
    assert!(!may_read().await);
}

fn page(redirect_uri: &str) -> Client {
    Client { redirect_uris: vec![redirect_uri.into()], ..Client::new("page", "Page", ClientKind::Public) }
}
