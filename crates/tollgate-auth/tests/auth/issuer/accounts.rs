//! The users API: who may do what to whom, and what is kept of it.

use super::{Answer, Browser, PASSWORD, World, config};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tollgate_access::{Roles, System};
use tollgate_auth::IdentityConfig;
use tollgate_store::{Filter, Store, audit::AuditEvent};

/// Ada may do everything, Sue may manage users who can do no more than she can, Rea reads films.
async fn world() -> World {
    let permissions = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let support = ["read:users", "create:users", "delete:users", "read:movies"];
    let roles = [
        ("admin".to_owned(), permissions(&["*"])),
        ("support".to_owned(), permissions(&support)),
        ("editor".to_owned(), permissions(&["read:users", "update:users"])),
        ("reader".to_owned(), permissions(&["read:movies"])),
    ];
    let roles = Arc::new(Roles::new(&BTreeMap::from(roles), &[]).unwrap());
    let world = World::with(IdentityConfig { roles, clients: config().clients, ..config() }).await;
    for (name, role) in [("Ada", "admin"), ("Sue", "support"), ("Eve", "editor")] {
        let email = format!("{}@example.test", name.to_lowercase());
        world.identity.create_user(name, &email, &PASSWORD.into(), &[role.to_owned()]).await.unwrap();
    }
    world
}

