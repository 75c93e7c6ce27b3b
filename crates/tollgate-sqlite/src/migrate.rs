//! Migrations: changes as scripts, and scripts applied.
//!
//! SQLite changes little of a table in place. What it cannot, a copy does: a table as it will be is filled from the one
//! that is there and takes its name.

use crate::{cell::tell, dialect::Sqlite};
use jiff::Timestamp;
use rusqlite::{Batch, Connection, fallible_iterator::FallibleIterator};
use std::fmt::Write;
use tollgate_store::{
    Kind, Result, Table, Value,
    migrate::{Applied, Change, Script, Step, pending, stopped},
    schema::indexed,
    sql::{self, Dialect},
};

/// What the scripts of this database end with.
pub const SCRIPTS: &str = "sqlite.sql";

pub(crate) const STRICT: &str = " STRICT";

/// The changes as statements, each with its semicolon.
pub fn script(changes: &[Change]) -> String {
    let statements = changes.iter().flat_map(|change| match change {
        Change::Create(table) => sql::create(Sqlite, table, STRICT),
        Change::Drop(name) => vec![format!("DROP TABLE \"{name}\"")],
        Change::Rename { from, to } => vec![format!("ALTER TABLE \"{from}\" RENAME TO \"{}\"", to.name)],
        Change::Alter { table, steps } => alter(table, steps),
    });
    statements.fold(String::new(), |mut text, statement| {
        let _ = writeln!(text, "{statement};");
        text
    })
}

fn alter(table: &'static Table, steps: &[Step]) -> Vec<String> {
    let name = table.name;
    let is_copied = steps.iter().any(|step| matches!(step, Step::Change { .. } | Step::Add(_, Some(_))));
    let mut statements: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            Step::DropIndex { name } => Some(format!("DROP INDEX IF EXISTS \"{name}\"")),
            Step::Rename { from, to } => {
                Some(format!("ALTER TABLE \"{name}\" RENAME COLUMN \"{from}\" TO \"{}\"", table.columns[*to].name))
            }
            Step::DropChoices { .. } => None,
            Step::AddChoices { column, fill } => sql::fill_choices::<Sqlite>(table, *column, fill.as_ref()?),
            Step::Reshape { column, differences } => Some(sql::reshape(table, *column, differences)),
            _ if is_copied => None,
            Step::Drop(column) => Some(format!("ALTER TABLE \"{name}\" DROP COLUMN \"{column}\"")),
            Step::Add(index, _) => Some(sql::add_column(Sqlite, table, *index)),
            Step::AddIndex(index) => Some(sql::create_index_if_missing(Sqlite, table, *index)),
            Step::Change { .. } => None,
        })
        .collect();
    if is_copied {
        statements.extend(copy(table, steps));
    }
    statements
}

/// Says in the script what a copy leaves behind: who reads it knows what else is on the table.
const ALONE: &str =
    "-- A copy keeps these columns and indexes alone: add here what else the table has, triggers too.\n";

/// The table as it will be, filled from the one that is there. Keys that were counted go on where they were.
fn copy(table: &'static Table, steps: &[Step]) -> Vec<String> {
    let (old, new) = (table.name, format!("{}_new", table.name));
    let names = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
    let values = (0..table.columns.len()).map(|index| value(table, index, steps)).collect::<Vec<_>>().join(", ");
    let mut statements = vec![
        format!("{ALONE}{}{STRICT}", sql::create_table_as(Sqlite, table, &new)),
        format!("INSERT INTO \"{new}\" ({names}) SELECT {values} FROM \"{old}\""),
    ];
    if table.counted {
        statements.push(format!("DELETE FROM sqlite_sequence WHERE name = '{new}'"));
        statements.push(format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT '{new}', seq FROM sqlite_sequence WHERE name = '{old}'"
        ));
    }
    statements.push(format!("DROP TABLE \"{old}\""));
    statements.push(format!("ALTER TABLE \"{new}\" RENAME TO \"{old}\""));
    let indexes = indexed(table);
    statements.extend(indexes.map(|index| sql::create_index_if_missing(Sqlite, table, index)));
    statements
}

/// What a column of the copy is filled with.
fn value(table: &Table, index: usize, steps: &[Step]) -> String {
    let column = &table.columns[index];
    let literal = |fill: &Option<Value<'static>>| Sqlite::literal(column.kind, fill.as_ref().unwrap_or(&Value::Null));
    let step = steps.iter().find_map(|step| match step {
        Step::Add(at, fill) if *at == index => Some(literal(fill)),
        Step::Change { column: at, from, fill } if *at == index => {
            let same = format!("\"{}\"{}", column.name, factor(*from, column.kind));
            Some(if fill.is_some() { format!("coalesce({same}, {})", literal(fill)) } else { same })
        }
        _ => None,
    });
    step.unwrap_or_else(|| format!("\"{}\"", column.name))
}

