//! Collections as the model says: each has a validator, which is what a table's columns are elsewhere.
//!
//! The validator (`$jsonSchema`) names the type of each field and which must be there. It is also what the model is
//! compared with at the next start. Every change here may happen twice, so instances that start together need no turn.

use crate::{
    cell::name,
    driver::COUNTERS,
    error::{DUPLICATE_KEY, code, tell},
    query::{ANY, bson_type},
};
use futures_util::TryStreamExt;
use mongodb::{
    Database, IndexModel,
    bson::{Bson, Document, doc},
    error::Error as Failure,
    options::IndexOptions,
};
use tollgate_store::{
    Column, Error, Kind, Result, Table,
    schema::{LiveColumn, LiveIndex, Missing, absent, check_addable, differs, indexed, lacks, missing},
};

/// There is such a collection already.
const NAMESPACE_EXISTS: i32 = 48;
/// There is an index on the field, or of the name, with other options.
const INDEX_DIFFERS: [i32; 2] = [85, 86];

/// What an index on a column is called.
pub(crate) fn index_name(table: &Table, column: &Column) -> String {
    tollgate_store::migrate::index_name(table.name, column.name, column.unique)
}

/// Makes sure that the collection is there and as the model says; says what it did about it.
pub(crate) async fn prepare(database: &Database, table: &'static Table, additive: bool) -> Result<Vec<String>> {
    check_names(table)?;
    let Some(validator) = live_validator(database, table).await? else {
        return if additive { create(database, table).await } else { Err(absent(table)) };
    };
    if validator.is_empty() {
        return adopt(database, table, additive).await;
    }
    let live = live_columns(database, table, &validator).await?;
    let missing = missing(table, &live, |kind| kind.stored().to_string().into())?;
    check_addable(table, &missing, additive)?;
    if additive { add(database, table, &missing).await } else { Ok(vec![]) }
}

/// The same for a user who may use this collection and is not told how it is made: one that is there is taken as it is, and
/// its validator refuses what does not fit.
pub(crate) async fn prepare_unseen(database: &Database, table: &'static Table, additive: bool) -> Result<Vec<String>> {
    check_names(table)?;
    let names = database.list_collection_names().filter(doc! { "name": table.name }).authorized_collections(true);
    if names.await.map_err(|error| tell(Some(table), &error))?.is_empty() {
        return if additive { create(database, table).await } else { Err(absent(table)) };
    }
    tracing::info!(collection = table.name, "not compared with its model: this user may not `listCollections`");
    Ok(vec![])
}

/// The key is `_id` in every document.
fn check_names(table: &Table) -> Result<()> {
    match table.columns.iter().enumerate().find(|(index, column)| *index != table.id && column.name == "_id") {
        Some(_) => Err(differs(table, "_id", "is what the key is called here", "give the field another name")),
        None => Ok(()),
    }
}

async fn create(database: &Database, table: &'static Table) -> Result<Vec<String>> {
    let created = database.create_collection(table.name).validator(validator(table)).await;
    match created {
        Err(error) if code(&error) == Some(NAMESPACE_EXISTS) => set_validator(database, table).await?,
        outcome => outcome.map_err(|error| why_not(table, &error))?,
    }
    for index in indexed(table) {
        create_index(database, table, index).await?;
    }
    Ok(vec![format!("created the collection `{}`", table.name)])
}

/// A collection that others made: it gets the validator if no document contradicts it.
async fn adopt(database: &Database, table: &'static Table, additive: bool) -> Result<Vec<String>> {
    if !additive {
        return Err(lacks(
            table,
            "$jsonSchema",
            "is missing there",
            "allow additive changes with `database.additive = true` once",
        ));
    }
    let unfit = database.collection::<Document>(table.name).find_one(doc! { "$nor": [validator(table)] }).await;
    if let Some(document) = unfit.map_err(|error| tell(Some(table), &error))? {
        let which = document.get("_id").map(ToString::to_string).unwrap_or_default();
        let what = format!("does not fit the document {which}");
        return Err(differs(table, "$jsonSchema", &what, "change the document, or the struct"));
    }
    // Before the collection counts as one of ours, which it does once it has the validator.
    continue_count(database, table).await?;
    create(database, table).await?;
    Ok(vec![format!("took over the documents of `{}`", table.name)])
}