async fn signed_in(world: &World, name: &str) -> Browser {
    let mut browser = world.browser();
    let answer = browser.sign_in(&format!("{name}@example.test"), PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    browser
}

pub(crate) async fn send(browser: &mut Browser, method: Method, path: &str, body: Option<Value>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header(header::ORIGIN, super::ISSUER);
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    browser.send(request.body(body.map_or_else(String::new, |body| body.to_string()).into()).unwrap()).await
}

async fn path_of(world: &World, name: &str) -> String {
    format!("/users/{}", world.user(&format!("{name}@example.test")).await.user_id)
}

/// What was recorded, the oldest first.
pub(crate) async fn events(world: &World) -> Vec<AuditEvent> {
    let store: Store<AuditEvent> = Store::new(Arc::clone(&world.database), Arc::new(world.clock.clone()));
    store.find(&System::because("a test looks").may(), Filter::every()).all().await.unwrap()
}

/// The recorded actions on users, the oldest first: action, allowed, detail.
pub(crate) async fn recorded(world: &World) -> Vec<(String, bool, Option<String>)> {
    events(world).await.into_iter().map(|event| (event.action, event.allowed, event.detail)).collect()
}

#[tokio::test]
async fn only_who_may_manages_users() {
    let world = world().await;
    let (mut anyone, mut rea, path) = (world.browser(), world.rea().await, path_of(&world, "sue").await);
    let sessions = format!("{path}/sessions");
    let new = json!({ "name": "New", "email": "new@example.test" });
    for (method, path, body) in [
        (Method::GET, "/users", None),
        (Method::POST, "/users", Some(new)),
        (Method::GET, &path, None),
        (Method::PATCH, &path, Some(json!({ "disabled": true }))),
        (Method::DELETE, &path, None),
        (Method::GET, &sessions, None),
        (Method::DELETE, &sessions, None),
        (Method::DELETE, &format!("{sessions}/one"), None),
        (Method::POST, &format!("{path}/reset-link"), None),
        (Method::DELETE, &format!("{path}/second-factor"), None),
    ] {
        let nobody = send(&mut anyone, method.clone(), path, body.clone()).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let somebody = send(&mut rea, method.clone(), path, body).await;
        assert_eq!(somebody.status, StatusCode::FORBIDDEN, "{method} {path}: {}", somebody.body);
    }
}

#[tokio::test]
async fn users_are_added_listed_changed_and_removed() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let new = json!({ "name": " Bo ", "email": " Bo@Example.TEST", "password": PASSWORD, "roles": ["reader"] });
    let made = send(&mut ada, Method::POST, "/users", Some(new.clone())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert!(!made.body.contains("argon2") && !made.body.contains(PASSWORD), "{}", made.body);
    let path = made.location().to_owned();
    assert_eq!(ada.get(&path).await.json(), made.json());
    assert_eq!(ada.get("/users?email=bo@example.test").await.json()["items"][0], made.json());
    let taken = send(&mut ada, Method::POST, "/users", Some(new)).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);

    let change = json!({ "name": "Bo Berg", "roles": [], "email": "bb@example.test" });
    let changed = send(&mut ada, Method::PATCH, &path, Some(change)).await.json();
    assert_eq!(
        (&changed["name"], &changed["roles"], &changed["email"]),
        (&json!("Bo Berg"), &json!([]), &json!("bb@example.test"))
    );
    for (wrong, status) in [
        (json!({ "roles": ["owner"] }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "email": "nobody" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "password_hash": "x" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "second_factor": true }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "demo": true }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "email": "rea@example.test" }), StatusCode::CONFLICT),
    ] {
        let answer = send(&mut ada, Method::PATCH, &path, Some(wrong.clone())).await;
        assert_eq!(answer.status, status, "{wrong}: {}", answer.body);
    }
    assert_eq!(send(&mut ada, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(send(&mut ada, Method::DELETE, &path, None).await.status, StatusCode::NOT_FOUND);
}

/// Names stand in mails, whose headers are lines, and on pages that ask people whom they trust.
#[tokio::test]
async fn nobody_has_a_name_of_several_lines() {
    let world = world().await;
    let (mut ada, rea) = (signed_in(&world, "ada").await, path_of(&world, "rea").await);
    for name in ["Rea\r\nBcc: eve@example.test", "Rea\n\nClick here", "Rea\u{1b}[2J", "Rea\u{85}Oku", "\u{0}"] {
        let new = json!({ "name": name, "email": "new@example.test" });
        for (method, path, body) in [(Method::POST, "/users", new), (Method::PATCH, &*rea, json!({ "name": name }))] {
            let answer = send(&mut ada, method, path, Some(body)).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name:?}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn an_account_that_can_do_more_than_oneself_is_out_of_reach() {
    let world = world().await;
    let (mut sue, mut eve) = (signed_in(&world, "sue").await, signed_in(&world, "eve").await);
    let (ada, rea) = (path_of(&world, "ada").await, path_of(&world, "rea").await);
    let new = |role| json!({ "name": "N", "email": "n@example.test", "roles": [role] });
    for role in ["admin", "editor"] {
        let answer = send(&mut sue, Method::POST, "/users", Some(new(role))).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role}: {}", answer.body);
    }
    assert_eq!(send(&mut sue, Method::POST, "/users", Some(new("reader"))).await.status, StatusCode::CREATED);
    assert_eq!(send(&mut sue, Method::DELETE, &ada, None).await.status, StatusCode::FORBIDDEN);
    let own = path_of(&world, "eve").await;
    for (path, body) in [
        (&own, json!({ "roles": ["admin"] })),
        (&ada, json!({ "email": "eve2@example.test" })),
        (&ada, json!({ "disabled": true })),
        (&rea, json!({ "name": "Rea reads films, which Eve may not" })),
    ] {
        let answer = send(&mut eve, Method::PATCH, path, Some(body)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.body);
    }
    for (method, what) in [
        (Method::DELETE, "sessions"),
        (Method::DELETE, "sessions/one"),
        (Method::POST, "reset-link"),
        (Method::DELETE, "second-factor"),
    ] {
        let answer = send(&mut eve, method, &format!("{ada}/{what}"), None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
        assert!(answer.body.contains("you cannot do that yourself"), "{what}: {}", answer.body);
    }
    assert_eq!(send(&mut eve, Method::PATCH, &own, Some(json!({ "name": "Eva" }))).await.status, StatusCode::OK);
}

/// Whoever finds a browser of theirs signed in would have their password otherwise, without the one until now.
#[tokio::test]
async fn nobody_takes_their_own_account_without_the_password() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let (own, rea) = (path_of(&world, "ada").await, path_of(&world, "rea").await);
    let address = || Some(json!({ "email": "another@example.test" }));
    for (path, status) in [(&own, StatusCode::FORBIDDEN), (&rea, StatusCode::OK)] {
        let link = send(&mut ada, Method::POST, &format!("{path}/reset-link"), None).await;
        assert_eq!(link.status, status, "{}", link.body);
        let moved = send(&mut ada, Method::PATCH, path, address()).await;
        assert_eq!(moved.status, status, "{}", moved.body);
        let factor = send(&mut ada, Method::DELETE, &format!("{path}/second-factor"), None).await;
        assert_eq!(factor.status.is_success(), status.is_success(), "{}", factor.body);
    }
    let same = json!({ "name": "Ada O", "email": "ada@example.test" });
    assert_eq!(send(&mut ada, Method::PATCH, &own, Some(same)).await.status, StatusCode::OK);
}

/// Two admins have the same form open: what the first took, the second does not give back by an oversight.
#[tokio::test]
async fn an_account_that_is_not_as_its_admin_saw_it_is_left_alone() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let path = path_of(&world, "rea").await;
    let seen = ada.get(&path).await.header("etag").to_owned();
    let send_if = async |ada: &mut Browser, method: Method, tag: &str, body: Option<Value>| {
        let request = Request::builder().method(method).uri(&path).header(header::ORIGIN, super::ISSUER);
        let request = request.header(header::IF_MATCH, tag).header(header::CONTENT_TYPE, "application/json");
        ada.send(request.body(body.map_or_else(String::new, |body| body.to_string()).into()).unwrap()).await
    };
    let roles = |roles: &[&str]| Some(json!({ "roles": roles }));
    let taken = send_if(&mut ada, Method::PATCH, &seen, roles(&[])).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
    assert_ne!(taken.header("etag"), seen);
    for (method, body) in [(Method::PATCH, roles(&["reader"])), (Method::DELETE, None)] {
        let refused = send_if(&mut ada, method.clone(), &seen, body).await;
        assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{method}: {}", refused.body);
    }
    assert_eq!(world.user("rea@example.test").await.roles, Vec::<String>::new());
    assert_eq!(send_if(&mut ada, Method::DELETE, taken.header("etag"), None).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_last_who_may_change_users_stays() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let (own, eve) = (path_of(&world, "ada").await, path_of(&world, "eve").await);
    let disable = || Some(json!({ "disabled": true }));
    assert_eq!(send(&mut ada, Method::PATCH, &eve, disable()).await.status, StatusCode::OK, "Ada is still there");
    for (method, body) in
        [(Method::PATCH, disable()), (Method::PATCH, Some(json!({ "roles": ["reader"] }))), (Method::DELETE, None)]
    {
        let answer = send(&mut ada, method.clone(), &own, body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{method}: {}", answer.body);
        assert!(answer.body.contains("nobody else may change users"), "{}", answer.body);
    }
    assert_eq!(send(&mut ada, Method::PATCH, &own, Some(json!({ "name": "Ada O" }))).await.status, StatusCode::OK);
}

/// Eve changes users, and can give nobody what Ada has: with Ada gone, nobody could ever do everything again.
#[tokio::test]
async fn who_can_give_less_is_no_admin_who_stays() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let own = path_of(&world, "ada").await;
    let less = || Some(json!({ "roles": ["editor"] }));
    for (method, body) in [(Method::DELETE, None), (Method::PATCH, less())] {
        let answer = send(&mut ada, method.clone(), &own, body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{method}: {}", answer.body);
    }
    let second = json!({ "name": "Abe", "email": "abe@example.test", "password": PASSWORD, "roles": ["admin"] });
    assert_eq!(send(&mut ada, Method::POST, "/users", Some(second)).await.status, StatusCode::CREATED);
    assert_eq!(send(&mut ada, Method::PATCH, &own, less()).await.status, StatusCode::OK, "Abe can give it back");
    let mut abe = signed_in(&world, "abe").await;
    for editor in [own, path_of(&world, "eve").await] {
        assert_eq!(
            send(&mut abe, Method::DELETE, &editor, None).await.status,
            StatusCode::NO_CONTENT,
            "he can do more"
        );
    }
}

#[tokio::test]
async fn a_role_that_is_said_twice_is_had_once() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let roles = ["reader", "editor", "reader"];
    let bo = json!({ "name": "Bo", "email": "bo@example.test", "password": PASSWORD, "roles": roles });
    let made = send(&mut ada, Method::POST, "/users", Some(bo)).await;
    assert_eq!(made.json()["roles"], json!(["reader", "editor"]));
    let changed = send(&mut ada, Method::PATCH, made.location(), Some(json!({ "roles": ["editor", "editor"] }))).await;
    assert_eq!(changed.json()["roles"], json!(["editor"]));
}

#[tokio::test]
async fn who_is_disabled_removed_or_signed_out_has_no_session_and_no_token_left() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let path = path_of(&world, "rea").await;
    let sessions = format!("{path}/sessions");
    for (method, ended, body) in [
        (Method::DELETE, &sessions, None),
        (Method::PATCH, &path, Some(json!({ "disabled": true }))),
        (Method::DELETE, &path, None),
    ] {
        let mut rea = world.rea().await;
        let tokens = rea.tokens("app", "").await;
        let listed = ada.get(&sessions).await.json();
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        let answer = send(&mut ada, method.clone(), ended, body).await;
        assert!(answer.status.is_success(), "{method}: {}", answer.body);
        assert_eq!(rea.get("/api/me").await.status, StatusCode::UNAUTHORIZED, "{method} {ended}");
        let access = tokens["access_token"].as_str().unwrap();
        assert!(world.identity.gate().check(access.as_bytes()).await.is_err(), "{method} {ended}");
        let refreshed = rea.refresh("app", tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refreshed.error(), "invalid_grant");
        if method == Method::PATCH {
            assert_eq!(rea.sign_in("rea@example.test", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
            send(&mut ada, Method::PATCH, &path, Some(json!({ "disabled": false }))).await;
        }
        world.clock.advance(std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn one_browser_of_a_user_is_signed_out_and_no_other() {
    let world = world().await;
    let (mut ada, mut home) = (signed_in(&world, "ada").await, world.rea().await);
    let path = format!("{}/sessions", path_of(&world, "rea").await);
    let home_is = ada.get(&path).await.json()[0]["session"].as_str().unwrap().to_owned();
    world.clock.advance(std::time::Duration::from_secs(1));
    let mut left = world.rea().await;
    let tokens = left.tokens("app", "").await;
    let listed = ada.get(&path).await.json();
    let one = listed[0]["session"].as_str().filter(|one| *one != home_is).unwrap();
    let end = format!("{path}/{one}");
    let another = format!("{}/sessions/{one}", path_of(&world, "sue").await);
    send(&mut ada, Method::DELETE, &another, None).await;
    assert_eq!(left.get("/api/me").await.status, StatusCode::OK, "it is not Sue's");
    assert_eq!(send(&mut ada, Method::DELETE, &end, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(left.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    let access = tokens["access_token"].as_str().unwrap();
    assert!(world.identity.gate().check(access.as_bytes()).await.is_err());
    assert_eq!(left.refresh("app", tokens["refresh_token"].as_str().unwrap()).await.error(), "invalid_grant");
    assert_eq!(home.get("/api/me").await.status, StatusCode::OK);
    assert_eq!(send(&mut ada, Method::DELETE, &end, None).await.status, StatusCode::NO_CONTENT, "as if sent again");
    assert_eq!(recorded(&world).await.iter().filter(|(action, ..)| action == "end_session").count(), 1);
}

#[tokio::test]
async fn what_is_done_to_users_is_recorded_with_no_value_but_roles() {
    let world = world().await;
    let mut ada = signed_in(&world, "ada").await;
    let before = recorded(&world).await.len();
    let new = json!({ "name": "Bo", "email": "bo@example.test", "password": PASSWORD, "roles": ["reader"] });
    let path = send(&mut ada, Method::POST, "/users", Some(new)).await.location().to_owned();
    for change in [
        json!({ "roles": ["reader", "support"], "name": "Boe" }),
        json!({ "disabled": true }),
        json!({ "disabled": false }),
    ] {
        send(&mut ada, Method::PATCH, &path, Some(change)).await;
    }
    send(&mut ada, Method::DELETE, &format!("{path}/sessions"), None).await;
    send(&mut ada, Method::DELETE, &path, None).await;
    let events = recorded(&world).await.split_off(before);
    let said: Vec<_> = events.iter().map(|(action, _, detail)| (action.as_str(), detail.as_deref())).collect();
    let expected = [
        ("create", Some("reader")),
        ("set_roles", Some("reader, support")),
        ("update", Some("name")),
        ("disable", None),
        ("enable", None),
        ("end_sessions", None),
        ("delete", None),
    ];
    assert_eq!(said, expected);
}
