//! The routes that no service has: pages, the issuer, the state of the app. No token and no API key opens them.

use crate::process::{Server, command};
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};
use tempfile::TempDir;
use tollgate_auth::Identity;
use ureq::http::Response;

/// What somebody may show: nothing, no token at all, an admin's access token, and an API key that may do everything.
const SHOWN: usize = 4;

/// Method, path, and the answer to each of those.
const DOORS: [(&str, &str, [u16; SHOWN]); 42] = [
    ("GET", "/", [200, 401, 200, 200]),
    ("GET", "/docs", [200; SHOWN]),
    ("GET", "/docs/start.js", [200; SHOWN]),
    ("GET", "/openapi.json", [200; SHOWN]),
    ("GET", "/livez", [200; SHOWN]),
    ("GET", "/readyz", [200; SHOWN]),
    ("GET", "/.well-known/openid-configuration", [200; SHOWN]),
    ("GET", "/.well-known/oauth-authorization-server", [200; SHOWN]),
    ("GET", "/oauth/jwks", [200; SHOWN]),
    ("GET", "/oauth/authorize", [400; SHOWN]),
    ("POST", "/oauth/authorize", [400; SHOWN]),
    // Clients prove who they are in another way.
    ("POST", "/oauth/token", [400, 401, 401, 401]),
    ("GET", "/oauth/token", [405; SHOWN]),
    ("POST", "/oauth/revoke", [400, 401, 401, 401]),
    ("GET", "/oauth/revoke", [405; SHOWN]),
    ("POST", "/oauth/introspect", [401; SHOWN]),
    // A token of the command line is for the API: it has no scope `openid`.
    ("GET", "/oauth/userinfo", [401, 401, 403, 401]),
    ("POST", "/oauth/userinfo", [401, 401, 403, 401]),
    ("POST", "/token", [400; SHOWN]),
    // Pages for whoever is signed in in a browser.
    ("POST", "/oauth/consent", [403; SHOWN]),
    ("GET", "/oauth/logout", [303; SHOWN]),
    ("POST", "/oauth/logout", [303; SHOWN]),
    ("GET", "/auth/apps", [303; SHOWN]),
    ("POST", "/auth/apps", [403; SHOWN]),
    ("GET", "/auth/sessions", [303; SHOWN]),
    ("POST", "/auth/sessions", [403; SHOWN]),
    ("GET", "/auth/login", [200; SHOWN]),
    ("POST", "/auth/login", [401; SHOWN]),
    ("POST", "/auth/logout", [403; SHOWN]),
    ("GET", "/auth/code", [303; SHOWN]),
    ("POST", "/auth/code", [403; SHOWN]),
    ("GET", "/auth/password", [303; SHOWN]),
    ("POST", "/auth/password", [403; SHOWN]),
    ("GET", "/auth/forgot", [200; SHOWN]),
    ("POST", "/auth/forgot", [403; SHOWN]),
    ("GET", "/auth/reset", [404; SHOWN]),
    ("POST", "/auth/reset", [403; SHOWN]),
    ("GET", "/auth/second-factor", [303; SHOWN]),
    ("POST", "/auth/second-factor", [403; SHOWN]),
    // Where no provider signs people in, there is no way to one and none back.
    ("GET", "/auth/login/sso", [404; SHOWN]),
    ("GET", "/auth/callback", [404; SHOWN]),
    ("GET", "/nothing", [404; SHOWN]),
];

/// What a command prints; what it logs is elsewhere.
pub(crate) fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn knock(server: &Server, (method, path): (&str, &str), bearer: Option<&str>) -> Response<ureq::Body> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let url = format!("{}{path}", server.url());
    let shown = bearer.map(|token| ("authorization", format!("Bearer {token}")));
    let answer = if method == "GET" {
        shown.into_iter().fold(agent.get(url), |request, (name, value)| request.header(name, value)).call()
    } else {
        let request = agent.post(url).header("content-type", "application/x-www-form-urlencoded");
        shown.into_iter().fold(request, |request, (name, value)| request.header(name, value)).send_empty()
    };
    answer.unwrap()
}

/// Has the security headers; is kept nowhere, where it is about tokens or about somebody.
fn is_guarded(answer: &Response<ureq::Body>, is_secret: bool) -> bool {
    let has =
        |name: &str, value: &str| answer.headers().get(name).is_some_and(|is| is.to_str().unwrap().contains(value));
    has("x-content-type-options", "nosniff")
        && has("x-frame-options", "DENY")
        && has("referrer-policy", "")
        && has("content-security-policy", "frame-ancestors 'none'")
        && has("cache-control", if is_secret { "no-store" } else { "" })
}

#[test]
fn no_token_and_no_key_opens_a_page_or_a_door_of_the_issuer() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    let token = printed(folder.path(), &["token", "admin@example.test", "--port", &port]);
    let key = printed(folder.path(), &["api-key", "create", "doors", "--scope", "*"]);
    let mut wrong = vec![];
    let shown = [None, Some("a.b.c"), Some(&*token), Some(&*key)];
    for (method, path, all) in DOORS {
        for (expected, shown) in all.into_iter().zip(shown) {
            let answer = knock(&server, (method, path), shown);
            let is_secret =
                path != "/oauth/jwks" && ["/token", "/auth/", "/oauth/"].iter().any(|of| path.starts_with(of));
            if answer.status() != expected || !is_guarded(&answer, is_secret) {
                wrong.push(format!("{method} {path} with {shown:?}: {expected} was due: {answer:?}"));
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
    let tried: BTreeSet<&str> = DOORS.iter().map(|(_, path, _)| *path).collect();
    let forgotten: Vec<_> = Identity::paths().filter(|path| !tried.contains(path)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
