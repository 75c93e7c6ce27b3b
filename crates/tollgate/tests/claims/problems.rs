//! Every "no": one shape, one id, whoever asks and whatever went wrong.

use crate::ground::{Log, app, curator, start, why, with};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use tollgate::{http::StatusCode, prelude::*};
use tollgate_testing::{Reply, TestApp};

#[derive(Debug)]
struct Leak;

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("password is hunter2")
    }
}

impl std::error::Error for Leak {}

/// Fails with the status that it is asked for.
async fn fail(_: Public, Path(status): Path<u32>) -> Result<NoContent> {
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    match status.ok_or_else(Problem::not_found)? {
        StatusCode::INTERNAL_SERVER_ERROR => Err(Problem::internal().caused_by(Leak)),
        StatusCode::SERVICE_UNAVAILABLE => Err(Problem::unavailable().caused_by(Leak).retry_after(7)),
        StatusCode::UNAUTHORIZED => Err(Problem::unauthorized().challenge()),
        status => Err(Problem::new(status).because("as you wish")),
    }
}

async fn panic(_: Public) -> NoContent {
    panic!("hunter2")
}

async fn said(_: Public, Path(text): Path<String>) -> Result<NoContent> {
    Err(Problem::bad_request().because(text))
}

async fn failing() -> TestApp {
    let service = Service::new("failing").get("/fail/{status}", fail).get("/panic", panic).get("/said/{text}", said);
    TestApp::new(app().service(service)).await
}

/// What every problem has in common.
fn check(reply: &Reply, status: u16, path: &str) {
    let (problem, name) = (reply.json(), format!("{status} {path}"));
    assert_eq!(reply.status(), status, "{name}");
    assert_eq!(reply.header("content-type"), "application/problem+json", "{name}");
    assert_eq!(problem["status"], status, "{name}");
    assert_eq!(problem["type"], "about:blank", "{name}");
    assert_eq!(problem["instance"], path.split('?').next().unwrap(), "{name}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{name}");
    assert_eq!(problem["request_id"], reply.header("x-request-id"), "{name}");
    assert!(!reply.text().contains("hunter2"), "{name} tells its cause");
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_the_id_of_its_request() {
    let app = failing().await;
    let anyone = app.anyone();
    for status in
        [400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 418, 422, 429, 431, 500, 501, 502, 503, 507]
    {
        let path = format!("/fail/{status}");
        check(&anyone.get(&path).await, status, &path);
    }
    for (status, path) in [
        (404, "/nowhere"),
        (404, "/movies/1/2"),
        (404, "/movies/x"),
        (422, "/movies?x=1"),
        (401, "/notes"),
        (404, "/movies/%FF"),
        (404, "//movies"),
        (404, "/movies/../notes"),
        (400, "/movies?cursor=x"),
        (500, "/panic"),
    ] {
        check(&anyone.get(path).await, status, path);
    }
    check(&anyone.send("PROPFIND".parse().unwrap(), "/movies", None).await, 405, "/movies");
    check(&curator(&app).post("/movies", json!({})).await, 422, "/movies");
}

#[tokio::test]
async fn a_problem_reads_so() {
    let app = failing().await;
    assert_snapshot!(app.anyone().get("/fail/409").await, @r#"
    409 Conflict
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "as you wish",
      "instance": "/fail/409",
      "request_id": "…"
    }
    "#);
    assert_snapshot!(app.anyone().get("/fail/503").await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 7

    {
      "type": "about:blank",
      "title": "Service Unavailable",
      "status": 503,
      "instance": "/fail/503",
      "request_id": "…"
    }
    "#);
    assert_snapshot!(app.anyone().get("/panic").await, @r#"
    500 Internal Server Error
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Internal Server Error",
      "status": 500,
      "detail": "this request met a mistake of ours, which is in the log",
      "instance": "/panic",
      "request_id": "…"
    }
    "#);
    assert_snapshot!(app.anyone().get("/nowhere").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Not Found",
      "status": 404,
      "detail": "there is no such route; see /docs",
      "instance": "/nowhere",
      "request_id": "…"
    }
    "#);
}

#[tokio::test]
async fn a_problem_names_each_place() {
    let app = start().await;
    let film = json!({ "movie_id": 1, "title": "", "released": null, "rating": 11, "code": null });
    assert_snapshot!(curator(&app).post("/movies", film).await, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/title",
          "detail": "length is lower than 1"
        },
        {
          "pointer": "#/rating",
          "detail": "greater than 10"
        }
      ]
    }
    "##);
}

#[tokio::test]
async fn who_is_in_the_way_is_said_by_its_field() {
    let app = start().await;
    let curator = curator(&app);
    let film = json!({ "movie_id": 1, "title": "Alien", "released": null, "rating": null, "code": "A" });
    curator.post("/movies", film.clone()).await;
    let same_key = curator.post("/movies", with(film.clone(), "code", "B")).await;
    assert_eq!(why(&same_key), "409 #/movie_id: another row has this `movie_id` already");
    let same_code = curator.post("/movies", with(film.clone(), "movie_id", 2)).await;
    assert_eq!(why(&same_code), "409 #/code: another row has this `code` already");
    curator.post("/movies", with(with(film, "movie_id", 2), "code", "B")).await;
    assert_eq!(
        why(&curator.patch("/movies/2", json!({ "code": "A" })).await),
        "409 #/code: another row has this `code` already"
    );
}

