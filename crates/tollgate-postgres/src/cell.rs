//! Cells in PostgreSQL's binary format, both ways, without a stop in between.

use crate::numeric;
use bytes::{BufMut, BytesMut};
use fallible_iterator::FallibleIterator;
use jiff::{
    Span, Timestamp,
    civil::{Date, date},
};
use postgres_protocol::types as wire;
use std::{borrow::Cow, error::Error as StdError, fmt, ops::Range};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tollgate_store::{
    Batch, Error, FIRST_MOMENT, Kind, Result, Row, Shape, Value, missing,
    nested::{self, texts},
    sql::Param,
};

type Failure = Box<dyn StdError + Sync + Send>;

/// Microseconds from 1970, our zero, to 2000, the server's.
const YEAR_2000: i64 = 946_684_800_000_000;

/// The server's zero of days.
const FIRST_DAY: Date = date(2000, 1, 1);

/// The moment before all others: `-infinity`.
const LONG_AGO: i64 = i64::MIN;

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
        Kind::Text | Kind::ObjectId | Kind::Choice(_) | Kind::Texts => (Type::TEXT, Type::TEXT_ARRAY),
        Kind::Date => (Type::DATE, Type::DATE_ARRAY),
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
            // As with moments: before the year 0.
            Kind::Date if it.starts_with('-') => wire::date_to_sql(i32::MIN, out),
            Kind::Date => wire::date_to_sql((it.parse::<Date>()? - FIRST_DAY).get_days(), out),
            _ => wire::text_to_sql(it, out),
        },
        Value::Uuid(it) => wire::uuid_to_sql(*it.as_bytes(), out),
        // No row has it, but a filter may ask for what comes after.
        Value::Time(it) if *it < FIRST_MOMENT => wire::timestamp_to_sql(LONG_AGO, out),
        Value::Time(it) => wire::timestamp_to_sql(it.as_microsecond() - YEAR_2000, out),
    }
    Ok(IsNull::No)
}

/// The version of a `jsonb` on the wire.
const JSONB: u8 = 1;

/// An array as text: every item in quotes, so that none is taken for `NULL` or a separator.
pub(crate) fn array(texts: &[Cow<'_, str>]) -> String {
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
        read.map(|read| read.0).map_err(|error| self.unreadable(column, &error))
    }
}

impl Shown<'_> {
    fn unreadable(&self, column: usize, error: &tokio_postgres::Error) -> Error {
        let (name, cause) =
            (self.0.columns()[column].name(), error.source().map_or(String::new(), ToString::to_string));
        Error::internal(format!("`{name}` cannot be read: {cause}"))
    }
}

impl Row for Shown<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        self.cell(column)
    }
}

/// A row of SQL of the app's own, whose columns nobody has compared with a model.
pub(crate) struct Asked<'a> {
    pub(crate) row: Shown<'a>,
    pub(crate) shape: &'a Shape,
}

impl Row for Asked<'_> {
    /// The units of a `numeric` mean nothing without their decimals, which only a field of such a type knows.
    fn value(&self, column: usize) -> Result<Value<'_>> {
        let found = self.row.0.columns().get(column).ok_or_else(|| missing(column))?;
        match (found.type_() == &Type::NUMERIC, self.shape.kind(column)) {
            (true, Some(Kind::Decimal { scale, .. })) => {
                let read = self.row.0.try_get::<_, Option<Numeric>>(column);
                let read = read.map_err(|error| self.row.unreadable(column, &error))?;
                let units = read.map(|Numeric(units, decimals)| rescaled(units, decimals, scale));
                match units {
                    None => Ok(Value::Null),
                    Some(Some(units)) => Ok(Value::Int(units)),
                    Some(None) => {
                        Err(Error::internal(format!("`{}` has more decimals, or digits; round it", found.name())))
                    }
                }
            }
            (false, Some(Kind::Decimal { .. })) | (true, _) => {
                let remedy = "cast it, as in `::numeric(9,2)`, `::float8` or `::int8`";
                Err(Error::internal(format!("`{}` is a {}; {remedy}", found.name(), found.type_())))
            }
            _ => self.row.cell(column),
        }
    }
}

/// The units of a number with these decimals, in units of a smaller size.
fn rescaled(units: i64, decimals: u16, scale: u8) -> Option<i64> {
    let more = u16::from(scale).checked_sub(decimals)?;
    units.checked_mul(10_i64.checked_pow(more.into())?)
}

/// Units, and how many decimals they have.
struct Numeric(i64, u16);

impl FromSql<'_> for Numeric {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Failure> {
        let units = numeric::read(raw).ok_or("a number does not fit into a decimal")?;
        Ok(Self(units, numeric::decimals(raw)))
    }

    fn accepts(_: &Type) -> bool {
        true
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
            Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => Value::Text(json(raw)?.into()),
            Type::JSONB => match raw.split_first() {
                Some((&JSONB, json)) => Value::Text(Cow::Borrowed(wire::text_from_sql(json)?)),
                _ => return Err("a jsonb of a version that is not known".into()),
            },
            Type::DATE => {
                let day = FIRST_DAY.checked_add(Span::new().try_days(wire::date_from_sql(raw)?)?)?;
                Value::Text(day.to_string().into())
            }
            Type::TIMESTAMPTZ => {
                let since_2000 = wire::timestamp_from_sql(raw)?;
                Value::Time(Timestamp::from_microsecond(since_2000.saturating_add(YEAR_2000))?)
            }
            _ => return Err(format!("no field is a {ty}; cast it, as in `::float8` or `::text`").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
