//! Who hangs up does not stop what they began.

use crate::ground::{Note, writer};
use serde_json::json;
use std::time::Duration;
use tokio::{sync::Notify, time::timeout};
use tollgate::prelude::*;
use tollgate_testing::TestApp;

static BEGUN: Notify = Notify::const_new();
static GO_ON: Notify = Notify::const_new();
static DONE: Notify = Notify::const_new();

/// The second half of what it does comes late.
async fn in_two_halves(_may: May<Create, Note>) -> Result<NoContent> {
    BEGUN.notify_one();
    GO_ON.notified().await;
    DONE.notify_one();
    Ok(NoContent)
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_no_handler_half_way() {
    let service = Service::new("halves").post("/halves", in_two_halves);
    let app = TestApp::new(App::new("claims").service(service)).await;
    let ann = writer(&app, "ann");
    tokio::select! {
        answer = ann.post("/halves", json!({})) => panic!("{answer}"),
        () = BEGUN.notified() => (),
    }
    GO_ON.notify_one();
    timeout(Duration::from_secs(5), DONE.notified()).await.expect("the other half was done");
}