/// What a value is multiplied with to mean the same in another kind. Only decimals are kept as units.
fn factor(from: Kind, to: Kind) -> String {
    let scale = |kind| if let Kind::Decimal { scale, .. } = kind { scale } else { 0 };
    match to {
        Kind::Decimal { .. } if scale(to) > scale(from) => {
            format!(" * {}", 10_u64.pow((scale(to) - scale(from)).into()))
        }
        _ => String::new(),
    }
}

/// The migrations that the database has seen.
pub(crate) fn history(db: &Connection) -> Result<Vec<Applied>> {
    let there = "SELECT count(*) FROM sqlite_master WHERE name = 'tollgate_migrations'";
    if db.query_row(there, [], |row| row.get::<_, i64>(0)).map_err(tell)? == 0 {
        return Ok(vec![]);
    }
    let mut statement =
        db.prepare("SELECT name, checksum, applied FROM tollgate_migrations ORDER BY name").map_err(tell)?;
    let applied = |row: &rusqlite::Row<'_>| {
        let when = Timestamp::from_microsecond(row.get(2)?).unwrap_or_default();
        Ok(Applied { name: row.get(0)?, checksum: row.get(1)?, when })
    };
    let all = statement.query_map([], applied).and_then(Iterator::collect);
    all.map_err(tell)
}

/// Applies the first script that the database has not seen, and says which it was.
pub(crate) fn next(db: &Connection, scripts: &[Script], adopt: bool) -> Result<Option<String>> {
    let Some(script) = pending(scripts, &history(db)?)?.first() else { return Ok(None) };
    if !adopt {
        run(db, script)?;
        check_references(db, script)?;
    }
    let remember = "CREATE TABLE IF NOT EXISTS tollgate_migrations
        (name TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied INTEGER NOT NULL) STRICT";
    db.execute_batch(remember).map_err(tell)?;
    let values = (&script.name, &script.checksum, Timestamp::now().as_microsecond());
    db.execute("INSERT INTO tollgate_migrations VALUES (?, ?, ?)", values).map_err(tell)?;
    Ok(Some(script.name.clone()))
}

/// While a script is at work, rows may refer to what is not there: a copy takes the place of a table, and takes none of
/// the rows along that refer to it.
fn check_references(db: &Connection, script: &Script) -> Result<()> {
    let mut broken = db.prepare("SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1").map_err(tell)?;
    let first = broken.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(tell)?.next();
    match first.transpose().map_err(tell)? {
        None => Ok(()),
        Some::<(String, String)>((table, parent)) => {
            let why = format!("rows of `{table}` would refer to rows of `{parent}` that are not there");
            Err(stopped(script, "the end", &why))
        }
    }
}

/// Each statement in turn, so that the one that fails can be named.
fn run(db: &Connection, script: &Script) -> Result<()> {
    let mut statements = Batch::new(db, &script.text);
    for number in 1.. {
        let failed = |error: rusqlite::Error| stopped(script, &format!("statement {number}"), &error.to_string());
        let Some(mut statement) = statements.next().map_err(failed)? else { break };
        if ends_transaction(&statement.expanded_sql().unwrap_or_default()) {
            let why = "a migration is one transaction; remove BEGIN, COMMIT, ROLLBACK and SAVEPOINT";
            return Err(stopped(script, &format!("statement {number}"), why));
        }
        let mut rows = statement.query([]).map_err(failed)?;
        while rows.next().map_err(failed)?.is_some() {}
    }
    Ok(())
}

/// Whether a statement is about transactions. SQLite's parser has ended it; before its first word there may be what that
/// passes over.
fn ends_transaction(mut statement: &str) -> bool {
    let is_nothing = |letter: char| letter.is_ascii_whitespace() || letter == ';' || letter == '\u{feff}';
    loop {
        statement = statement.trim_start_matches(is_nothing);
        let end = match statement.get(..2) {
            Some("--") => "\n",
            Some("/*") => "*/",
            _ => break,
        };
        statement = statement.split_once(end).map_or("", |(_, behind)| behind);
    }
    let first = statement.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    ["begin", "commit", "end", "rollback", "savepoint", "release"].iter().any(|it| first.eq_ignore_ascii_case(it))
}
