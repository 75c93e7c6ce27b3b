//! What is good once is good once, whoever races: two instances of the embedded issuer on one database.

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{join, task::JoinSet, time};
use tollgate_access::{Roles, System};
use tollgate_auth::{Client, ClientKind, Identity, IdentityConfig};
use tollgate_core::SystemClock;
use tollgate_http::pages::{Pages, Site};
use tollgate_store::{Database, Resource, audit::AuditEvent};
use tower::ServiceExt;

const ISSUER: &str = "http://127.0.0.1:8000";
const EMAIL: &str = "ann@example.test";
const PASSWORD: &str = "correct horse battery staple";
const CALLBACK: &str = "https://client.example/back";
/// Of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Two instances, on which Ann can sign in.
struct Issuer {
    instances: [Identity; 2],
    routers: [Router; 2],
}

/// A browser of hers, or of somebody who has stolen all of it.
#[derive(Clone)]
struct Browser {
    routers: [Router; 2],
    cookies: BTreeMap<String, String>,
}

struct Answer {
    status: StatusCode,
    location: String,
    body: String,
}

impl Issuer {
    async fn start(database: Arc<dyn Database>) -> Self {
        database.prepare(&[&Identity::tables()[..], &[AuditEvent::TABLE]].concat(), true).await.unwrap();
        let instances = [instance(&database).await, instance(&database).await];
        instances[0].create_user("Ann Lee", EMAIL, &PASSWORD.into(), &["reader".into()]).await.unwrap();
        let routers = instances.each_ref().map(Identity::router);
        Self { instances, routers }
    }

    fn browser(&self) -> Browser {
        Browser { routers: self.routers.clone(), cookies: BTreeMap::new() }
    }

    /// A browser in which Ann has signed in.
    async fn ann(&self) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(PASSWORD).await.status, StatusCode::SEE_OTHER);
        browser
    }
}

async fn instance(database: &Arc<dyn Database>) -> Identity {
    let roles = Roles::new(&BTreeMap::from([("reader".into(), vec!["read:movies".into()])]), &[]).unwrap();
    let client =
        |id, name| Client { redirect_uris: vec![CALLBACK.into()], ..Client::new(id, name, ClientKind::Public) };
    let ours = Client { offline: true, ..client("page", "Page") };
    let others = Client { third_party: true, ..client("recorder", "Recorder") };
    let config = IdentityConfig { clients: vec![ours, others], ..IdentityConfig::new(ISSUER, Arc::new(roles)) };
    let pages = Arc::new(Pages::new(Site::default()));
    Identity::start(config, Arc::clone(database), Arc::new(SystemClock::default()), pages).await.unwrap()
}

impl Browser {
    async fn send(&mut self, instance: usize, method: Method, path: &str, form: &[(&str, &str)]) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, ISSUER)
            .header(header::COOKIE, cookies.join("; "))
            .body(Body::from(form))
            .unwrap();
        let (head, body) = self.routers[instance % 2].clone().oneshot(request).await.unwrap().into_parts();
        for set in head.headers.get_all(header::SET_COOKIE) {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = head.headers.get(header::LOCATION).map_or("", |place| place.to_str().unwrap()).to_owned();
        let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: head.status, location, body }
    }

    async fn post(&mut self, instance: usize, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(instance, Method::POST, path, form).await
    }

    async fn sign_in(&mut self, password: &str) -> Answer {
        self.post(0, "/auth/login", &[("email", EMAIL), ("password", password)]).await
    }

    /// A code for the client.
    async fn code(&mut self) -> String {
        let answer = self.post(0, "/oauth/authorize", &asking("page", "openid")).await;
        let (_, query) = answer.location.split_once('?').unwrap();
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        code.unwrap_or_else(|| panic!("{query}")).1.into_owned()
    }
}

