//! The databases under the application, and what they hold when all is over.

use crate::Result;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use tollgate_testing::servers::{Postgres, psql};

/// Every stored message, whoever wrote it.
const MESSAGES: &str = "SELECT text FROM messages";

/// Where the application keeps its rows.
pub(crate) enum Database {
    /// A file, which lives and dies with the application.
    Sqlite(PathBuf),
    /// A server of its own.
    Postgres(Postgres),
}

impl Database {
    /// As the application's settings name it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(server) => server.url(),
        }
    }

    /// The texts of all messages, read past the application.
    ///
    /// # Errors
    /// The database cannot be read, or is damaged.
    pub(crate) fn messages(&self) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(file) => read_file(file),
            Self::Postgres(server) => Ok(psql(&server.url(), MESSAGES).lines().map(str::to_owned).collect()),
        }
    }
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
