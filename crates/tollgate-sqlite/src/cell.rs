//! Cells in SQLite, both ways, without a stop in between.

use rusqlite::{
    Error as Failure, ErrorCode, ffi,
    types::{ToSql, ToSqlOutput, Value as Owned, ValueRef},
};
use std::{borrow::Cow, rc::Rc, sync::Arc};
use tollgate_store::{Error, Result, Row, Value, missing, sql::Param};

/// A bound value, or a list of them, which SQLite reads as a table called `rarray`.
pub(crate) struct Bound<'a>(pub(crate) &'a Param<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Param::One(_, value) => ToSqlOutput::Borrowed(plain(value)),
            Param::Many(_, values) => {
                let owned = values.iter().map(|value| Owned::try_from(plain(value)));
                ToSqlOutput::from_rc(Rc::new(owned.collect::<Result<Vec<_>, _>>()?), c"rarray")
            }
        })
    }
}

fn plain<'a>(value: &'a Value<'_>) -> ValueRef<'a> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Bool(it) => ValueRef::Integer(i64::from(*it)),
        Value::Int(it) => ValueRef::Integer(*it),
        Value::Float(it) => ValueRef::Real(*it),
        Value::Text(it) => ValueRef::Text(it.as_bytes()),
        Value::Uuid(it) => ValueRef::Blob(it.as_bytes()),
        Value::Time(it) => ValueRef::Integer(it.as_microsecond()),
    }
}

/// A row of an answer.
pub(crate) struct Shown<'a>(pub(crate) &'a rusqlite::Row<'a>);

impl<'a> Shown<'a> {
    pub(crate) fn cell(&self, column: usize) -> Result<Value<'a>> {
        let invalid = |error: &dyn std::error::Error| Error::internal(error.to_string());
        Ok(match self.0.get_ref(column).map_err(|_| missing(column))? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(it) => Value::Int(it),
            ValueRef::Real(it) => Value::Float(it),
            ValueRef::Text(it) => Value::Text(Cow::Borrowed(std::str::from_utf8(it).map_err(|error| invalid(&error))?)),
            ValueRef::Blob(it) => Value::Uuid(uuid::Uuid::from_slice(it).map_err(|error| invalid(&error))?),
        })
    }
}

impl Row for Shown<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        self.cell(column)
    }
}

/// What the caller can do about it.
pub(crate) fn tell(error: Failure) -> Error {
    let Some(code) = error.sqlite_error().copied() else { return Error::Internal(Arc::new(error)) };
    match code.code {
        ErrorCode::ConstraintViolation if DUPLICATES.contains(&code.extended_code) => {
            Error::Conflict { column: column_of(&error.to_string()) }
        }
        ErrorCode::ConstraintViolation if code.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
            Error::Conflict { column: None }
        }
        ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch => {
            Error::Rejected(Arc::new(error))
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted => Error::Overloaded,
        ErrorCode::DiskFull => Error::Full(Arc::new(error)),
        ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::SystemIoFailure
        | ErrorCode::NotADatabase
        | ErrorCode::PermissionDenied
        | ErrorCode::DatabaseCorrupt => Error::Unavailable(Arc::new(error)),
        _ => Error::Internal(Arc::new(error)),
    }
}

const DUPLICATES: [i32; 2] = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY];

/// From "UNIQUE constraint failed: books.mark", `mark`.
fn column_of(message: &str) -> Option<String> {
    let columns = message.strip_prefix("UNIQUE constraint failed: ")?;
    let (_, column) = columns.split(", ").next()?.rsplit_once('.')?;
    Some(column.to_owned())
}
