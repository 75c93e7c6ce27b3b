//! Messages: everybody has their own.

use crate::process::{Server, command};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testing::{Client, TestApp};

const ALL: &str = "read:messages create:messages update:messages delete:messages";

async fn written(by: &Client, text: &str) -> (String, Value) {
    let reply = by.post("/messages", json!({ "text": text })).await;
    assert_eq!(reply.status(), 201, "{reply}");
    (reply.header("location").to_owned(), reply.json())
}

#[tokio::test]
async fn the_author_is_whoever_is_signed_in() {
    let app = TestApp::new(lorem_ipsum::app()).await;
    let ann = app.actor("ann").may(ALL);
    let (_, message) = written(&ann, "Hello").await;
    assert_eq!((&message["author"], &message["version"]), (&json!("ann"), &json!(1)));
    let forged = ann.post("/messages", json!({ "text": "Hello", "author": "bob" })).await;
    assert_eq!((forged.status(), &forged.json()["errors"][0]["pointer"]), (422, &json!("#/author")));
}

#[tokio::test]
async fn everybody_sees_and_changes_their_own_unless_permitted_more() {
    let app = TestApp::new(lorem_ipsum::app()).await;
    let (ann, bob) = (app.actor("ann").may(ALL), app.actor("bob").may(ALL));
    let (admin, newcomer) = (app.actor("ada").may("*"), app.actor("new"));
    let (at, _) = written(&ann, "Hello").await;
    let texts = async |by: &Client| by.get("/messages?total=true").await.json()["total"].clone();

    assert_eq!(ann.get(&at).await.json()["text"], "Hello");
    assert_eq!((texts(&ann).await, texts(&bob).await, texts(&admin).await), (json!(1), json!(0), json!(1)));
    for reply in [
        bob.get(&at).await,
        bob.patch(&at, json!({ "text": "Mine" })).await,
        bob.put(&at, json!({ "text": "Mine" })).await,
        bob.delete(&at).await,
    ] {
        assert_eq!(reply.status(), 404, "{reply}");
    }
    assert_eq!(newcomer.get(&at).await.status(), 403);
    assert_eq!(admin.patch(&at, json!({ "text": "Hello, all" })).await.json()["version"], 2);
    assert_eq!(ann.delete(&at).await.status(), 204);
    assert_eq!(admin.get(&at).await.status(), 404);
}

#[test]
fn documents_may_live_in_a_database_of_their_own() {
    let folder = TempDir::new().unwrap();
    let own = [("LOREM_IPSUM_DATABASES__DOCUMENTS__URL", "sqlite:./documents/messages.db")];
    let check = |variables: &[(&str, &str)]| {
        let output = command(folder.path(), &["check"]).envs(variables.iter().copied()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (good, said) = check(&own);
    assert!(good && said.contains("documents/messages.db is not there yet"), "{said}");
    assert!(!folder.path().join("documents").exists(), "to check makes nothing");
    let (good, said) = check(&[("LOREM_IPSUM_DATABASES__DOCUMNETS__URL", "sqlite:./x.db")]);
    assert!(!good && said.contains("they name: documents"), "{said}");
    drop(Server::start(folder.path()));
    assert!(folder.path().join("data/lorem-ipsum.db").exists(), "without the setting, all is in one");
}
