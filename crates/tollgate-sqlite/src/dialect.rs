//! SQLite's SQL. Null sorts first and text compares by its bytes already.

use std::borrow::Cow;
use tollgate_store::{
    Kind, Table, Value,
    sql::{Dialect, Param, Writer, quoted},
};

/// The longest list whose values are bound one by one. A longer one is bound as a whole: SQLite binds some 32,000
/// values at most, and lists of all lengths then share one prepared statement.
const LISTED: usize = 8;

/// The dialect.
#[derive(Clone, Copy)]
pub(crate) struct Sqlite;

impl Dialect for Sqlite {
    const BYTEWISE: &'static str = "";
    const POSITION: &'static str = "instr";
    const STORED: &'static str = "main.";
    /// Never one that was used before.
    const COUNTED: &'static str = " AUTOINCREMENT";

    /// A type does not tell what its values mean, so a comment behind it does; SQLite keeps the text of a table as it
    /// was written. It says nothing of choices, and no rule does: neither could change but with a copy of the table, and
    /// nobody writes here but the app.
    fn kind(kind: Kind) -> Cow<'static, str> {
        format!("{} /* {} */", type_of(kind), kind.stored()).into()
    }

    fn placeholder(number: usize, _: Kind, sql: &mut String) {
        sql.push('?');
        sql.push_str(&number.to_string());
    }

    /// SQLite adds whole numbers up to a real one where that is too large, and real ones to infinity. A column that is added
    /// to may not be empty, which is how that is refused.
    fn sum<'s, 'a>(sql: &'s mut Writer<'a, Self>, column: usize) -> &'s mut Writer<'a, Self> {
        let (before, behind) = match sql.table.columns[column].kind {
            Kind::Int32 => ("", " BETWEEN -2147483648 AND 2147483647"),
            Kind::Float => ("abs(", ") <= 1.7976931348623157e308"),
            _ => ("typeof(", ") = 'integer'"),
        };
        sql.push("CASE WHEN ").push(before).added(column).push(behind);
        sql.push(" THEN ").added(column).push(" ELSE NULL END")
    }

    fn in_list<'a>(sql: &mut Writer<'a, Self>, column: usize, values: &'a [Value<'static>]) {
        let kind = sql.table.columns[column].kind;
        if values.len() > LISTED {
            sql.column(column).push(" IN rarray(").bind(Param::Many(kind, values)).push(")");
            return;
        }
        let each = |sql: &mut Writer<'a, Self>, value: &'a Value<'static>| {
            sql.bind(Param::One(kind, value.borrow()));
        };
        sql.column(column).push(" IN (").list(values, ", ", each).push(")");
    }

    fn starts_with<'a>(sql: &mut Writer<'a, Self>, column: usize, start: &'a str) {
        let text = || Param::One(Kind::Text, Value::Text(start.into()));
        sql.push("substr(").column(column).push(", 1, length(").bind(text());
        sql.push(")) = ").bind(text());
    }

    fn has<'a>(sql: &mut Writer<'a, Self>, column: usize, text: &'a str) {
        sql.push("EXISTS (SELECT 1 FROM json_each(").column(column).push(") WHERE value = ");
        sql.bind(Param::One(Kind::Text, Value::Text(text.into()))).push(")");
    }

    fn literal(_: Kind, value: &Value<'_>) -> String {
        match value {
            Value::Null => "NULL".into(),
            Value::Bool(it) => i64::from(*it).to_string(),
            Value::Int(it) => it.to_string(),
            Value::Float(it) => format!("{it:?}"),
            Value::Text(it) => quoted(it),
            Value::Uuid(it) => format!("x'{}'", it.simple()),
            Value::Time(it) => it.as_microsecond().to_string(),
        }
    }

    fn nulls(_: bool) -> &'static str {
        ""
    }
}

/// The type in a `STRICT` table. A moment is its microseconds since 1970, a day is text, a decimal so many of its least
/// unit; a list and a nested value are JSON text.
pub(crate) fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "REAL",
        Kind::Text | Kind::Choice(_) | Kind::Date | Kind::ObjectId | Kind::Texts | Kind::Json => "TEXT",
        Kind::Uuid => "BLOB",
        Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Time | Kind::Decimal { .. } => "INTEGER",
    }
}

/// What the text of a table says about the kind of a column.
pub(crate) fn told_kind(text: &str, column: &str, type_of: &str) -> Option<Kind> {
    let (_, behind) = text.split_once(&format!("\"{column}\" {type_of} /* "))?;
    behind.split_once(" */")?.0.parse().ok()
}

/// One row.
pub(crate) fn insert(table: &'static Table) -> String {
    let mut sql = Writer::new(Sqlite, table);
    sql.push("INSERT INTO ").table().push(" (").list(table.written(), ", ", |sql, (_, column)| {
        sql.name(column.name);
    });
    sql.push(") VALUES (").list(table.written(), ", ", |sql, _| {
        sql.push("?");
    });
    sql.push(")");
    sql.text
}