#[tokio::test]
async fn retry_after_is_said_in_seconds() {
    let app = failing().await;
    assert_eq!(app.anyone().get("/fail/503").await.header("retry-after"), "7");
    assert_eq!(app.anyone().get("/fail/500").await.header("retry-after"), "");
}

#[tokio::test]
async fn behind_a_proxy_a_request_keeps_a_good_id_and_gets_one_for_a_bad_one() {
    let app = TestApp::new(app().settings("[server]\nproxies = 1")).await;
    let answered = async |id: &str| app.anyone().header("x-request-id", id).get("/nowhere").await;
    for good in ["01234567", "7f9c_-AZ", "3b1e9f0a-5c44-4f5e-9c3a-0d6f2c8f1a2b", &"x".repeat(64)] {
        let reply = answered(good).await;
        assert_eq!((reply.header("x-request-id"), &reply.json()["request_id"]), (good, &json!(good)));
    }
    for bad in [
        "",
        "short",
        &"x".repeat(65),
        "with space",
        "<script>alert(1)</script>",
        "a;b=c;d=e",
        "äöüäöüäöü",
        "\"quoted\"!",
    ] {
        let reply = answered(bad).await;
        assert_ne!(reply.header("x-request-id"), bad);
        assert_eq!(reply.header("x-request-id").len(), 16);
    }
    let twice = app.anyone().header("x-request-id", "aaaaaaaa").header("x-request-id", "bbbbbbbb").get("/movies").await;
    assert_eq!(twice.headers().get_all("x-request-id").iter().count(), 1);
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        assert!(seen.insert(app.anyone().get("/movies").await.header("x-request-id").to_owned()), "ids do not repeat");
    }
}

#[tokio::test]
async fn without_a_proxy_nobody_chooses_the_id_of_their_request() {
    let app = start().await;
    let reply = app.anyone().header("x-request-id", "of-somebody-else").get("/nowhere").await;
    assert_eq!(
        (reply.header("x-request-id").len(), &reply.json()["request_id"]),
        (16, &json!(reply.header("x-request-id")))
    );
}

#[tokio::test]
async fn a_panic_is_one_requests_own() {
    let app = failing().await;
    let (panics, works) = (app.anyone(), app.anyone());
    let requests = (0..100).map(async |index| {
        if index % 2 == 0 { panics.get("/panic").await.status() } else { works.get("/movies").await.status() }
    });
    let statuses = futures_util::future::join_all(requests).await;
    assert!(
        statuses.iter().enumerate().all(|(index, status)| *status == if index % 2 == 0 { 500 } else { 200 }),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_panic_is_in_the_log_with_the_id_of_its_request() {
    let app = failing().await;
    let panicking = app.anyone();
    let (log, reply) = Log::of(panicking.get("/panic")).await;
    check(&reply, 500, "/panic");
    let line = log.lines().find(|line| line.contains("panicked at")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("ERROR") && line.contains(reply.header("x-request-id")) && line.contains("hunter2"), "{log}");
    assert_eq!(app.anyone().get("/movies").await.status(), 200);
}

/// The line of the log that says why a request was refused.
fn refused(log: &str) -> &str {
    log.lines().find(|line| line.contains("refused")).unwrap_or_else(|| panic!("{log}"))
}

#[tokio::test]
async fn a_failure_is_in_the_log_with_where_it_was_raised_and_nothing_of_that_is_answered() {
    let app = failing().await;
    let raised = include_str!("problems.rs").lines().position(|line| line.contains("Err(Problem::internal()"));
    let raised = format!("{}:{}:", file!(), raised.unwrap() + 1);
    let (log, reply) = Log::of(app.anyone().get("/fail/500")).await;
    check(&reply, 500, "/fail/500");
    let line = refused(&log);
    assert!(line.contains("ERROR") && line.contains(&raised) && line.contains("password is hunter2"), "{line}");
    assert!(line.contains(reply.header("x-request-id")) && line.contains("/fail/{status}"), "{line}");
    assert!(!reply.text().contains(".rs"), "{reply}");
    assert_eq!(log.lines().filter(|line| line.contains("ERROR")).count(), 1, "once: {log}");
}

#[tokio::test]
async fn people_get_a_page_and_programs_get_json() {
    let app = failing().await;
    let accepting = async |accept: &str, path: &str| app.anyone().header("accept", accept).get(path).await;
    for browser in [
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json, TEXT/HTML;q=0.9",
    ] {
        for (path, status) in
            [("/nowhere", 404), ("/notes", 401), ("/panic", 500), ("/fail/503", 503), ("/movies?x=1", 422)]
        {
            let reply = accepting(browser, path).await;
            assert_eq!(reply.status(), status);
            assert_eq!(reply.header("content-type"), "text/html; charset=utf-8", "{path}");
            let page = reply.text();
            assert!(page.starts_with("<!doctype html>") && page.contains(reply.header("x-request-id")), "{page}");
            assert!(!page.contains("hunter2"));
        }
    }
    for program in
        ["", "*/*", "application/json", "text/*", "application/problem+json", "application/xhtml+xml", "text/htmlx"]
    {
        assert_eq!(
            accepting(program, "/nowhere").await.header("content-type"),
            "application/problem+json",
            "{program}"
        );
    }
    assert_eq!(
        accepting("text/html", "/movies").await.header("content-type"),
        "application/json",
        "an answer is what it is"
    );
}

#[tokio::test]
async fn a_page_shows_what_was_sent_and_does_not_run_it() {
    let app = failing().await;
    let browser = app.anyone().header("accept", "text/html");
    let script = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%26";
    for path in [
        format!("/said/{script}"),
        format!("/movies?{script}=1"),
        format!("/movies?released={script}"),
        format!("/movies?sort={script}"),
        format!("/nowhere/{script}?a={script}"),
        "/nowhere/'\"(alert)".into(),
    ] {
        let page = browser.get(&path).await.text();
        assert!(!page.contains("<script>alert") && !page.contains("\"'&\""), "{path}: {page}");
    }
    let page = browser.get(&format!("/said/{script}")).await.text();
    assert!(page.contains("&lt;script&gt;alert(1)"), "it is shown as text");
}

#[tokio::test]
async fn a_link_to_sign_in_leads_back_to_the_page_but_not_to_where_a_form_was_sent() {
    let app = start().await;
    let browser = app.anyone().header("accept", "text/html");
    let back = |page: String| {
        let links = page.split("login?return_to=").skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned));
        links.collect::<BTreeSet<_>>()
    };
    let page = browser.get("/notes?limit=2").await;
    assert_eq!((page.status(), back(page.text())), (401, ["%2Fnotes%3Flimit%3D2".to_owned()].into()));
    let form = browser.post("/notes", json!({})).await;
    assert_eq!((form.status(), back(form.text())), (401, ["%2F".to_owned()].into()));
}

