//! What the server's "no" means to the caller, by its code.
//!
//! Only the name of a code and words of the driver go any further: the server's own words quote values.

use crate::config::Config;
use mongodb::{
    bson::Document,
    error::{
        Error as Failure, ErrorKind, Result as Fallible, TRANSIENT_TRANSACTION_ERROR,
        UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
    },
};
use std::time::Duration;
use tokio::time::{error::Elapsed, timeout};
use tollgate_core::Cause;
use tollgate_store::{Error, Result, Table};

pub(crate) const DUPLICATE_KEY: i32 = 11000;

/// Another transaction is in the way; the whole may be tried again.
pub(crate) fn is_passing(error: &Failure) -> bool {
    error.contains_label(TRANSIENT_TRANSACTION_ERROR) && !is_lost(error)
}

/// The server is not there, or no longer the one that writes.
fn is_lost(error: &Failure) -> bool {
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Authentication { .. }
        | ErrorKind::Shutdown => true,
        _ => code(error)
            .is_some_and(|code| matches!(code, 6 | 7 | 89 | 91 | 189 | 9001 | 10107 | 11600 | 11602 | 13435 | 13436)),
    }
}

/// The server's "no" to one of several writes, of which an answer tells that is none by itself.
pub(crate) struct Refused {
    code: i32,
    words: String,
}

impl Refused {
    pub(crate) fn of(error: &Document) -> Self {
        let words = error.get_str("errmsg").unwrap_or_default().to_owned();
        Self { code: error.get_i32("code").unwrap_or_default(), words }
    }
}

/// The number of the server's "no", and its words.
fn said(error: &Failure) -> Option<(i32, &str)> {
    match &*error.kind {
        ErrorKind::Command(said) => Some((said.code, &said.message)),
        ErrorKind::Write(WriteFailure::WriteError(said)) => Some((said.code, &said.message)),
        ErrorKind::Write(WriteFailure::WriteConcernError(said)) => Some((said.code, &said.message)),
        ErrorKind::InsertMany(many) => match (&many.write_errors, &many.write_concern_error) {
            (Some(errors), _) if !errors.is_empty() => Some((errors[0].code, &errors[0].message)),
            (_, Some(said)) => Some((said.code, &said.message)),
            _ => None,
        },
        _ => error.get_custom::<Refused>().map(|said| (said.code, said.words.as_str())),
    }
}

pub(crate) fn code(error: &Failure) -> Option<i32> {
    said(error).map(|(code, _)| code)
}

/// The server's own words, for who writes scripts: they may quote values.
pub(crate) fn own_words(error: &Failure) -> String {
    said(error).map_or_else(|| error.to_string(), |(code, words)| format!("{words} (code {code})"))
}

/// What the caller can do about it.
pub(crate) fn tell(table: Option<&Table>, error: &Failure) -> Error {
    if is_lost(error) || error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
        return Error::Unavailable(source(error));
    }
    match said(error) {
        Some((DUPLICATE_KEY, words)) => Error::Conflict { column: table.and_then(|table| column_of(table, words)) },
        // A document that the validator refuses, that is too large, or whose number grows too large.
        Some((121 | 10334 | 2, _)) => Error::Rejected(source(error)),
        Some((14031, _)) => Error::Full(source(error)),
        // What the system says of a file that cannot be made; the code is that of whatever is unknown.
        Some((8, words)) if words.contains("No space left on device") => Error::Full(source(error)),
        Some((13 | 18, _)) => Error::Unavailable(source(error)),
        // Given up by the server: lock or time limit, conflict, a transaction it has ended.
        Some((24 | 50 | 112 | 246 | 251 | 290, _)) => Error::Overloaded,
        _ if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => Error::Overloaded,
        _ => Error::Internal(source(error)),
    }
}

/// Waits for an answer, but not forever: the driver itself waits for as long as a connection holds.
pub(crate) async fn in_time<R>(
    limit: Duration,
    table: Option<&Table>,
    work: impl IntoFuture<Output = Fallible<R>>,
) -> Result<R> {
    timeout(limit, work).await.map_err(late)?.map_err(|error| tell(table, &error))
}

/// What did not answer in time may have happened nevertheless.
pub(crate) fn late(_: Elapsed) -> Error {
    Error::Unavailable(Error::source_of("it does not answer in time"))
}

fn source(error: &Failure) -> Cause {
    Error::source_of(words(error))
}

/// One line, without what documents contain.
fn words(error: &Failure) -> String {
    match (&*error.kind, code(error)) {
        (ErrorKind::Command(said), _) => format!("{} (code {})", said.code_name, said.code),
        (_, Some(code)) => format!("the server refuses it (code {code})"),
        _ => error.to_string(),
    }
}

/// From `… index: notes_mark_key dup key: { mark: "x" }` the column of that index.
fn column_of(table: &Table, words: &str) -> Option<String> {
    let index = words.split_once(" index: ")?.1.split(' ').next()?;
    let is_its = |(at, column): &(usize, &tollgate_store::Column)| match index {
        "_id_" => *at == table.id,
        index => index == crate::schema::index_name(table, column),
    };
    table.columns.iter().enumerate().find(is_its).map(|(_, column)| column.name.to_owned())
}

/// Why the database cannot be used, and what to do: one line for whoever starts the app.
pub(crate) fn unusable(config: &Config, why: &str, remedy: &str) -> Error {
    Error::Unavailable(Error::source_of(format!("MongoDB at {config}: {why}; {remedy}")))
}

/// Why the first question failed, and what to do.
pub(crate) fn refused(config: &Config, error: &Failure) -> Error {
    let is_no_entry = matches!(&*error.kind, ErrorKind::Authentication { .. }) || matches!(code(error), Some(13 | 18));
    let remedy = match &*error.kind {
        _ if is_no_entry || error.to_string().contains("uthenticat") => "check user, password and `authSource`",
        ErrorKind::InvalidTlsConfig { .. } => "check `tls` and `tlsCAFile`",
        ErrorKind::ServerSelection { message, .. } => selection(message),
        _ => "start it, or check host and port",
    };
    let remedy = &format!("{remedy} in `database.url`");
    let why = if is_no_entry { "it does not let this user in".to_owned() } else { words(error) };
    unusable(config, &why, remedy)
}

/// What to do where the driver found no server that can be asked: it tells why in its words only.
fn selection(words: &str) -> &'static str {
    if words.contains("wire version") {
        "upgrade it, or name another"
    } else if words.contains("RsGhost") {
        "run rs.initiate() on it once, or name another"
    } else if words.contains("Set Name") && !words.contains("Servers: [") {
        "check `replicaSet`"
    } else {
        "start it, or check host and port"
    }
}
