//! API keys: programs that have nobody to sign in.

use super::{CALLBACK, ISSUER, PASSWORD, World, roles};
use crate::token::world::clock;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
    middleware::from_fn_with_state,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_access::{Grants, Roles, System};
use tollgate_auth::{AccountChange, ApiKey, ApiKeys, IdentityConfig, KeyError, KeyFor, NewKey, User};
use tollgate_core::{Change, Clock, ManualClock, Seal};
use tollgate_http::{
    Api, Context, Edge, Keyed, Stores,
    pages::{Pages, Site},
    pipeline,
};
use tollgate_store::{Database, Filter, Memory, Store, audit::AuditEvent};
use tower::ServiceExt;

/// An instance of an app with API keys: Rea makes keys for herself, Ada may do everything.
struct Instance {
    world: World,
    keys: ApiKeys,
    app: Router,
}

fn config() -> IdentityConfig {
    let own = ["read:movies", "update:movies", "read:api_keys", "create:api_keys", "delete:api_keys"];
    let all = [("keeper", own.to_vec()), ("reader", vec!["read:movies"]), ("admin", vec!["*"])];
    let all = all.map(|(role, may)| (role.to_owned(), may.into_iter().map(str::to_owned).collect()));
    let roles = Roles::new(&BTreeMap::from(all), &["read:news".to_owned()]).unwrap();
    IdentityConfig { audience: "api".into(), ..IdentityConfig::new(ISSUER, Arc::new(roles)) }
}

impl Instance {
    async fn new() -> Self {
        let this = Self::on(Arc::new(Memory::default()), clock()).await;
        for (name, email, role) in
            [("Rea Oku", "rea@example.test", "keeper"), ("Ada Osei", "ada@example.test", "admin")]
        {
            this.world.identity.create_user(name, email, &PASSWORD.into(), &[role.to_owned()]).await.unwrap();
        }
        this
    }

    async fn on(database: Arc<dyn Database>, clock: ManualClock) -> Self {
        let world = World::on(config(), Arc::clone(&database), clock.clone()).await;
        let (clock, roles): (Arc<dyn Clock>, _) = (Arc::new(clock), config().roles);
        let keys = ApiKeys::start("films", roles, Some(world.identity.clone()), &database, &clock).await.unwrap();
        let app = app(&world, &keys, &database, clock);
        Self { world, keys, app }
    }

    async fn another(&self) -> Self {
        Self::on(Arc::clone(&self.world.database), self.world.clock.clone()).await
    }