async fn add(
    database: &Database,
    table: &'static Table,
    Missing { columns, indexes, choices }: &Missing,
) -> Result<Vec<String>> {
    let named = |index: usize| table.columns[index].name;
    let mut done = vec![];
    if !columns.is_empty() || !choices.is_empty() {
        set_validator(database, table).await?;
    }
    done.extend(columns.iter().map(|index| format!("added the field `{}` to `{}`", named(*index), table.name)));
    done.extend(choices.iter().map(|index| format!("added choices to `{}` of `{}`", named(*index), table.name)));
    for index in indexes {
        create_index(database, table, *index).await?;
        done.push(format!("added an index on `{}` to `{}`", named(*index), table.name));
    }
    Ok(done)
}

/// The keys go on behind those that are there.
async fn continue_count(database: &Database, table: &'static Table) -> Result<()> {
    if !table.counted {
        return Ok(());
    }
    let rows = database.collection::<Document>(table.name);
    let last = rows.find_one(doc! {}).sort(doc! { "_id": -1 }).await.map_err(|error| tell(Some(table), &error))?;
    let last = last.and_then(|row| row.get("_id").and_then(|key| key.as_i64().or(key.as_i32().map(i64::from))));
    let at_least = doc! { "$max": { "last": last.unwrap_or_default() } };
    let counters = database.collection::<Document>(COUNTERS);
    let kept = counters.update_one(doc! { "_id": table.name }, at_least).upsert(true).await;
    kept.map(drop).map_err(|error| tell(None, &error))
}

async fn set_validator(database: &Database, table: &'static Table) -> Result<()> {
    let change = doc! { "collMod": table.name, "validator": validator(table) };
    database.run_command(change).await.map(drop).map_err(|error| why_not(table, &error))
}

/// The index on a column: its name, whether it is unique, whether it leaves out what is empty. A unique one does: empty
/// cells are not equal.
pub(crate) fn index(table: &Table, column: usize) -> (String, bool, bool) {
    let column = &table.columns[column];
    (index_name(table, column), column.unique, column.unique && column.nullable)
}

async fn create_index(database: &Database, table: &'static Table, index: usize) -> Result<()> {
    let (named, unique, sparse) = self::index(table, index);
    let options = IndexOptions::builder().name(named).unique(unique).sparse(sparse).build();
    let model = IndexModel::builder().keys(doc! { name(table, index): 1 }).options(options).build();
    let created = database.collection::<Document>(table.name).create_index(model).await;
    created.map(drop).map_err(|error| match code(&error) {
        Some(DUPLICATE_KEY) => {
            let remedy = "remove all but one of them, or the `#[unique]`";
            differs(table, table.columns[index].name, "has the same value in several documents there", remedy)
        }
        Some(code) if INDEX_DIFFERS.contains(&code) => {
            differs(table, table.columns[index].name, "is indexed in another way there", "drop that index")
        }
        _ => why_not(table, &error),
    })
}

pub(crate) fn validator(table: &Table) -> Document {
    let all = || (0..table.columns.len()).map(|index| (name(table, index), &table.columns[index]));
    let field = |(name, column): (&str, &Column)| (name.to_owned(), Bson::from(field(column.kind)));
    let must: Vec<_> = all().filter(|(_, column)| !column.nullable).map(|(name, _)| name).collect();
    let fields: Document = all().map(field).collect();
    doc! { "$jsonSchema": { "bsonType": "object", "required": must, "properties": fields } }
}

/// A type does not tell what its values mean; the description does.
fn field(kind: Kind) -> Document {
    let mut field = match kind {
        Kind::Json => doc! {},
        Kind::Texts => doc! { "bsonType": "array", "items": { "bsonType": "string" } },
        // A sum may be infinite.
        Kind::Float => doc! { "bsonType": "double", "minimum": f64::MIN, "maximum": f64::MAX },
        Kind::Choice(names) => doc! { "bsonType": "string", "enum": names },
        kind => doc! { "bsonType": &*bson_type(kind) },
    };
    field.insert("description", kind.stored().to_string());
    field
}

