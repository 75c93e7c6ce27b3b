//! Tables as the model says.

use crate::{cell::tell, dialect};
use rusqlite::Connection;
use tollgate_store::{
    Error, Result, Table,
    schema::{LiveColumn, check_addable, missing_columns},
    sql,
};

/// What SQLite calls a key it counts itself: never one that was used before.
const COUNTED: &str = " AUTOINCREMENT";

/// Makes sure that the table is there and as the model says; says what it did about it.
pub(crate) fn prepare(db: &Connection, table: &'static Table, additive: bool) -> Result<Vec<String>> {
    let live = columns(db, table)?;
    let mut done = vec![];
    let mut run = |sql: &str, said: Option<String>| {
        done.extend(said);
        db.execute_batch(sql).map_err(tell)
    };
    if live.is_empty() {
        if !additive {
            return Err(Error::invalid(format!(
                "the table `{}` is missing; create it, or allow additive changes with `database.additive = true`",
                table.name
            )));
        }
        let create = sql::create_table(table, dialect::kind, COUNTED) + " STRICT";
        run(&create, Some(format!("created the table `{}`", table.name)))?;
    } else {
        let missing = missing_columns(table, &live, dialect::kind)?;
        check_addable(table, &missing, additive)?;
        for index in missing {
            let definition = sql::define(table, index, dialect::kind, "");
            let said = format!("added the column `{}` to `{}`", table.columns[index].name, table.name);
            run(&format!("ALTER TABLE \"{}\" ADD COLUMN {definition}", table.name), Some(said))?;
        }
    }
    if additive {
        sql::create_indexes(table).iter().try_for_each(|sql| run(sql, None))?;
    }
    Ok(done)
}

fn columns(db: &Connection, table: &Table) -> Result<Vec<LiveColumn>> {
    let mut statement =
        db.prepare("SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info(?)").map_err(tell)?;
    let columns = statement.query_map([table.name], |row| {
        Ok(LiveColumn {
            name: row.get(0)?,
            kind: row.get(1)?,
            nullable: !row.get::<_, bool>(2)?,
            has_default: row.get::<_, Option<String>>(3)?.is_some(),
        })
    });
    columns.and_then(Iterator::collect).map_err(tell)
}
