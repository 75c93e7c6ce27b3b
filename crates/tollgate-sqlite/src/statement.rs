//! Statements, carried out on whatever connection that is.

use crate::{
    cell::{Bound, Shown, tell},
    dialect::{self, Sqlite as Dialect},
};
use rusqlite::{Connection, Row, Statement, params_from_iter};
use std::ops::Range;
use tollgate_store::{
    Batch, Each, Expr, Result, Table, Update, Upsert, Value,
    sql::{self, Param},
};

/// Runs a query and shows each row.
pub(crate) fn query(db: &Connection, sql: &sql::Writer<'_, Dialect>, each: Each<'_>) -> Result<()> {
    run(db, sql, |row| each(&Shown(row)))
}

fn run(db: &Connection, sql: &sql::Writer<'_, Dialect>, mut each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    let mut statement = db.prepare_cached(&sql.text).map_err(tell)?;
    let mut rows = statement.query(params_from_iter(sql.params.iter().map(Bound))).map_err(tell)?;
    while let Some(row) = rows.next().map_err(tell)? {
        each(row)?;
    }
    Ok(())
}

/// Runs a query and keeps its rows, which have to cross from the writer's thread.
pub(crate) fn collect(db: &Connection, sql: &sql::Writer<'_, Dialect>) -> Result<Vec<Vec<Value<'static>>>> {
    let mut rows = Vec::new();
    run(db, sql, |row| {
        let columns = 0..row.as_ref().column_count();
        rows.push(columns.map(|column| Shown(row).cell(column).map(Value::into_owned)).collect::<Result<_>>()?);
        Ok(())
    })?;
    Ok(rows)
}

pub(crate) fn count(db: &Connection, table: &'static Table, filter: &Expr) -> Result<u64> {
    let mut count = 0;
    query(db, &sql::count(Dialect, table, filter), &mut |row| {
        count = row.read::<i64>(0)?;
        Ok(())
    })?;
    Ok(count.unsigned_abs())
}

pub(crate) fn insert_all(
    db: &Connection,
    table: &'static Table,
    rows: &dyn Batch,
    range: Range<usize>,
) -> Result<Vec<Value<'static>>> {
    let mut statement = db.prepare_cached(&dialect::insert(table)).map_err(tell)?;
    let insert = |index: usize| {
        write_row(&mut statement, table, rows.row(index))?;
        Ok(Value::Int(db.last_insert_rowid()))
    };
    range.map(insert).collect()
}

pub(crate) fn upsert_all(db: &Connection, upsert: &Upsert, rows: &dyn Batch, range: Range<usize>) -> Result<()> {
    let sql = dialect::insert(upsert.table) + &sql::on_conflict(Dialect, upsert);
    let mut statement = db.prepare_cached(&sql).map_err(tell)?;
    range.into_iter().try_for_each(|index| write_row(&mut statement, upsert.table, rows.row(index)))
}

fn write_row(statement: &mut Statement<'_>, table: &'static Table, row: &dyn tollgate_store::Row) -> Result<()> {
    for (place, (index, column)) in table.written().enumerate() {
        let value = Param::One(column.kind, row.value(index)?);
        statement.raw_bind_parameter(place + 1, Bound(&value)).map_err(tell)?;
    }
    statement.raw_execute().map(drop).map_err(tell)
}

pub(crate) fn update(db: &Connection, update: &Update) -> Result<Vec<Vec<Value<'static>>>> {
    collect(db, &sql::update(Dialect, update))
}

pub(crate) fn delete(db: &Connection, table: &'static Table, filter: &Expr) -> Result<u64> {
    let sql = sql::delete(Dialect, table, filter);
    let mut statement = db.prepare_cached(&sql.text).map_err(tell)?;
    statement.execute(params_from_iter(sql.params.iter().map(Bound))).map(|changed| changed as u64).map_err(tell)
}
