//! The built binary with its documents in MongoDB: one setting is all it takes.

use crate::process::{Server, command};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testing::servers::Mongo;

/// An access token of a demo user, as the command line makes one.
fn token(folder: &TempDir, port: &str, email: &str) -> String {
    let output = command(folder.path(), &["token", email, "--port", port]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    format!("Bearer {}", String::from_utf8(output.stdout).unwrap().trim())
}

/// Somebody who is signed in, and what they hear: each answer without what no two runs share.
struct Person<'a> {
    messages: String,
    bearer: String,
    heard: &'a mut Vec<(u16, Value)>,
}

impl Person<'_> {
    fn ask(&mut self, method: &str, rest: &str, body: Option<Value>) -> Value {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{rest}", self.messages));
        let request = request.header("authorization", &self.bearer);
        let answer = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body.to_string());
                agent.run(request.unwrap())
            }
            None => agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap();
        let body: Value = answer.body_mut().read_json().unwrap_or_default();
        self.heard.push((answer.status().as_u16(), without_what_changes(body.clone())));
        body
    }
}

/// Keys, people and times are others each time, and so are requests and where a page ends.
const DIFFERS: [&str; 7] = ["message_id", "author", "written", "changed", "next", "instance", "request_id"];

fn without_what_changes(mut body: Value) -> Value {
    match &mut body {
        Value::Object(fields) => {
            fields.retain(|name, _| !DIFFERS.contains(&&**name));
            fields.values_mut().for_each(|value| *value = without_what_changes(value.take()));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| *value = without_what_changes(value.take())),
        _ => {}
    }
    body
}

/// All that can be done with messages, and what is answered.
fn conversation(documents: Option<&str>) -> Vec<(u16, Value)> {
    let folder = TempDir::new().unwrap();
    let mut start = command(folder.path(), &["--port", "0"]);
    start.envs(documents.map(|url| ("LOREM_IPSUM_DATABASES__DOCUMENTS__URL", url)));
    let server = Server::start_as(&mut start);
    assert_eq!(server.banner.contains("MongoDB at 127.0.0.1:"), documents.is_some(), "{}", server.banner);
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    let mut heard = vec![];
    let messages = format!("{}/messages", server.url());
    let [admin, reader] = ["admin", "reader"].map(|name| token(&folder, &port, &format!("{name}@example.test")));

    let mut admin = Person { messages: messages.clone(), bearer: admin, heard: &mut heard };
    let first = admin.ask("POST", "", Some(json!({ "text": "Hello" })));
    let at = format!("/{}", first["message_id"].as_str().unwrap());
    admin.ask("GET", &at, None);
    admin.ask("PATCH", &at, Some(json!({ "text": "Hello again" })));
    admin.ask("PATCH", &at, Some(json!({ "text": null })));
    admin.ask("POST", "", Some(json!({ "text": { "$gt": "" } })));
    for text in ["b", "a", "Z", "é"] {
        admin.ask("POST", "", Some(json!({ "text": text })));
    }
    let page = admin.ask("GET", "?sort=text&limit=3&total=true", None);
    admin.ask("GET", &format!("?sort=text&limit=3&cursor={}", page["next"].as_str().unwrap()), None);
    admin.ask("GET", "?text.starts_with=Hello", None);

    let mut reader = Person { messages, bearer: reader, heard: &mut heard };
    reader.ask("GET", &at, None);
    reader.ask("PATCH", &at, Some(json!({ "text": "mine" })));
    reader.ask("DELETE", &at, None);
    reader.ask("POST", "", Some(json!({ "text": "mine" })));
    reader.ask("GET", "?total=true", None);
    reader.ask("GET", "?text.contains=$&total=true", None);

    let mut admin =
        Person { messages: reader.messages, bearer: token(&folder, &port, "admin@example.test"), heard: &mut heard };
    admin.ask("DELETE", &at, None);
    admin.ask("GET", &at, None);
    heard
}

#[test]
fn messages_are_the_same_in_mongodb_as_in_sqlite() {
    let name = format!("/messages_{}?", std::process::id());
    let in_mongodb = conversation(Some(&Mongo::shared().replace("/?", &name)));
    let statuses: Vec<_> = in_mongodb.iter().map(|(status, _)| *status).collect();
    assert_eq!(
        statuses,
        [201, 200, 200, 422, 422, 201, 201, 201, 201, 200, 200, 200, 404, 404, 404, 201, 200, 200, 204, 404]
    );
    let texts = |page: usize| {
        in_mongodb[page].1["items"].as_array().unwrap().iter().map(|it| it["text"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (texts(9), texts(10)),
        (vec![json!("Hello again"), json!("Z"), json!("a")], vec![json!("b"), json!("é")])
    );
    assert_eq!(in_mongodb[16].1["total"], 1, "a list is of one's own");
    assert_eq!(in_mongodb, conversation(None));
}
