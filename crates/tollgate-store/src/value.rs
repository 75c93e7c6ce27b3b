//! One cell, and the one trait through which rows travel in both directions.
//!
//! A [`Row`] shows its cells borrowed, one at a time. The database's rows are rows, and so is every resource;
//! reading is `row.read(0)?` per field, writing is `value(0)` per column, and a filter looks at either. No
//! tree of values is built on the way, and drivers need no type parameter.

use crate::{
    Decimal, Error, ObjectId, Result, decimal,
    migrate::ShapeOf,
    nested::{has_nul, is_too_deep},
};
use jiff::{Timestamp, civil::Date};
use std::{borrow::Cow, cmp::Ordering};
use tollgate_core::{At, Faults, Input, Probe};
use uuid::Uuid;

/// One cell, borrowed where it can be.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number other than `-0.0`, which not every database keeps.
    Float(f64),
    Text(Cow<'a, str>),
    Uuid(Uuid),
    /// A moment in whole microseconds, the finest that all databases keep.
    Time(Timestamp),
}

impl Value<'_> {
    /// The same value, free of what it borrowed.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(it) => Value::Bool(it),
            Self::Int(it) => Value::Int(it),
            Self::Float(it) => Value::Float(it),
            Self::Text(it) => Value::Text(Cow::Owned(it.into_owned())),
            Self::Uuid(it) => Value::Uuid(it),
            Self::Time(it) => Value::Time(it),
        }
    }

    /// The same value, borrowed from this one.
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            other => other.clone().into_owned(),
        }
    }

    /// The order of every database we speak to: null first, text by code point.
    pub fn order(&self, other: &Value<'_>) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Self::Int(a), Value::Int(b)) => a.cmp(b),
            (Self::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Self::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            (Self::Time(a), Value::Time(b)) => a.cmp(b),
            (a, b) => (*a != Value::Null).cmp(&(*b != Value::Null)),
        }
    }

    /// Refuses what not every database can keep: NUL in text and moments before its calendar (PostgreSQL), NaN and
    /// infinity (SQLite, JSON), a null that is not an empty cell (MongoDB), a nested value of very many levels.
    pub(crate) fn check(&self, kind: Kind) -> Result<()> {
        match self {
            Self::Text(json) if matches!(kind, Kind::Json | Kind::Texts) && has_nul(json) => {
                Err(Error::invalid("text with a NUL character cannot be stored"))
            }
            Self::Text(json) if kind == Kind::Json && json == "null" => {
                Err(Error::invalid("a nested value cannot be null; where it may be empty, it is an `Option`"))
            }
            Self::Text(json) if kind == Kind::Json && is_too_deep(json) => {
                Err(Error::invalid("a nested value of more than 99 levels cannot be stored"))
            }
            Self::Text(text) if text.contains('\0') => {
                Err(Error::invalid("text with a NUL character cannot be stored"))
            }
            Self::Text(day) if kind == Kind::Date && day.starts_with('-') => {
                Err(Error::invalid("a day before the year 0 cannot be stored"))
            }
            Self::Float(number) if !number.is_finite() => Err(Error::invalid("only finite numbers can be stored")),
            Self::Time(moment) if *moment < FIRST_MOMENT => {
                Err(Error::invalid("a moment before 24 November 4714 BC cannot be stored"))
            }
            _ => Ok(()),
        }
    }
}

/// The first moment that can be stored, where the Julian day numbers begin: 24 November 4714 BC.
pub const FIRST_MOMENT: Timestamp = Timestamp::constant(-210_866_803_200, 0);

/// What a column holds. Another kind is a change for each driver, so that the compiler must name them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A truth value.
    Bool,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A finite number (IEEE 754, 64 bits).
    Float,
    /// A text without NUL.
    Text,
    /// A UUID (RFC 9562).
    Uuid,
    /// A moment, in microseconds.
    Time,
    /// A day. Its values are [`Value::Text`], as in `2026-11-20`; the first is in the year 0.
    Date,
    /// One of these texts, which are sorted as texts are. Its values are [`Value::Text`].
    Choice(&'static [&'static str]),
    /// A number of so many digits, some of them decimals. Its values are [`Value::Int`], in units of the last decimal.
    #[expect(missing_docs, reason = "the names say it")]
    Decimal { precision: u8, scale: u8 },
    /// A key as MongoDB makes them. Its values are [`Value::Text`], 24 hexadecimal digits in lower case.
    ObjectId,
    /// A list of texts. Its values are [`Value::Text`], a JSON array.
    Texts,
    /// A value of the app's own. Its values are [`Value::Text`], JSON.
    Json,
}

impl Kind {
    /// Whether its values have an order, and so can be compared and sorted by.
    pub const fn is_ordered(self) -> bool {
        !matches!(self, Self::Texts | Self::Json)
    }

    /// Whether its values are compared letter by letter.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::ObjectId | Self::Choice(_))
    }

    /// What it is kept as, where one kind is another with a rule.
    #[must_use]
    pub const fn stored(self) -> Self {
        if let Self::Choice(_) = self { Self::Text } else { self }
    }

    /// Reads the text form that URLs and cursors use; `None` if it is no value of this kind.
    pub fn parse(self, text: &str) -> Option<Value<'static>> {
        Some(match self {
            Self::Bool => Value::Bool(text.parse().ok()?),
            Self::Int32 => Value::Int(text.parse::<i32>().ok()?.into()),
            Self::Int64 => Value::Int(text.parse().ok()?),
            Self::Float => Value::Float(text.parse().ok().filter(|number: &f64| number.is_finite())?),
            Self::Text => Value::Text(Cow::Owned((!text.contains('\0')).then(|| text.to_owned())?)),
            Self::Uuid => Value::Uuid(text.parse().ok()?),
            Self::Time => Value::Time(micros(text.parse().ok()?)),
            Self::Decimal { precision, scale } => {
                let units = decimal::parse(text, scale)?;
                Value::Int((units.unsigned_abs() < 10_u64.pow(precision.into())).then_some(units)?)
            }
            Self::Date => text.parse::<Date>().ok().filter(|day| day.year() >= 0)?.show().into_owned(),
            Self::Choice(names) => Value::Text(Cow::Borrowed(names.iter().find(|name| **name == text)?)),
            Self::ObjectId => text.parse::<ObjectId>().ok()?.show().into_owned(),
            Self::Texts | Self::Json => return None,
        })
    }
}

