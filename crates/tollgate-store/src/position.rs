//! Where a page ends, so that the next one can start behind it: keyset cursors.
//!
//! A position is the values that the last row has in the columns of the order, the key among them. Behind it are
//! the rows that come later in that order, whatever was added or removed in the meantime; there is no offset
//! that shifts. As bytes a position can travel in a cursor; whoever hands it out seals it.

use crate::{Expr, Op, Order, Result, Row, Table, Value};
use jiff::Timestamp;
use uuid::Uuid;

/// The values of a row in the columns of an order that ends with the key.
#[derive(Debug, Clone, PartialEq)]
pub struct Position(Vec<Value<'static>>);

impl Position {
    pub(crate) fn of(row: &dyn Row, order: &[Order]) -> Result<Self> {
        let value = |by: &Order| row.value(by.column).map(Value::into_owned);
        order.iter().map(value).collect::<Result<_>>().map(Self)
    }

    /// The rows behind it: equal in the first columns of the order and later in the next one. That they are not before it
    /// in the first column follows, and is said all the same: an index can start there.
    pub(crate) fn behind(&self, table: &Table, order: &[Order]) -> Expr {
        let columns = || order.iter().zip(&self.0);
        let ways = columns().enumerate().map(|(index, (by, value))| {
            let same = columns().take(index).map(|(by, value)| same(by.column, value));
            Expr::All(same.chain([later(table, *by, value)]).collect())
        });
        let ways = Expr::Any(ways.collect());
        match columns().next() {
            Some((Order { column, descending: false }, value)) if *value != Value::Null => {
                Expr::Compare(*column, Op::Gte, value.clone()).and(ways)
            }
            Some((Order { column, descending: true }, value)) if !table.columns[*column].nullable => {
                Expr::Compare(*column, Op::Lte, value.clone()).and(ways)
            }
            _ => ways,
        }
    }

    /// As bytes, without loss.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        for value in &self.0 {
            put(value, &mut bytes);
        }
        bytes
    }

    /// Back from bytes; `None` if they are no position.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        read_all(bytes).map(Self)
    }

    /// Whether it has a value of the right kind for each column of that order.
    pub fn fits(&self, table: &Table, order: &[Order]) -> bool {
        use crate::Kind;
        let fits = |(by, value): (&Order, &Value<'_>)| {
            let column = &table.columns[by.column];
            match value {
                Value::Null => column.nullable,
                Value::Bool(_) => column.kind == Kind::Bool,
                Value::Int(_) => matches!(column.kind, Kind::Int32 | Kind::Int64 | Kind::Decimal { .. }),
                Value::Float(_) => column.kind == Kind::Float,
                Value::Text(_) => column.kind.is_text() || column.kind == Kind::Date,
                Value::Uuid(_) => column.kind == Kind::Uuid,
                Value::Time(_) => column.kind == Kind::Time,
            }
        };
        self.0.len() == order.len() && order.iter().zip(&self.0).all(fits)
    }
}

/// Adds a value: its kind, and as many bytes as that says.
pub(crate) fn put(value: &Value<'_>, bytes: &mut Vec<u8>) {
    let mut put = |tag: u8, payload: &[u8]| {
        bytes.push(tag);
        bytes.extend_from_slice(payload);
    };
    match value {
        Value::Null => put(0, &[]),
        Value::Bool(it) => put(1, &[u8::from(*it)]),
        Value::Int(it) => put(2, &it.to_be_bytes()),
        Value::Float(it) => put(3, &it.to_be_bytes()),
        Value::Uuid(it) => put(4, it.as_bytes()),
        Value::Time(it) => put(5, &it.as_microsecond().to_be_bytes()),
        Value::Text(it) => {
            put(6, &(it.len() as u64).to_be_bytes());
            bytes.extend_from_slice(it.as_bytes());
        }
    }
}

/// All values that were put one after the other.
pub(crate) fn read_all(bytes: &[u8]) -> Option<Vec<Value<'static>>> {
    let (mut rest, mut values) = (bytes, vec![]);
    while let Some((tag, after)) = rest.split_first() {
        let (value, after) = read(*tag, after)?;
        values.push(value);
        rest = after;
    }
    Some(values)
}

fn read(tag: u8, bytes: &[u8]) -> Option<(Value<'static>, &[u8])> {
    let number = || bytes.split_first_chunk::<8>();
    Some(match tag {
        0 => (Value::Null, bytes),
        1 => bytes.split_first().map(|(it, rest)| (Value::Bool(*it != 0), rest))?,
        2 => number().map(|(it, rest)| (Value::Int(i64::from_be_bytes(*it)), rest))?,
        3 => number().map(|(it, rest)| (Value::Float(f64::from_be_bytes(*it)), rest))?,
        4 => bytes.split_first_chunk().map(|(it, rest)| (Value::Uuid(Uuid::from_bytes(*it)), rest))?,
        5 => {
            let (it, rest) = number()?;
            (Value::Time(Timestamp::from_microsecond(i64::from_be_bytes(*it)).ok()?), rest)
        }
        6 => {
            let (length, rest) = number()?;
            let (text, rest) = rest.split_at_checked(u64::from_be_bytes(*length).try_into().ok()?)?;
            (Value::Text(std::str::from_utf8(text).ok()?.to_owned().into()), rest)
        }
        _ => return None,
    })
}

fn same(column: usize, value: &Value<'static>) -> Expr {
    match value {
        Value::Null => Expr::IsNull(column),
        value => Expr::Compare(column, Op::Eq, value.clone()),
    }
}

/// Later in one column: null comes first, or last where it is descending.
fn later(table: &Table, Order { column, descending }: Order, value: &Value<'static>) -> Expr {
    match (value, descending) {
        (Value::Null, true) => Expr::NONE,
        (Value::Null, false) => Expr::Not(Box::new(Expr::IsNull(column))),
        (value, false) => Expr::Compare(column, Op::Gt, value.clone()),
        (value, true) if table.columns[column].nullable => {
            Expr::Any(vec![Expr::Compare(column, Op::Lt, value.clone()), Expr::IsNull(column)])
        }
        (value, true) => Expr::Compare(column, Op::Lt, value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_as_bytes() {
        let position = Position(vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(-0.1),
            Value::Uuid(Uuid::from_u128(7)),
            Value::Time(Timestamp::from_microsecond(-1).unwrap()),
            Value::Text("Amélie".into()),
            Value::Text("".into()),
        ]);
        let bytes = position.to_bytes();
        assert_eq!(Position::from_bytes(&bytes), Some(position));
        assert_eq!(Position::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Position::from_bytes(&[9]), None);
    }
}