/// What a client asks with.
fn asking(client: &'static str, scope: &'static str) -> [(&'static str, &'static str); 6] {
    [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("scope", scope),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// The same request so many times at once, half of them on each instance; what came back.
async fn race(
    times: usize,
    browser: &Browser,
    path: &str,
    form: impl Fn(usize) -> Vec<(&'static str, String)>,
) -> Vec<Answer> {
    let mut racing = JoinSet::new();
    for number in 0..times {
        let (mut browser, path, form) = (browser.clone(), path.to_owned(), form(number));
        racing.spawn(async move {
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            browser.post(number, &path, &form).await
        });
    }
    racing.join_all().await
}

fn count(answers: &[Answer], status: StatusCode) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

pub async fn parallel_guesses_do_not_beat_the_counter(database: Arc<dyn Database>) {
    let issuer = Issuer::start(database).await;
    let guess = |number| vec![("email", EMAIL.to_owned()), ("password", format!("wrong password altogether {number}"))];
    let answers = race(40, &issuer.browser(), "/auth/login", guess).await;
    let judged = count(&answers, StatusCode::UNAUTHORIZED);
    assert!(judged <= 10, "{judged} passwords were looked at");
    assert_eq!(judged + count(&answers, StatusCode::TOO_MANY_REQUESTS), answers.len(), "and nothing else came of it");
    assert_eq!(issuer.browser().sign_in(PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}

pub async fn a_link_sets_one_password_however_many_use_it(database: Arc<dyn Database>) {
    let issuer = Issuer::start(database).await;
    let accounts = issuer.instances[0].accounts();
    let user = accounts.by_email(EMAIL).await.unwrap();
    let link = accounts.reset_link(&System::because("a claim asks").may(), user.user_id).await.unwrap();
    let link = link.split_once("link=").unwrap().1;
    let new = |number| vec![("link", link.to_owned()), ("new", format!("the lorry sleeps at noon {number}"))];
    let answers = race(10, &issuer.browser(), "/auth/reset", new).await;
    assert_eq!((count(&answers, StatusCode::SEE_OTHER), count(&answers, StatusCode::NOT_FOUND)), (1, 9));
}

pub async fn a_code_of_the_second_factor_is_good_once(database: Arc<dyn Database>) {
    let issuer = Issuer::start(database).await;
    let mut ann = issuer.ann().await;
    let page = ann.send(0, Method::GET, "/auth/second-factor", &[]).await.body.replace("&#x2f;", "/");
    let after = |mark: &str, end: char| page.split(mark).nth(1).unwrap().split(end).next().unwrap().to_owned();
    let (offer, key) = (after("name=\"offer\" value=\"", '"'), after("gate-secret select-whole\">", '<'));
    // The next one is good already, and new.
    let now = step();
    let (first, next) = (totp(&key, now), totp(&key, now + 1));
    let form = [("do", "enrol"), ("offer", &*offer), ("current", PASSWORD), ("code", &*first)];
    assert_eq!(ann.post(0, "/auth/second-factor", &form).await.status, StatusCode::OK);

    let mut half_way = issuer.browser();
    assert!(half_way.sign_in(PASSWORD).await.location.starts_with("/auth/code"));
    let answers = race(8, &half_way, "/auth/code", |_| vec![("code", next.clone())]).await;
    assert_eq!((count(&answers, StatusCode::SEE_OTHER), count(&answers, StatusCode::UNAUTHORIZED)), (1, 7));
}

/// What a client sends with a code.
fn redemption(code: &str) -> [(&'static str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "page"),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", VERIFIER),
    ]
}

impl Issuer {
    /// Nothing of that answer is good any more, on either instance. The access token is looked at first: a refresh that is
    /// refused ends what came of its family.
    async fn has_ended(&self, tokens: &Answer) {
        let tokens: Value = serde_json::from_str(&tokens.body).unwrap();
        let access = tokens["access_token"].as_str().unwrap().as_bytes();
        for instance in &self.instances {
            let ended = async {
                while instance.gate().check(access).await.is_ok() {
                    time::sleep(Duration::from_millis(20)).await;
                }
            };
            time::timeout(Duration::from_secs(10), ended).await.expect("what was given has ended");
        }
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("client_id", "page"), ("refresh_token", refresh)];
        assert!(self.browser().post(1, "/oauth/token", &form).await.body.contains("invalid_grant"));
    }
}

pub async fn of_many_requests_with_one_code_none_keeps_what_it_got(database: Arc<dyn Database>) {
    let issuer = Issuer::start(database).await;
    let code = issuer.ann().await.code().await;
    let form = |_| redemption(&code).map(|(name, value)| (name, value.to_owned())).to_vec();
    let answers = race(8, &issuer.browser(), "/oauth/token", form).await;
    assert_eq!((count(&answers, StatusCode::OK), count(&answers, StatusCode::BAD_REQUEST)), (1, 7));
    issuer.has_ended(answers.iter().find(|answer| answer.status == StatusCode::OK).unwrap()).await;
}

/// Whichever of the two is faster: the pauses are there so that each is, now and then.
pub async fn a_code_that_is_redeemed_during_a_sign_out_gives_nothing_that_lasts(database: Arc<dyn Database>) {
    let issuer = Issuer::start(database).await;
    for pause in 0..8 {
        let (mut ann, mut client) = (issuer.ann().await, issuer.browser());
        let code = ann.code().await;
        let sign_out = async {
            time::sleep(Duration::from_millis(pause)).await;
            ann.post(0, "/auth/logout", &[]).await
        };
        let form = redemption(&code);
        let (redeemed, out) = join!(client.post(1, "/oauth/token", &form), sign_out);
        assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.body);
        match redeemed.status {
            StatusCode::OK => issuer.has_ended(&redeemed).await,
            _ => assert!(redeemed.body.contains("invalid_grant"), "{}", redeemed.body),
        }
    }
}

/// Clicks of one person; databases differ in what the second of two that write the same row is told.
pub async fn who_allows_a_client_many_times_at_once_goes_on_each_time(database: Arc<dyn Database>) {
    let issuer = Issuer::start(database).await;
    let mut ann = issuer.ann().await;
    let asking = asking("recorder", "openid read:movies");
    let page = ann.post(0, "/oauth/authorize", &asking).await.body;
    assert!(page.contains("<h1>Allow Recorder?"), "she is asked");
    let (_, user) = page.split_once(r#"name="user" value=""#).expect("the page says whom it asks");
    let (user, _) = user.split_once('"').expect("a value ends");
    let request = form_urlencoded::Serializer::new(String::new()).extend_pairs(asking).finish();
    let click = |_| {
        let form = [("request", &*request), ("user", user), ("scope", "openid read:movies"), ("answer", "allow")];
        form.map(|(name, value)| (name, value.to_owned())).to_vec()
    };
    for Answer { status, location, .. } in race(8, &ann, "/oauth/consent", click).await {
        assert_eq!((status, location.contains("code=")), (StatusCode::SEE_OTHER, true), "{location}");
    }
}

fn step() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 30
}

/// What an authenticator app shows (RFC 4226, 5.3; RFC 6238) that was given that key in base32.
fn totp(key: &str, step: u64) -> String {
    let value = |letter| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
    let letters = key.chars().filter(|letter| *letter != ' ');
    let bits: Vec<_> = letters.flat_map(|letter| (0..5).rev().map(move |bit| value(letter) >> bit & 1)).collect();
    let bytes: Vec<_> =
        bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | *bit as u8)).collect();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