/// Anything that shows its cells one by one.
pub trait Row {
    /// The cell of the column with this index.
    ///
    /// # Errors
    /// There is no such column, or the database answered something that is no value.
    fn value(&self, column: usize) -> Result<Value<'_>>;

    /// What the column is called, for the log.
    fn name(&self, column: usize) -> Cow<'static, str> {
        format!("column {column}").into()
    }
}

impl dyn Row + '_ {
    /// The cell as a field's type.
    ///
    /// # Errors
    /// As [`Row::value`], or the value is of another type.
    pub fn read<C: Cell>(&self, column: usize) -> Result<C> {
        let value = self.value(column)?;
        let is = if value == Value::Null { "is empty and" } else { "is" };
        C::read(value).ok_or_else(|| Error::internal(format!("{} {is} no {:?}", self.name(column), C::KIND)))
    }
}

impl Row for Vec<Value<'static>> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        self.get(column).map(Value::borrow).ok_or_else(|| missing(column))
    }
}

/// What a row answers when asked for a column it does not have.
pub fn missing(column: usize) -> Error {
    Error::internal(format!("there is no column {column}"))
}

/// A type that fits into one cell.
#[diagnostic::on_unimplemented(
    message = "a resource cannot have a field of type `{Self}`",
    label = "no column holds this",
    note = "fields are `bool`, `i32`, `i64`, `f64`, `Decimal`, `String`, `Uuid`, `ObjectId`, `Timestamp`, `Date`, \
            `Vec<String>`, enums with `#[choice]`, `Nested` and `Option`s of those"
)]
pub trait Cell: Input + Sync + 'static {
    /// The type without its `Option`.
    type Plain: Cell;
    /// What the column holds.
    const KIND: Kind;
    /// True if the cell may be empty.
    const NULLABLE: bool = false;
    /// What is in it, where its kind does not say.
    const SHAPE: Option<ShapeOf> = None;
    /// The value to store.
    fn show(&self) -> Value<'_>;
    /// The stored value, if it is of this type.
    fn read(value: Value<'_>) -> Option<Self>;
}

macro_rules! cells {
    ($($type:ty, $kind:ident, |$it:ident| $show:expr, { $($pattern:pat => $read:expr),+ };)+) => {$(
        impl Cell for $type {
            type Plain = Self;
            const KIND: Kind = Kind::$kind;
            fn show(&self) -> Value<'_> {
                let $it = self;
                $show
            }
            fn read(value: Value<'_>) -> Option<Self> {
                match value {
                    $($pattern => $read,)+
                    _ => None,
                }
            }
        }
    )+};
}

cells! {
    bool, Bool, |it| Value::Bool(*it), { Value::Bool(it) => Some(it), Value::Int(it) => Some(it != 0) };
    i32, Int32, |it| Value::Int(i64::from(*it)), { Value::Int(it) => it.try_into().ok() };
    i64, Int64, |it| Value::Int(*it), { Value::Int(it) => Some(it) };
    f64, Float, |it| Value::Float(*it + 0.0), { Value::Float(it) => Some(it) };
    String, Text, |it| Value::Text(Cow::Borrowed(it)), { Value::Text(it) => Some(it.into_owned()) };
    Uuid, Uuid, |it| Value::Uuid(*it), { Value::Uuid(it) => Some(it) };
    Date, Date, |it| Value::Text(it.to_string().into()), { Value::Text(it) => it.parse().ok() };
    Timestamp, Time, |it| Value::Time(micros(*it)), {
        Value::Time(it) => Some(it),
        Value::Int(it) => Timestamp::from_microsecond(it).ok()
    };
}

/// The moment without what is finer than a microsecond.
fn micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

impl<C: Cell<Plain = C>> Cell for Option<C> {
    type Plain = C;
    const KIND: Kind = C::KIND;
    const NULLABLE: bool = true;
    const SHAPE: Option<ShapeOf> = C::SHAPE;

    fn show(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, C::show)
    }

    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => C::read(value).map(Some),
        }
    }
}

/// The field of a resource as a caller sends it. Who has a field that no column holds is told that, and nothing else.
pub const fn sent<C: Cell>(name: &'static str) -> Probe {
    Probe::within::<C>(name)
}

/// Checks a field of a resource by its own rules.
pub fn check_sent<C: Cell>(value: &C, at: &At<'_>, faults: &mut Faults) {
    value.check(at, faults);
}

/// Types whose values have an order, and so can be compared and sorted by.
#[diagnostic::on_unimplemented(
    message = "values of type `{Self}` cannot be compared",
    label = "it has no order",
    note = "a list is asked what it `has`, and what may be empty whether it `is_null`"
)]
pub trait Ordered: Cell<Plain = Self> {}
impl Ordered for bool {}
impl Ordered for i32 {}
impl Ordered for i64 {}
impl Ordered for f64 {}
impl Ordered for String {}
impl Ordered for Uuid {}
impl Ordered for Timestamp {}
impl Ordered for Date {}
impl Ordered for ObjectId {}
impl<const PRECISION: u8, const SCALE: u8> Ordered for Decimal<PRECISION, SCALE> {}
