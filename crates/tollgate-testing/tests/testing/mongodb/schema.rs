//! Collections follow the model where that is safe, and say what to do where it is not.

use super::fresh;
use crate::films::{self, BY_TITLE, DEMANDING, FIRST, GROWN, NUMBERED, OPTIONAL, OWNED, SIGNED, UNTITLED};
use mongodb::{
    Client,
    bson::{Document, doc},
};
use tollgate_mongodb::MongoDb;
use tollgate_store::{Database, Driver, Error, Expr, Op, Set, Table, To, Update, Value};
use tollgate_testing::servers::Mongo;

async fn prepare(url: &str, table: &'static Table, additive: bool) -> Result<Vec<String>, String> {
    films::prepare(&MongoDb::open(url).await.unwrap(), table, additive).await
}

/// The database of that name, behind the back of the driver.
async fn on(name: &str) -> mongodb::Database {
    Client::with_uri_str(Mongo::shared()).await.unwrap().database(name)
}

async fn indexes(name: &str, collection: &str) -> Vec<String> {
    let mut names = on(name).await.collection::<Document>(collection).list_index_names().await.unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn a_missing_collection_is_created_with_its_indexes() {
    let (url, name) = fresh();
    assert_eq!(prepare(&url, &GROWN, true).await.unwrap(), ["created the collection `films`"]);
    assert_eq!(indexes(&name, "films").await, ["_id_", "films_code_key", "films_rating_idx", "films_title_key"]);
    assert_eq!(prepare(&url, &OWNED, true).await.unwrap(), ["created the collection `reviews`"]);
    assert_eq!(indexes(&name, "reviews").await, ["_id_", "reviews_owner_idx"]);
    for additive in [true, false] {
        assert_eq!(prepare(&url, &GROWN, additive).await.unwrap(), Vec::<String>::new(), "twice changes nothing");
    }
}

#[tokio::test]
async fn fields_that_may_be_empty_and_indexes_are_added() {
    let (url, name) = fresh();
    prepare(&url, &FIRST, true).await.unwrap();
    on(&name).await.collection("films").insert_one(doc! { "_id": 1, "title": "Alien" }).await.unwrap();
    let said = prepare(&url, &GROWN, false).await.unwrap_err();
    assert!(said.contains("`rating` is missing there") && said.contains("database.additive"), "{said}");
    assert_eq!(
        prepare(&url, &GROWN, true).await.unwrap(),
        [
            "added the field `rating` to `films`",
            "added the field `code` to `films`",
            "added an index on `title` to `films`",
            "added an index on `rating` to `films`",
            "added an index on `code` to `films`",
        ]
    );
    assert_eq!(MongoDb::open(&url).await.unwrap().count(&GROWN, &Expr::IsNull(2)).await.unwrap(), 1);
}

#[tokio::test]
async fn what_cannot_be_added_is_told_with_collection_field_and_remedy() {
    let (url, name) = fresh();
    let absent = prepare(&url, &FIRST, false).await.unwrap_err();
    assert!(absent.contains("`films` is missing"), "{absent}");
    prepare(&url, &FIRST, true).await.unwrap();
    for (table, words) in [
        (&DEMANDING, "`released` is missing there and may not be empty"),
        (&NUMBERED, "`title` is text there and int64 here"),
        (&UNTITLED, "`title` must be filled there and is not in the model"),
        (&OPTIONAL, "`title` may not be empty there and may here"),
    ] {
        let said = prepare(&url, table, true).await.unwrap_err();
        assert!(said.contains("`films`") && said.contains(words) && said.contains(';'), "{said}");
    }
    prepare(&url, &BY_TITLE, true).await.unwrap_err();
    let films = on(&name).await.collection("films");
    films.insert_many([doc! { "_id": 1, "title": "Alien" }, doc! { "_id": 2, "title": "Alien" }]).await.unwrap();
    let said = prepare(&url, &GROWN, true).await.unwrap_err();
    assert!(said.contains("`title` has the same value in several documents"), "{said}");
}

#[tokio::test]
async fn documents_of_others_are_taken_over_if_they_fit() {
    let (url, name) = fresh();
    let reviews = on(&name).await.collection("reviews");
    reviews.insert_one(doc! { "_id": 41_i64, "owner": "ann", "extra": true }).await.unwrap();
    let said = prepare(&url, &OWNED, false).await.unwrap_err();
    assert!(said.contains("$jsonSchema") && said.contains("database.additive"), "{said}");
    assert_eq!(prepare(&url, &OWNED, true).await.unwrap(), ["took over the documents of `reviews`"]);
    let database = MongoDb::open(&url).await.unwrap();
    let row = vec![vec![Value::Int(0), Value::Text("bob".into())]];
    let keys = database.insert(&OWNED, std::sync::Arc::new(row), 0..1).await.unwrap();
    assert_eq!(keys, [Value::Int(42)], "keys go on behind those that are there");

    let (url, name) = fresh();
    on(&name).await.collection("films").insert_one(doc! { "_id": "one", "title": 7 }).await.unwrap();
    let said = prepare(&url, &FIRST, true).await.unwrap_err();
    assert!(said.contains("does not fit the document \"one\""), "{said}");
}

#[tokio::test]
async fn keys_go_on_behind_documents_of_others_that_did_not_fit_at_first() {
    let (url, name) = fresh();
    let films = on(&name).await.collection::<Document>("films");
    for id in [1_i64, 41] {
        films.insert_one(doc! { "_id": id, "title": "Alien" }).await.unwrap();
    }
    let said = prepare(&url, &SIGNED, true).await.unwrap_err();
    assert!(said.contains("`title` has the same value in several documents there"), "{said}");
    films.delete_one(doc! { "_id": 1_i64 }).await.unwrap();
    prepare(&url, &SIGNED, true).await.unwrap();
    let database = MongoDb::open(&url).await.unwrap();
    let row = vec![vec![Value::Int(0), Value::Text("Aliens".into())]];
    let keys = database.insert(&SIGNED, std::sync::Arc::new(row), 0..1).await.unwrap();
    assert_eq!(keys, [Value::Int(42)]);
}

#[tokio::test]
async fn the_server_itself_refuses_documents_that_are_no_rows() {
    let (url, name) = fresh();
    prepare(&url, &FIRST, true).await.unwrap();
    let films = on(&name).await.collection("films");
    for unfit in [doc! { "_id": 1 }, doc! { "_id": 1, "title": 7 }, doc! { "_id": "1", "title": "Alien" }] {
        assert!(films.insert_one(unfit).await.unwrap_err().to_string().contains("121"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_together_all_find_it_done() {
    let (url, _) = fresh();
    let start = |_| {
        let url = url.clone();
        tokio::spawn(async move { prepare(&url, &GROWN, true).await })
    };
    for instance in (0..10).map(start).collect::<Vec<_>>() {
        instance.await.unwrap().unwrap();
    }
    assert_eq!(prepare(&url, &GROWN, false).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn operators_in_what_callers_send_are_text() {
    let (url, name) = fresh();
    prepare(&url, &FIRST, true).await.unwrap();
    let database = MongoDb::open(&url).await.unwrap();
    let texts = ["$title", "{\"$gt\": \"\"}", "a.b", ".*", "$$ROOT", "\\E.*", "^", "Alien"];
    let rows: Vec<_> = (0..).zip(texts).map(|(id, text)| vec![Value::Int(id), Value::Text(text.into())]).collect();
    database.insert(&FIRST, std::sync::Arc::new(rows), 0..texts.len()).await.unwrap();
    for text in texts {
        let value = Value::Text(text.into());
        let count = |holds: &dyn Fn(&str) -> bool| texts.into_iter().filter(|other| holds(other)).count() as u64;
        for (asks, expected) in [
            (Expr::Compare(1, Op::Eq, value.clone()), 1),
            (Expr::In(1, vec![value.clone()]), 1),
            (Expr::Contains(1, text.into()), count(&|other| other.contains(text))),
            (Expr::StartsWith(1, text.into()), count(&|other| other.starts_with(text))),
        ] {
            assert_eq!(database.count(&FIRST, &asks).await.unwrap(), expected, "{asks:?}");
        }
        let set = vec![Set { column: 1, to: To::Value(value.clone()) }];
        let update = Update { table: &FIRST, set, filter: Expr::Compare(1, Op::Eq, value) };
        database.update(&update, &mut |_| Ok(())).await.unwrap();
        assert_eq!(
            on(&name).await.collection::<Document>("films").count_documents(doc! { "title": text }).await.unwrap(),
            1
        );
    }
}

#[tokio::test]
async fn no_field_may_be_called_as_the_key_is() {
    static TWICE: Table = Table {
        name: "twice",
        columns: &[tollgate_store::Column::of::<i32>("id"), tollgate_store::Column::of::<i32>("_id")],
        ..FIRST_LIKE
    };
    const FIRST_LIKE: Table =
        Table { name: "", one: "", about: "", columns: &[], id: 0, counted: false, database: None, audited: false };
    let database = MongoDb::open(&fresh().0).await.unwrap();
    let Err(Error::Schema(why)) = database.prepare(&[&TWICE], true).await else { panic!() };
    assert!(why.to_string().contains("give the field another name"), "{why}");
}

#[tokio::test]
async fn the_rules_of_somebody_else_are_not_written_over() {
    let (url, name) = fresh();
    let rules = doc! { "title": { "$ne": "" } };
    on(&name).await.create_collection("films").validator(rules).await.unwrap();
    for additive in [true, false] {
        let said = prepare(&url, &FIRST, additive).await.unwrap_err();
        assert!(said.contains("`films`") && said.contains("a rule `title` of somebody else"), "{said}");
    }
    let films = on(&name).await.collection("films");
    films.insert_one(doc! { "_id": 1, "title": "" }).await.unwrap_err();
}

/// Before descriptions told kinds, types alone did.
#[tokio::test]
async fn a_validator_of_an_older_version_will_do() {
    let (url, name) = fresh();
    let fields = doc! { "_id": { "bsonType": "int" }, "title": { "bsonType": "string", "description": "a title" } };
    let schema = doc! { "bsonType": "object", "required": ["_id", "title"], "properties": fields };
    on(&name).await.create_collection("films").validator(doc! { "$jsonSchema": schema }).await.unwrap();
    assert_eq!(prepare(&url, &FIRST, false).await.unwrap(), Vec::<String>::new());
    let said = prepare(&url, &NUMBERED, false).await.unwrap_err();
    assert!(said.contains("`title` is string there and int64 here"), "{said}");
}
