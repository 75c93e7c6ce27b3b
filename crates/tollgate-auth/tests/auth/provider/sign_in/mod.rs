//! Signing in with a provider, and every way in which it must not happen.

mod sessions;
mod tokens;
mod tries;

use super::{
    fake::{Fake, answers},
    provider, roles,
};
use crate::token::world::{NOW, Signer, clock, object};
use axum::{Router, body::Body};
use http::{HeaderMap, Request, header};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_access::{Actor, System};
use tollgate_auth::{Issuers, ProviderPeople, ProviderSignIn, SignInConfig, token::Algorithm};
use tollgate_core::{Clock, ManualClock};
use tollgate_http::{
    Authenticate,
    pages::{Pages, Site},
};
use tollgate_store::{Database, Filter, Memory, Resource, Store, audit::AuditEvent};
use tower::ServiceExt;
use url::Url;

const SECRET: &str = "a+secret/of: the client";

/// A provider with which people sign in.
pub(super) struct Provider {
    fake: Fake,
    signer: Signer,
}

impl Provider {
    pub(super) async fn new(clock: &ManualClock) -> Self {
        let mut signer = Signer::new("", Algorithm::EdDSA);
        let fake = Fake::start(&mut signer, Arc::new(clock.clone())).await;
        let provider = Self { fake, signer };
        provider.says(&json!({}));
        provider
    }

    /// Metadata with that besides.
    fn says(&self, more: &Value) {
        let url = &self.fake.url;
        let mut metadata = object(&json!({ "issuer": url, "jwks_uri": format!("{url}/keys"),
            "authorization_endpoint": format!("{url}/authorize?tenant=1"), "token_endpoint": format!("{url}/token"),
            "end_session_endpoint": format!("{url}/leave") }));
        metadata.extend(object(more));
        metadata.retain(|_, value| !value.is_null());
        self.fake.metadata(answers(&Value::Object(metadata)));
    }

    pub(super) fn settings(&self, more: &Value) -> Value {
        let mut settings = object(
            &json!({ "preset": "generic", "issuer": self.fake.url, "client_id": "web", "client_secret": SECRET }),
        );
        settings.extend(object(more));
        Value::Object(settings)
    }

    /// The claims of a good ID token for that try.
    fn claims(&self, begun: &Begun) -> Value {
        json!({ "iss": self.fake.url, "aud": "web", "sub": "ann", "iat": NOW - 1, "exp": NOW + 300,
            "nonce": begun.get("nonce"), "name": "Ann", "email": "ann@example.test", "email_verified": true,
            "roles": ["curator"] })
    }

    /// Will give an ID token with these claims changed for any code; `null` takes one away.
    pub(super) fn gives(&self, begun: &Begun, change: &Value) {
        let mut claims = object(&self.claims(begun));
        claims.extend(object(change));
        claims.retain(|_, value| !value.is_null());
        let header = json!({ "alg": "EdDSA", "kid": "k1" });
        self.answers(&self.signer.token(&header, &Value::Object(claims)));
    }

    fn answers(&self, id_token: &[u8]) {
        let id_token = String::from_utf8(id_token.to_vec()).unwrap();
        self.fake.token(answers(&json!({ "id_token": id_token, "access_token": "opaque", "token_type": "Bearer" })));
    }
}

/// The app.
struct App {
    router: Router,
    authenticate: Arc<dyn Authenticate>,
    people: ProviderPeople,
    database: Arc<dyn Database>,
    clock: ManualClock,
}

impl App {
    /// What was recorded: of whom, what, and whether it was allowed.
    async fn recorded(&self) -> Vec<(String, String, bool)> {
        let store: Store<AuditEvent> = Store::new(Arc::clone(&self.database), Arc::new(self.clock.clone()));
        let may = System::because("a test reads what was recorded").may();
        let events = store.find(&may, Filter::every()).sort(AuditEvent::EVENT_ID.asc()).all().await.unwrap();
        events.into_iter().map(|event| (event.actor, event.action, event.allowed)).collect()
    }
}

