//! Pages of other origins: those that are named read every answer, also one that says no; no others read any.

use crate::ground::{app, curator, note, start, writer};
use std::time::Duration;
use tollgate::{
    http::{Method, StatusCode},
    prelude::*,
};
use tollgate_testing::{Client, Reply, TestApp};

const PAGE: &str = "https://app.example.com";
const SETTINGS: &str = "[server]\norigins = [\"https://app.example.com\", \"http://localhost:3000\"]";

fn from(client: Client, origin: &str) -> Client {
    client.header("origin", origin)
}

/// Who may read it, what of its head, and who may show it.
fn readers(reply: &Reply) -> [&str; 3] {
    ["access-control-allow-origin", "access-control-expose-headers", "cross-origin-resource-policy"]
        .map(|name| reply.header(name))
}

/// What caches must tell apart.
fn varies(reply: &Reply) -> bool {
    reply.headers().get_all("vary").iter().any(|value| value == "origin")
}

async fn before(client: Client, method: &str, path: &str) -> Reply {
    let client = client.header("access-control-request-method", method);
    let client = client.header("access-control-request-headers", "authorization,idempotency-key,x-own");
    client.send(Method::OPTIONS, path, None).await
}

/// Answers after a while, with that status.
async fn slow(_: Public, Path(status): Path<u32>) -> Result<NoContent> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.filter(|status| *status != StatusCode::IM_A_TEAPOT);
    Err(Problem::new(status.unwrap_or_else(|| panic!("no tea"))))
}

#[tokio::test]
async fn a_page_of_a_named_origin_reads_and_writes() {
    let app = TestApp::new(app().settings(SETTINGS)).await;
    for origin in [PAGE, "http://localhost:3000"] {
        let ann = from(writer(&app, "ann"), origin);
        let made = ann.post("/notes", note("from a page")).await;
        assert_eq!((made.status(), made.header("access-control-allow-origin")), (201, origin));
        let read = ann.get(made.header("location")).await;
        let [allowed, exposed, shown] = readers(&read);
        assert_eq!((read.status(), allowed, shown), (200, origin, "cross-origin"));
        for name in ["etag", "link", "location", "ratelimit", "retry-after", "x-request-id", "idempotent-replayed"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {exposed}");
        }
        assert_eq!(read.header("access-control-allow-credentials"), "");
        let known = ann.header("if-none-match", read.header("etag")).get(made.header("location")).await;
        assert_eq!((known.status(), known.header("access-control-allow-origin")), (304, origin));
    }
}

#[tokio::test]
async fn what_a_browser_asks_before_is_answered_without_a_sign_in_and_without_a_limit() {
    let limit = "[limits]\naddress = \"1 per minute\"";
    let app = TestApp::new(app().settings(format!("{SETTINGS}\n{limit}").leak())).await;
    for (method, path) in [("POST", "/notes"), ("DELETE", "/movies/7"), ("GET", "/nowhere"), ("PATCH", "/api/me")] {
        let reply = before(from(app.anyone(), PAGE), method, path).await;
        assert_eq!((reply.status(), readers(&reply)), (204, [PAGE, "", "cross-origin"]), "{path}");
        assert_eq!(reply.header("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
        assert_eq!(reply.header("access-control-allow-headers"), "authorization,idempotency-key,x-own");
        assert_eq!((reply.header("access-control-max-age"), varies(&reply)), ("600", true));
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
    let plain = from(app.anyone(), PAGE).send(Method::OPTIONS, "/movies", None).await;
    assert!(plain.header("allow").contains("POST"), "what asks for the methods themselves is told them: {plain}");
}

#[tokio::test]
async fn a_page_reads_why_it_is_told_no() {
    let more = "requests = 1\nqueue_milliseconds = 0\n[limits]\nactor = \"1 per minute\"";
    let service = Service::new("slow").get("/slow/{status}", slow);
    let app = TestApp::new(app().settings(format!("{SETTINGS}\n{more}").leak()).service(service)).await;
    let (anyone, ann) = (from(app.anyone(), PAGE), from(writer(&app, "ann"), PAGE));
    assert_eq!(ann.post("/notes", serde_json::json!([])).await.status(), 422);
    let told = [
        (401, anyone.get("/notes").await),
        (403, from(app.actor("rea"), PAGE).get("/notes").await),
        (404, anyone.get("/nowhere").await),
        (405, anyone.delete("/movies").await),
        (415, from(curator(&app), PAGE).send_bytes(Method::POST, "/movies", "text/plain", "x").await),
        (429, ann.get("/notes").await),
        (500, anyone.get("/slow/418").await),
        (503, anyone.get("/slow/503").await),
    ];
    for (status, reply) in &told {
        let [allowed, exposed, _] = readers(reply);
        assert_eq!((reply.status(), allowed), (*status, PAGE));
        assert!(exposed.contains("retry-after") && exposed.contains("www-authenticate"), "{status}: {exposed}");
    }
    let (first, second) = tokio::join!(anyone.get("/slow/409"), anyone.get("/movies"));
    let crowded = if first.status() == 503 { first } else { second };
    assert_eq!((crowded.status(), readers(&crowded)[0]), (503, PAGE), "there was one place");
}

#[tokio::test]
async fn pages_of_other_origins_read_nothing() {
    let app = TestApp::new(app().settings(SETTINGS)).await;
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "https://sub.app.example.com",
        "https://example.com",
        "https://app.example.com.",
        "https://app.example.com:8443",
        "https://app.example.com/",
        "https://APP.example.com",
        "https://app.example.com https://evil.example",
        "https://app.example.com,https://evil.example",
        "http://app.example.com",
        "http://localhost",
        "app.example.com",
        "null",
        "*",
        "",
    ] {
        let ann = from(writer(&app, "ann"), origin);
        let replies = [ann.get("/notes").await, ann.get("/nowhere").await, before(ann, "POST", "/notes").await];
        for reply in replies {
            assert_eq!(readers(&reply), ["", "", "same-origin"], "{origin}");
            assert_eq!((reply.header("access-control-allow-methods"), varies(&reply)), ("", true), "{origin}");
        }
    }
    let nobody = app.anyone().get("/movies").await;
    assert_eq!((readers(&nobody), varies(&nobody)), (["", "", "same-origin"], true));
}

#[tokio::test]
async fn where_nothing_is_named_no_page_of_another_origin_reads_anything() {
    let app = start().await;
    for reply in [from(writer(&app, "ann"), PAGE).get("/notes").await, before(app.anyone(), "GET", "/movies").await] {
        assert_eq!((readers(&reply), varies(&reply)), (["", "", "same-origin"], false));
    }
}
