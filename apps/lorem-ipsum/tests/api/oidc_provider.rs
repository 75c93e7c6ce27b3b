//! Beside the embedded issuer, a certified OpenID provider that knows nothing of us.

use crate::process::{self, Server};
use serde_json::{Value, json};
use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_testing::{
    browser::{self, Browser},
    servers::{OidcProvider, free_port},
};
use ureq::{Agent, Body, http::Response};

pub(crate) const SECRET: &str = "the-secret-of-the-service-account";

pub(crate) fn clients() -> String {
    let service = json!({ "client_id": "service", "client_secret": SECRET, "redirect_uris": [], "response_types": [],
        "grant_types": ["client_credentials"] });
    json!([service]).to_string()
}

/// The app, with that provider as its issuer `peer`.
fn app(folder: &TempDir, provider: &OidcProvider) -> Server {
    Server::start_as(command(folder, provider, &["--port", "0"]).stderr(Stdio::null()))
}

pub(crate) fn command(folder: &TempDir, provider: &OidcProvider, arguments: &[&str]) -> Command {
    let mut command = process::command(folder.path(), arguments);
    command.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__PRESET", "generic");
    command.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__ISSUER", provider.issuer());
    command.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__AUDIENCE", "urn:api");
    command
}

pub(crate) fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().into()
}

pub(crate) fn get(url: &str) -> Response<Body> {
    agent().get(url).call().unwrap()
}

/// An access token for the scope.
pub(crate) fn token(provider: &OidcProvider, scope: &str) -> String {
    let form = [("grant_type", "client_credentials"), ("client_id", "service"), ("client_secret", SECRET)];
    let answer =
        agent().post(format!("{}/token", provider.issuer())).send_form(form.into_iter().chain([("scope", scope)]));
    let answer: Value = answer.unwrap().into_body().read_json().unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Who the app says that is.
pub(crate) fn me(app: &Server, token: &str) -> (u16, Value) {
    let request = agent().get(format!("{}/api/me", app.url())).header("authorization", format!("Bearer {token}"));
    let answer = request.call().unwrap();
    (answer.status().as_u16(), answer.into_body().read_json().unwrap())
}

pub(crate) fn add_film(app: &Server, token: &str, id: u32) -> u16 {
    let request = agent().post(format!("{}/movies", app.url())).header("authorization", format!("Bearer {token}"));
    let film = json!({ "movie_id": id, "title": "Alien", "released": 1979, "rating": 8.5 });
    request.send_json(film).unwrap().status().as_u16()
}

/// How long it took until that was so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        sleep(Duration::from_millis(200));
    }
    start.elapsed()
}

#[test]
fn a_token_of_a_certified_provider_may_what_its_scopes_say() {
    let (folder, provider) = (TempDir::new().unwrap(), OidcProvider::start(&clients()));
    let app = app(&folder, &provider);
    let (status, told) = me(&app, &token(&provider, "create:movies"));
    assert_eq!((status, &told["id"], &told["provider"]), (200, &json!("peer|service"), &json!("peer")), "{told}");
    assert_eq!(add_film(&app, &token(&provider, "create:movies"), 9001), 201);
    assert_eq!(add_film(&app, &token(&provider, "read:movies"), 9002), 403);
    assert_eq!(add_film(&app, &format!("{}x", token(&provider, "create:movies")), 9003), 401);
    assert_eq!(get(&format!("{}/readyz", app.url())).status(), 200);
}

#[test]
fn while_a_provider_is_away_its_known_tokens_pass_and_its_new_keys_are_found_when_it_is_back() {
    let (folder, mut provider) = (TempDir::new().unwrap(), OidcProvider::start(&clients()));
    let app = app(&folder, &provider);
    let old = token(&provider, "create:movies");
    assert_eq!(me(&app, &old).0, 200);
    let other = token(&provider, "read:movies");
    provider.kill();
    assert_eq!(me(&app, &old).0, 200);
    assert_eq!(me(&app, &other).0, 200, "also one that was not seen before");
    assert_eq!(get(&format!("{}/readyz", app.url())).status(), 200);
    provider.resume();
    let new = token(&provider, "create:movies");
    let took = until("the new key is known", || me(&app, &new).0 == 200);
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(me(&app, &old).0, 401, "the old key is gone");
}

#[test]
fn without_its_provider_an_app_starts_and_says_what_is_missing() {
    let (folder, mut provider) = (TempDir::new().unwrap(), OidcProvider::start(&clients()));
    let early = token(&provider, "read:movies");
    provider.kill();
    let checked = command(&folder, &provider, &["check"]).output().unwrap();
    let (told, refused) = (String::from_utf8_lossy(&checked.stdout), process::failure(&checked));
    assert!(told.contains("issuer     peer, WITHOUT KEYS"), "{told}");
    assert!(refused.contains("the keys of `peer` cannot be had"), "{refused}");
    let app = app(&folder, &provider);
    let ready = get(&format!("{}/readyz", app.url()));
    assert_eq!(ready.status(), 503);
    let told = ready.into_body().read_to_string().unwrap();
    assert!(
        told.contains(
            r#""identity.issuers.peer":{"status":"failed","detail":"there are no keys: the key set could not be"#
        ),
        "{told}"
    );
    assert_eq!(get(&format!("{}/livez", app.url())).status(), 200);

    // Whoever has a token of it is not to blame.
    let answer = agent().get(format!("{}/api/me", app.url())).header("authorization", format!("Bearer {early}"));
    let answer = answer.call().unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"10"[..]));

    provider.resume();
    until("the app is ready", || get(&format!("{}/readyz", app.url())).status() == 200);
    assert_eq!(me(&app, &token(&provider, "read:movies")).0, 200);
    let checked = process::stdout(&command(&folder, &provider, &["check"]).output().unwrap());
    assert!(checked.contains("its keys are known"), "{checked}");
}

