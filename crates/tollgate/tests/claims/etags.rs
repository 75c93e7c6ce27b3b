//! A tag names one state of a row: who has it reads it once, and who writes on another one is told.

use super::ground::{self, Note, note, why, writer};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;
use tollgate::prelude::*;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Client, Reply, TestApp};

const STALE: &str = "412 the row has changed in the meantime";

fn only(client: &Client, tag: &str) -> Client {
    client.clone().header("if-match", tag)
}

fn unless(client: &Client, tag: &str) -> Client {
    client.clone().header("if-none-match", tag)
}

fn film(title: &str) -> Value {
    json!({ "movie_id": 1, "title": title, "released": null, "rating": null, "code": null })
}

/// Somebody who may do anything to films.
fn keeper(app: &TestApp) -> Client {
    ground::curator(app).may("read:movies")
}

/// A film, whose tag is a hash, and a note, whose tag is its version: where it is, a body to replace it, and a change.
async fn rows(app: &TestApp) -> [(Client, String, Value, Value); 2] {
    let (cur, ann) = (keeper(app), writer(app, "ann"));
    cur.post("/movies", film("Alien")).await;
    let made = ann.post("/notes", note("milk")).await.json();
    [
        (cur, "/movies/1".into(), film("Aliens"), json!({ "rating": 8.5 })),
        (ann, format!("/notes/{}", made["note_id"]), note("bread"), json!({ "stars": 5 })),
    ]
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").to_owned()
}

#[tokio::test]
async fn who_has_a_row_gets_304_and_no_body() {
    let app = ground::start().await;
    for (client, path, _, change) in rows(&app).await {
        let first = client.get(&path).await;
        let known = tag(&first);
        assert!(known.starts_with('"') && known.ends_with('"'), "{known} is strong");
        assert_eq!(first.header("cache-control"), "private, no-cache");
        assert_eq!(first.header("vary"), "authorization, cookie");
        for listed in [known.clone(), format!("W/{known}"), format!("\"x\", {known}"), "*".to_owned()] {
            let again = unless(&client, &listed).get(&path).await;
            assert_eq!((again.status(), again.text().as_str()), (304, ""), "{listed}");
            assert_eq!((tag(&again), again.header("cache-control")), (known.clone(), "private, no-cache"));
            assert_eq!(again.header("content-type"), "");
        }
        assert_eq!(unless(&client, &known).send(tollgate::http::Method::HEAD, &path, None).await.status(), 304);
        let head = client.send(tollgate::http::Method::HEAD, &path, None).await;
        assert_eq!((head.status(), tag(&head)), (200, known.clone()));
        for other in ["\"x\"", "not a tag"] {
            assert_eq!(unless(&client, other).get(&path).await.status(), 200, "{other}");
        }
        let changed = client.patch(&path, change).await;
        assert_ne!(tag(&changed), known);
        let now = unless(&client, &known).get(&path).await;
        assert_eq!((now.status(), tag(&now)), (200, tag(&changed)));
        assert_eq!((only(&client, &known).get(&path).await.status()), 412, "a read may say which state it is for");
    }
}

#[tokio::test]
async fn a_page_has_a_tag_that_changes_with_its_rows() {
    let app = ground::start().await;
    for (client, path, _, change) in rows(&app).await {
        let list = path.rsplit_once('/').unwrap().0.to_owned();
        let first = client.get(&list).await;
        assert_eq!(unless(&client, &tag(&first)).get(&list).await.status(), 304);
        client.patch(&path, change).await;
        let now = unless(&client, &tag(&first)).get(&list).await;
        assert_eq!(now.status(), 200);
        assert_ne!(tag(&now), tag(&first));
    }
}

#[tokio::test]
async fn a_write_on_another_state_is_refused_and_changes_nothing() {
    let app = ground::start().await;
    for (client, path, new, change) in rows(&app).await {
        let old = tag(&client.get(&path).await);
        let current = tag(&client.patch(&path, change.clone()).await);
        for stale in [old.clone(), format!("W/{current}"), format!("{old}, \"x\"")] {
            let client = only(&client, &stale);
            assert_eq!(why(&client.patch(&path, change.clone()).await), STALE, "{stale}");
            assert_eq!(why(&client.put(&path, new.clone()).await), STALE);
            assert_eq!(why(&client.delete(&path).await), STALE);
        }
        for known in [current.clone(), format!("W/{current}"), "*".to_owned()] {
            assert_eq!(why(&unless(&client, &known).put(&path, new.clone()).await), STALE, "{known}");
        }
        assert_eq!(tag(&client.get(&path).await), current, "nothing has changed it");

        let put = only(&client, &format!("\"x\" , {current}")).put(&path, new.clone()).await;
        assert_eq!((put.status(), put.header("etag")), (200, ""), "RFC 9110, 9.3.4");
        assert_eq!(only(&client, "*").patch(&path, change).await.status(), 200);
        let current = tag(&client.get(&path).await);
        assert_eq!(unless(&only(&client, &current), &old).delete(&path).await.status(), 204);
        assert_eq!(only(&client, &current).delete(&path).await.status(), 404, "what is gone has no state");
    }
}

