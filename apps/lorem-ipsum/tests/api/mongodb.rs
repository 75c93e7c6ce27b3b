//! The built binary with its documents in MongoDB: one setting is all it takes.

use crate::process::{Server, command};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testing::servers::Mongo;

/// An access token of a demo user, as the command line makes one.
fn token(folder: &TempDir, port: &str, email: &str) -> String {
    let output = command(folder.path(), &["token", email, "--port", port]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn messages_are_the_same_in_mongodb_as_in_sqlite() {
    let folder = TempDir::new().unwrap();
    let name = format!("messages_{}", std::process::id());
    let mut start = command(folder.path(), &["--port", "0"]);
    let start = start.env("LOREM_IPSUM_DATABASES__DOCUMENTS__URL", Mongo::shared().replace("/?", &format!("/{name}?")));
    let server = Server::start_as(start);
    assert!(server.banner.contains("MongoDB at 127.0.0.1:"), "{}", server.banner);
    assert!(server.banner.contains(" collections"), "{}", server.banner);
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let (admin, reader) = (token(&folder, &port, "admin@example.test"), token(&folder, &port, "reader@example.test"));
    let bearer = |token: &str| format!("Bearer {token}");
    let messages = format!("{}/messages", server.url());

    let sent = json!({ "text": "Hello" });
    let mut written = agent.post(&messages).header("authorization", bearer(&admin)).send_json(&sent).unwrap();
    assert_eq!(written.status(), 201);
    let message: Value = written.body_mut().read_json().unwrap();
    assert_eq!((&message["text"], &message["version"]), (&json!("Hello"), &json!(1)));
    let at = format!("{messages}/{}", message["message_id"].as_str().unwrap());

    let ask = |token: &str, url: &str| agent.get(url).header("authorization", bearer(token)).call().unwrap();
    assert_eq!(ask(&admin, &at).body_mut().read_json::<Value>().unwrap(), message);
    assert_eq!(ask(&reader, &at).status(), 404, "another's message is absent");
    let list: Value = ask(&reader, &format!("{messages}?text.contains=$&total=true")).body_mut().read_json().unwrap();
    assert_eq!(list["total"], 0);
    let forged = agent.post(&messages).header("authorization", bearer(&admin));
    assert_eq!(forged.send_json(json!({ "text": { "$gt": "" } })).unwrap().status(), 422);
    assert_eq!(agent.delete(&at).header("authorization", bearer(&admin)).call().unwrap().status(), 204);
    assert_eq!(ask(&admin, &at).status(), 404);
}
