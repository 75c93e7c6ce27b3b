//! Migrations: changes as scripts, and scripts applied.
//!
//! A script is an array of database commands in Extended JSON, as [MongoDB's manual] has them. Commands that change
//! collections cannot be part of a transaction, so one that fails leaves those before it done; whatever is written here
//! may be run again, and then goes on.
//!
//! [MongoDB's manual]: https://www.mongodb.com/docs/manual/reference/command/

use crate::{
    cell::{self, name},
    driver::COUNTERS,
    error::tell,
    schema::{index, validator},
};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use mongodb::{
    Collection, Database,
    bson::{Bson, Document, doc},
};
use serde_json::{Value as Json, json};
use tollgate_store::{
    Kind, Result, Table, Value,
    migrate::{Applied, Change, Script, Step, pending},
    schema::indexed,
};

mod run;
mod turn;

/// What the scripts of this database end with.
pub const SCRIPTS: &str = "mongodb.json";

const MIGRATIONS: &str = "tollgate_migrations";

/// The changes as commands.
pub fn script(changes: &[Change]) -> String {
    let commands: Vec<Json> = changes.iter().flat_map(commands).collect();
    format!("{:#}\n", Json::Array(commands))
}

fn commands(change: &Change) -> Vec<Json> {
    match change {
        Change::Create(table) => {
            let indexes = indexed(table);
            let create = json!({ "create": table.name, "validator": json_of(validator(table)) });
            std::iter::once(create).chain(indexes.map(|column| add_index(table, column))).collect()
        }
        Change::Drop(name) => vec![json!({ "drop": name })],
        // The database is that of the connection; the server wants it said.
        Change::Rename { from, to } => {
            let mut commands = vec![json!({ "renameCollection": from, "to": to.name })];
            commands.extend(to.counted.then(|| rename_counter(from, to.name)));
            commands
        }
        Change::Alter { table, steps } => {
            let validate = json!({ "collMod": table.name, "validator": json_of(validator(table)) });
            let free = json!({ "collMod": table.name, "validationLevel": "off" });
            let again = json!({ "collMod": table.name, "validationLevel": "strict" });
            let steps = steps.iter().flat_map(|step| alter(table, step));
            [free].into_iter().chain(steps).chain([validate, again]).collect()
        }
    }
}

/// The keys go on where they were.
fn rename_counter(from: &str, to: &str) -> Json {
    let pipeline = json!([{ "$match": { "_id": from } }, { "$set": { "_id": to } }, { "$merge": COUNTERS }]);
    json!({ "aggregate": COUNTERS, "pipeline": pipeline, "cursor": {} })
}

fn alter(table: &Table, step: &Step) -> Vec<Json> {
    let update = |filter: Json, change: Json| json!({ "update": table.name, "updates": [{ "q": filter, "u": change, "multi": true }] });
    let fill = |column: usize, value: &Option<Value<'static>>| {
        let (name, kind) = (name(table, column), table.columns[column].kind);
        let set = value.as_ref().map(|value| json_of(doc! { name: cell::bson(kind, value) }));
        set.map(|set| update(json!({ name: null }), json!({ "$set": set })))
    };
    match step {
        Step::DropIndex { name } => vec![json!({ "dropIndexes": table.name, "index": name })],
        Step::Rename { from, to } => vec![update(json!({}), json!({ "$rename": { from: name(table, *to) } }))],
        Step::Drop(column) => vec![update(json!({}), json!({ "$unset": { column: "" } }))],
        Step::Add(column, value) => fill(*column, value).into_iter().collect(),
        Step::Change { column, from, fill: value } => {
            let name = name(table, *column);
            let convert = convert(*from, table.columns[*column].kind).map(|to| {
                let pipeline = json!([{ "$set": { name: { to: format!("${name}") } } }]);
                update(json!({ name: { "$ne": null } }), pipeline)
            });
            convert.into_iter().chain(fill(*column, value)).collect()
        }
        // The validator is the rule, and comes after the steps.
        Step::DropChoices { .. } => vec![],
        Step::AddChoices { column, fill } => {
            let Kind::Choice(names) = table.columns[*column].kind else { return vec![] };
            let name = name(table, *column);
            let set = |fill: &Value<'_>| json!({ "$set": json_of(doc! { name: cell::bson(Kind::Text, fill) }) });
            let others = json!({ name: { "$nin": names, "$ne": null } });
            fill.as_ref().map(|fill| update(others, set(fill))).into_iter().collect()
        }
        Step::AddIndex(column) => vec![add_index(table, *column)],
        // A command that does nothing may have a comment; a script may not.
        Step::Reshape { column, differences } => {
            let place = format!("{}.{}", table.name, name(table, *column));
            let about =
                format!("{place} has another shape, and documents that are there the one before: change them here");
            let comment: Vec<_> = std::iter::once(&about).chain(differences).collect();
            vec![json!({ "ping": 1, "comment": comment })]
        }
    }
}

