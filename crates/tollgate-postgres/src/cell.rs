//! Cells in PostgreSQL's binary format, both ways, without a stop in between.

use crate::numeric;
use bytes::{BufMut, BytesMut};
use fallible_iterator::FallibleIterator;
use jiff::Timestamp;
use postgres_protocol::types as wire;
use std::{borrow::Cow, error::Error as StdError, fmt, ops::Range};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tollgate_store::{
    Batch, Error, Kind, Result, Row, Value, missing,
    nested::{self, texts},
    sql::Param,
};

type Failure = Box<dyn StdError + Sync + Send>;

/// Microseconds from 1970, our zero, to 2000, the server's.
const YEAR_2000: i64 = 946_684_800_000_000;

/// What a statement binds.
pub(crate) enum Bound<'a> {
    /// One value or an array of them.
    Param(&'a Param<'a>),
    /// One column of some rows, as an array.
    Column { rows: &'a dyn Batch, column: usize, kind: Kind, range: Range<usize> },
}

impl<'a> Bound<'a> {
    pub(crate) fn all(params: &'a [Param<'a>]) -> Vec<Self> {
        params.iter().map(Self::Param).collect()
    }

    /// The type, which is also that of the placeholder.
    pub(crate) fn type_(&self) -> Type {
        match self {
            Self::Param(Param::One(kind, _)) => types(*kind).0,
            Self::Param(Param::Many(kind, _)) | Self::Column { kind, .. } => types(*kind).1,
        }
    }
}

impl fmt::Debug for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bound value")
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Param(Param::One(kind, value)) => write(value, *kind, out),
            Self::Param(Param::Many(kind, values)) => {
                write_array(values.iter().map(|value| Ok(value.borrow())), *kind, out)
            }
            Self::Column { rows, column, kind, range } => {
                write_array(range.clone().map(|index| rows.row(index).value(*column)), *kind, out)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The type of a kind, and of an array of it.
fn types(kind: Kind) -> (Type, Type) {
    match kind {
        Kind::Bool => (Type::BOOL, Type::BOOL_ARRAY),
        Kind::Int32 => (Type::INT4, Type::INT4_ARRAY),
        Kind::Int64 => (Type::INT8, Type::INT8_ARRAY),
        Kind::Float => (Type::FLOAT8, Type::FLOAT8_ARRAY),
        Kind::Text | Kind::ObjectId | Kind::Texts => (Type::TEXT, Type::TEXT_ARRAY),
        Kind::Uuid => (Type::UUID, Type::UUID_ARRAY),
        Kind::Time => (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
        Kind::Decimal { .. } => (Type::NUMERIC, Type::NUMERIC_ARRAY),
        Kind::Json => (Type::JSONB, Type::JSONB_ARRAY),
    }
}

fn write(value: &Value<'_>, kind: Kind, out: &mut BytesMut) -> Result<IsNull, Failure> {
    match value {
        Value::Null => return Ok(IsNull::Yes),
        Value::Bool(it) => wire::bool_to_sql(*it, out),
        Value::Int(it) if kind == Kind::Int32 => wire::int4_to_sql(i32::try_from(*it)?, out),
        Value::Int(it) => match kind {
            Kind::Decimal { scale, .. } => numeric::write(*it, scale, out),
            _ => wire::int8_to_sql(*it, out),
        },
        Value::Float(it) => wire::float8_to_sql(*it, out),
        Value::Text(it) => match kind {
            Kind::Texts => wire::text_to_sql(&array(&texts(it)?), out),
            Kind::Json => {
                out.put_u8(JSONB);
                wire::text_to_sql(it, out);
            }
            _ => wire::text_to_sql(it, out),
        },
        Value::Uuid(it) => wire::uuid_to_sql(*it.as_bytes(), out),
        Value::Time(it) => wire::timestamp_to_sql(it.as_microsecond() - YEAR_2000, out),
    }
    Ok(IsNull::No)
}

/// The version of a `jsonb` on the wire.
const JSONB: u8 = 1;

/// An array as text: every item in quotes, so that none is taken for `NULL` or a separator.
fn array(texts: &[Cow<'_, str>]) -> String {
    let item = |text: &Cow<'_, str>| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", texts.iter().map(item).collect::<Vec<_>>().join(","))
}

/// The items of an array of texts, as JSON.
fn json(raw: &[u8]) -> Result<String, Failure> {
    let array = wire::array_from_sql(raw)?;
    let text = |item: Option<&[u8]>| {
        let item = item.ok_or("a list of texts with an empty item cannot be read")?;
        Ok::<_, Failure>(wire::text_from_sql(item)?.to_owned())
    };
    let mut texts = vec![];
    let mut items = array.values();
    while let Some(item) = items.next()? {
        texts.push(text(item)?);
    }
    Ok(nested::json(&texts))
}

fn write_array<'v>(
    values: impl ExactSizeIterator<Item = Result<Value<'v>>>,
    kind: Kind,
    out: &mut BytesMut,
) -> Result<IsNull, Failure> {
    let dimension = wire::ArrayDimension { len: i32::try_from(values.len())?, lower_bound: 1 };
    let member = |value: Result<Value<'_>>, out: &mut BytesMut| {
        Ok(match write(&value?, kind, out)? {
            IsNull::Yes => postgres_protocol::IsNull::Yes,
            IsNull::No => postgres_protocol::IsNull::No,
        })
    };
    wire::array_to_sql([dimension], types(kind).0.oid(), values, member, out)?;
    Ok(IsNull::No)
}

/// A row of an answer.
pub(crate) struct Shown<'a>(pub(crate) &'a tokio_postgres::Row);

impl<'a> Shown<'a> {
    pub(crate) fn cell(&self, column: usize) -> Result<Value<'a>> {
        if column >= self.0.len() {
            return Err(missing(column));
        }
        let read: Result<Read<'a>, _> = self.0.try_get(column);
        read.map(|read| read.0).map_err(|error| Error::Internal(std::sync::Arc::new(error)))
    }
}

impl Row for Shown<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        self.cell(column)
    }
}

struct Read<'a>(Value<'a>);

impl<'a> FromSql<'a> for Read<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(match *ty {
            Type::BOOL => Value::Bool(wire::bool_from_sql(raw)?),
            Type::INT2 => Value::Int(wire::int2_from_sql(raw)?.into()),
            Type::INT4 => Value::Int(wire::int4_from_sql(raw)?.into()),
            Type::INT8 => Value::Int(wire::int8_from_sql(raw)?),
            Type::FLOAT8 => Value::Float(wire::float8_from_sql(raw)?),
            Type::UUID => Value::Uuid(uuid::Uuid::from_bytes(wire::uuid_from_sql(raw)?)),
            Type::TEXT | Type::VARCHAR => Value::Text(Cow::Borrowed(wire::text_from_sql(raw)?)),
            Type::NUMERIC => Value::Int(numeric::read(raw).ok_or("a number does not fit into a decimal")?),
            Type::TEXT_ARRAY => Value::Text(json(raw)?.into()),
            Type::JSONB => match raw.split_first() {
                Some((&JSONB, json)) => Value::Text(Cow::Borrowed(wire::text_from_sql(json)?)),
                _ => return Err("a jsonb of a version that is not known".into()),
            },
            Type::TIMESTAMPTZ => {
                let since_2000 = wire::timestamp_from_sql(raw)?;
                Value::Time(Timestamp::from_microsecond(since_2000.saturating_add(YEAR_2000))?)
            }
            _ => return Err(format!("columns of type {ty} cannot be read").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
