//! Migrations: changes as scripts, and scripts applied.
//!
//! A script names no schema: it runs with a `search_path` of the one that is configured.

use crate::{cell::Shown, config::Config, connection::Connection, dialect::Postgres, error::tell, pool::Pool, schema};
use std::fmt::Write;
use tokio_postgres::{Error as Failure, error::ErrorPosition};
use tollgate_store::{
    Result, Row, Table, Value,
    migrate::{Applied, Change, Script, Step, pending, stopped},
    sql::{self, Dialect, quoted},
};

/// What the scripts of this database end with.
pub const SCRIPTS: &str = "postgres.sql";

const DIALECT: Postgres<'static> = Postgres("");

/// The changes as statements, each with its semicolon.
pub fn script(changes: &[Change]) -> String {
    let statements = changes.iter().flat_map(|change| match change {
        Change::Create(table) => sql::create(DIALECT, table, ""),
        Change::Drop(name) => vec![format!("DROP TABLE \"{name}\"")],
        Change::Rename { from, to } => vec![format!("ALTER TABLE \"{from}\" RENAME TO \"{}\"", to.name)],
        Change::Alter { table, steps } => steps.iter().flat_map(|step| alter(table, step)).collect(),
    });
    statements.fold(String::new(), |mut text, statement| {
        let _ = writeln!(text, "{statement};");
        text
    })
}

fn alter(table: &'static Table, step: &Step) -> Vec<String> {
    let name = table.name;
    let column = |index: usize| format!("ALTER TABLE \"{name}\" ALTER COLUMN \"{}\"", table.columns[index].name);
    let literal = |index: usize, fill: &Value<'static>| Postgres::literal(table.columns[index].kind, fill);
    match step {
        Step::DropIndex { name } => vec![format!("DROP INDEX IF EXISTS \"{name}\"")],
        Step::Rename { from, to } => {
            vec![format!("ALTER TABLE \"{name}\" RENAME COLUMN \"{from}\" TO \"{}\"", table.columns[*to].name)]
        }
        Step::Drop(column) => vec![format!("ALTER TABLE \"{name}\" DROP COLUMN \"{column}\"")],
        Step::Add(index, None) => vec![sql::add_column(DIALECT, table, *index)],
        Step::Add(index, Some(fill)) => vec![
            format!("{} DEFAULT {}", sql::add_column(DIALECT, table, *index), literal(*index, fill)),
            format!("{} DROP DEFAULT", column(*index)),
        ],
        Step::Change(index, fill) => change(table, *index, fill.as_ref()),
        Step::AddIndex(index) => vec![sql::create_index(DIALECT, table, *index)],
    }
}

fn change(table: &'static Table, index: usize, fill: Option<&Value<'static>>) -> Vec<String> {
    let (name, of) = (table.name, &table.columns[index]);
    let (column, kind, collation) = (of.name, Postgres::kind(of.kind), Postgres::collation(of.kind));
    let alter = format!("ALTER TABLE \"{name}\" ALTER COLUMN \"{column}\"");
    let mut statements = vec![format!("{alter} TYPE {kind}{collation} USING \"{column}\"::{kind}")];
    statements.extend(fill.map(|fill| {
        let fill = Postgres::literal(of.kind, fill);
        format!("UPDATE \"{name}\" SET \"{column}\" = {fill} WHERE \"{column}\" IS NULL")
    }));
    statements.push(format!("{alter} {} NOT NULL", if of.nullable { "DROP" } else { "SET" }));
    statements
}

/// The migrations that the schema has seen.
pub(crate) async fn history(connection: &Connection, config: &Config) -> Result<Vec<Applied>> {
    let schema = &config.schema;
    let there = format!(
        "SELECT count(*) FROM pg_tables WHERE schemaname = {} AND tablename = 'tollgate_migrations'",
        quoted(schema)
    );
    let is_there = ask(connection, &there).await?;
    if is_there.first().map(|row| (&Shown(row) as &dyn Row).read::<i64>(0)).transpose()? != Some(1) {
        return Ok(vec![]);
    }
    let seen =
        format!("SELECT name, checksum, applied FROM \"{schema}\".tollgate_migrations ORDER BY name COLLATE \"C\"");
    let applied = |row: &tokio_postgres::Row| {
        let row: &dyn Row = &Shown(row);
        Ok(Applied { name: row.read(0)?, checksum: row.read(1)?, when: row.read(2)? })
    };
    ask(connection, &seen).await?.iter().map(applied).collect()
}

/// Applies the first script that the schema has not seen, and says which it was. One instance at a time does.
pub(crate) async fn next(
    pool: &std::sync::Arc<Pool>,
    config: &Config,
    scripts: &[Script],
    adopt: bool,
) -> Result<Option<String>> {
    let borrowed = pool.begin(schema::BEGIN).await?;
    let connection = &borrowed.connection;
    let Some(script) = pending(scripts, &history(connection, config).await?)?.first() else {
        connection.execute("ROLLBACK").await.map_err(|error| tell(&error))?;
        borrowed.give_back();
        return Ok(None);
    };
    let schema = &config.schema;
    let begin = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"; SET LOCAL search_path = \"{schema}\"");
    connection.execute(&begin).await.map_err(|error| tell(&error))?;
    if !adopt {
        let run = connection.execute(&script.text).await;
        run.map_err(|error| stopped(script, &place(&script.text, &error), &crate::error::words(&error)))?;
    }
    let remember = format!(
        "CREATE TABLE IF NOT EXISTS \"{schema}\".tollgate_migrations
         (name text NOT NULL PRIMARY KEY, checksum text NOT NULL, applied timestamptz NOT NULL DEFAULT now());
         INSERT INTO \"{schema}\".tollgate_migrations (name, checksum) VALUES ({}, {}); COMMIT",
        quoted(&script.name),
        quoted(&script.checksum)
    );
    connection.execute(&remember).await.map_err(|error| tell(&error))?;
    borrowed.give_back();
    Ok(Some(script.name.clone()))
}

/// The line of a script that the server did not take.
fn place(text: &str, error: &Failure) -> String {
    match error.as_db_error().and_then(|said| said.position()) {
        Some(ErrorPosition::Original(letter)) => {
            let before = text.chars().take(*letter as usize);
            format!("line {}", before.filter(|letter| *letter == '\n').count() + 1)
        }
        _ => "a statement".into(),
    }
}

async fn ask(connection: &Connection, sql: &str) -> Result<Vec<tokio_postgres::Row>> {
    connection.query(sql, &[]).await.map(|answer| answer.rows).map_err(|error| tell(&error))
}
