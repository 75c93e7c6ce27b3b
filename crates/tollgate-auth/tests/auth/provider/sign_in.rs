//! Signing in with a provider, and every way in which it must not happen.

use super::{
    fake::{Does, Fake, answers},
    provider, roles,
};
use crate::token::world::{NOW, Signer, clock, object};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use axum::{Router, body::Body};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::{HeaderMap, Request, header};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_access::{Actor, System};
use tollgate_auth::{Issuers, ProviderPeople, ProviderSignIn, SignInConfig, provider::KeySource, token::Algorithm};
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
struct Provider {
    fake: Fake,
    signer: Signer,
}

impl Provider {
    async fn new(clock: &ManualClock) -> Self {
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

    fn settings(&self, more: &Value) -> Value {
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
    fn gives(&self, begun: &Begun, change: &Value) {
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
struct Begun(Url);

impl Begun {
    fn get(&self, name: &str) -> String {
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

#[tokio::test]
async fn who_went_to_the_provider_and_came_back_is_signed_in() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let only = browser.get(&app, "/auth/login?return_to=/movies").await;
    assert_eq!((only.status, only.location()), (303, "/auth/login/sso?return_to=%2Fmovies"));

    let begun = browser.begin(&app, "sso").await;
    assert!(begun.0.as_str().starts_with(&format!("{}/authorize?tenant=1&response_type=code", provider.fake.url)));
    assert_eq!(begun.get("redirect_uri"), format!("{HERE}/auth/callback"));
    assert_eq!((begun.get("client_id"), begun.get("scope")), ("web".into(), "openid profile email".into()));
    assert_eq!((begun.get("code_challenge_method"), begun.get("code_challenge").len()), ("S256".into(), 43));
    assert!(begun.get("state").len() >= 43 && begun.get("nonce").len() >= 43);
    assert!(browser.actor(&app).await.is_none());

    provider.gives(&begun, &json!({}));
    let reply = browser.back(&app, &begun).await;
    assert_eq!((reply.status, reply.location()), (303, "/movies?a=b"), "{}", reply.body);
    let actor = browser.actor(&app).await.unwrap();
    assert_eq!((actor.id(), actor.provider(), actor.email()), ("sso|ann", Some("sso"), Some("ann@example.test")));
    assert_eq!(super::permissions(&actor), "create:movies update:movies read:news");
    assert!(browser.0.keys().all(|name| name == "provider-session"), "the try is over: {:?}", browser.0.keys());

    // What the provider was sent: the verifier of the challenge, and the client's secret where it belongs.
    let (head, form) = provider.fake.sent();
    let form: BTreeMap<_, _> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!(BASE64.encode(digest(&SHA256, form["code_verifier"].as_bytes())), begun.get("code_challenge"));
    assert_eq!((form["code"].as_str(), form["grant_type"].as_str()), ("c0de", "authorization_code"));
    assert_eq!(form["redirect_uri"], begun.get("redirect_uri"));
    let basic = "web:a%2Bsecret%2Fof%3A+the+client";
    let basic = base64::engine::general_purpose::STANDARD.encode(basic);
    assert!(head.contains(&format!("Basic {basic}")) && !form.contains_key("client_secret"));
}

#[tokio::test]
async fn a_client_says_its_secret_as_the_provider_wants_it_and_a_public_one_has_none() {
    let (provider, app) = one(json!({})).await;
    provider.says(&json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    assert_eq!(browser.back(&app, &begun).await.status, 303);
    let (head, form) = provider.fake.sent();
    assert!(!head.to_lowercase().contains("authorization:"));
    assert!(form.contains("client_id=web") && form.contains("client_secret=a%2Bsecret%2Fof%3A+the+client"));

    let clock = clock();
    let settings = json!({ "preset": "generic", "issuer": provider.fake.url, "client_id": "web" });
    let app = start(&clock, HERE, &[("sso", settings)]).await.unwrap();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    assert_eq!(browser.back(&app, &begun).await.status, 303);
    let (head, form) = provider.fake.sent();
    assert!(!head.to_lowercase().contains("authorization:") && form.contains("client_id=web"));
    assert!(!form.contains("secret"));
}

#[tokio::test]
async fn an_answer_that_this_browser_did_not_ask_for_signs_nobody_in() {
    let (provider, app) = one(json!({})).await;
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    let begun = browser.begin(&app, "sso").await;
    let foreign = other.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    let (state, theirs) = (begun.get("state"), foreign.get("state"));
    let cut = &state[..state.len() - 1];
    for query in [
        "code=c0de".to_owned(),
        "code=c0de&state=".into(),
        format!("code=c0de&state={state}&state={state}"),
        format!("code=c0de&code=c0de&state={state}"),
        format!("code=c0de&state={theirs}"),
        format!("code=c0de&state={cut}"),
        format!("code=c0de&state={state}x"),
        format!("code=c0de&state={}%0d%0aset-cookie:x", &state[..16]),
        "code=c0de&state=%ff".into(),
        String::new(),
    ] {
        let reply = browser.get(&app, &format!("/auth/callback?{query}")).await;
        assert_eq!(refused(&browser, &app, &reply).await, 400, "{query}");
    }
    // The cookie of one try does not serve another.
    let mut mixed = browser.clone();
    let names: Vec<_> = [&browser, &other].map(|browser| browser.0.keys().next().unwrap().clone()).into();
    mixed.0 = BTreeMap::from([(names[1].clone(), browser.0[&names[0]].clone())]);
    let reply = mixed.get(&app, &format!("/auth/callback?code=c0de&state={theirs}")).await;
    assert_eq!(refused(&mixed, &app, &reply).await, 400);
    assert!(provider.fake.asked("/token").is_empty(), "no code was traded in");

    assert_eq!(browser.back(&app, &begun).await.status, 303, "the try is still good");
    let mut again = Browser::default();
    assert_eq!(again.back(&app, &begun).await.status, 400, "elsewhere it never was");
    assert_eq!(browser.back(&app, &begun).await.status, 400, "and it is good once");
    assert_eq!(provider.fake.asked("/token").len(), 1);
}

#[tokio::test]
async fn a_try_lasts_ten_minutes_and_two_tabs_do_not_disturb_each_other() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let (first, second) = (browser.begin(&app, "sso").await, browser.begin(&app, "sso").await);
    provider.gives(&second, &json!({}));
    assert_eq!(browser.back(&app, &second).await.status, 303);
    provider.gives(&first, &json!({}));
    assert_eq!(browser.back(&app, &first).await.status, 303);

    let mut late = Browser::default();
    let begun = late.begin(&app, "sso").await;
    app.clock.advance(Duration::from_mins(10));
    provider.gives(&begun, &json!({ "exp": NOW + 9000 }));
    let reply = late.back(&app, &begun).await;
    assert_eq!(refused(&late, &app, &reply).await, 400);

    for _ in 0..20 {
        late.begin(&app, "sso").await;
    }
    assert_eq!(late.0.len(), 5, "a browser does not drown in tries");
}

#[tokio::test]
async fn only_an_id_token_for_this_client_and_this_try_signs_in() {
    let (provider, app) = one(json!({ "max_age_minutes": 10 })).await;
    let half = |hash| BASE64.encode(&digest(hash, b"opaque").as_ref()[..hash.output_len() / 2]);
    let good = [
        json!({ "azp": "web" }),
        json!({ "aud": ["web", "other"], "azp": "web" }),
        json!({ "aud": ["web"] }),
        json!({ "at_hash": half(&SHA512) }),
    ];
    let bad = [
        json!({ "nonce": null }),
        json!({ "nonce": "another" }),
        json!({ "nonce": ["x"] }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "aud": [] }),
        json!({ "azp": "other" }),
        json!({ "azp": 7 }),
        json!({ "aud": ["web", "other"] }),
        json!({ "aud": ["web", "other"], "azp": "other" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "exp": NOW - 31 }),
        json!({ "exp": null }),
        json!({ "iat": null }),
        json!({ "iat": NOW + 40 }),
        json!({ "at_hash": half(&SHA256) }),
        json!({ "at_hash": "x" }),
        json!({ "at_hash": null, "events": {} }),
        json!({ "cnf": { "jkt": "k" } }),
        json!({ "auth_time": null }),
        json!({ "auth_time": NOW - 631 }),
        json!({ "auth_time": "now" }),
    ];
    for (change, status) in good.iter().map(|good| (good, 303)).chain(bad.iter().map(|bad| (bad, 403))) {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        assert_eq!(begun.get("max_age"), "600");
        let mut all = object(&json!({ "auth_time": NOW - 630 }));
        all.extend(object(change));
        provider.gives(&begun, &Value::Object(all));
        let reply = browser.back(&app, &begun).await;
        assert_eq!(reply.status, status, "{change}");
        assert_eq!(browser.actor(&app).await.is_some(), status == 303, "{change}");
    }
}

#[tokio::test]
async fn an_id_token_that_the_provider_did_not_sign_as_such_signs_nobody_in() {
    let (provider, app) = one(json!({})).await;
    let stranger = Signer::new(&provider.fake.url, Algorithm::EdDSA);
    let signed = |header: Value, claims: &Value| provider.signer.token(&header, claims);
    for forge in [
        &|claims: &Value| stranger.token(&json!({ "alg": "EdDSA", "kid": "k1" }), claims),
        &|claims: &Value| signed(json!({ "alg": "none", "kid": "k1" }), claims),
        &|claims: &Value| signed(json!({ "alg": "HS256", "kid": "k1" }), claims),
        &|claims: &Value| signed(json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" }), claims),
        &|claims: &Value| signed(json!({ "alg": "EdDSA", "kid": "k1", "typ": "logout+jwt" }), claims),
        &|claims: &Value| signed(json!({ "alg": "EdDSA", "kid": "k1", "crit": ["x"] }), claims),
        &|_: &Value| b"no token".to_vec(),
    ] as [&dyn Fn(&Value) -> Vec<u8>; 7]
    {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.answers(&forge(&provider.claims(&begun)));
        let reply = browser.back(&app, &begun).await;
        assert_eq!(refused(&browser, &app, &reply).await, 403);
    }
}

#[tokio::test]
async fn a_code_that_is_not_taken_and_an_answer_that_is_none_sign_nobody_in() {
    let (provider, app) = one(json!({})).await;
    let text = |text: &str| Does::Answers(text.into(), "");
    for (does, status) in [
        (Does::Fails(400), 403),
        (Does::Fails(500), 403),
        (text("{}"), 403),
        (text("[]"), 403),
        (text("garbage"), 403),
        (text(r#"{"id_token": 7}"#), 403),
        (text(r#"{"id_token": "a.b.c", "id_token": "d.e.f"}"#), 403),
        (text(r#"{"access_token": "opaque"}"#), 403),
        (Does::Redirects("https://evil.example/".into()), 503),
        (Does::Floods, 503),
        (Does::HangsUp, 503),
    ] {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.fake.token(does);
        let reply = browser.back(&app, &begun).await;
        assert_eq!(refused(&browser, &app, &reply).await, status, "{}", reply.body);
        assert!(!reply.body.contains(SECRET) && !reply.body.contains("c0de"));
        assert_eq!(browser.back(&app, &begun).await.status, 400, "there is one try");
    }
}

#[tokio::test]
async fn what_a_provider_says_instead_of_a_code_is_not_repeated() {
    let (provider, app) = one(json!({})).await;
    for (error, status) in [
        ("access_denied", 403),
        ("login_required", 403),
        ("temporarily_unavailable", 503),
        ("server_error", 503),
        ("%3Cscript%3Ealert(1)%3C/script%3E", 403),
    ] {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        let path =
            format!("/auth/callback?state={}&error={error}&error_description=evil&code=c0de", begun.get("state"));
        let reply = browser.get(&app, &path).await;
        assert_eq!(refused(&browser, &app, &reply).await, status);
        assert!(!reply.body.contains("evil") && !reply.body.contains("script"), "{}", reply.body);
        assert!(browser.0.is_empty(), "the try is over");
    }
    assert!(provider.fake.asked("/token").is_empty());
}

#[tokio::test]
async fn an_answer_names_the_issuer_where_the_issuer_says_that_it_does() {
    let (provider, app) = one(json!({})).await;
    let encoded: String = form_urlencoded::byte_serialize(provider.fake.url.as_bytes()).collect();
    let ask = async |iss: &str| {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "sso").await;
        provider.gives(&begun, &json!({}));
        browser.get(&app, &format!("/auth/callback?code=c0de&state={}{iss}", begun.get("state"))).await.status
    };
    assert_eq!(ask("").await, 303);
    assert_eq!(ask(&format!("&iss={encoded}")).await, 303);
    assert_eq!(ask("&iss=https%3A%2F%2Fevil.example").await, 400);
    assert_eq!(ask(&format!("&iss={encoded}%2F")).await, 400);

    provider.says(&json!({ "authorization_response_iss_parameter_supported": true }));
    app.clock.advance(Duration::from_hours(1));
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({ "exp": NOW + 9000 }));
    assert_eq!(browser.clone().back(&app, &begun).await.status, 400, "it is missing");
    let path = format!("/auth/callback?code=c0de&state={}&iss={encoded}", begun.get("state"));
    assert_eq!(browser.get(&app, &path).await.status, 303);
}

#[tokio::test]
async fn the_code_of_one_provider_never_goes_to_another() {
    let clock = clock();
    let (honest, evil) = (Provider::new(&clock).await, Provider::new(&clock).await);
    let own = json!({ "redirect_uri": format!("{HERE}/auth/callback/evil") });
    let both = [("honest", honest.settings(&json!({}))), ("evil", evil.settings(&own))];
    let app = start(&clock, HERE, &both).await.unwrap();
    let mut browser = Browser::default();
    let page = browser.get(&app, "/auth/login?return_to=/x?y=1%26z").await;
    assert!(page.body.contains(r#"href="/auth/login/honest?return_to=&#x2f;x%3Fy%3D1%26z""#), "{}", page.body);
    assert!(page.body.contains("HONEST") && page.body.contains("EVIL") && !page.body.contains("password"));

    // Somebody begins with `evil`, which sends the browser on to `honest`, whose answer comes to its own place.
    let begun = browser.begin(&app, "evil").await;
    let state = begun.get("state");
    for path in [
        format!("/auth/callback?code=c0de&state={state}"),
        format!("/auth/callback/honest?code=c0de&state={state}"),
        format!("/auth/callback/evil?code=c0de&state={state}&iss={}", honest.fake.url),
    ] {
        let reply = browser.clone().get(&app, &path).await;
        assert_eq!(reply.status, 400, "{path}");
    }
    assert!(evil.fake.asked("/token").is_empty() && honest.fake.asked("/token").is_empty());

    // Nor does an ID token of one speak for the other.
    honest.gives(&begun, &json!({}));
    let claims = json!({ "iss": honest.fake.url, "aud": "web", "sub": "ann", "iat": NOW, "exp": NOW + 300,
        "nonce": begun.get("nonce") });
    evil.answers(&honest.signer.token(&json!({ "alg": "EdDSA", "kid": "k1" }), &claims));
    let reply = browser.get(&app, &format!("/auth/callback/evil?code=c0de&state={state}")).await;
    assert_eq!(refused(&browser, &app, &reply).await, 403);
}

#[tokio::test]
async fn each_sign_in_is_a_new_session_and_ends_the_old_one() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser(BTreeMap::from([("provider-session".into(), "planted".into())]));
    let sign_in = async |browser: &mut Browser| {
        let begun = browser.begin(&app, "sso").await;
        provider.gives(&begun, &json!({}));
        assert_eq!(browser.back(&app, &begun).await.status, 303);
    };
    sign_in(&mut browser).await;
    assert_ne!(browser.0["provider-session"], "planted");
    let old = browser.clone();
    sign_in(&mut browser).await;
    assert!(old.actor(&app).await.is_none() && browser.actor(&app).await.is_some());

    let old = browser.clone();
    let leave =
        |origin: &str| browser.request("POST", "/auth/logout").header("origin", origin).body(Body::empty()).unwrap();
    let (foreign, ours) = (leave("https://evil.example"), leave(HERE));
    assert_eq!(browser.send(&app, foreign).await.status, 403);
    assert!(browser.actor(&app).await.is_some());
    let reply = browser.send(&app, ours).await;
    assert_eq!((reply.status, reply.location()), (303, "/"));
    assert!(browser.0.is_empty() && old.actor(&app).await.is_none());

    sign_in(&mut browser).await;
    app.clock.advance(Duration::from_hours(12));
    assert!(browser.actor(&app).await.is_none(), "it ends by itself");
}

#[tokio::test]
async fn a_session_changes_nothing_for_another_site() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    for (origin, allowed) in [(HERE, true), ("https://evil.example", false), ("null", false)] {
        let (head, ()) = browser.request("POST", "/movies").header("origin", origin).body(()).unwrap().into_parts();
        let identified = app.authenticate.identify(&head).await;
        assert_eq!(identified.is_ok_and(|actor| actor.is_signed_in()), allowed, "{origin}");
    }
    let (head, ()) = browser.request("GET", "/").header("authorization", "Bearer x.y.z").body(()).unwrap().into_parts();
    assert!(app.authenticate.identify(&head).await.is_err(), "a bad token is not saved by a cookie");
}

#[tokio::test]
async fn who_is_kept_out_loses_all_sessions_and_gets_no_other() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    let may = System::because("a test keeps people out").may();
    let row = app.people.keep_out(&may, "sso|ann", true).await.unwrap();
    assert!(row.disabled && row.name.as_deref() == Some("Ann"));
    assert!(browser.actor(&app).await.is_none());
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    let reply = browser.back(&app, &begun).await;
    assert_eq!(refused(&browser, &app, &reply).await, 403);
    app.people.keep_out(&may, "sso|ann", false).await.unwrap();
    assert!(app.people.sessions("sso|ann").await.unwrap().is_empty());
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    assert_eq!(browser.back(&app, &begun).await.status, 303);
    assert_eq!(app.people.sessions("sso|ann").await.unwrap().len(), 1);
    let (ann, system) = ("sso|ann", "system");
    let recorded = [
        (ann, "sign_in", true),
        (system, "disable", true),
        (ann, "sign_in", false),
        (system, "enable", true),
        (ann, "sign_in", true),
    ];
    assert_eq!(app.recorded().await, recorded.map(|(who, what, allowed)| (who.into(), what.into(), allowed)));
}

#[tokio::test]
async fn over_tls_every_cookie_is_bound_to_the_host() {
    let clock = clock();
    let provider = Provider::new(&clock).await;
    let settings = provider.settings(&json!({ "sign_out_there": true }));
    let app = start(&clock, "https://app.example", &[("sso", settings)]).await.unwrap();
    let mut browser = Browser::default();
    let reply = browser.get(&app, "/auth/login/sso").await;
    let begun = Begun(reply.location().parse().unwrap());
    provider.gives(&begun, &json!({}));
    let back = browser.back(&app, &begun).await;
    assert_eq!(back.status, 303, "{}", back.body);
    let all: Vec<_> = [&reply, &back].into_iter().flat_map(|reply| reply.cookies()).collect();
    assert!(all.len() >= 4, "{all:?}");
    for cookie in all {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for part in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Max-Age="] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain") && !cookie.contains(&begun.get("nonce")));
    }
    assert_eq!(back.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn who_signs_out_is_signed_out_there_as_well_where_that_is_wanted() {
    let (provider, app) = one(json!({ "sign_out_there": true })).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&app, "sso").await;
    provider.gives(&begun, &json!({}));
    browser.back(&app, &begun).await;
    let leave = browser.request("POST", "/auth/logout").header("origin", HERE).body(Body::empty()).unwrap();
    let reply = browser.send(&app, leave).await;
    assert_eq!((reply.status, browser.0.len()), (200, 0), "{:?}", browser.0);
    let refresh = reply.headers[header::REFRESH].to_str().unwrap();
    let place: Url = refresh.strip_prefix("0; url=").unwrap().parse().unwrap();
    let asked: BTreeMap<_, _> = place.query_pairs().into_owned().collect();
    assert!(place.as_str().starts_with(&format!("{}/leave?", provider.fake.url)));
    assert_eq!(asked["id_token_hint"].split('.').count(), 3);
    assert_eq!(
        (asked["client_id"].as_str(), asked["post_logout_redirect_uri"].as_str()),
        ("web", "http://127.0.0.1:8000/")
    );
    assert!(browser.actor(&app).await.is_none());
}

#[tokio::test]
async fn after_sign_in_a_browser_stays_on_this_origin() {
    let (provider, app) = one(json!({})).await;
    for asked in ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"] {
        let mut browser = Browser::default();
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", asked).finish();
        let begun = Begun(browser.get(&app, &format!("/auth/login/sso?{query}")).await.location().parse().unwrap());
        provider.gives(&begun, &json!({}));
        assert_eq!(browser.back(&app, &begun).await.location(), "/", "{asked}");
    }
}

#[tokio::test]
async fn a_provider_that_is_away_is_503_and_one_that_is_not_there_404() {
    let (provider, app) = one(json!({})).await;
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/auth/login/other").await.status, 404);
    provider.fake.both(&Does::HangsUp);
    app.clock.advance(Duration::from_hours(2));
    let reply = browser.get(&app, "/auth/login/sso").await;
    assert_eq!((reply.status, &reply.headers["retry-after"]), (503, &"10".parse().unwrap()));
    provider.says(&json!({ "authorization_endpoint": "http://evil.example/" }));
    assert_eq!(browser.get(&app, "/auth/login/sso").await.status, 503, "never in the clear");
}

#[tokio::test]
async fn a_redirect_uri_is_a_page_of_this_app_and_one_issuers_alone() {
    let clock = clock();
    let provider = Provider::new(&clock).await;
    let tried = async |uri: &str| {
        let settings = provider.settings(&json!({ "redirect_uri": uri }));
        start(&clock, HERE, &[("sso", settings)]).await.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for good in ["http://127.0.0.1:8000/auth/callback", "http://localhost:8000/auth/callback/sso"] {
        assert_eq!(tried(good).await, "", "{good}");
    }
    for bad in [
        "http://127.0.0.1:8000/callback",
        "http://127.0.0.1:8000/auth/callback/other",
        "http://127.0.0.1:8001/auth/callback",
        "http://app.example/auth/callback",
        "https://evil.example/auth/callback",
        "http://127.0.0.1:8000/auth/callback?x=y",
        "/auth/callback",
    ] {
        assert!(tried(bad).await.contains("identity.issuers.sso.redirect_uri"), "{bad}");
    }
    let two = [("a", provider.settings(&json!({}))), ("b", provider.settings(&json!({})))];
    let refusal = start(&clock, HERE, &two).await.err().unwrap().to_string();
    assert!(refusal.contains("identity.issuers.b.redirect_uri is that of `a` as well"), "{refusal}");
    assert!(refusal.contains("http://127.0.0.1:8000/auth/callback/b"), "{refusal}");
}

#[tokio::test]
async fn google_signs_in_the_people_of_the_domain() {
    let clock = clock();
    let google = Provider::new(&clock).await;
    let issuer = "https://accounts.google.com";
    google.says(&json!({ "issuer": issuer }));
    let settings = json!({ "preset": "google", "client_id": "1-a.apps.googleusercontent.com", "client_secret": "GOCSPX-x",
        "hosted_domain": "example.com", "roles": ["curator"] });
    let mut provider = provider("google", settings);
    provider.algorithms = vec![Algorithm::EdDSA];
    provider.keys =
        KeySource::Published { at: google.fake.url.clone(), issuer: issuer.into(), signers: vec![issuer.into()] };
    let app = started(&clock, HERE, vec![provider]).await.unwrap();
    for (hosted, signed_in) in [(json!("example.com"), true), (json!("evil.example"), false), (Value::Null, false)] {
        let mut browser = Browser::default();
        let begun = browser.begin(&app, "google").await;
        google.gives(
            &begun,
            &json!({ "iss": issuer, "aud": begun.get("client_id"), "azp": begun.get("client_id"),
            "sub": "11096", "hd": hosted, "picture": "https://x.example/p.png", "roles": null }),
        );
        browser.back(&app, &begun).await;
        let actor = browser.actor(&app).await;
        assert_eq!(actor.is_some(), signed_in, "{hosted}");
        if let Some(actor) = actor {
            assert_eq!((actor.id(), actor.email()), ("google|11096", Some("ann@example.test")));
            assert_eq!(actor.roles(), ["curator"]);
        }
    }
}
