//! Cells as BSON, both ways.
//!
//! Moments are whole microseconds since 1970 in 64 bits: a BSON date has only milliseconds, and what was stored is what
//! must come back.

use crate::nested;
use jiff::Timestamp;
use mongodb::bson::{
    Binary, Bson, RawBson, RawBsonRef, RawDocument, RawDocumentBuf, raw::CString, spec::BinarySubtype,
};
use std::borrow::Cow;
use tollgate_store::{Batch, Error, Kind, Result, Row, Table, Value, missing};
use uuid::Uuid;

/// What a column is called in a document.
pub(crate) fn name(table: &Table, column: usize) -> &'static str {
    if column == table.id { "_id" } else { table.columns[column].name }
}

/// A value as it is kept and compared with. The column decides what a number or a text is.
pub(crate) fn bson(kind: Kind, value: &Value<'_>) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(it) => Bson::Boolean(*it),
        Value::Int(it) => match (kind, i32::try_from(*it)) {
            (Kind::Int32, Ok(small)) => Bson::Int32(small),
            (Kind::Decimal { scale, .. }, _) => nested::decimal(*it, scale),
            _ => Bson::Int64(*it),
        },
        Value::Float(it) => Bson::Double(*it),
        Value::Text(it) => match kind {
            Kind::ObjectId => it.parse().map_or(Bson::Null, Bson::ObjectId),
            Kind::Texts | Kind::Json => nested::bson(it),
            _ => Bson::String(it.clone().into_owned()),
        },
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
        // An empty cell is a field that is not there.
        if value != Value::Null {
            let name = CString::try_from(name(table, index)).map_err(|error| Error::internal(error.to_string()))?;
            let value = RawBson::try_from(bson(column.kind, &value));
            document.append(name, value.map_err(|error| Error::internal(error.to_string()))?);
        }
    }
    Ok(document)
}

/// A document of an answer. What it has and the model does not know is passed over; a field that does not fit is an
/// error to whoever reads it, and not to those who asked for other documents.
pub(crate) struct Shown<'a>(Vec<Result<Value<'a>>>);

impl<'a> Shown<'a> {
    pub(crate) fn new(table: &Table, document: &'a RawDocument) -> Result<Self> {
        let count = table.columns.len();
        let mut cells = vec![Ok(Value::Null); count];
        // Fields come in the order of the columns, but for those of other programs.
        let mut next = 0;
        for element in document {
            let (found, value) = element.map_err(|error| Error::internal(error.to_string()))?;
            let column =
                (next..next + count).map(|at| at % count).find(|column| name(table, *column) == found.as_str());
            if let Some(column) = column {
                next = column + 1;
                cells[column] = read(table.columns[column].kind, value).ok_or_else(|| {
                    let kind = value.element_type();
                    Error::internal(format!("`{found}` of a document in `{}` is {kind:?}", table.name))
                });
            }
        }
        Ok(Self(cells))
    }
}

impl Row for Shown<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        let cell = self.0.get(column).ok_or_else(|| missing(column))?;
        cell.as_ref().map(Value::borrow).map_err(Clone::clone)
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
        (Kind::Text | Kind::Choice(_) | Kind::Date, RawBsonRef::String(it)) => Value::Text(Cow::Borrowed(it)),
        (Kind::Uuid, RawBsonRef::Binary(it)) if it.subtype == BinarySubtype::Uuid => {
            Value::Uuid(Uuid::from_slice(it.bytes).ok()?)
        }
        (Kind::Decimal { scale, .. }, RawBsonRef::Decimal128(it)) => Value::Int(nested::units(&it.to_string(), scale)?),
        (Kind::ObjectId, RawBsonRef::ObjectId(it)) => Value::Text(it.to_hex().into()),
        (Kind::Texts | Kind::Json, it) => Value::Text(nested::json(it)?.to_string().into()),
        (Kind::Time, RawBsonRef::Int64(it)) => Value::Time(Timestamp::from_microsecond(it).ok()?),
        _ => return None,
    })
}