#[tokio::test]
async fn what_is_no_list_of_tags_is_refused_before_anything_is_done() {
    let app = ground::start().await;
    for (client, path, _, change) in rows(&app).await {
        for bad in ["", "abc", "\"a", "\"a\" \"b\"", "*, \"a\""] {
            assert_eq!(only(&client, bad).patch(&path, change.clone()).await.status(), 400, "{bad}");
            assert_eq!(unless(&client, bad).delete(&path).await.status(), 400, "{bad}");
        }
    }
}

#[tokio::test]
async fn others_rows_are_404_whatever_tag_is_named() {
    let app = ground::start().await;
    let [_, (ann, path, _, change)] = rows(&app).await;
    let (bob, known) = (writer(&app, "bob"), tag(&ann.get(&path).await));
    for named in [known.as_str(), "*", "\"x\""] {
        assert_eq!(only(&bob, named).patch(&path, change.clone()).await.status(), 404);
        assert_eq!(only(&bob, named).delete(&path).await.status(), 404);
        assert_eq!(unless(&bob, named).get(&path).await.status(), 404);
    }
}

#[tokio::test]
async fn a_film_that_was_removed_and_made_anew_is_in_another_state() {
    let app = ground::start().await;
    let cur = keeper(&app);
    let first = tag(&cur.post("/movies", film("Alien")).await);
    cur.delete("/movies/1").await;
    let other = cur.post("/movies", film("Heat")).await;
    assert_ne!(tag(&other), first);
    assert_eq!(only(&cur, &first).delete("/movies/1").await.status(), 412);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_change_the_same_state_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap());
    let app = TestApp::with(ground::app()).database(database).start().await;
    for (client, path, _, change) in rows(&app).await {
        let current = tag(&client.get(&path).await);
        let mut all = JoinSet::new();
        for _ in 0..20 {
            let (client, path, change) = (only(&client, &current), path.clone(), change.clone());
            all.spawn(async move { client.patch(&path, change).await.status() });
        }
        let mut statuses = all.join_all().await;
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (200, &[412; 19][..]));
    }
}

#[tokio::test]
async fn a_condition_is_looked_at_once_under_an_idempotency_key() {
    let app = ground::start().await;
    for (client, path, _, change) in rows(&app).await {
        let current = tag(&client.get(&path).await);
        let keyed = only(&client, &current).header("idempotency-key", &path.replace('/', "-"));
        let first = keyed.patch(&path, change.clone()).await;
        let again = keyed.patch(&path, change).await;
        assert_eq!((first.status(), again.status()), (200, 200), "a repeat is answered, not done");
        assert_eq!(tag(&again), tag(&first));
    }
}

#[tokio::test]
async fn the_document_tells_of_tags() {
    let app = ground::start().await;
    let one = &app.document()["paths"]["/notes/{note_id}"];
    let takes = |method: &str, name: &str| {
        one[method]["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["name"] == name).count()
    };
    assert_eq!(["put", "patch", "delete"].map(|method| takes(method, "If-Match")), [1; 3]);
    assert_eq!((takes("get", "If-None-Match"), takes("get", "If-Match")), (1, 0));
    assert_eq!(["get", "put", "patch", "delete"].map(|method| one[method]["responses"]["412"].is_object()), [true; 4]);
    assert!(one["get"]["responses"]["304"]["headers"]["ETag"].is_object());
    assert!(one["get"]["responses"]["200"]["headers"]["ETag"].is_object());
    assert!(app.document()["paths"]["/notes"]["get"]["responses"]["304"].is_object());
}

/// Changes a note only in the state that was named.
async fn pin(
    may: May<Update, Note>,
    notes: Store<Note>,
    Path(id): Path<i64>,
    only: Preconditions,
) -> Result<Tagged<Note>> {
    let change = ground::NotePatch { pinned: Change::Set(true), ..ground::NotePatch::default() };
    Ok(Tagged(only.update(&notes, &may, id, change).await?))
}

#[tokio::test]
async fn a_handler_of_an_app_may_ask_for_conditions_too() {
    let service = Service::new("all").crud::<Note>("/notes").post("/notes/{note_id}/pin", pin);
    let app = TestApp::new(App::new("claims").service(service)).await;
    let ann = writer(&app, "ann");
    let made = ann.post("/notes", note("milk")).await;
    let path = format!("/notes/{}/pin", made.json()["note_id"]);
    let pinned = only(&ann, &tag(&made)).send(tollgate::http::Method::POST, &path, None).await;
    assert_eq!((pinned.status(), pinned.json()["pinned"].clone()), (200, json!(true)));
    assert_eq!(only(&ann, &tag(&made)).send(tollgate::http::Method::POST, &path, None).await.status(), 412);
}
