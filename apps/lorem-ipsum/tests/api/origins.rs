//! Pages of other origins in a browser: what their scripts can read and write.

use crate::process::{Server, command, run, stdout};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
};
use tempfile::TempDir;
use tollgate_testing::{
    browser::{self, Browser},
    servers::free_port,
};

/// Serves an empty page, until the process ends; answers its port.
fn pages() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // A browser opens connections before it has anything to ask.
            thread::spawn(move || {
                let _ = connection.read(&mut [0; 4096]);
                let page = "<!doctype html><title>page</title><link rel=icon href=data:,>";
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
                let _ = write!(connection, "{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
            });
        }
    });
    port
}

/// An app with a token of its curator; pages of these origins may read, the second one's as a public client's.
fn app(folder: &TempDir, named: &str, client: &str) -> (Server, String) {
    let settings = format!(
        "[server]\norigins = [\"{named}\"]\n[[identity.clients]]\nid = \"page\"\nname = \"Page\"\nkind = \"public\"\n\
         redirect_uris = [\"{client}/back\"]"
    );
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/default.toml"), settings).unwrap();
    let port = free_port().to_string();
    let server = Server::start_as(&mut command(folder.path(), &["--port", &port]));
    let token = stdout(&run(folder.path(), &["token", "curator@example.test", "--port", &port]));
    (server, token.trim().to_owned())
}

/// What a script of the page shown gets: status, headers and body, or why it gets nothing.
fn fetch(browser: &Browser, url: &str, options: &Value) -> Value {
    browser.script(&format!(
        "return fetch('{url}', {options}).then(async a => ({{ status: a.status, etag: a.headers.get('etag'), \
         location: a.headers.get('location'), id: a.headers.get('x-request-id'), body: await a.text() }}), e => String(e))"
    ))
}

#[test]
fn a_page_of_another_origin_reads_and_writes_where_it_is_named_and_only_there() {
    if browser::left_out() {
        return;
    }
    let (folder, port) = (TempDir::new().unwrap(), pages());
    let [named, client, other] =
        ["127.0.0.1", "localhost", "page.localhost"].map(|host| format!("http://{host}:{port}"));
    let (server, token) = app(&folder, &named, &client);
    let (url, browser) = (server.url(), Browser::start());
    let bearer = format!("Bearer {token}");
    let film = |id: u32| {
        let film = json!({ "movie_id": id, "title": "From a page", "released": 2001, "rating": 5.0 }).to_string();
        let headers = json!({ "authorization": bearer, "content-type": "application/json", "idempotency-key": format!("key-{id}") });
        json!({ "method": "POST", "headers": headers, "body": film })
    };
    let read = json!({ "headers": { "authorization": bearer } });

    for (page, id) in [(&named, 900_001), (&client, 900_002)] {
        browser.goto(page);
        let made = fetch(&browser, &format!("{url}/movies"), &film(id));
        assert_eq!((&made["status"], &made["location"]), (&json!(201), &json!(format!("/movies/{id}"))), "{made}");
        let film = fetch(&browser, &format!("{url}/movies/{id}"), &read);
        assert_eq!(film["status"], 200);
        let kept = json!({ "headers": { "authorization": bearer, "if-none-match": film["etag"] } });
        assert!(film["body"].as_str().unwrap().contains("From a page") && film["etag"].is_string(), "{film}");
        assert_eq!(fetch(&browser, &format!("{url}/movies/{id}"), &kept)["status"], 304);
        let gone = json!({ "method": "DELETE", "headers": { "authorization": bearer, "if-match": "\"no\"" } });
        for (path, options, status) in [
            ("/movies/1", json!({}), 401),
            ("/nowhere", read.clone(), 404),
            ("/movies", gone.clone(), 405),
            (&*format!("/movies/{id}"), gone, 412),
            ("/oauth/token", json!({ "method": "POST", "body": "grant_type=none" }), 400),
        ] {
            let no = fetch(&browser, &format!("{url}{path}"), &options);
            assert_eq!(no["status"], status, "{path}: {no}");
            assert!(no["id"].is_string(), "{no}");
        }
        let with_cookies = fetch(&browser, &format!("{url}/movies/1"), &json!({ "credentials": "include" }));
        assert_eq!(with_cookies, "TypeError: Failed to fetch");
    }

    browser.goto(&other);
    assert_eq!(browser.script("return location.origin"), json!(other));
    for (path, options) in [
        ("/movies", film(900_003)),
        ("/movies/1", read),
        ("/movies/1", json!({})),
        ("/oauth/token", json!({ "method": "POST", "body": "grant_type=none" })),
    ] {
        assert_eq!(fetch(&browser, &format!("{url}{path}"), &options), "TypeError: Failed to fetch", "{path}");
    }
    browser.goto(&named);
    let looked = fetch(&browser, &format!("{url}/movies/900003"), &json!({ "headers": { "authorization": bearer } }));
    assert_eq!(looked["status"], 404, "nothing was written: {looked}");
}
