//! Tables as the model says.

use crate::{
    cell::tell,
    dialect::{Sqlite, told_kind, type_of},
    migrate::STRICT,
};
use rusqlite::{Connection, Row, types::Value, vtab::array::Array};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    rc::Rc,
};
use tollgate_store::{
    Result, Table,
    migrate::index_name,
    schema::{LiveColumn, LiveIndex, Missing, absent, check_addable, indexed, missing, name_taken, not_indexed},
    sql,
};

/// Each column of these tables, with the text that made its table. All tables at once, as for the indexes: SQLite takes
/// longer to prepare such a statement than to run it.
const COLUMNS: &str = r#"
    SELECT wanted.value, live.name, live.type, "notnull", dflt_value, pk > 0, made.sql
    FROM rarray(?1) AS wanted
    LEFT JOIN sqlite_schema AS made ON made.type = 'table' AND made.name = wanted.value COLLATE NOCASE
    JOIN pragma_table_info(wanted.value) AS live"#;

/// Each index of these tables: the column that it begins with, and whether it keeps that one unique. One on several columns,
/// or by which other texts are equal than the same, does not.
const INDEXES: &str = r#"
    SELECT wanted.value, max(part.name) FILTER (WHERE seqno = 0),
        "unique" AND partial = 0 AND count(*) = 1 AND min(coll) = 'BINARY'
    FROM rarray(?1) AS wanted
    JOIN pragma_index_list(wanted.value) AS list
    JOIN pragma_index_xinfo(list.name) AS part
    WHERE part.key
    GROUP BY wanted.value, list.name"#;

/// Makes sure that the tables are there and as the model says; says what it did about them.
pub(crate) fn prepare(db: &Connection, tables: &[&'static Table], additive: bool) -> Result<Vec<String>> {
    let tables = &others(db, tables).map_err(tell)?;
    if tables.is_empty() {
        return Ok(vec![]);
    }
    let live = columns(db, tables).map_err(tell)?;
    let done = tables.iter().map(|table| match live.get(table.name) {
        Some(live) => complete(db, table, live, additive),
        None if additive => create(db, table),
        None => Err(absent(table)),
    });
    Ok(done.collect::<Result<Vec<_>>>()?.concat())
}

/// Those that were not made, or whose indexes were not, by the very text that would make them now. What that text made is as
/// the model says, and most starts find nothing else.
fn others(db: &Connection, tables: &[&'static Table]) -> rusqlite::Result<Vec<&'static Table>> {
    let mut statement = db.prepare("SELECT sql FROM sqlite_schema WHERE sql NOT NULL")?;
    let made: HashSet<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let is_made = |table: &'static Table| sql::create(Sqlite, table, STRICT).iter().all(|text| made.contains(text));
    Ok(tables.iter().copied().filter(|table| !is_made(table)).collect())
}

fn complete(db: &Connection, table: &'static Table, live: &[LiveColumn], additive: bool) -> Result<Vec<String>> {
    let missing = missing(table, live, |kind| kind.stored().to_string().into())?;
    check_addable(table, &missing, additive)?;
    if additive { add(db, table, &missing) } else { Ok(vec![]) }
}

fn create(db: &Connection, table: &'static Table) -> Result<Vec<String>> {
    let create = sql::create_table(Sqlite, table) + STRICT;
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

/// The columns of those tables that are there.
fn columns(db: &Connection, tables: &[&'static Table]) -> rusqlite::Result<HashMap<&'static str, Vec<LiveColumn>>> {
    let names: Array = Rc::new(tables.iter().map(|table| Value::Text(table.name.to_owned())).collect());
    let (indexes, mut live) = (indexes(db, &names)?, HashMap::<_, Vec<_>>::new());
    let mut statement = db.prepare(COLUMNS)?;
    let mut rows = statement.query([&names])?;
    while let Some(row) = rows.next()? {
        let is_of = row.get_ref(0)?.as_str()?;
        let Some(table) = tables.iter().find(|table| table.name == is_of) else { continue };
        live.entry(table.name).or_default().push(column(db, table, row, &indexes)?);
    }
    for columns in live.values_mut().filter(|columns| columns.iter().filter(|column| column.key).count() > 1) {
        for column in columns {
            column.key = false;
        }
    }
    Ok(live)
}

/// The best index of each column that has one, by the names of table and column.
type Indexes = BTreeMap<(String, Option<String>), LiveIndex>;

fn indexes(db: &Connection, names: &Array) -> rusqlite::Result<Indexes> {
    let (mut statement, mut indexes) = (db.prepare(INDEXES)?, Indexes::new());
    let mut rows = statement.query([names])?;
    while let Some(row) = rows.next()? {
        let index = if row.get(2)? { LiveIndex::Unique } else { LiveIndex::Plain };
        let best = indexes.entry((row.get(0)?, row.get(1)?)).or_insert(index);
        *best = index.max(*best);
    }
    Ok(indexes)
}

fn column(db: &Connection, table: &Table, row: &Row<'_>, indexes: &Indexes) -> rusqlite::Result<LiveColumn> {
    let name: String = row.get(1)?;
    let kind = kind(table, &name, row.get(2)?, row.get_ref(6)?.as_str_or_null()?.unwrap_or_default());
    Ok(LiveColumn {
        kind: collation(db, table, &name).map_or(kind.clone(), |collation| format!("{kind} COLLATE {collation}")),
        choices: vec![],
        nullable: !row.get::<_, bool>(3)?,
        has_default: row.get::<_, Option<String>>(4)?.is_some(),
        key: row.get(5)?,
        index: indexes.get(&(table.name.to_owned(), Some(name.clone()))).copied(),
        name,
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

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::vtab::array;
    use tollgate_store::Column;

    static FILMS: Table = Table {
        name: "films",
        one: "film",
        about: "",
        columns: &[Column::of::<i32>("film_id"), Column::of::<Option<String>>("title").unique()],
        id: 0,
        counted: false,
        database: None,
        audited: false,
    };

    #[test]
    fn what_the_same_text_made_is_not_looked_at() {
        let db = Connection::open_in_memory().unwrap();
        array::load_module(&db).unwrap();
        let is_looked_at = || !others(&db, &[&FILMS]).unwrap().is_empty();
        let prepare = || prepare(&db, &[&FILMS], true).unwrap();
        assert!(is_looked_at(), "it is not there");
        assert_eq!(prepare(), ["created the table `films`"]);
        assert!(!is_looked_at());
        db.execute_batch("DROP INDEX films_title_key").unwrap();
        assert!(is_looked_at(), "it lacks an index");
        assert_eq!(prepare(), ["added an index on `title` to `films`"]);
        assert!(!is_looked_at());
        db.execute_batch("ALTER TABLE films ADD COLUMN theirs TEXT").unwrap();
        assert!(is_looked_at(), "somebody else was at work");
        assert_eq!(prepare(), [""; 0]);
    }
}
