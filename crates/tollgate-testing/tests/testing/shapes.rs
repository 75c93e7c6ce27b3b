//! Nested values whose type changes: what rows that are there would not be read as is told, and changed by a script.

use crate::migrations::{Ground, mongodb, postgres, script, sqlite, text};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tollgate::prelude::*;
use tollgate_store::{
    Cell, Column, Database, Error, Expr, Row, Select, Table, Value,
    migrate::{Change, Model, Said, diff},
};

/// Where a shop is.
#[input]
#[output]
#[derive(Debug)]
struct Place {
    street: String,
    zip: i32,
    floor: Option<i32>,
}

/// The same with more that may be there, and rules for those who send it.
#[input]
#[output]
#[derive(Debug)]
struct Longer {
    #[garde(length(max = 80))]
    street: String,
    zip: i64,
    floor: Option<i32>,
    open: Option<Vec<Hours>>,
    #[serde(default)]
    closed: bool,
}

/// From when to when.
#[input]
#[output]
#[derive(Debug)]
struct Hours {
    from: i32,
    to: i32,
}

/// The same with what rows that are there do not have.
#[input]
#[output]
#[derive(Debug, PartialEq)]
struct Other {
    street: String,
    zip: String,
    town: String,
}

const fn shops(columns: &'static [Column]) -> Table {
    Table { name: "shops", one: "shop", about: "", columns, id: 0, counted: false, database: None, audited: false }
}
const ID: Column = Column::of::<i32>("shop_id");
static PLACED: Table = shops(&[ID, Column::of::<Nested<Place>>("place")]);
static LONGER: Table = shops(&[ID, Column::of::<Nested<Longer>>("place")]);
static OTHER: Table = shops(&[ID, Column::of::<Nested<Other>>("place")]);

/// The model as a file has it.
fn kept(table: &'static Table) -> Model {
    serde_json::from_value(serde_json::to_value(Model::of(&[table])).unwrap()).unwrap()
}

async fn place(database: &dyn Database, table: &'static Table, place: &Json) -> Result<(), Error> {
    let row = vec![Value::Int(1), text(&place.to_string())];
    database.insert(table, Arc::new(vec![row]), 0..1).await.map(drop)
}

async fn read<C: Cell>(database: &dyn Database, table: &'static Table) -> Result<C, Error> {
    let (select, mut found) = (Select { table, filter: Expr::EVERY, order: vec![], limit: None }, None);
    let mut each = |row: &dyn Row| {
        found = Some(row.read(1)?);
        Ok(())
    };
    database.select(&select, &mut each).await?;
    Ok(found.unwrap())
}

async fn rows_follow_a_nested_value(Ground { database, write, .. }: Ground, change: impl Fn(&str) -> String) {
    let database = &*database;
    let first = script("0001_first", write(&[Change::Create(&PLACED)]));
    database.migrate(std::slice::from_ref(&first), false).await.unwrap();
    place(database, &PLACED, &json!({ "street": "Ring 1", "zip": 10623, "floor": null })).await.unwrap();

    assert!(diff(&kept(&PLACED), &[&LONGER], &Said::default()).unwrap().is_empty(), "rows are read as they are");
    assert_eq!(read::<Nested<Longer>>(database, &LONGER).await.unwrap().zip, 10623);
    assert_ne!(kept(&PLACED), kept(&LONGER), "what is written from now on is known all the same");

    let why = diff(&kept(&LONGER), &[&OTHER], &Said::default()).unwrap_err();
    let Error::Invalid(why) = why else { panic!("{why}") };
    let told = why.to_string();
    for difference in [
        "`shops.place`",
        "/town is new and must be there",
        "/zip may no longer be integer (int64)",
        "/floor is gone",
        "/open is gone",
        "--reshape shops.place",
    ] {
        assert!(told.contains(difference), "{difference} in {told}");
    }
    assert!(!told.contains("/street"), "{told}");
    read::<Nested<Other>>(database, &OTHER).await.unwrap_err();

    let said = Said { reshapes: ["shops.place".to_owned()].into(), ..Said::default() };
    let changes = diff(&kept(&LONGER), &[&OTHER], &said).unwrap();
    said.check_used(&changes).unwrap();
    let written = write(&changes);
    assert!(written.contains("/town is new and must be there"), "{written}");
    let scripts = [first, script("0002_as_it_is", &*written), script("0003_other", change(&written))];
    assert_eq!(database.migrate(&scripts, false).await.unwrap().len(), 2, "a script runs as it was written");
    assert_eq!(database.prepare(&[&OTHER], false).await.unwrap(), Vec::<String>::new());
    let other = Other { street: "Ring 1".into(), zip: "10623".into(), town: "Berlin".into() };
    assert_eq!(read::<Nested<Other>>(database, &OTHER).await.unwrap().0, other);
}

/// What stands where the script has room for it.
fn with(script: &str, update: &str) -> String {
    let room = "-- UPDATE \"shops\" SET \"place\" = … WHERE …";
    assert!(script.contains(room), "{script}");
    script.replace(room, update)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_sqlite_rows_follow_a_nested_value() {
    let update = "UPDATE shops SET place = json_set(place, '$.zip', CAST(place ->> 'zip' AS TEXT), '$.town', 'Berlin')";
    rows_follow_a_nested_value(sqlite().await, |script| with(script, update)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_postgres_rows_follow_a_nested_value() {
    let update = "UPDATE shops SET place = place || jsonb_build_object('zip', place ->> 'zip', 'town', 'Berlin')";
    rows_follow_a_nested_value(postgres().await, |script| with(script, update)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mongodb_rows_follow_a_nested_value() {
    let change = |script: &str| {
        let mut commands: Vec<Json> = serde_json::from_str(script).unwrap();
        let room = commands.iter().position(|command| command["ping"] == 1).unwrap();
        let set = json!({ "place.zip": { "$toString": "$place.zip" }, "place.town": "Berlin" });
        let update = json!({ "update": "shops", "updates": [{ "q": {}, "u": [{ "$set": set }], "multi": true }] });
        commands.insert(room + 1, update);
        Json::Array(commands).to_string()
    };
    rows_follow_a_nested_value(mongodb().await, change).await;
}