async fn start(clock: &ManualClock, url: &str, issuers: &[(&str, Value)]) -> tollgate_auth::Result<App> {
    let providers = issuers.iter().map(|(name, settings)| provider(name, settings.clone())).collect();
    started(clock, url, providers).await
}

async fn started(
    clock: &ManualClock,
    url: &str,
    providers: Vec<tollgate_auth::provider::Provider>,
) -> tollgate_auth::Result<App> {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let issuers = Issuers::start(providers, &roles(), &shared)?;
    let database: Arc<dyn Database> = Arc::new(Memory::default());
    database.prepare(&[&ProviderSignIn::tables()[..], &[AuditEvent::TABLE]].concat(), true).await.unwrap();
    let config = SignInConfig {
        public_url: url.into(),
        session_lifetime: Duration::from_hours(12),
        key: [7; 32],
        has_passwords: false,
    };
    let names = issuers
        .iter()
        .map(|issuer| tollgate_http::pages::Provider { id: issuer.name().into(), label: issuer.name().to_uppercase() });
    let site = Site { providers: names.collect(), without_passwords: true, ..Site::default() };
    let pages = Arc::new(Pages::new(site));
    let sign_in = ProviderSignIn::start(&config, &issuers, &database, &shared, &pages)?.unwrap();
    let revocations = Arc::default();
    let people = ProviderPeople::start(&issuers, &database, &shared, &revocations).await?;
    let authenticate = sign_in.authenticator(issuers.authenticator(roles().anyone(), shared, &revocations)?);
    Ok(App { router: sign_in.router(Router::new()), authenticate, people, database, clock: clock.clone() })
}

/// What the app answered.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect()
    }
}

/// A browser with its cookies.
#[derive(Default, Clone)]
struct Browser(BTreeMap<String, String>);

/// A try, as the provider saw it begin.
pub(super) struct Begun(pub(super) Url);

impl Begun {
    pub(super) fn get(&self, name: &str) -> String {
        self.0.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }
}

impl Browser {
    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let cookies: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::builder().method(method).uri(path).header(header::COOKIE, cookies.join("; "))
    }

    async fn send(&mut self, app: &App, request: Request<Body>) -> Reply {
        let (head, body) = app.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let reply = Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        for cookie in reply.cookies() {
            let (name, rest) = cookie.split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.0.remove(name),
                value => self.0.insert(name.into(), value.into()),
            };
        }
        reply
    }

    async fn get(&mut self, app: &App, path: &str) -> Reply {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.send(app, request).await
    }

    async fn begin(&mut self, app: &App, issuer: &str) -> Begun {
        let reply = self.get(app, &format!("/auth/login/{issuer}?return_to=/movies?a=b")).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        Begun(reply.location().parse().unwrap())
    }

    /// Comes back with a code for that try.
    async fn back(&mut self, app: &App, begun: &Begun) -> Reply {
        self.get(app, &format!("/auth/callback?code=c0de&state={}", begun.get("state"))).await
    }

    async fn actor(&self, app: &App) -> Option<Actor> {
        let (head, ()) = self.request("GET", "/").body(()).unwrap().into_parts();
        let actor = app.authenticate.identify(&head).await.unwrap();
        actor.is_signed_in().then_some(actor)
    }
}

const HERE: &str = "http://127.0.0.1:8000";

/// One provider and an app at its usual place.
async fn one(more: Value) -> (Provider, App) {
    let clock = clock();
    let provider = Provider::new(&clock).await;
    let app = start(&clock, HERE, &[("sso", provider.settings(&more))]).await.unwrap();
    (provider, app)
}

/// What is refused is told without the words of whoever asked, and signs nobody in.
async fn refused(browser: &Browser, app: &App, reply: &Reply) -> u16 {
    assert!(browser.actor(app).await.is_none(), "somebody is signed in");
    assert!(!reply.cookies().iter().any(|cookie| cookie.contains("provider-session=") && !cookie.contains("=;")));
    reply.status
}