#[tokio::test]
async fn other_methods_learn_which_there_are() {
    let app = start().await;
    let send = async |method: &str, path: &str| app.anyone().send(method.parse().unwrap(), path, None::<Value>).await;
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY"] {
        let reply = send(method, "/movies").await;
        assert_eq!((reply.status(), reply.header("allow")), (405, "GET,HEAD,POST"), "{method}");
    }
    let options = send("OPTIONS", "/movies").await;
    assert_eq!((options.status(), options.header("allow"), options.text().as_str()), (204, "GET,HEAD,POST", ""));
    assert_eq!(send("OPTIONS", "/movies/1").await.header("allow"), "GET,HEAD,PUT,PATCH,DELETE");
    check(&send("OPTIONS", "/nowhere").await, 404, "/nowhere");
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let app = start().await;
    for path in ["/movies", "/movies/1", "/notes", "/nowhere", "/movies?x=1"] {
        let (get, head) = (app.anyone().get(path).await, app.anyone().send("HEAD".parse().unwrap(), path, None).await);
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.text(), "", "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_careful() {
    let app = failing().await;
    let browser = app.anyone().header("accept", "text/html");
    for path in [
        "/movies",
        "/movies/1",
        "/notes",
        "/nowhere",
        "/panic",
        "/fail/503",
        "/docs",
        "/openapi.json",
        "/",
        "/livez",
        "/readyz",
    ] {
        for reply in [
            app.anyone().get(path).await,
            browser.get(path).await,
            app.anyone().send("OPTIONS".parse().unwrap(), path, None).await,
        ] {
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("cross-origin-resource-policy", "same-origin"),
            ] {
                assert_eq!(reply.header(name), value, "{path} {name}");
            }
            let referrer = reply.header("referrer-policy");
            assert!(
                ["no-referrer", "same-origin"].contains(&referrer),
                "{path} tells others where one was: {referrer}"
            );
            assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
            assert!(reply.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert!(!reply.header("content-security-policy").contains("script-src 'unsafe-inline'"), "{path}");
            assert!(!reply.header("cache-control").is_empty() && !reply.header("x-request-id").is_empty(), "{path}");
            assert_eq!(reply.header("server"), "");
            assert_eq!(reply.header("access-control-allow-origin"), "");
        }
    }
    assert_eq!(
        app.anyone()
            .header("origin", "https://evil.example")
            .get("/movies")
            .await
            .header("access-control-allow-origin"),
        ""
    );
}

#[tokio::test]
async fn nobody_who_is_refused_writes_lines_of_their_own_into_the_log() {
    let app = failing().await;
    let path = "/said/none%0A%1B%5B2J2026-01-01T00:00:00Z%20ERROR%20forged";
    let (log, reply) = Log::of(app.anyone().get(path)).await;
    check(&reply, 400, path);
    assert!(log.contains("none\\n") && log.contains(" ERROR forged"), "{log}");
    assert_eq!((log.lines().count(), log.find('\u{1b}')), (2, None), "{log}");
}