/// The provider with the app at that port as two clients: itself, and its page `/docs`.
pub(crate) fn provider_of(port: u16) -> OidcProvider {
    let app = format!("http://127.0.0.1:{port}");
    let web = json!({ "client_id": "web", "client_secret": SECRET, "redirect_uris": [format!("{app}/auth/callback"), format!("{app}/auth/callback/other")],
        "post_logout_redirect_uris": [format!("{app}/")] });
    let docs = json!({ "client_id": "docs", "redirect_uris": [format!("{app}/docs/assets/oauth2-redirect.html")],
        "token_endpoint_auth_method": "none" });
    let service: Value = serde_json::from_str(&clients()).unwrap();
    OidcProvider::start(&json!([web, docs, service[0]]).to_string())
}

/// An app that knows no other identities than the provider's, with these settings of the provider.
fn app_with_its_provider(folder: &TempDir, settings: &[(&str, &str)]) -> (OidcProvider, Server) {
    let port = free_port();
    let provider = provider_of(port);
    let mut command = command(folder, &provider, &["--port", &port.to_string()]);
    command.env("LOREM_IPSUM_IDENTITY__EMBEDDED", "false").env("LOREM_IPSUM_IDENTITY__PASSWORD_GRANT", "false");
    command.envs(settings.iter().map(|(key, value)| (format!("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__{key}"), value)));
    let app = Server::start_as(command.stderr(Stdio::null()));
    (provider, app)
}

/// Signs in on the provider's own pages, and lets it tell the app.
pub(crate) fn sign_in_there(browser: &Browser, name: &str) {
    browser.find("input[name=login]").type_into(name);
    browser.find("input[name=password]").type_into("anything");
    browser.find("button[type=submit]").click();
    body_has(browser, "authorize");
    browser.find("button[type=submit]").click();
}

pub(crate) fn body_has(browser: &Browser, text: &'static str) {
    browser.wait_until(text, |browser| {
        let body = browser.script("return document.body ? document.body.innerText.toLowerCase() : ''");
        body.as_str().is_some_and(|body| body.contains(&text.to_lowercase()))
    });
}

#[test]
fn a_browser_signs_in_with_a_certified_provider_and_out_of_both() {
    if browser::left_out() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let client = [("CLIENT_ID", "web"), ("CLIENT_SECRET", SECRET), ("SIGN_OUT_THERE", "true")];
    let (_provider, app) = app_with_its_provider(&folder, &client);
    assert_eq!(get(&format!("{}/api/me", app.url())).status(), 401);

    let browser = Browser::start();
    browser.goto(&app.url());
    browser.find(".topbar .button-primary").click();
    sign_in_there(&browser, "ann");
    body_has(&browser, "Signed in as ann");
    browser.goto(&format!("{}/api/me", app.url()));
    let me = browser.script("return JSON.parse(document.body.innerText)");
    let told = [&me["id"], &me["email"], &me["provider"]];
    assert_eq!(told, ["peer|ann", "ann@example.test", "peer"], "{me}");

    browser.goto(&app.url());
    browser.find(".hero-actions form button").click();
    body_has(&browser, "Do you want to sign-out");
    let me = browser.script("return document.cookie");
    assert_eq!(me, json!(""), "no cookie is for scripts");
    browser.find("button[name=logout]").click();
    body_has(&browser, "Every route says who may call it.");
    browser.find(".topbar .button-primary").click();
    browser.find("input[name=login]");
    // The provider's own pages want a font from elsewhere.
    let ours = |error: &String| error.contains(&app.url());
    assert_eq!(browser.console_errors().into_iter().filter(ours).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn the_docs_page_authorizes_with_a_certified_provider() {
    if browser::left_out() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (_provider, app) = app_with_its_provider(&folder, &[("DOCS_CLIENT_ID", "docs")]);

    let browser = Browser::start();
    browser.goto(&format!("{}/docs", app.url()));
    let page = browser.windows();
    browser.find(".btn.authorize").click();
    browser.find(".modal-ux .auth-container .btn.authorize").click();
    browser.wait_until("the provider's window", |browser| browser.windows().len() == 2);
    let window = browser.windows().into_iter().find(|window| !page.contains(window)).unwrap();
    browser.switch_to(&window);
    sign_in_there(&browser, "ann");
    browser.wait_until("the window is closed", |browser| browser.windows().len() == 1);
    browser.switch_to(&page[0]);
    body_has(&browser, "Logout");
    browser.find(".modal-ux .btn-done").click();
    browser.find("#operations-identity-identity_me .opblock-summary-control").click();
    browser.find("#operations-identity-identity_me .try-out__btn").click();
    browser.find("#operations-identity-identity_me .execute").click();
    body_has(&browser, "peer|ann");
}