    async fn token(&self, email: &str) -> String {
        self.world.identity.issue_token(email).await.unwrap()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        bearer: &str,
        body: Option<Value>,
    ) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| body.to_string().into());
        let (head, body) = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status, head.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn make(&self, bearer: &str, wanted: Value) -> (StatusCode, Value) {
        let (status, _, body) = self.send(Method::POST, "/api-keys", bearer, Some(wanted)).await;
        (status, body)
    }

    /// A key that somebody makes for themselves: it, and its id.
    async fn own_key(&self, email: &str, scopes: &[&str]) -> (String, String) {
        let (status, made) = self.make(&self.token(email).await, json!({ "name": "laptop", "scopes": scopes })).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["secret"]), text(&made["key"]["key_id"]))
    }

    /// Who somebody is.
    async fn me(&self, bearer: &str) -> (StatusCode, Value) {
        let (status, _, body) = self.send(Method::GET, "/api/me", bearer, None).await;
        (status, body)
    }

    async fn is_good(&self, key: &str) -> bool {
        self.me(key).await.0 == StatusCode::OK
    }

    /// Waits until the key is refused: a second at most, and a little for a busy machine.
    async fn ends(&self, key: &str) {
        let start = Instant::now();
        while self.is_good(key).await {
            assert!(start.elapsed() < Duration::from_secs(5), "still good after {:?}", start.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn row(&self, id: &str) -> ApiKey {
        self.keys.store().get(&System::because("a test looks").may(), id.to_owned()).await.unwrap()
    }

    fn store<T: tollgate_store::Resource>(&self) -> Store<T> {
        Store::new(Arc::clone(&self.world.database), Arc::new(self.world.clock.clone()))
    }
}

fn app(world: &World, keys: &ApiKeys, database: &Arc<dyn Database>, clock: Arc<dyn Clock>) -> Router {
    let api = Api {
        title: "Films".into(),
        version: "1".into(),
        about: String::new(),
        anyone: Grants::default(),
        schemes: vec![],
        services: vec![tollgate_auth::service(), tollgate_auth::api_keys_service()],
    };
    let built = api.build().unwrap();
    let stores = Stores::new(&built.resources, |_| Arc::clone(database), &clock);
    let authenticate = keys.authenticator(world.identity.authenticator());
    let edge = Edge::new(Arc::new(Pages::new(Site::default())), Arc::clone(&authenticate), None);
    let mut extensions = axum::http::Extensions::new();
    extensions.insert(keys.clone());
    let context =
        Context { authenticate, stores, seal: Seal::new(&[7; 32]), clock, keyed: Keyed::default(), extensions };
    let router = built.router.with_state(Arc::new(context)).merge(world.identity.router());
    router.layer(from_fn_with_state(Arc::new(edge), pipeline))
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

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
    for bad in [json!({ "days": 0 }), json!({ "days": 367 }), json!({ "name": "" }), json!({ "creator": "ada" })] {
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
async fn a_revoked_key_ends_on_every_instance_within_a_second() {
    let app = Instance::new().await;
    let (second, third) = (app.another().await, app.another().await);
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    let (other, _) = app.own_key("rea@example.test", &["read:movies"]).await;
    for instance in [&app, &second, &third] {
        assert!(instance.is_good(&key).await && instance.is_good(&other).await, "and is remembered from now on");
    }
    let path = format!("/api-keys/{id}");
    let rea = app.token("rea@example.test").await;
    assert_eq!(app.send(Method::DELETE, &path, &rea, None).await.0, StatusCode::NO_CONTENT);
    assert!(!app.is_good(&key).await, "at once where it was said");
    for instance in [&second, &third] {
        instance.ends(&key).await;
        assert!(instance.is_good(&other).await, "and no other");
    }
    assert!(!app.another().await.is_good(&key).await);
    assert_eq!(app.send(Method::DELETE, &path, &rea, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_end_where_the_app_is_no_issuer_too() {
    let (database, clock): (Arc<dyn Database>, Arc<dyn Clock>) = (Arc::new(Memory::default()), Arc::new(clock()));
    let start = async || ApiKeys::start("films", config().roles, None, &database, &clock).await.unwrap();
    let (one, two) = (start().await, start().await);
    let system = System::because("an operator manages API keys");
    let new = NewKey { name: "a".into(), scopes: vec!["*".into()], expires: None, speaks_for: KeyFor::Service };
    let (key, row) = one.create(&system.may(), new.clone()).await.unwrap();
    let nobody: Arc<dyn tollgate_http::Authenticate> = Arc::new(Nobody);
    let (one_asks, two_asks) = (one.authenticator(Arc::clone(&nobody)), two.authenticator(nobody));
    let head = Request::get("/").header("authorization", format!("Bearer {}", key.reveal())).body(()).unwrap();
    let head = head.into_parts().0;
    let actor = two_asks.identify(&head).await.unwrap();
    assert!(actor.is_service() && actor.is_signed_in() && actor.key() == Some(&row.key_id));
    assert!(one_asks.identify(&head).await.is_ok());
    one.revoke(&system.may(), &row.key_id).await.unwrap();
    assert!(one_asks.identify(&head).await.is_err());
    let start = Instant::now();
    while two_asks.identify(&head).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let of_a_user = NewKey { speaks_for: KeyFor::User(uuid::Uuid::nil()), ..new };
    assert!(matches!(one.create(&system.may(), of_a_user).await, Err(KeyError::NoUser)));
}

struct Nobody;

impl tollgate_http::Authenticate for Nobody {
    fn identify<'a>(&'a self, _: &'a axum::http::request::Parts) -> tollgate_http::Identified<'a> {
        Box::pin(async { Err(tollgate_core::Problem::unauthorized()) })
    }
}

#[tokio::test]
async fn a_disabled_users_keys_end_on_every_instance() {
    let app = Instance::new().await;
    let other = app.another().await;
    let (key, _) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(app.is_good(&key).await && other.is_good(&key).await);
    let rea = app.world.user("rea@example.test").await.user_id;
    let (accounts, system) = (app.world.identity.accounts(), System::because("an admin keeps Rea out"));
    let kept_out = AccountChange { disabled: Change::Set(true), ..AccountChange::default() };
    accounts.change(&system.may(), rea, kept_out).await.unwrap();
    assert!(!app.is_good(&key).await);
    other.ends(&key).await;
    app.world.set_disabled(false).await;
    assert!(app.is_good(&key).await && other.is_good(&key).await, "it was not the key that was taken back");
    accounts.end_sessions(&system.may(), rea).await.unwrap();
    assert!(app.is_good(&key).await, "signing out ends sessions and tokens; a key ends when it is revoked");
}

#[tokio::test]
async fn a_key_loses_what_its_user_loses() {
    let app = Instance::new().await;
    let (key, _) = app.own_key("rea@example.test", &["read:movies", "update:movies"]).await;
    assert_eq!(list(&app.me(&key).await.1["permissions"]), ["read:movies", "update:movies", "read:news"]);
    app.world.change("rea@example.test", roles("reader")).await;
    app.world.clock.advance(Duration::from_mins(1));
    assert_eq!(list(&app.me(&key).await.1["permissions"]), ["read:movies", "read:news"]);
}

#[tokio::test]
async fn a_key_expires_to_the_second() {
    let app = Instance::new().await;
    let rea = app.token("rea@example.test").await;
    let (_, made) = app.make(&rea, json!({ "name": "a", "scopes": ["read:movies"], "days": 1 })).await;
    let key = made["secret"].as_str().unwrap();
    app.world.clock.advance(Duration::from_hours(24) - Duration::from_secs(1));
    assert!(app.is_good(key).await);
    app.world.clock.advance(Duration::from_secs(1));
    assert!(!app.is_good(key).await, "also where it is remembered");
}

#[tokio::test]
async fn a_known_key_asks_nobody_for_a_minute() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(app.is_good(&key).await);
    app.store::<ApiKey>().delete(&System::because("a test cheats").may(), id).await.unwrap();
    app.world.clock.advance(Duration::from_secs(59));
    assert!(app.is_good(&key).await, "nobody was told");
    app.world.clock.advance(Duration::from_secs(1));
    assert!(!app.is_good(&key).await);
}

#[tokio::test]
async fn a_known_key_is_asked_for_again_once_the_calendar_was_put_back() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    assert!(app.is_good(&key).await);
    app.store::<ApiKey>().delete(&System::because("a test cheats").may(), id).await.unwrap();
    app.world.clock.jump(SignedDuration::from_hours(-1));
    assert!(!app.is_good(&key).await, "it would be known for an hour and a minute");
}

#[tokio::test]
async fn what_is_no_key_is_refused_like_a_bad_token() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    let (_, strange) = Instance::new().await.own_key("rea@example.test", &["read:movies"]).await;
    let other_secret = {
        let (other, _) = app.own_key("rea@example.test", &["read:movies"]).await;
        other.replace(other.split('_').nth(2).unwrap(), &id)
    };
    let (rest, last) = key.split_at(key.len() - 1);
    let mistyped = format!("{rest}{}", if last == "a" { "b" } else { "a" });
    let another_app = key.replace("tg_films_", "tg_books_");
    for bad in [&mistyped, &other_secret, &another_app, &format!("tg_films_{strange}_"), "tg_", &format!("{key} "), ""]
    {
        let (status, headers, body) = app.send(Method::GET, "/api/me", bad, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{bad}");
        assert!(headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer error="), "{bad}");
        assert!(!body.to_string().contains("films"), "{body}");
    }
    assert!(app.is_good(&key).await);
}

#[tokio::test]
async fn a_key_of_another_app_on_the_same_database_is_none_here() {
    let app = Instance::new().await;
    let (clock, roles): (Arc<dyn Clock>, _) = (Arc::new(app.world.clock.clone()), config().roles);
    let books = ApiKeys::start("books", roles, None, &app.world.database, &clock).await.unwrap();
    let new = NewKey { name: "a".into(), scopes: vec!["*".into()], expires: None, speaks_for: KeyFor::Service };
    let (key, _) = books.create(&System::because("an operator makes a key").may(), new).await.unwrap();
    assert!(!app.is_good(key.reveal()).await);
}

#[tokio::test]
async fn the_last_use_is_noted_now_and_then() {
    let app = Instance::new().await;
    let (key, id) = app.own_key("rea@example.test", &["read:movies"]).await;
    let noted = async |expected: Option<jiff::Timestamp>| {
        for _ in 0..100 {
            if app.row(&id).await.last_used == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} and not {expected:?}", app.row(&id).await.last_used);
    };
    noted(None).await;
    let first = app.world.clock.now();
    app.me(&key).await;
    noted(Some(first)).await;
    for _ in 0..9 {
        app.world.clock.advance(Duration::from_secs(65));
        app.me(&key).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    noted(Some(first)).await;
    app.world.clock.advance(Duration::from_secs(65));
    app.me(&key).await;
    noted(Some(app.world.clock.now())).await;
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

/// A key is for the API. Where tokens and people are the matter, it is nothing.
#[tokio::test]
async fn a_key_opens_no_door_of_the_issuer() {
    let app = Instance::new().await;
    let (key, _) = app.own_key("ada@example.test", &["*"]).await;
    assert_eq!(app.send(Method::GET, "/oauth/userinfo", &key, None).await.0, StatusCode::UNAUTHORIZED);
    let path = super::authorize(&[("redirect_uri", CALLBACK)]);
    let (status, headers, _) = app.send(Method::GET, &path, &key, None).await;
    assert!(!headers.get(header::LOCATION).is_some_and(|to| to.to_str().unwrap().contains("code=")), "{status}");
}
