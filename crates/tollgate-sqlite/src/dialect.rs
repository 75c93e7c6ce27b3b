//! SQLite's SQL. Null sorts first and text compares by its bytes already.

use tollgate_store::{
    Kind, Table, Value,
    sql::{Dialect, Param, Writer},
};

/// The longest list whose values are bound one by one. A longer one is bound as a whole: SQLite binds some 32,000
/// values at most, and lists of all lengths then share one prepared statement.
const LISTED: usize = 8;

/// The dialect.
pub(crate) struct Sqlite;

/// What a kind is called in a `STRICT` table. A moment is its microseconds since 1970.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "REAL",
        Kind::Text => "TEXT",
        Kind::Uuid => "BLOB",
        _ => "INTEGER",
    }
}

impl Dialect for Sqlite {
    const BYTEWISE: &'static str = "";
    const POSITION: &'static str = "instr";

    fn placeholder(number: usize, _: Kind, sql: &mut String) {
        sql.push('?');
        sql.push_str(&number.to_string());
    }

    fn in_list<'a>(sql: &mut Writer<'a, Self>, column: usize, values: &'a [Value<'static>]) {
        let kind = sql.table.columns[column].kind;
        if values.len() > LISTED {
            sql.column(column).push(" IN rarray(").bind(kind, Param::Many(values)).push(")");
            return;
        }
        let each = |sql: &mut Writer<'a, Self>, value: &'a Value<'static>| {
            sql.bind(kind, Param::One(value.borrow()));
        };
        sql.column(column).push(" IN (").list(values, ", ", each).push(")");
    }

    fn starts_with<'a>(sql: &mut Writer<'a, Self>, column: usize, start: &'a str) {
        let text = || Param::One(Value::Text(start.into()));
        sql.push("substr(").column(column).push(", 1, length(").bind(Kind::Text, text());
        sql.push(")) = ").bind(Kind::Text, text());
    }

    fn nulls(_: bool) -> &'static str {
        ""
    }
}

/// One row.
pub(crate) fn insert(table: &'static Table) -> String {
    let mut sql = Writer::<Sqlite>::new(table);
    sql.push("INSERT INTO ").name(table.name).push(" (").list(table.written(), ", ", |sql, (_, column)| {
        sql.name(column.name);
    });
    sql.push(") VALUES (").list(table.written(), ", ", |sql, _| {
        sql.push("?");
    });
    sql.push(")");
    sql.text
}
