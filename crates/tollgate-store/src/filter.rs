//! Which rows: one small tree that drivers compile and memory evaluates, to the same answer.
//!
//! The logic has two values, as Rust's and MongoDB's has, not SQL's three: a comparison with an empty cell is
//! false, its negation true. Null sorts first, text compares by code point.

use crate::{Result, Row, Set, Table, To, Value, nested::texts};
use std::{
    fmt,
    marker::PhantomData,
    ops::{BitAnd, BitOr, Not},
};

/// Which rows of `T`.
pub struct Filter<T> {
    pub(crate) expr: Expr,
    of: PhantomData<fn() -> T>,
}

/// As it stands, with its values: what a test that failed shows.
impl<T> fmt::Debug for Filter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.expr).finish()
    }
}

/// The same without the type: what drivers see. Columns are indices into the table's.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Expr {
    Compare(usize, Op, Value<'static>),
    In(usize, Vec<Value<'static>>),
    IsNull(usize),
    Contains(usize, String),
    StartsWith(usize, String),
    /// The column is a list that has this text.
    Has(usize, String),
    /// True if it is empty.
    All(Vec<Expr>),
    /// False if it is empty.
    Any(Vec<Expr>),
    Not(Box<Expr>),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Op {
    Eq,
    Lt,
    Lte,
    Gt,
    Gte,
}

/// One column of an order. Null comes first, or last where it is descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The column's index.
    pub column: usize,
    /// From the greatest to the least.
    pub descending: bool,
}

impl Op {
    fn holds(self, left: &Value<'_>, right: &Value<'_>) -> bool {
        let order = left.order(right);
        match self {
            Self::Eq => order.is_eq(),
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
        }
    }
}

impl Expr {
    /// Every row.
    pub const EVERY: Self = Self::All(Vec::new());
    /// No row.
    pub const NONE: Self = Self::Any(Vec::new());

    /// The keys of the rows that match, and of some that may not, where the condition names them.
    pub fn keys(&self, table: &Table) -> Option<&[Value<'static>]> {
        match self {
            Self::In(column, keys) if *column == table.id => Some(keys),
            Self::All(parts) => parts.iter().find_map(|part| part.keys(table)),
            _ => None,
        }
    }

    fn constant(holds: bool) -> Self {
        if holds { Self::EVERY } else { Self::NONE }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(none), it) | (it, Self::All(none)) if none.is_empty() => it,
            (Self::Any(none), _) | (_, Self::Any(none)) if none.is_empty() => Self::NONE,
            // A chain stays flat: as a tree, a long one would be too deep for the stack.
            (Self::All(mut chain), it) => {
                chain.push(it);
                Self::All(chain)
            }
            (left, right) => Self::All(vec![left, right]),
        }
    }

    /// One of them, or both.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any(mut chain), it) => {
                chain.push(it);
                Self::Any(chain)
            }
            (left, right) => Self::Any(vec![left, right]),
        }
    }

    /// Whether the row is one of these.
    pub fn matches(&self, row: &dyn Row) -> Result<bool> {
        Ok(match self {
            Self::All(parts) => {
                parts.iter().try_fold(true, |all, part| Ok::<_, crate::Error>(all && part.matches(row)?))?
            }
            Self::Any(parts) => {
                parts.iter().try_fold(false, |any, part| Ok::<_, crate::Error>(any || part.matches(row)?))?
            }
            Self::Not(part) => !part.matches(row)?,
            Self::IsNull(column) => row.value(*column)? == Value::Null,
            Self::Compare(column, ..)
            | Self::In(column, _)
            | Self::Contains(column, _)
            | Self::StartsWith(column, _)
            | Self::Has(column, _) => self.holds(&row.value(*column)?),
        })
    }

    /// Whether a leaf holds for its column's value.
    fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::IsNull(_), value) => *value == Value::Null,
            (_, Value::Null) => false,
            (Self::Compare(_, op, wanted), value) => op.holds(value, wanted),
            (Self::In(_, wanted), value) => wanted.iter().any(|one| one.order(value).is_eq()),
            (Self::Contains(_, part), Value::Text(text)) => text.contains(part.as_str()),
            (Self::StartsWith(_, start), Value::Text(text)) => text.starts_with(start.as_str()),
            (Self::Has(_, one), Value::Text(json)) => {
                texts(json).is_ok_and(|texts| texts.iter().any(|text| text == one))
            }
            _ => false,
        }
    }

    /// What is left to ask once these columns have changed: how a row after a change is checked in the very
    /// statement that changes it. What a counter becomes is not known here: whoever asks about one gets no row.
    #[must_use]
    pub(crate) fn given(&self, changes: &[Set]) -> Self {
        let counted = |set: &Set| matches!(set.to, To::Next) && self.mentions(set.column);
        if changes.iter().any(counted) { Self::NONE } else { self.with_values(changes) }
    }

    fn with_values(&self, changes: &[Set]) -> Self {
        let each = |parts: &[Self]| parts.iter().map(|part| part.with_values(changes)).collect();
        match self {
            Self::All(parts) => Self::All(each(parts)),
            Self::Any(parts) => Self::Any(each(parts)),
            Self::Not(part) => Self::Not(Box::new(part.with_values(changes))),
            leaf => match changes.iter().find(|set| leaf.column() == Some(set.column)).map(|set| &set.to) {
                Some(To::Value(value)) => Self::constant(leaf.holds(value)),
                _ => leaf.clone(),
            },
        }
    }

    fn mentions(&self, column: usize) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.mentions(column)),
            Self::Not(part) => part.mentions(column),
            leaf => leaf.column() == Some(column),
        }
    }

    fn column(&self) -> Option<usize> {
        match self {
            Self::Compare(column, ..)
            | Self::In(column, _)
            | Self::IsNull(column)
            | Self::Contains(column, _)
            | Self::StartsWith(column, _)
            | Self::Has(column, _) => Some(*column),
            Self::All(_) | Self::Any(_) | Self::Not(_) => None,
        }
    }
}

