//! Who hangs up does not stop what they began.

use crate::ground::{Log, Note, writer};
use serde_json::json;
use std::time::Duration;
use tokio::{sync::Notify, task::yield_now, time::timeout};
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

static STARTED: Notify = Notify::const_new();
static FAIL: Notify = Notify::const_new();

/// Fails once nobody waits for it any more.
async fn fails_late(_may: May<Create, Note>) -> Result<NoContent> {
    STARTED.notify_one();
    FAIL.notified().await;
    Err(Problem::internal().caused_by("the disk is full"))
}

/// Is given up.
async fn never(_: Public) -> Result<NoContent> {
    STARTED.notify_one();
    std::future::pending().await
}

#[tokio::test]
async fn who_hangs_up_leaves_a_line_and_why_a_write_then_failed_is_in_the_log() {
    let service = Service::new("late").post("/fails", fails_late).get("/never", never);
    let app = TestApp::new(App::new("claims").service(service)).await;
    let ann = writer(&app, "ann");
    let (log, ()) = Log::of(async {
        tokio::select! {
            answer = ann.post("/fails", json!({})) => panic!("{answer}"),
            () = STARTED.notified() => (),
        }
        tokio::select! {
            answer = ann.get("/never") => panic!("{answer}"),
            () = STARTED.notified() => (),
        }
        FAIL.notify_one();
        for _ in 0..1000 {
            yield_now().await;
        }
    })
    .await;
    let line = |word: &str| log.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {log}"));
    let failed = line("refused");
    assert!(failed.contains("ERROR") && failed.contains("the disk is full"), "{failed}");
    assert!(failed.contains("route=\"/fails\"") && failed.contains("actor=\"ann\""), "{failed}");
    assert!(line("answered").contains("status=500"), "{log}");
    assert!(line("left").contains("route=\"/never\" status=499"), "{log}");
}
