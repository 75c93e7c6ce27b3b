//! One script, command by command. Nothing undoes the commands before the one that fails, so the script is run again, and
//! what it did the first time is passed over.

use crate::error::{code, own_words};
use futures_util::TryStreamExt;
use mongodb::{
    Database,
    bson::{Bson, Document, doc},
    error::Error as Failure,
    results::CollectionSpecification,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use tollgate_store::{Error, Result, migrate::Script};

/// There is no such collection.
const NO_COLLECTION: i32 = 26;
/// There is no such index.
const NO_INDEX: i32 = 27;
/// There is such a collection already.
const COLLECTION_EXISTS: i32 = 48;

/// Runs a script. Where it stops, no collection is left without its validator: what is half converted is refused until the
/// script is run again, rather than anything let in.
pub(super) async fn run(database: &Database, script: &Script) -> Result<()> {
    let mut unguarded = BTreeSet::new();
    let done = run_all(database, script, &mut unguarded).await;
    if done.is_err() {
        for collection in unguarded {
            let guard = doc! { "collMod": &collection, "validationLevel": "strict" };
            if let Err(error) = database.run_command(guard).await {
                tracing::warn!(collection, code = code(&error), "a collection is left without its validator");
            }
        }
    }
    done
}

async fn run_all(database: &Database, script: &Script, unguarded: &mut BTreeSet<String>) -> Result<()> {
    let commands: Vec<Json> = serde_json::from_str(&script.text)
        .map_err(|error| stopped(script, "command 1", &format!("no list of commands, {error}")))?;
    for (number, command) in (1..).zip(commands) {
        let stopped = |why: &str| stopped(script, &format!("command {number}"), why);
        let Ok(Bson::Document(command)) = Bson::try_from(command) else { return Err(stopped("it is no object")) };
        if let (Ok(collection), Ok("off")) = (command.get_str("collMod"), command.get_str("validationLevel")) {
            unguarded.insert(collection.into());
        }
        match on(database, &command).await {
            Ok(answer) => {
                if let Ok(errors) = answer.get_array("writeErrors") {
                    return Err(stopped(&format!("{errors:?}")));
                }
            }
            Err(error) if was_done(database, &command, code(&error)).await => (),
            Err(error) => return Err(stopped(&own_words(&error))),
        }
    }
    Ok(())
}

fn stopped(script: &Script, place: &str, why: &str) -> Error {
    let name = &script.name;
    let remedy = "those before it were done; mend what is wrong and run it again";
    Error::Schema(Error::source_of(format!("the migration {name} stopped at {place}: {why}; {remedy}")))
}

/// Has the server carry out a command. The one that renames wants the names of databases, and is asked of another.
async fn on(database: &Database, command: &Document) -> Result<Document, Failure> {
    let (Ok(from), Ok(to)) = (command.get_str("renameCollection"), command.get_str("to")) else {
        return database.run_command(command.clone()).await;
    };
    let whole = |collection: &str| format!("{}.{collection}", database.name());
    let mut command = command.clone();
    command.extend(doc! { "renameCollection": whole(from), "to": whole(to) });
    database.client().database("admin").run_command(command).await
}

/// Whether a command has failed because it was carried out before. A name that was misspelt is another thing, and so is a
/// collection that others made.
async fn was_done(database: &Database, command: &Document, code: Option<i32>) -> bool {
    let named = |what: &str| command.get_str(what).unwrap_or_default().to_owned();
    match code {
        Some(NO_INDEX) => command.contains_key("dropIndexes"),
        Some(NO_COLLECTION) => command.contains_key("drop") || find(database, &named("to")).await.is_some(),
        Some(COLLECTION_EXISTS) => {
            let options = find(database, &named("create")).await.map(|found| found.options);
            options.is_some_and(|options| options.validator.as_ref() == command.get_document("validator").ok())
        }
        _ => false,
    }
}

async fn find(database: &Database, collection: &str) -> Option<CollectionSpecification> {
    database.list_collections().filter(doc! { "name": collection }).await.ok()?.try_next().await.ok()?
}
