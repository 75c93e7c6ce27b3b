//! The routes that no service has: pages, the issuer, the state of the app. Whatever somebody shows, they answer the same,
//! but for the one that is about tokens.

use crate::process::{Server, command};
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};
use tempfile::TempDir;
use ureq::http::Response;

/// Method, path, and the answer to whoever shows nothing.
const DOORS: [(&str, &str, u16); 22] = [
    ("GET", "/", 200),
    ("GET", "/docs", 200),
    ("GET", "/docs/start.js", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/livez", 200),
    ("GET", "/readyz", 200),
    ("GET", "/.well-known/openid-configuration", 200),
    ("GET", "/.well-known/oauth-authorization-server", 200),
    ("GET", "/.well-known/jwks.json", 200),
    ("GET", "/oauth/authorize", 400),
    ("POST", "/oauth/token", 400),
    ("GET", "/oauth/token", 405),
    ("POST", "/oauth/revoke", 401),
    ("GET", "/oauth/revoke", 405),
    ("POST", "/oauth/introspect", 401),
    ("GET", "/oauth/userinfo", 401),
    ("POST", "/oauth/userinfo", 401),
    ("POST", "/token", 400),
    ("GET", "/auth/login", 200),
    ("POST", "/auth/login", 403),
    ("POST", "/auth/logout", 403),
    ("GET", "/nothing", 404),
];

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn knock(server: &Server, (method, path): (&str, &str), bearer: Option<&str>) -> Response<ureq::Body> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let url = format!("{}{path}", server.url());
    let shown = bearer.map(|token| ("authorization", format!("Bearer {token}")));
    match method {
        "GET" => shown.into_iter().fold(agent.get(url), |request, (name, value)| request.header(name, value)).call(),
        _ => {
            let request = agent.post(url).header("content-type", "application/x-www-form-urlencoded");
            shown.into_iter().fold(request, |request, (name, value)| request.header(name, value)).send_empty()
        }
    }
    .unwrap()
}

fn is_guarded(answer: &Response<ureq::Body>) -> bool {
    let has =
        |name: &str, value: &str| answer.headers().get(name).is_some_and(|is| is.to_str().unwrap().contains(value));
    has("x-content-type-options", "nosniff")
        && has("x-frame-options", "DENY")
        && has("referrer-policy", "")
        && has("content-security-policy", "frame-ancestors 'none'")
        && has("cache-control", "")
}

#[test]
fn pages_and_oauth_routes_answer_the_same_whatever_is_shown() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    let token = printed(folder.path(), &["token", "admin@example.test", "--port", &port]);
    let key = printed(folder.path(), &["api-key", "create", "doors", "--scope", "*"]);
    let mut wrong = vec![];
    for (method, path, expected) in DOORS {
        for (name, shown) in
            [("nothing", None), ("garbage", Some("a.b.c")), ("a token", Some(&*token)), ("a key", Some(&*key))]
        {
            let expected = if path == "/oauth/userinfo" && name == "a token" { 200 } else { expected };
            let answer = knock(&server, (method, path), shown);
            if answer.status() != expected || !is_guarded(&answer) {
                wrong.push(format!(
                    "{method} {path} with {name}: {expected} was due: {} {:?}",
                    answer.status(),
                    answer.headers()
                ));
            }
            let is_about_tokens = path.starts_with("/oauth/") || path == "/token";
            if is_about_tokens && answer.headers().get("cache-control").is_none_or(|is| is != "no-store") {
                wrong.push(format!("{method} {path} with {name} may be kept"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let metadata: Value =
        knock(&server, ("GET", "/.well-known/openid-configuration"), None).body_mut().read_json().unwrap();
    let known: BTreeSet<String> = DOORS.iter().map(|(_, path, _)| format!("{}{path}", server.url())).collect();
    let endpoints =
        metadata.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
    let forgotten: Vec<_> = endpoints.filter(|(_, url)| !known.contains(url.as_str().unwrap())).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
