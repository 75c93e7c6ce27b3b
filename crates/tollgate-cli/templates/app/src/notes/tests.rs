//! Notes, as those who keep them know them.
use serde_json::json;
use tollgate_testing::TestApp;

#[tokio::test]
async fn everybody_keeps_notes_and_sees_only_their_own() {
    let app = TestApp::new(crate::app()).await;
    let (anyone, ann, bob) = (app.anyone(), app.actor("ann").role("writer"), app.actor("bob").role("writer"));
    assert_eq!(anyone.get("/notes").await.status(), 401);
    let written = ann.post("/notes", json!({ "text": "Buy milk" })).await;
    assert_eq!(written.status(), 201);
    let address = written.header("location").to_owned();
    assert_eq!(ann.get(&address).await.json()["text"], "Buy milk");
    assert_eq!(bob.get(&address).await.status(), 404);
    assert_eq!(bob.get("/notes").await.json()["items"], json!([]));
}

#[tokio::test]
async fn an_empty_note_is_refused() {
    let app = TestApp::new(crate::app()).await;
    let refused = app.actor("ann").role("writer").post("/notes", json!({ "text": "" })).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(refused.json()["errors"][0]["pointer"], "#/text");
}
