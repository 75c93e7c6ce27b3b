//! Changes, followed as they happen.

use serde_json::json;
use tollgate::{App, Service, resource};
use tollgate_testing::TestApp;

/// A letter.
#[resource(plural = "letters")]
struct Letter {
    #[id(generated)]
    letter_id: i64,
    #[owner]
    owner: String,
    to: String,
}

#[tokio::test]
async fn what_is_written_is_told() {
    let letters = Service::new("letters").crud::<Letter>("/letters").live::<Letter>("/letters/live");
    let app = TestApp::new(App::new("post").service(letters)).await;
    let ann = app.actor("ann").may("read:letters create:letters");
    let mut events = ann.events("/letters/live").await;
    assert_eq!(events.next().await.unwrap().kind, "ready");
    ann.given("/letters", [json!({ "to": "Oslo" })]).await;
    let told = events.next().await.unwrap();
    assert_eq!((&*told.kind, &told.data["to"]), ("created", &json!("Oslo")));
}