impl<T> From<Expr> for Filter<T> {
    fn from(expr: Expr) -> Self {
        Self { expr, of: PhantomData }
    }
}

impl<T> From<Filter<T>> for Expr {
    fn from(filter: Filter<T>) -> Self {
        filter.expr
    }
}

impl<T> Filter<T> {
    /// Every row.
    pub fn every() -> Self {
        Expr::EVERY.into()
    }

    /// The same without the type.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether the row is one of these.
    pub fn matches(&self, row: &dyn Row) -> Result<bool> {
        self.expr.matches(row)
    }
}

impl<T> Clone for Filter<T> {
    fn clone(&self) -> Self {
        self.expr.clone().into()
    }
}

impl<T> BitAnd for Filter<T> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.expr.and(other.expr).into()
    }
}

impl<T> BitOr for Filter<T> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.expr.or(other.expr).into()
    }
}

impl<T> Not for Filter<T> {
    type Output = Self;
    fn not(self) -> Self {
        Expr::Not(Box::new(self.expr)).into()
    }
}

/// Unknown to databases, and so equal to nothing and less than nothing: what is no number, and text with NUL.
pub(crate) fn is_foreign(value: &Value<'_>) -> bool {
    match value {
        Value::Float(number) => number.is_nan(),
        Value::Text(text) => text.contains('\0'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every condition on two columns that can be built from a few leaves, two levels deep.
    fn conditions() -> Vec<Expr> {
        let number = |it: i64| Value::Int(it);
        let leaves = (0..2).flat_map(|column| {
            [
                Expr::Compare(column, Op::Eq, number(1)),
                Expr::Compare(column, Op::Lt, number(2)),
                Expr::In(column, vec![number(0), number(2)]),
                Expr::IsNull(column),
            ]
        });
        let leaves: Vec<_> = leaves.chain([Expr::EVERY, Expr::NONE]).collect();
        let mut all = leaves.clone();
        for left in &leaves {
            all.push(Expr::Not(Box::new(left.clone())));
            for right in &leaves {
                all.push(Expr::All(vec![left.clone(), right.clone()]));
                all.push(Expr::Not(Box::new(Expr::Any(vec![left.clone(), right.clone()]))));
            }
        }
        all
    }

    /// Every row of two columns, each null, 0, 1 or 2.
    fn rows() -> Vec<Vec<Value<'static>>> {
        let cells = [Value::Null, Value::Int(0), Value::Int(1), Value::Int(2)];
        cells.iter().flat_map(|a| cells.iter().map(|b| vec![a.clone(), b.clone()])).collect()
    }

    #[test]
    fn what_is_left_to_ask_after_a_change_is_what_the_changed_row_would_answer() {
        for (condition, row) in conditions().iter().flat_map(|it| rows().into_iter().map(move |row| (it, row))) {
            for changed in rows() {
                let both = [
                    Set { column: 0, to: To::Value(changed[0].clone()) },
                    Set { column: 1, to: To::Value(changed[1].clone()) },
                ];
                let (first, second) =
                    (vec![changed[0].clone(), row[1].clone()], vec![row[0].clone(), changed[1].clone()]);
                for (changes, after) in [(&both[..], &changed), (&both[..1], &first), (&both[1..], &second)] {
                    let asked = condition.given(changes).matches(&row).unwrap();
                    assert_eq!(asked, condition.matches(after).unwrap(), "{condition:?}: {row:?} to {after:?}");
                }
            }
        }
    }

    #[test]
    fn a_chain_of_any_length_is_asked_for() {
        let links = || (1..=100_000).map(|it| Expr::Compare(0, Op::Eq, Value::Int(it)));
        let (last, none) = (vec![Value::Int(100_000)], vec![Value::Int(0)]);
        let any = links().fold(Expr::NONE, Expr::or);
        assert!(any.matches(&last).unwrap() && !any.matches(&none).unwrap());
        let every = links().map(|it| Expr::Not(Box::new(it))).fold(Expr::EVERY, Expr::and);
        assert!(every.matches(&none).unwrap() && !every.matches(&last).unwrap());
    }

    #[test]
    fn who_asks_what_a_counter_becomes_gets_no_row() {
        let counts = [Set { column: 0, to: To::Next }];
        let asks = Expr::Any(vec![Expr::EVERY, Expr::Not(Box::new(Expr::IsNull(0)))]);
        assert_eq!(asks.given(&counts), Expr::NONE);
        assert_eq!(Expr::IsNull(1).given(&counts), Expr::IsNull(1));
    }
}
