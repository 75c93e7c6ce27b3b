//! Issuers that the settings name, as the document and the documentation page show them; and what the guide says.

use crate::ground::Movie;
use aws_lc_rs::hmac;
use axum::{body::Body, http::Request};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tollgate::{
    Memory, SystemClock,
    backends::HttpClient,
    prelude::*,
    testing::{Ground, assemble},
};
use tollgate_store::Database;
use tollgate_testing::TestApp;
use tower::ServiceExt;

const ISSUERS: &str = r#"
[identity]
embedded = false

[identity.issuers.okta]
preset = "okta"
domain = "dev-123456.okta.com"
docs_client_id = "0oa1"

[identity.issuers.auth0]
preset = "auth0"
domain = "example.eu.auth0.com"
audience = "https://api.example.com"

[identity.issuers.google]
preset = "google"
client_id = "1234.apps.googleusercontent.com"

[identity.issuers.pool]
preset = "cognito"
user_pool = "eu-west-1_AbCdEfGhI"
client_id = "c1"
resource_server = "films"

[identity.issuers.legacy]
preset = "secret"
issuer = "legacy"
audience = "api"
secret = "h3Vw8pZr5KtYd2QnXc6MjLs9BgFa4EuT"
"#;

async fn start(settings: &'static str) -> TestApp {
    let service = Service::new("all").crud::<Movie>("/movies");
    TestApp::new(App::new("claims").settings(settings).service(service)).await
}

#[tokio::test]
async fn each_issuer_is_one_security_scheme_and_every_route_takes_any() {
    let app = start(ISSUERS).await;
    let document = app.document();
    let schemes = &document["components"]["securitySchemes"];
    let names: Vec<_> = schemes.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["auth0", "google", "okta", "pool", "bearer", "api_key"], "{schemes:#}");
    assert_eq!(
        schemes["okta"]["flows"]["authorizationCode"]["authorizationUrl"],
        "https://dev-123456.okta.com/oauth2/default/v1/authorize"
    );
    assert_eq!(schemes["okta"]["flows"]["authorizationCode"]["scopes"]["create:movies"], "create movies");
    let metadata = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI/.well-known/openid-configuration";
    assert_eq!(
        (&schemes["pool"]["type"], &schemes["pool"]["openIdConnectUrl"]),
        (&json!("openIdConnect"), &json!(metadata))
    );
    assert_eq!(schemes["google"]["x-tokenName"], "id_token");
    assert_eq!(
        document["paths"]["/movies"]["post"]["security"],
        json!([{ "auth0": ["create:movies"] }, { "google": [] }, { "okta": ["create:movies"] },
            { "pool": ["films/create:movies"] }, { "bearer": ["create:movies"] }, { "api_key": ["create:movies"] }])
    );
}

