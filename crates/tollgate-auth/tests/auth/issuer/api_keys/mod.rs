//! API keys: programs that have nobody to sign in.

mod ending;
mod making;

use super::{CALLBACK, ISSUER, PASSWORD, World};
use crate::token::world::clock;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_access::{Grants, Known, Roles, System};
use tollgate_auth::{ApiKey, ApiKeys, Client, ClientKind, IdentityConfig};
use tollgate_core::{Clock, ManualClock, Seal};
use tollgate_http::{
    Api, Context, Edge, Keyed, Pipeline, Stores,
    pages::{Pages, Site},
};
use tollgate_store::{Database, Memory, Store};
use tower::ServiceExt;

/// An instance of an app with API keys: Rea makes keys for herself, Ada may do everything.
pub(super) struct Instance {
    pub(super) world: World,
    keys: ApiKeys,
    app: Router,
}

fn config() -> IdentityConfig {
    let own = ["read:movies", "update:movies", "read:api_keys", "create:api_keys", "delete:api_keys"];
    let all = [("keeper", own.to_vec()), ("reader", vec!["read:movies"]), ("admin", vec!["*"])];
    let all = all.map(|(role, may)| (role.to_owned(), may.into_iter().map(str::to_owned).collect()));
    let roles = Roles::new(&BTreeMap::from(all), &["read:news".to_owned()]).unwrap();
    let roles = roles.knowing(Known::of(["api_keys", "audit_events", "movies", "news", "users"], []));
    let others = Client {
        redirect_uris: vec![CALLBACK.into()],
        third_party: true,
        ..Client::new("recorder", "Recorder", ClientKind::Public)
    };
    let clients = vec![others];
    IdentityConfig { audience: "api".into(), clients, ..IdentityConfig::new(ISSUER, Arc::new(roles)) }
}

impl Instance {
    pub(super) async fn new() -> Self {
        let this = Self::on(Arc::new(Memory::default()), clock()).await;
        for (name, email, role) in
            [("Rea Oku", "rea@example.test", "keeper"), ("Ada Osei", "ada@example.test", "admin")]
        {
            this.world.identity.create_user(name, email, &PASSWORD.into(), &[role.to_owned()]).await.unwrap();
        }
        this
    }

    async fn on(database: Arc<dyn Database>, clock: ManualClock) -> Self {
        Self::with(config(), database, clock).await
    }

    async fn with(settings: IdentityConfig, database: Arc<dyn Database>, clock: ManualClock) -> Self {
        let world = World::on(settings, Arc::clone(&database), clock.clone()).await;
        let (clock, roles): (Arc<dyn Clock>, _) = (Arc::new(clock), config().roles);
        let keys = ApiKeys::start("films", roles, Some(world.identity.clone()), &database, &clock).await.unwrap();
        let app = app(&world, &keys, &database, clock);
        Self { world, keys, app }
    }

    async fn another(&self) -> Self {
        Self::on(Arc::clone(&self.world.database), self.world.clock.clone()).await
    }

    pub(super) async fn token(&self, email: &str) -> String {
        self.world.identity.issue_token(email).await.unwrap()
    }

    pub(super) async fn send(
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

    pub(super) async fn make(&self, bearer: &str, wanted: Value) -> (StatusCode, Value) {
        let (status, _, body) = self.send(Method::POST, "/api-keys", bearer, Some(wanted)).await;
        (status, body)
    }

    /// A key that somebody makes for themselves: it, and its id.
    pub(super) async fn own_key(&self, email: &str, scopes: &[&str]) -> (String, String) {
        let (status, made) = self.make(&self.token(email).await, json!({ "name": "laptop", "scopes": scopes })).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["secret"]), text(&made["key"]["key_id"]))
    }

    /// Who somebody is.
    pub(super) async fn me(&self, bearer: &str) -> (StatusCode, Value) {
        let (status, _, body) = self.send(Method::GET, "/api/me", bearer, None).await;
        (status, body)
    }

    async fn is_good(&self, key: &str) -> bool {
        self.me(key).await.0 == StatusCode::OK
    }

    /// Waits until the key is refused: a second at most, on a clock that stands still while anything is done.
    async fn ends(&self, key: &str) {
        tokio::time::pause();
        let start = tokio::time::Instant::now();
        while self.is_good(key).await {
            assert!(start.elapsed() < Duration::from_secs(1), "still good after {:?}", start.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::resume();
    }

    async fn row(&self, id: &str) -> ApiKey {
        self.keys.store().get(&System::because("a test looks").may(), id.to_owned()).await.unwrap()
    }

    pub(super) fn store<T: tollgate_store::Resource>(&self) -> Store<T> {
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
        quotas: tollgate_http::Quotas::default(),
        extensions: axum::http::Extensions::new(),
        services: vec![tollgate_auth::service(), tollgate_auth::api_keys_service(), tollgate_auth::users_service()],
    };
    let built = api.build().unwrap();
    let stores = Stores::new(&built.resources, |_| Arc::clone(database), &clock);
    let authenticate = keys.authenticator(world.identity.authenticator());
    let edge = Edge::new(Arc::new(Pages::new(Site::default())), Arc::clone(&authenticate), None);
    let mut extensions = axum::http::Extensions::new();
    extensions.insert(keys.clone());
    extensions.insert(world.identity.accounts());
    let context = Context {
        authenticate,
        stores,
        seal: Seal::new(&[7; 32]),
        clock,
        keyed: Keyed::default(),
        cache: tollgate_http::AnswerCache::in_memory(0, Arc::new(tollgate_core::SystemClock::default())),
        limits: None,
        extensions,
    };
    let router = built.router.with_state(Arc::new(context)).merge(world.identity.router());
    router.layer(Pipeline(Arc::new(edge)))
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}
