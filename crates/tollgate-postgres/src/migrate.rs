//! Migrations: changes as scripts, and scripts applied.
//!
//! A script names no schema: it runs with a `search_path` of the one that is configured.

use crate::{
    cell::Shown,
    config::Config,
    connection::Connection,
    dialect::Postgres,
    error::{tell, words},
    pool::Pool,
    schema::{self, Schema},
};
use std::{fmt::Write, sync::Arc};
use tokio_postgres::{
    Error as Failure,
    error::{ErrorPosition, SqlState},
};
use tollgate_store::{
    Error, Kind, Result, Row, Table, Value,
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
        Step::Change { column, from, fill } => change(table, *column, *from, fill.as_ref()),
        Step::DropChoices { name: rule } => {
            vec![format!("ALTER TABLE \"{name}\" DROP CONSTRAINT IF EXISTS \"{rule}\"")]
        }
        Step::AddChoices { column, fill } => {
            let fill = fill.as_ref().and_then(|fill| sql::fill_choices::<Postgres<'_>>(table, *column, fill));
            let rule = format!("ALTER TABLE \"{name}\" ADD{}", Postgres::rule(table, *column));
            fill.into_iter().chain([rule]).collect()
        }
        Step::AddIndex(index) => vec![sql::create_index_if_missing(DIALECT, table, *index)],
        Step::Reshape { column, differences } => vec![sql::reshape(table, *column, differences)],
    }
}

fn change(table: &'static Table, index: usize, from: Kind, fill: Option<&Value<'static>>) -> Vec<String> {
    let (name, of) = (table.name, &table.columns[index]);
    let (column, kind, collation) = (of.name, Postgres::kind(of.kind), Postgres::collation(of.kind));
    let alter = format!("ALTER TABLE \"{name}\" ALTER COLUMN \"{column}\"");
    let convert = || format!("{alter} TYPE {kind}{collation} USING \"{column}\"::{kind}");
    let mut statements: Vec<_> = (from.stored() != of.kind.stored()).then(convert).into_iter().collect();
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
pub(crate) async fn next(pool: &Arc<Pool>, config: &Config, scripts: &[Script], adopt: bool) -> Result<Option<String>> {
    let borrowed = schema::begin(pool, config).await?;
    let connection = &borrowed.connection;
    let Some(script) = pending(scripts, &history(connection, config).await?)?.first() else {
        connection.execute("ROLLBACK").await.map_err(|error| tell(&error))?;
        borrowed.give_back();
        return Ok(None);
    };
    let at = Schema { connection, config };
    at.create_schema().await?;
    let schema = &config.schema;
    at.execute(&format!("SET LOCAL search_path = \"{schema}\"")).await?;
    if !adopt {
        connection.execute(&in_block(&script.text)).await.map_err(|error| why_not(script, &error))?;
    }
    let remember = format!(
        "CREATE TABLE IF NOT EXISTS \"{schema}\".tollgate_migrations
         (name text NOT NULL PRIMARY KEY, checksum text NOT NULL, applied timestamptz NOT NULL DEFAULT now());
         INSERT INTO \"{schema}\".tollgate_migrations (name, checksum) VALUES ({}, {}); COMMIT",
        quoted(&script.name),
        quoted(&script.checksum)
    );
    at.execute(&remember).await?;
    borrowed.give_back();
    Ok(Some(script.name.clone()))
}

/// A script as a block of PL/pgSQL, in which the server itself refuses whatever would end the transaction.
fn in_block(text: &str) -> String {
    format!("DO {}", quoted(&format!("BEGIN EXECUTE {}; END", quoted(text))))
}

/// What the server did not take of a script, and in which line, if it knows.
fn why_not(script: &Script, error: &Failure) -> Error {
    let place = match error.as_db_error().and_then(|said| said.position()) {
        Some(ErrorPosition::Internal { position, query }) if *query == script.text => {
            let before = query.chars().take(*position as usize);
            format!("line {}", before.filter(|letter| *letter == '\n').count() + 1)
        }
        _ => "a statement".into(),
    };
    let is_unsupported = error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED);
    let hint = if is_unsupported { "; a migration is one transaction, without BEGIN, COMMIT and ROLLBACK" } else { "" };
    stopped(script, &place, &(words(error) + hint))
}

async fn ask(connection: &Connection, sql: &str) -> Result<Vec<tokio_postgres::Row>> {
    connection.query(sql, &[]).await.map(|answer| answer.rows).map_err(|error| tell(&error))
}
