//! Tables as the model says.

use crate::{
    cell::tell,
    dialect::{Sqlite, told_kind, type_of},
};
use rusqlite::{Connection, Row};
use tollgate_store::{
    Result, Table,
    migrate::index_name,
    schema::{LiveColumn, LiveIndex, Missing, absent, check_addable, indexed, missing, name_taken, not_indexed},
    sql,
};

/// Each column, whether it alone is the key, and its best index: one on several columns, or by which other
/// texts are equal than the same, counts as plain.
const COLUMNS: &str = r#"
    SELECT name, type, "notnull", dflt_value, pk = 1 AND (SELECT max(pk) = 1 FROM pragma_table_info(?1)),
        (SELECT max("unique" AND partial = 0 AND (SELECT count(*) = 1 AND min(coll) = 'BINARY'
                                                  FROM pragma_index_xinfo(list.name) WHERE key))
         FROM pragma_index_list(?1) AS list
         WHERE (SELECT name FROM pragma_index_info(list.name) WHERE seqno = 0) = live.name),
        (SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE)
    FROM pragma_table_info(?1) AS live"#;

/// Makes sure that the table is there and as the model says; says what it did about it.
pub(crate) fn prepare(db: &Connection, table: &'static Table, additive: bool) -> Result<Vec<String>> {
    let live = columns(db, table)?;
    if live.is_empty() {
        return if additive { create(db, table) } else { Err(absent(table)) };
    }
    let missing = missing(table, &live, |kind| kind.stored().to_string().into())?;
    check_addable(table, &missing, additive)?;
    if additive { add(db, table, &missing) } else { Ok(vec![]) }
}

fn create(db: &Connection, table: &'static Table) -> Result<Vec<String>> {
    let create = sql::create_table(Sqlite, table) + " STRICT";
    db.execute_batch(&create).map_err(tell)?;
    let mut indexed = indexed(table);
    indexed.try_for_each(|index| create_index(db, table, index))?;
    Ok(vec![format!("created the table `{}`", table.name)])
}

fn add(db: &Connection, table: &'static Table, Missing { columns, indexes, .. }: &Missing) -> Result<Vec<String>> {
    let name = |index: usize| table.columns[index].name;
    let mut done = vec![];
    for index in columns {
        db.execute_batch(&sql::add_column(Sqlite, table, *index)).map_err(tell)?;
        done.push(format!("added the column `{}` to `{}`", name(*index), table.name));
    }
    for index in indexes {
        create_index(db, table, *index)?;
        done.push(format!("added an index on `{}` to `{}`", name(*index), table.name));
    }
    Ok(done)
}

fn create_index(db: &Connection, table: &'static Table, index: usize) -> Result<()> {
    let column = &table.columns[index];
    if is_there(db, &index_name(table.name, column.name, column.unique)).map_err(tell)? {
        return Err(name_taken(table, index));
    }
    let created = db.execute_batch(&sql::create_index(Sqlite, table, index));
    created.map_err(|error| not_indexed(table, index, tell(error)))
}

/// Whether anything has that name: tables and indexes share theirs.
fn is_there(db: &Connection, name: &str) -> rusqlite::Result<bool> {
    let there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE)";
    db.query_row(there, [name], |row| row.get(0))
}

fn columns(db: &Connection, table: &Table) -> Result<Vec<LiveColumn>> {
    let mut statement = db.prepare(COLUMNS).map_err(tell)?;
    let columns = statement.query_map([table.name], |row| column(db, table, row));
    columns.and_then(Iterator::collect).map_err(tell)
}

fn column(db: &Connection, table: &Table, row: &Row<'_>) -> rusqlite::Result<LiveColumn> {
    let (unique, name): (Option<bool>, String) = (row.get(5)?, row.get(0)?);
    let kind = kind(table, &name, row.get(1)?, &row.get::<_, Option<String>>(6)?.unwrap_or_default());
    Ok(LiveColumn {
        kind: collation(db, table, &name).map_or(kind.clone(), |collation| format!("{kind} COLLATE {collation}")),
        name,
        choices: vec![],
        nullable: !row.get::<_, bool>(2)?,
        has_default: row.get::<_, Option<String>>(3)?.is_some(),
        key: row.get(4)?,
        index: unique.map(|unique| if unique { LiveIndex::Unique } else { LiveIndex::Plain }),
    })
}

/// The collation of a column by which texts are equal that are not the same.
fn collation(db: &Connection, table: &Table, column: &str) -> Option<String> {
    let (_, collation, ..) = db.column_metadata(None, table.name, column).ok()?;
    let collation = collation?.to_string_lossy();
    (!collation.eq_ignore_ascii_case("BINARY")).then(|| collation.into_owned())
}

/// The kind that the text of the table tells. One that others made, or an older version, has types alone: any kind that is
/// kept as such a type will do.
fn kind(table: &Table, column: &str, is: String, text: &str) -> String {
    let model = || table.columns.iter().find(|it| it.name == column && type_of(it.kind).eq_ignore_ascii_case(&is));
    let kind = told_kind(text, column, &is).or_else(|| model().map(|column| column.kind));
    kind.map_or(is, |kind| kind.stored().to_string())
}
