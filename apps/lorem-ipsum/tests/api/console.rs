//! The developer's console: what it shows, and that nobody else gets it.

use crate::{
    browser_sign_in::look,
    monitor::barriers,
    process::{Server, command},
};
use std::{fs, process::Stdio};
use tempfile::TempDir;
use tollgate_testing::{
    browser::{self, Browser},
    servers::free_port,
};
use ureq::Agent;

/// A client that takes every status as an answer.
fn client() -> Agent {
    Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

fn get(server: &Server, path: &str, token: &str) -> (u16, String) {
    let request = client().get(format!("{}{path}", server.url())).header("authorization", format!("Bearer {token}"));
    let mut answer = request.call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

/// The console, as somebody sees it who is not signed in and asks under that name.
fn console(server: &Server, query: &str, host: &str) -> (u16, String) {
    console_at(server.port(), query, host)
}

fn console_at(port: u16, query: &str, host: &str) -> (u16, String) {
    let request = client().get(format!("http://127.0.0.1:{port}/-/console{query}")).header("host", host);
    let mut answer = request.header("accept", "text/html").call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn token(server: &Server) -> String {
    let form = [("username", "reader@example.test"), ("password", "lorem-ipsum")];
    let mut answer = client().post(format!("{}/token", server.url())).send_form(form).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Posts a message; inserts travel in groups.
fn say(server: &Server, token: &str) -> u16 {
    let post = client().post(format!("{}/messages", server.url())).header("authorization", format!("Bearer {token}"));
    post.send_json(serde_json::json!({ "text": "hello" })).unwrap().status().as_u16()
}

#[test]
fn a_request_is_shown_with_its_steps_and_a_problem_with_its_place() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let mut command = command(folder.path(), &["--port", "0"]);
    let server = Server::start_as(command.env("RUST_LOG", "trace").stderr(fs::File::create(&log).unwrap()));
    assert!(server.banner.contains(&format!("console    {}/-/console", server.url())), "{}", server.banner);
    let (status, page) = console(&server, "", "localhost");
    assert!(status == 200 && page.contains("Nothing seen yet") && page.contains("GET"), "{page}");

    let token = token(&server);
    assert_eq!(get(&server, "/movies/1?secret=hush-hush", &token).0, 200);
    assert_eq!(get(&server, "/movies/0", &token).0, 404);
    assert_eq!(say(&server, &token), 201);
    get(&server, "/readyz", &token);
    let (_, page) = console(&server, "", "127.0.0.1");
    let plain = page.replace("&#x2f;", "/");
    for text in ["/movies/0", "Not Found", "crud.rs:", "reader@example.test", "/movies/1?secret=[hidden]"] {
        assert!(plain.contains(text), "{text}: {plain}");
    }
    assert!(!page.contains(&token) && !page.contains("hush-hush") && !page.contains("lorem-ipsum\""));
    assert!(
        !plain.contains("</span>/readyz") && !plain.contains("</span>/-/console"),
        "its own and probes are not shown"
    );
    assert!(!page.contains("style=") && !page.contains("onclick"), "nothing inline");

    let row = plain.split("<tr").find(|row| row.contains("/movies/1?")).unwrap();
    let query = row.split_once("/-/console").unwrap().1.split_once('#').unwrap().0;
    let (_, one) = console(&server, query, "[::1]");
    for text in ["Permission", "read:movies", "select of movies", "stage-store", "reader@example.test, through"] {
        assert!(one.contains(text), "{text}: {one}");
    }
    assert!(plain.contains("×1"), "a group of one: {plain}");
    assert!(console(&server, "?request=0000000000000000", "localhost").1.contains("Kept no more"));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains(r#"path="/movies/1""#) && !log.contains("secret="), "no query is logged");
}

#[test]
fn only_this_machine_s_developer_gets_the_console() {
    let folder = TempDir::new().unwrap();
    let is_there = |settings: &[(&str, &str)], host: &str| {
        let port = free_port();
        let mut command = command(folder.path(), &["--port", &port.to_string()]);
        let server = Server::start_as(command.envs(settings.iter().copied()).stderr(Stdio::null()));
        let (status, page) = console_at(port, "", host);
        assert!(status == 200 || (status == 404 && !page.contains("Recent requests")), "{status}: {page}");
        assert_eq!(server.banner.contains("/-/console"), status == 200 || host == "evil.example");
        status == 200
    };
    let here = "localhost";
    assert!(is_there(&[], here));
    assert!(!is_there(&[], "evil.example"), "a name that was made to lead here");
    let public = [("LOREM_IPSUM_SERVER__PUBLIC_URL", "https://app.example")];
    assert!(!is_there(&public, here), "behind a proxy others get here");
    let staging = [("LOREM_IPSUM_ENV", "staging"), ("LOREM_IPSUM_IDENTITY__EMBEDDED", "true"), public[0]];
    assert!(!is_there(&staging, here), "not in `dev`");
}

/// Some requests of all kinds.
fn traffic(server: &Server) {
    let token = token(server);
    for _ in 0..3 {
        for path in ["/movies?limit=20&sort=-released", "/movies/1", "/movies/2", "/words/top", "/api/me", "/nowhere"] {
            get(server, path, &token);
        }
    }
    std::thread::scope(|scope| {
        let ask = |id: usize| get(server, &format!("/movies/{id}"), &token);
        (1..40).map(|id| scope.spawn(move || ask(id))).collect::<Vec<_>>().into_iter().for_each(|it| drop(it.join()));
    });
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| say(server, &token));
        }
    });
    for path in ["/movies", "/users"] {
        get(server, path, "");
    }
    get(server, "/users", &token);
    client().post(format!("{}/movies", server.url())).send("{}").unwrap();
}

#[test]
fn the_console_is_seen_in_a_browser() {
    if browser::left_out() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for browser in [Browser::start(), Browser::without_scripts()] {
        let server = Server::start(folder.path());
        let address = format!("{}/-/console", server.url());
        browser.goto(&address);
        look(&browser, "Nothing seen yet");
        traffic(&server);
        browser.goto(&address);
        look(&browser, "Recent requests");
        browser.find(".request-table tbody tr:last-child a").click();
        look(&browser, "Permission");
        browser.goto(&format!("{address}?request=none"));
        look(&browser, "Kept no more");
        assert_eq!(browser.console_errors(), Vec::<String>::new());
    }
}

#[test]
fn nothing_keeps_a_developer_from_using_the_console() {
    if browser::left_out() {
        return;
    }
    let (folder, browser) = (TempDir::new().unwrap(), Browser::start());
    let server = Server::start(folder.path());
    for has_traffic in [false, true] {
        if has_traffic {
            traffic(&server);
        }
        for (width, dark) in [(1440, false), (1440, true), (390, false)] {
            browser.resize(width);
            browser.prefer_dark(dark);
            browser.goto(&format!("{}/-/console", server.url()));
            assert_eq!(barriers(&browser), Vec::<String>::new(), "{width}, dark: {dark}");
        }
    }
}
