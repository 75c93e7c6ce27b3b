//! The databases under the application, and what they hold when all is over.

use crate::Result;
use mongodb::{
    Client,
    bson::{Document, doc},
};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use tollgate_testing::servers::{Mongo, Postgres, psql};

/// Every stored message, whoever wrote it.
const MESSAGES: &str = "SELECT text FROM messages";
/// The database in MongoDB.
const DOCUMENTS: &str = "lorem_ipsum";

/// Where the application keeps messages.
pub(crate) enum Database {
    /// A file, which lives and dies with the application.
    Sqlite(PathBuf),
    /// A server of its own.
    Postgres(Postgres),
    /// A server of its own for documents; the rest is in a file.
    MongoDb(Mongo),
}

impl Database {
    /// As the application's settings name it.
    pub(crate) fn setting(&self) -> (&'static str, String) {
        match self {
            Self::Sqlite(file) => ("DATABASE__URL", format!("sqlite:{}", file.display())),
            Self::Postgres(server) => ("DATABASE__URL", server.url()),
            Self::MongoDb(server) => ("DATABASES__DOCUMENTS__URL", server.url(DOCUMENTS)),
        }
    }

    /// Kills the server, if it is one, and starts it again.
    pub(crate) fn crash(&mut self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(server) => {
                server.kill();
                server.resume();
            }
            Self::MongoDb(server) => {
                server.kill();
                server.resume();
            }
        }
    }

    /// The texts of all messages, read past the application.
    ///
    /// # Errors
    /// The database cannot be read, or is damaged.
    pub(crate) async fn messages(&self) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(file) => read_file(file),
            Self::Postgres(server) => Ok(psql(&server.url(), MESSAGES).lines().map(str::to_owned).collect()),
            Self::MongoDb(server) => read_documents(&server.url(DOCUMENTS)).await,
        }
    }
}

async fn read_documents(url: &str) -> Result<Vec<String>> {
    let messages = Client::with_uri_str(url).await?.database(DOCUMENTS).collection::<Document>("messages");
    let mut found = messages.find(doc! {}).projection(doc! { "text": 1 }).await?;
    let mut texts = vec![];
    while found.advance().await? {
        texts.push(found.current().get_str("text")?.to_owned());
    }
    Ok(texts)
}

fn read_file(file: &Path) -> Result<Vec<String>> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(format!("{} is damaged: {verdict}", file.display()).into());
    }
    let mut messages = db.prepare(MESSAGES)?;
    Ok(messages.query_map([], |row| row.get(0))?.collect::<std::result::Result<_, _>>()?)
}