/// The operator that makes a value of one kind one of another, which has all of them.
fn convert(from: Kind, to: Kind) -> Option<&'static str> {
    match to {
        _ if from.stored() == to.stored() => None,
        Kind::Int64 => Some("$toLong"),
        Kind::Float => Some("$toDouble"),
        Kind::Decimal { .. } => Some("$toDecimal"),
        Kind::Text if from == Kind::Date => None,
        Kind::Text | Kind::Choice(_) => Some("$toString"),
        Kind::Date | Kind::Bool | Kind::Int32 | Kind::ObjectId | Kind::Uuid | Kind::Time | Kind::Texts | Kind::Json => {
            None
        }
    }
}

fn add_index(table: &Table, column: usize) -> Json {
    let (name, unique, sparse) = index(table, column);
    let key = crate::cell::name(table, column);
    let index = json!({ "key": { key: 1 }, "name": name, "unique": unique, "sparse": sparse });
    json!({ "createIndexes": table.name, "indexes": [index] })
}

/// As MongoDB's Extended JSON, which knows all of its types.
fn json_of(document: Document) -> Json {
    Bson::from(document).into_canonical_extjson()
}

/// The migrations that the database has seen.
pub(crate) async fn history(database: &Database) -> Result<Vec<Applied>> {
    let found = migrations(database).find(doc! { "checksum": { "$exists": true } }).sort(doc! { "_id": 1 }).await;
    let found: Vec<Document> = match found {
        Ok(found) => found.try_collect().await.map_err(|error| tell(None, &error))?,
        Err(error) => return Err(tell(None, &error)),
    };
    let applied = |document: &Document| {
        let text = |field| document.get_str(field).unwrap_or_default().to_owned();
        let when = Timestamp::from_microsecond(document.get_i64("applied").unwrap_or_default()).unwrap_or_default();
        Applied { name: text("_id"), checksum: text("checksum"), when }
    };
    Ok(found.iter().map(applied).collect())
}

/// Applies what the database has not seen. One instance at a time does.
pub(crate) async fn migrate(database: &Database, scripts: &[Script], adopt: bool) -> Result<Vec<String>> {
    turn::take(database, apply(database, scripts, adopt)).await
}

async fn apply(database: &Database, scripts: &[Script], adopt: bool) -> Result<Vec<String>> {
    let mut done = vec![];
    for script in pending(scripts, &history(database).await?)? {
        if !adopt {
            run::run(database, script).await?;
        }
        let applied = Timestamp::now().as_microsecond();
        let row = doc! { "_id": &script.name, "checksum": &script.checksum, "applied": applied };
        migrations(database).insert_one(row).await.map_err(|error| tell(None, &error))?;
        done.push(script.name.clone());
    }
    Ok(done)
}

fn migrations(database: &Database) -> Collection<Document> {
    database.collection(MIGRATIONS)
}