#[tokio::test]
async fn the_app_itself_is_a_scheme_where_it_is_an_issuer() {
    let app = start("[identity.issuers.google]\npreset = \"google\"\nclient_id = \"1\"").await;
    let schemes = app.document()["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["oauth2", "google", "bearer", "api_key"]);
}

/// What the documentation page begins each dialog with.
fn starts(page: &str) -> Value {
    let attribute = page.split("data-schemes=\"").nth(1).unwrap().split('"').next().unwrap();
    serde_json::from_str(&attribute.replace("&quot;", "\"").replace("&#x2f;", "/")).unwrap()
}

#[tokio::test]
async fn the_page_is_a_client_of_each_issuer_and_calls_nobody_else() {
    let app = start(ISSUERS).await;
    let page = app.anyone().get("/docs").await;
    let policy = page.header("content-security-policy");
    let called = policy.split("connect-src ").nth(1).unwrap().split(';').next().unwrap();
    let called: BTreeSet<_> = called.split(' ').collect();
    let expected = [
        "'self'",
        "https://cognito-idp.eu-west-1.amazonaws.com",
        "https://dev-123456.okta.com",
        "https://example.eu.auth0.com",
        "https://oauth2.googleapis.com",
    ];
    assert_eq!(called, BTreeSet::from(expected));
    let starts = starts(&page.text());
    assert_eq!(starts["okta"]["clientId"], "0oa1");
    assert_eq!(starts["auth0"]["additionalQueryStringParams"]["audience"], "https://api.example.com");
    assert!(!page.text().contains("h3Vw8p") && !app.document().to_string().contains("h3Vw8p"));
}

/// The pages of the guide about providers: name and text.
fn pages() -> Vec<(String, String)> {
    let guide = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide"));
    let files = fs::read_dir(guide.join("providers")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.chain([guide.join("sign-in.md")]);
    let name = |file: &Path| file.file_stem().unwrap().to_string_lossy().into_owned();
    files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect()
}

/// The files of a folder and of those in it.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// With the one line that is no part of a page: whoever pasted it would have a secret that everybody knows.
fn with_secret(block: &str) -> String {
    let secret = "secret = \"h3Vw8pZr5KtYd2QnXc6MjLs9BgFa4EuT\"\n";
    format!("{block}{}", if block.contains("preset = \"secret\"") { secret } else { "" })
}

/// Secrets are looked up where they are, so a block that says where they are kept is tried by the test that has them.
#[test]
fn every_piece_of_settings_in_the_guide_is_understood() {
    let guide = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide"));
    let (mut tried, mut refused) = (0, vec![]);
    for page in below(guide) {
        let Ok(text) = fs::read_to_string(&page) else { continue };
        for block in text.split("```toml\n# config/").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            if block.contains("\"secret:") {
                continue;
            }
            let settings = with_secret(&format!("# config/{block}")).leak();
            let app = App::new("guide").optional_backend::<HttpClient>("pager").settings(settings);
            refused.extend(app.built_in_settings("dev").err().map(|failure| format!("{}: {failure}", page.display())));
            tried += 1;
        }
    }
    assert_eq!(refused, Vec::<String>::new());
    assert!(tried > 10, "{tried} pieces");
}

#[test]
fn every_page_about_a_provider_has_settings_that_work_of_four_lines_at_most() {
    let mut presets = BTreeSet::new();
    for (page, text) in pages() {
        for block in text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let settings = App::new("guide").settings(with_secret(block).leak()).built_in_settings("prod");
            let settings = settings.unwrap_or_else(|failure| panic!("{page}: {failure}"));
            for (name, issuer) in &settings.identity.issuers {
                issuer.provider(name).unwrap_or_else(|error| panic!("{page}: {error}"));
            }
            assert!(!text.contains("secret = \"") || page == "sign-in", "{page} has a secret");
            let lines = block.lines().filter(|line| line.contains('=')).count();
            assert!(lines <= 4 * settings.identity.issuers.len().max(1), "{page}: {block}");
            presets.extend(block.lines().filter_map(|line| line.strip_prefix("preset = ")).map(str::to_owned));
        }
    }
    let all = ["auth0", "cognito", "entra", "generic", "google", "keycloak", "keys", "okta", "secret"];
    assert_eq!(presets, all.map(|name| format!("\"{name}\"")).into());
}

/// The secret of `ISSUERS`.
const SHARED: &[u8] = b"h3Vw8pZr5KtYd2QnXc6MjLs9BgFa4EuT";

fn signed(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SHARED), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// What the guide lets an app that signs with a secret add to its tokens.
fn more() -> Value {
    let page = include_str!("../../../../docs/guide/from-fastapi.md");
    let block = page.split("to_encode |= ").nth(1).unwrap().split("```").next().unwrap();
    serde_json::from_str(&block.replace(",\n}", "\n}")).unwrap()
}

#[tokio::test]
async fn tokens_of_an_older_app_are_good_once_they_say_who_signed_them_and_what_for() {
    let legacy = "[identity]\nembedded = false\n[identity.issuers.legacy]\npreset = \"secret\"\nissuer = \"legacy\"\n\
                  audience = \"https://api.example.com\"\nsecret = \"h3Vw8pZr5KtYd2QnXc6MjLs9BgFa4EuT\"";
    let app = App::new("claims").settings(legacy).service(Service::new("all").crud::<Movie>("/movies"));
    let settings = app.built_in_settings("dev").unwrap();
    let database: Arc<dyn Database> = Arc::new(Memory::default());
    let clock = Arc::new(SystemClock::default());
    let ground = Ground { databases: database.into(), clock, authenticate: None, seed: false };
    let router = assemble(app, settings, ground).await.unwrap().router;
    let status = async |claims: &Value| {
        let request = Request::get("/movies").header("authorization", format!("Bearer {}", signed(claims)));
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    };
    let hour = Timestamp::now().as_second() + 3600;
    let mut claims = json!({ "sub": "ann@example.test", "exp": hour });
    assert_eq!(status(&claims).await, 401, "as the old app signs");
    for (name, value) in more().as_object().unwrap() {
        assert_eq!(status(&claims).await, 401, "without `{name}`");
        claims[name] = value.clone();
    }
    assert_eq!(status(&claims).await, 200);
    claims["scope"] = "read:others".into();
    assert_eq!(status(&claims).await, 403);
}
