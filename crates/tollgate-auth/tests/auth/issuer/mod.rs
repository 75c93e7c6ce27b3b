//! The embedded issuer from outside: over HTTP, with a database in memory and a clock that obeys.

mod accounts;
mod apart;
mod api_keys;
mod authenticate;
mod clients;
mod code_flow;
mod consent;
mod delegated;
mod discovery;
mod ends;
mod exchange;
mod half_done;
mod jumps;
mod kinds;
mod login;
mod logout;
mod own;
mod passwords;
mod refresh;
mod revocation;
mod rotation;
pub(crate) mod second_factor;
mod throttle;
mod under_way;
mod userinfo;
mod users;

use crate::token::world::clock;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Extensions, HeaderMap, Request, StatusCode, header},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use tollgate_access::{Roles, System};
use tollgate_auth::{AccountChange, Client, ClientKind, Identity, IdentityConfig, User, UserPatch};
use tollgate_core::{Change, ManualClock, Seal, Secret};
use tollgate_http::{
    Api, Context, Cors, Edge, Keyed, Pipeline, Stores,
    pages::{Pages, Site},
};
use tollgate_store::{Database, Memory, Store};
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) const ISSUER: &str = "http://127.0.0.1:8000";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// Of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const CALLBACK: &str = "https://client.example/callback";

/// An app with the issuer, two clients and the user Rea.
pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) clock: ManualClock,
    pub(crate) app: Router,
}

pub(crate) fn config() -> IdentityConfig {
    let roles = [("reader", vec!["read:movies"]), ("curator", vec!["read:*", "create:movies"])];
    let roles =
        roles.map(|(role, permissions)| (role.to_owned(), permissions.into_iter().map(str::to_owned).collect()));
    let roles = Roles::new(&BTreeMap::from(roles), &["read:news".to_owned()]).unwrap();
    let client = |id: &str, kind, redirect_uri: &str| Client {
        redirect_uris: vec![redirect_uri.into()],
        ..Client::new(id, id, kind)
    };
    let clients = vec![
        client("web", ClientKind::Public, CALLBACK),
        Client { offline: true, ..client("app", ClientKind::Native, "com.example.app:/back?from=issuer") },
    ];
    IdentityConfig { audience: "api".into(), clients, ..IdentityConfig::new(ISSUER, Arc::new(roles)) }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: IdentityConfig) -> Self {
        let world = Self::on(config, Arc::new(Memory::default()), clock()).await;
        let reader = ["reader".to_owned()];
        world.identity.create_user("Rea Oku", "rea@example.test", &PASSWORD.into(), &reader).await.unwrap();
        world
    }

    /// An instance on a database that may be others' as well.
    pub(crate) async fn on(config: IdentityConfig, database: Arc<dyn Database>, clock: ManualClock) -> Self {
        Self::showing(Site::default(), config, database, clock).await
    }

    /// The same, whose pages show that.
    pub(crate) async fn showing(
        site: Site,
        config: IdentityConfig,
        database: Arc<dyn Database>,
        clock: ManualClock,
    ) -> Self {
        let pages = Arc::new(Pages::new(site));
        let shared = Arc::new(clock.clone());
        let identity = Identity::start(config, Arc::clone(&database), shared, Arc::clone(&pages)).await.unwrap();
        let app = app(&identity, &database, &clock, pages);
        Self { identity, database, clock, app }
    }

    /// The same app, started again on the same database.
    pub(crate) async fn restarted(&self) -> Self {
        Self::on(config(), Arc::clone(&self.database), self.clock.clone()).await
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { app: self.app.clone(), cookie: None, origin: Some(ISSUER.into()) }
    }

    /// A browser in which Rea has signed in.
    pub(crate) async fn rea(&self) -> Browser {
        let mut browser = self.browser();
        let answer = browser.sign_in("rea@example.test", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }

    pub(crate) async fn user(&self, email: &str) -> User {
        let (store, may) = (self.users(), System::because("a test looks").may());
        store.find(&may, User::EMAIL.eq(email)).first().await.unwrap().unwrap()
    }

    pub(crate) async fn change(&self, email: &str, patch: UserPatch) {
        let user = self.user(email).await;
        self.users().update(&System::because("a test changes").may(), user.user_id, patch).await.unwrap();
    }

    pub(crate) async fn set_disabled(&self, disabled: bool) {
        self.change("rea@example.test", UserPatch { disabled: Change::Set(disabled), ..UserPatch::default() }).await;
    }

    /// As an admin does it.
    pub(crate) async fn disable(&self, user: Uuid) {
        let change = AccountChange { disabled: Change::Set(true), ..AccountChange::default() };
        self.identity.accounts().change(&System::because("a test disables").may(), user, change).await.unwrap();
    }

    /// Signs Rea out everywhere, as an admin does it.
    pub(crate) async fn end_sessions(&self) {
        let (may, user) = (System::because("a test signs out").may(), self.user("rea@example.test").await);
        self.identity.accounts().end_sessions(&may, user.user_id).await.unwrap();
    }

    /// Rea's id.
    pub(crate) async fn id(&self) -> String {
        self.user("rea@example.test").await.user_id.to_string()
    }

    fn users(&self) -> Store<User> {
        Store::new(Arc::clone(&self.database), Arc::new(self.clock.clone()))
    }
}