/// The kind that a field's description tells. One that others made, or an older version, has a type alone: any kind that
/// is kept as such a type will do.
fn live_kind(table: &Table, name: &str, field: Option<&Document>) -> String {
    let text = |key| field.and_then(|field| field.get_str(key).ok());
    let is = text("bsonType").unwrap_or(ANY);
    let told = text("description").and_then(|told| told.parse().ok());
    let model = || table.columns.iter().find(|column| column.name == name).map(|column| column.kind);
    let kind = told.or_else(model).filter(|kind| bson_type(*kind) == is);
    kind.map_or_else(|| is.to_owned(), |kind| kind.stored().to_string())
}

/// The only texts that a field takes, if there is such a rule.
fn choices(field: Option<&Document>) -> Vec<String> {
    let names = field.and_then(|field| field.get_array("enum").ok());
    names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The schema of the live collection's validator, empty where it has none; nothing where there is no collection.
///
/// # Errors
/// The collection has a collation, by which texts are equal that are not the same, or a rule beside the schema.
async fn live_validator(database: &Database, table: &Table) -> Result<Option<Document>> {
    let found = database.list_collections().filter(doc! { "name": table.name }).await;
    let found: Result<Vec<_>, _> = match found {
        Ok(found) => found.try_collect().await,
        Err(error) => Err(error),
    };
    let found = found.map_err(|error| tell(Some(table), &error))?.pop();
    let Some(found) = found else { return Ok(None) };
    if found.options.collation.is_some() {
        let remedy = "move the documents to a collection without one";
        return Err(differs(table, "collation", "is set there, so texts are not compared as they are written", remedy));
    }
    let validator = found.options.validator.unwrap_or_default();
    match validator.keys().find(|rule| *rule != "$jsonSchema") {
        Some(rule) => {
            let remedy =
                "say it within `$jsonSchema`, or in the app, and remove it there: it would be lost at the next change";
            Err(differs(table, "validator", &format!("has a rule `{rule}` of somebody else there"), remedy))
        }
        None => Ok(Some(validator.get_document("$jsonSchema").cloned().unwrap_or_default())),
    }
}

async fn live_columns(database: &Database, table: &Table, schema: &Document) -> Result<Vec<LiveColumn>> {
    let indexes = live_indexes(database, table).await.map_err(|error| tell(Some(table), &error))?;
    let required =
        |field: &str| schema.get_array("required").is_ok_and(|all| all.iter().any(|one| one.as_str() == Some(field)));
    let fields = schema.get_document("properties").cloned().unwrap_or_default();
    let column = |(field, of): (&String, &Bson)| {
        let name = if field == "_id" { table.columns[table.id].name } else { field.as_str() };
        LiveColumn {
            name: name.into(),
            choices: choices(of.as_document()),
            kind: live_kind(table, name, of.as_document()),
            nullable: !required(field),
            has_default: false,
            key: field == "_id",
            index: indexes.iter().filter(|(on, _)| on == field).map(|(_, index)| *index).max(),
        }
    };
    Ok(fields.iter().map(column).collect())
}

/// Which fields are indexed, and how: an index on several fields counts as plain.
async fn live_indexes(database: &Database, table: &Table) -> Result<Vec<(String, LiveIndex)>, Failure> {
    let found: Vec<IndexModel> =
        database.collection::<Document>(table.name).list_indexes().await?.try_collect().await?;
    let index = |model: IndexModel| {
        // An index with a collation finds nothing for who asks without one, and its keys are unique in another sense.
        let options = model.options.filter(|options| options.collation.is_none())?;
        let first = model.keys.keys().next()?.clone();
        let is = |column: usize| name(table, column) == first && table.columns[column].nullable;
        // Empty cells are not equal.
        let fits = options.sparse == Some(true) || !(0..table.columns.len()).any(is);
        let is_whole = options.partial_filter_expression.is_none() && model.keys.len() == 1;
        let is_unique = options.unique == Some(true) && is_whole && fits;
        Some((first, if is_unique { LiveIndex::Unique } else { LiveIndex::Plain }))
    };
    Ok(found.into_iter().filter_map(index).collect())
}

fn why_not(table: &Table, error: &Failure) -> Error {
    match code(error) {
        Some(13) => {
            let remedy = "grant it the role `dbAdmin` of this database, or set `database.url` to another user";
            Error::Unavailable(Error::source_of(format!(
                "this user may not change the collection `{}`; {remedy}",
                table.name
            )))
        }
        _ => tell(Some(table), error),
    }
}
