//! What the server's "no" means to the caller, by its SQLSTATE, which no translation changes.
//!
//! Only the message of an error goes any further. Its detail quotes whole rows, hidden values included.

use crate::config::Config;
use std::{error::Error as StdError, io};
use tokio_postgres::{
    Error as Failure,
    error::{DbError, SqlState},
};
use tollgate_core::Cause;
use tollgate_store::Error;

/// The statement must be prepared again: its result changed (`ALTER TABLE`), or the server forgot it.
pub(crate) fn is_stale(error: &Failure) -> bool {
    let changed = |error: &DbError| error.routine() == Some("RevalidateCachedQuery");
    match error.code() {
        Some(code) if *code == SqlState::FEATURE_NOT_SUPPORTED => error.as_db_error().is_some_and(changed),
        code => code == Some(&SqlState::INVALID_SQL_STATEMENT_NAME),
    }
}

/// The connection is gone, or about to be.
pub(crate) fn is_lost(error: &Failure) -> bool {
    match error.as_db_error() {
        Some(error) => is_farewell(error),
        None => error.is_closed() || error.source().is_some_and(<dyn StdError>::is::<io::Error>),
    }
}

/// The last words of a session: it was ended, the pooler lost it, or its server may no longer write, because another
/// has taken over. What it was doing may have happened.
fn is_farewell(error: &DbError) -> bool {
    let code = error.code().code();
    code.starts_with("57P0") || code.starts_with("08") || ["25P03", "25P04", "25006"].contains(&code)
}

/// Another's transaction is in the way: one that holds a lock, or waits for ours.
fn is_blocked(error: &Failure) -> bool {
    error.code().is_some_and(|code| matches!(code.code(), "55P03" | "40P01" | "40001"))
}

/// What a write brought; nothing if another's transaction was in the way.
pub(crate) fn unblocked<R>(outcome: Result<R, Failure>) -> Result<Option<R>, Error> {
    match outcome {
        Err(error) if is_blocked(&error) => Ok(None),
        outcome => outcome.map(Some).map_err(|error| tell(&error)),
    }
}

/// What the caller can do about it.
pub(crate) fn tell(error: &Failure) -> Error {
    let Some(said) = error.as_db_error() else {
        let why = source(error);
        return if is_lost(error) { Error::Unavailable(why) } else { Error::Internal(why) };
    };
    match said.code().code() {
        "23505" => Error::Conflict { column: said.detail().and_then(column_of) },
        "23503" | "23P01" => Error::Conflict { column: None },
        "53100" => Error::Full(source(error)),
        // Values that cannot be (data, constraints), or are too long for an index.
        code if code.starts_with("22") || code.starts_with("23") || code == "54000" => Error::Rejected(source(error)),
        // Given up by the server: deadlock, serialization, lock or statement timeout, memory.
        "40001" | "40P01" | "55P03" | "57014" | "53200" => Error::Overloaded,
        // Too many connections, no right to it, unknown outcome, refused at the door.
        code if ["53300", "42501", "40003"].contains(&code) || code.starts_with("28") => {
            Error::Unavailable(source(error))
        }
        _ if is_farewell(said) => Error::Unavailable(source(error)),
        _ => Error::Internal(source(error)),
    }
}

/// Of a statement that should only read: it does not.
pub(crate) fn writes(error: &Failure) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// The same about a statement that should only read.
pub(crate) fn tell_reader(error: &Failure) -> Error {
    if writes(error) { Error::Internal(source(error)) } else { tell(error) }
}

fn source(error: &Failure) -> Cause {
    Error::source_of(words(error))
}

/// One line, without what rows contain.
pub(crate) fn words(error: &Failure) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")),
    }
}

/// From `Key (mark)=(x) already exists.`, in any language, `mark`.
fn column_of(detail: &str) -> Option<String> {
    let (columns, _) = detail.split_once('(')?.1.split_once(")=(")?;
    let first = columns.split(", ").next()?.trim_matches('"');
    // An expression is no column.
    (!first.contains('(')).then(|| first.to_owned())
}

/// Why the database cannot be used, and what to do: one line for whoever starts the app.
pub(crate) fn unusable(config: &Config, why: &str, remedy: &str) -> Error {
    Error::Unavailable(Error::source_of(format!("PostgreSQL at {config}: {why}; {remedy}")))
}

/// The server does not know whoever signs in, or not with that password.
pub(crate) fn is_stranger(error: &Failure) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("28"))
}

/// Why a first connection failed, and what to do.
pub(crate) fn refused(config: &Config, error: &Failure) -> Error {
    let (why, remedy) = match error.as_db_error() {
        Some(said) => {
            let remedy = match said.code().code() {
                "3D000" => "create it, or name another in `database.url`",
                "53300" => "raise its `max_connections`, or ask for fewer connections in `database.url`",
                "57P03" => "wait until it has started",
                _ if config.iam => "GRANT rds_iam to the user in `database.url`, and let the AWS role `rds-db:connect`",
                _ => "check user and password in `database.url`, and what the server allows them in pg_hba.conf",
            };
            (said.message().to_owned(), remedy)
        }
        None => (words(error), remedy(error)),
    };
    unusable(config, &why, remedy)
}

fn remedy(error: &Failure) -> &'static str {
    let said = error.to_string();
    if said.contains("TLS") {
        "check `sslmode` and `sslrootcert` in `database.url`"
    } else if said.contains("configuration") || said.contains("authentication") {
        "check user and password in `database.url`"
    } else {
        "start it, or check host and port in `database.url`"
    }
}

#[cfg(test)]
mod tests {
    use super::column_of;

    #[test]
    fn the_column_is_found_in_every_language() {
        assert_eq!(column_of("Key (mark)=(x) already exists.").as_deref(), Some("mark"));
        assert_eq!(column_of("Schlüssel »(mark)=(a)=(b)« existiert bereits.").as_deref(), Some("mark"));
        assert_eq!(column_of("Key (\"user\", team)=(1, 2) already exists.").as_deref(), Some("user"));
        assert_eq!(column_of("Key (lower(mark))=(x) already exists."), None);
        assert_eq!(column_of("Something else."), None);
    }
}
