//! Filters and orders as MongoDB's, whose logic has two values as ours has.

use crate::cell::{bson, name};
use mongodb::bson::{Bson, Document, doc};
use std::borrow::Cow;
use tollgate_store::{Expr, Kind, Op, Order, Table, Value};

/// A filter. Every value of it stands where only a value can stand: behind an operator.
pub(crate) fn filter(table: &Table, expr: &Expr) -> Document {
    let leaf = |column: &usize, condition: Document| doc! { name(table, *column): condition };
    let kept = |column: &usize, value: &Value<'_>| bson(table.columns[*column].kind, value);
    let each = |parts: &[Expr]| parts.iter().map(|part| filter(table, part)).collect::<Vec<_>>();
    match expr {
        Expr::All(parts) if parts.is_empty() => doc! {},
        Expr::All(parts) => doc! { "$and": each(parts) },
        Expr::Any(parts) if parts.is_empty() => doc! { "$nor": [{}] },
        Expr::Any(parts) => doc! { "$or": each(parts) },
        Expr::Not(part) => doc! { "$nor": [filter(table, part)] },
        Expr::IsNull(column) => leaf(column, empty(table.columns[*column].kind)),
        Expr::Compare(column, op, value) => leaf(column, doc! { operator(*op): kept(column, value) }),
        Expr::In(column, values) => {
            let values: Vec<_> = values.iter().map(|value| kept(column, value)).collect();
            leaf(column, doc! { "$in": values })
        }
        Expr::Contains(column, part) => {
            let field = format!("${}", name(table, *column));
            // An empty cell has no position, which is less than any.
            doc! { "$expr": { "$gte": [{ "$indexOfBytes": [field, { "$literal": part }] }, 0] } }
        }
        Expr::StartsWith(column, start) => leaf(column, from_to(start)),
        Expr::Has(column, text) => leaf(column, doc! { "$elemMatch": { "$eq": text } }),
    }
}

/// Not there, or null. Of a list, `$eq: null` would find those that have a null among others.
fn empty(kind: Kind) -> Document {
    match kind {
        Kind::Json | Kind::Texts => doc! { "$in": [Bson::Null], "$not": { "$type": "array" } },
        _ => doc! { "$eq": Bson::Null },
    }
}

fn operator(op: Op) -> &'static str {
    match op {
        Op::Eq => "$eq",
        Op::Lt => "$lt",
        Op::Lte => "$lte",
        Op::Gt => "$gt",
        Op::Gte => "$gte",
    }
}

/// The texts that start with this one: from itself up to the first that does not. An index finds them, which it does
/// not by a pattern of any length.
fn from_to(start: &str) -> Document {
    let mut range = doc! { "$gte": start };
    range.extend(first_behind(start).map(|end| ("$lt".to_owned(), end.into())));
    range
}

/// The least text behind all those that start with this one: its last letter becomes the next one.
fn first_behind(start: &str) -> Option<String> {
    let mut letters: Vec<char> = start.chars().collect();
    while let Some(last) = letters.pop() {
        // Between U+D7FF and U+E000 there is no letter.
        if let Some(next) = (last..=char::MAX).nth(1) {
            return Some(letters.into_iter().chain([next]).collect());
        }
    }
    None
}

/// An order. Null comes first by itself.
pub(crate) fn sort(table: &Table, order: &[Order]) -> Document {
    let mut sort = Document::new();
    for by in order {
        // What a column decided, it does not decide again.
        let name = name(table, by.column);
        if !sort.contains_key(name) {
            sort.insert(name, if by.descending { -1 } else { 1 });
        }
    }
    sort
}

/// Whether a filter asks for one row by its key, so that no other can be changed on the way.
pub(crate) fn is_one(table: &Table, expr: &Expr) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().any(|part| is_one(table, part)),
        Expr::In(column, values) => *column == table.id && values.len() <= 1,
        Expr::Compare(column, op, _) => *column == table.id && *op == Op::Eq,
        _ => false,
    }
}

/// What the validator calls a kind.
pub(crate) fn bson_type(kind: Kind) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        Kind::Bool => "bool",
        Kind::Int32 => "int",
        Kind::Int64 | Kind::Time => "long",
        Kind::Float => "double",
        Kind::Text | Kind::Choice(_) | Kind::Date => "string",
        Kind::Uuid => "binData",
        Kind::Decimal { .. } => "decimal",
        Kind::ObjectId => "objectId",
        Kind::Texts => "array",
        Kind::Json => ANY,
    })
}

/// A nested value is of whatever type the app gives it.
pub(crate) const ANY: &str = "any type";

#[cfg(test)]
mod tests {
    use super::first_behind;

    #[test]
    fn the_first_text_behind_a_start_is_behind_all_that_have_it() {
        for (start, end) in [("a", "b"), ("az", "a{"), ("a\u{d7ff}", "a\u{e000}"), ("a\u{10ffff}", "b")] {
            let end_found = first_behind(start).unwrap();
            assert_eq!(end_found, end);
            assert!(start < end && format!("{start}\u{10ffff}\u{10ffff}").as_str() < end);
        }
        assert_eq!(first_behind(""), None);
        assert_eq!(first_behind("\u{10ffff}"), None);
    }
}
