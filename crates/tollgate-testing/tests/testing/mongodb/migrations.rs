//! Migrations where nothing undoes half of one, and where a document is the only lock.

use super::fresh;
use crate::migrations::{NEW, OLD, said, script, text};
use mongodb::{
    Client, Collection, Database as Documents,
    bson::{Bson, Document, doc},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tollgate_mongodb::MongoDb;
use tollgate_store::{
    Database, Driver, Error, Expr, Value,
    migrate::{Model, Said, diff},
};
use tollgate_testing::servers::Mongo;

/// A database, and the same behind the back of the driver.
async fn database() -> (MongoDb, Documents) {
    let (url, name) = fresh();
    let documents = Client::with_uri_str(Mongo::shared()).await.unwrap().database(&name);
    (MongoDb::open(&url).await.unwrap(), documents)
}

fn why<R: std::fmt::Debug>(outcome: Result<R, Error>) -> String {
    match outcome {
        Err(Error::Schema(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_stopped_is_run_again_and_goes_on() {
    let (database, documents) = database().await;
    let write = tollgate_mongodb::script;
    let first = script("0001_first", write(&diff(&Model::default(), &[&OLD], &Said::default()).unwrap()));
    let scripts = [first, script("0002_next", write(&diff(&Model::of(&[&OLD]), &[&NEW], &said()).unwrap()))];
    database.migrate(&scripts[..1], false).await.unwrap();
    let row = |name| {
        let (year, source) = (Value::Int(1979), text("0123456789abcdef01234567"));
        vec![
            Value::Int(0),
            text(name),
            year.clone(),
            text("x"),
            Value::Null,
            Value::Int(850),
            year.clone(),
            year,
            source,
        ]
    };
    database.insert(&OLD, Arc::new(vec![row("Alien"), row("Stalker")]), 0..2).await.unwrap();

    let stopped = why(database.migrate(&scripts, false).await);
    assert!(stopped.contains("0002_next stopped at command") && stopped.contains("run it again"), "{stopped}");
    let movies: Collection<Document> = documents.collection("movies");
    let refused = movies.insert_one(doc! { "_id": 7_i64, "anything": true }).await.unwrap_err();
    assert!(refused.to_string().contains("121"), "nothing is let in meanwhile: {refused}");
    assert!(why(database.migrate(&scripts, false).await).contains("0002_next stopped at command"), "still so");

    movies.delete_one(doc! { "title": "Stalker" }).await.unwrap();
    assert_eq!(database.migrate(&scripts, false).await.unwrap(), ["0002_next"]);
    assert_eq!(database.prepare(&[&NEW], false).await.unwrap(), Vec::<String>::new(), "as the model says");
    assert_eq!(database.count(&NEW, &Expr::EVERY).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_stops_half_made_is_made() {
    let (database, documents) = database().await;
    let create = tollgate_mongodb::script(&diff(&Model::default(), &[&OLD], &Said::default()).unwrap());
    let bad = create.trim_end().trim_end_matches(']').to_owned() + r#", { "nonsense": 1 }]"#;
    assert!(why(database.migrate(&[script("0001_first", bad)], false).await).contains("stopped at command 4"));
    assert_eq!(database.migrate(&[script("0001_first", create.clone())], false).await.unwrap(), ["0001_first"]);
    documents.create_collection("others").await.unwrap();
    let others = script("0002_others", create.replace("\"films\"", "\"others\""));
    let other = why(database.migrate(&[script("0001_first", create), others], false).await);
    assert!(other.contains("stopped at command 1"), "what others made is no half of ours: {other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_name_is_no_command_that_was_done() {
    let (database, _) = database().await;
    for command in [
        r#"{ "renameCollection": "flims", "to": "movies" }"#,
        r#"{ "dropIndexes": "flims", "index": "flims_title_key" }"#,
        r#"{ "collMod": "flims", "validationLevel": "off" }"#,
    ] {
        let stopped = why(database.migrate(&[script("0001_bad", format!("[{command}]"))], false).await);
        assert!(stopped.contains("stopped at command 1"), "{stopped}");
    }
}

/// What is known of whose turn it is.
async fn turn(documents: &Documents) -> Option<Document> {
    documents.collection("tollgate_migrations").find_one(doc! { "_id": "turn" }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_kept_as_long_as_it_takes_and_only_by_its_owner() {
    let (database, documents) = database().await;
    documents.collection("slow").insert_one(doc! { "it": 1 }).await.unwrap();
    let slow = script("0001_slow", r#"[{ "find": "slow", "filter": { "$where": "sleep(20000) || true" } }]"#);
    let migration = tokio::spawn(async move { database.migrate(&[slow], false).await });
    let start = Instant::now();
    let mut ends: Vec<Bson> = vec![];
    while ends.len() < 2 {
        sleep(Duration::from_millis(100)).await;
        ends.extend(turn(&documents).await.map(|turn| turn.get("until").unwrap().clone()));
        ends.dedup();
        assert!(start.elapsed() < Duration::from_secs(15), "it is not renewed");
    }
    let turns: Collection<Document> = documents.collection("tollgate_migrations");
    turns.update_one(doc! { "_id": "turn" }, doc! { "$set": { "owner": "another" } }).await.unwrap();
    assert!(why(migration.await.unwrap()).contains("another instance has taken over"));
    assert_eq!(turn(&documents).await.unwrap().get_str("owner").unwrap(), "another", "whose turn it is now");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_turn_of_an_instance_that_was_killed_is_taken_over() {
    let (database, documents) = database().await;
    let turns: Collection<Document> = documents.collection("tollgate_migrations");
    let soon = mongodb::bson::DateTime::from_millis(mongodb::bson::DateTime::now().timestamp_millis() + 2_000);
    turns.insert_one(doc! { "_id": "turn", "owner": "killed", "until": soon }).await.unwrap();
    assert_eq!(database.migrate(&[script("0001_first", "[]")], false).await.unwrap(), ["0001_first"]);
    assert!(mongodb::bson::DateTime::now() >= soon, "but not before");
    assert_eq!(turn(&documents).await, None);
}