/// What an app serves: the issuer and `/api/me`, behind the pipeline.
fn app(identity: &Identity, database: &Arc<dyn Database>, clock: &ManualClock, pages: Arc<Pages>) -> Router {
    let api = Api {
        title: "Test".into(),
        version: "1".into(),
        about: String::new(),
        anyone: tollgate_access::Grants::default(),
        schemes: vec![],
        quotas: tollgate_http::Quotas::default(),
        extensions: axum::http::Extensions::new(),
        services: vec![tollgate_auth::service(), tollgate_auth::users_service()],
    };
    let built = api.build().unwrap();
    let clock: Arc<dyn tollgate_core::Clock> = Arc::new(clock.clone());
    let stores = Stores::new(&built.resources, |_| Arc::clone(database), &clock);
    let (authenticate, seal) = (identity.authenticator(), Seal::new(&[7; 32]));
    let mut extensions = Extensions::new();
    extensions.insert(identity.accounts());
    let context = Context {
        authenticate,
        stores,
        seal,
        clock,
        keyed: Keyed::default(),
        cache: tollgate_http::AnswerCache::in_memory(0, Arc::new(tollgate_core::SystemClock::default())),
        limits: None,
        extensions,
    };
    let cors = Cors::new(vec![], Some(Arc::new(identity.clone())));
    let edge = Arc::new(Edge::new(pages, identity.authenticator(), None).read_by(cors));
    let router = built.router.with_state(Arc::new(context)).merge(identity.router());
    router.layer(Pipeline(edge))
}

/// Keeps cookies, as a browser would.
#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookie: Option<String>,
    /// What it says about where requests come from.
    pub(crate) origin: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> Answer {
        if let Some(cookie) = &self.cookie {
            request.headers_mut().append(header::COOKIE, cookie.parse().unwrap());
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        for set in head.headers.get_all(header::SET_COOKIE) {
            self.keep(set.to_str().unwrap().split(';').next().unwrap());
        }
        Answer { status: head.status, headers: head.headers, body }
    }

    /// Keeps a cookie in place of one of the same name; an empty one is a removed one.
    pub(crate) fn keep(&mut self, cookie: &str) {
        let (name, value) = cookie.split_once('=').unwrap();
        let kept = self.cookie.take().unwrap_or_default();
        let mut all: Vec<&str> = kept.split("; ").filter(|other| !other.is_empty()).collect();
        all.retain(|other| other.split_once('=').unwrap().0 != name);
        all.extend((!value.is_empty()).then_some(cookie));
        self.cookie = (!all.is_empty()).then(|| all.join("; "));
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_as(path, form, None).await
    }

    /// The same with an `Authorization`.
    pub(crate) async fn post_as(&mut self, path: &str, form: &[(&str, &str)], authorization: Option<&str>) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = &self.origin {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.send(request.body(form.into()).unwrap()).await
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", &[("email", email), ("password", password)]).await
    }

    /// The code that the client gets for a scope.
    pub(crate) async fn code(&mut self, client: &str, scope: &str) -> String {
        let callback = if client == "web" { CALLBACK } else { "com.example.app:/back?from=issuer" };
        let changes = [("client_id", client), ("redirect_uri", callback), ("scope", scope)];
        let mut answer = self.get(&authorize(&changes)).await;
        if client == "app" {
            answer = consent::press(self, &answer, "allow").await;
        }
        answer.location_parameter("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }

    /// Redeems a code as its client does.
    pub(crate) async fn redeem(&mut self, client: &str, code: &str) -> Answer {
        let callback = if client == "web" { CALLBACK } else { "com.example.app:/back?from=issuer" };
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("redirect_uri", callback),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/token", &form).await
    }

    pub(crate) async fn refresh(&mut self, client: &str, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
        self.post("/oauth/token", &form).await
    }

    /// All the way from a session to tokens.
    pub(crate) async fn tokens(&mut self, client: &str, scope: &str) -> Value {
        let code = self.code(client, scope).await;
        let answer = self.redeem(client, &code).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The page as a browser reads it, as far as it matters.
    pub(crate) fn page(&self) -> String {
        self.body.replace("&#x2f;", "/").replace("&amp;", "&")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// A parameter of where we are sent.
    pub(crate) fn location_parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.location().split_once('?')?;
        form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The error of an OAuth answer, wherever it stands.
    pub(crate) fn error(&self) -> String {
        let in_body = || serde_json::from_str::<Value>(&self.body).ok()?["error"].as_str().map(str::to_owned);
        self.location_parameter("error").or_else(in_body).unwrap_or_else(|| format!("none, but {}", self.status))
    }
}

/// The address at which `web` asks for a code, with some parameters changed, or left out where they are empty.
pub(crate) fn authorize(changes: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "a state & more"),
    ];
    for (name, value) in changes {
        parameters.retain(|(known, _)| known != name);
        parameters.push((name, value));
    }
    parameters.retain(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth/authorize?{query}")
}

/// The claims of a token that anybody can read.
pub(crate) fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

pub(crate) fn roles(roles: &str) -> UserPatch {
    UserPatch { roles: Change::Set(roles.split_whitespace().map(str::to_owned).collect()), ..UserPatch::default() }
}

pub(crate) fn secret(text: &str) -> Secret {
    text.into()
}
