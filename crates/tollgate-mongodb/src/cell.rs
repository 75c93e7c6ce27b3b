//! Cells as BSON, both ways.
//!
//! Moments are whole microseconds since 1970 in 64 bits: a BSON date has only milliseconds, and what was stored is what
//! must come back.

use jiff::Timestamp;
use mongodb::bson::{
    Binary, Bson, RawBinaryRef, RawBsonRef, RawDocument, RawDocumentBuf,
    raw::{CStr, CString},
    spec::BinarySubtype,
};
use std::borrow::Cow;
use tollgate_store::{Batch, Error, Kind, Result, Row, Table, Value, missing};
use uuid::Uuid;

/// What a column is called in a document.
pub(crate) fn name(table: &Table, column: usize) -> &'static str {
    if column == table.id { "_id" } else { table.columns[column].name }
}

/// A value to compare with or to set. The column decides how wide a number is.
pub(crate) fn bson(kind: Kind, value: &Value<'_>) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(it) => Bson::Boolean(*it),
        Value::Int(it) => match i32::try_from(*it) {
            Ok(small) if kind == Kind::Int32 => Bson::Int32(small),
            _ => Bson::Int64(*it),
        },
        Value::Float(it) => Bson::Double(*it),
        Value::Text(it) => Bson::String(it.clone().into_owned()),
        Value::Uuid(it) => Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: it.as_bytes().to_vec() }),
        Value::Time(it) => Bson::Int64(it.as_microsecond()),
    }
}

/// Rows as documents; `keys` are those that the database counted, in order.
pub(crate) fn documents(
    table: &'static Table,
    rows: &dyn Batch,
    range: std::ops::Range<usize>,
    keys: &[Value<'static>],
) -> Result<Vec<RawDocumentBuf>> {
    let start = range.start;
    range.map(|index| document(table, rows.row(index), keys.get(index - start))).collect()
}

fn document(table: &'static Table, row: &dyn Row, key: Option<&Value<'static>>) -> Result<RawDocumentBuf> {
    let mut document = RawDocumentBuf::new();
    for (index, column) in table.columns.iter().enumerate() {
        let value = match key {
            Some(key) if index == table.id => key.borrow(),
            _ => row.value(index)?,
        };
        let name = CString::try_from(name(table, index)).map_err(|error| Error::internal(error.to_string()))?;
        append(&mut document, &name, column.kind, &value);
    }
    Ok(document)
}

/// An empty cell is a field that is not there.
fn append(document: &mut RawDocumentBuf, name: &CStr, kind: Kind, value: &Value<'_>) {
    match value {
        Value::Null => (),
        Value::Bool(it) => document.append(name, *it),
        Value::Int(it) => match i32::try_from(*it) {
            Ok(small) if kind == Kind::Int32 => document.append(name, small),
            _ => document.append(name, *it),
        },
        Value::Float(it) => document.append(name, *it),
        Value::Text(it) => document.append(name, &**it),
        Value::Uuid(it) => document.append(name, RawBinaryRef { subtype: BinarySubtype::Uuid, bytes: it.as_bytes() }),
        Value::Time(it) => document.append(name, it.as_microsecond()),
    }
}

/// A document of an answer. What it has and the model does not know is passed over.
pub(crate) struct Shown<'a>(Vec<Value<'a>>);

impl<'a> Shown<'a> {
    pub(crate) fn new(table: &Table, document: &'a RawDocument) -> Result<Self> {
        let mut cells = vec![Value::Null; table.columns.len()];
        for element in document {
            let (found, value) = element.map_err(|error| Error::internal(error.to_string()))?;
            let column = (0..cells.len()).find(|column| name(table, *column) == found.as_str());
            if let Some(column) = column {
                cells[column] = read(table.columns[column].kind, value).ok_or_else(|| {
                    let kind = value.element_type();
                    Error::internal(format!("`{found}` of a document in `{}` is {kind:?}", table.name))
                })?;
            }
        }
        Ok(Self(cells))
    }
}

impl Row for Shown<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        self.0.get(column).map(Value::borrow).ok_or_else(|| missing(column))
    }
}

/// The value of a field, if it can be one of that kind. Other programs may have written numbers in another width.
fn read(kind: Kind, value: RawBsonRef<'_>) -> Option<Value<'_>> {
    Some(match (kind, value) {
        (_, RawBsonRef::Null) => Value::Null,
        (Kind::Bool, RawBsonRef::Boolean(it)) => Value::Bool(it),
        (Kind::Int32 | Kind::Int64, RawBsonRef::Int32(it)) => Value::Int(it.into()),
        (Kind::Int32 | Kind::Int64, RawBsonRef::Int64(it)) => Value::Int(it),
        (Kind::Float, RawBsonRef::Double(it)) => Value::Float(it),
        (Kind::Float, RawBsonRef::Int32(it)) => Value::Float(it.into()),
        (Kind::Text, RawBsonRef::String(it)) => Value::Text(Cow::Borrowed(it)),
        (Kind::Uuid, RawBsonRef::Binary(it)) if it.subtype == BinarySubtype::Uuid => {
            Value::Uuid(Uuid::from_slice(it.bytes).ok()?)
        }
        (Kind::Time, RawBsonRef::Int64(it)) => Value::Time(Timestamp::from_microsecond(it).ok()?),
        _ => return None,
    })
}
