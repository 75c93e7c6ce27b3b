//! Tables as the model says. All of them are compared and changed in one transaction, by one instance at a time:
//! of ten that start at once, one changes what is missing and nine find it done.

use crate::{
    cell::{Bound, Shown},
    config::Config,
    connection::Connection,
    dialect::Postgres,
    error::{tell, unusable},
    pool::{Borrowed, Pool},
};
use std::sync::Arc;
use tokio_postgres::Error as Failure;
use tollgate_store::{
    Error, Kind, Result, Row, Table, Value,
    migrate::{Queue, choices_name, index_name},
    schema::{
        LiveColumn, LiveIndex, Missing, absent, check_addable, differs, indexed, missing, name_taken, not_indexed,
    },
    sql::{self, Dialect, Param},
};

/// Waits for no table long: everybody else would wait behind us. One that hangs meanwhile is ended.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// The number is the bytes of `tollgate`.
const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(x'746f6c6c67617465'::int8)";

/// A transaction in which nobody else changes the schema; other instances are waited for as long as it takes.
pub(crate) async fn begin(pool: &Arc<Pool>, config: &Config) -> Result<Borrowed> {
    let borrowed = config.in_time(pool.begin(BEGIN)).await??;
    let mut queue = Queue::default();
    while !config.in_time(is_ours(&borrowed.connection)).await?? {
        queue.wait(config).await;
    }
    Ok(borrowed)
}

async fn is_ours(connection: &Connection) -> Result<bool> {
    let answer = connection.query(TRY_LOCK, &[]).await.map_err(|error| tell(&error))?;
    answer.rows.first().map_or(Ok(false), |row| (&Shown(row) as &dyn Row).read(0))
}

/// Each column, whether it alone is the key, and its best index: one on several columns counts as plain. Types that
/// keep some of our values and no others are called by ours: what does not fit is refused by value. A collation by which
/// texts are equal that are not the same makes another type. The last says whether the server alone fills it.
const COLUMNS: &str = "
    SELECT attname::text, CASE typname WHEN 'varchar' THEN 'text' WHEN '_varchar' THEN 'text[]' WHEN '_text' THEN 'text[]'
        WHEN 'int2' THEN 'int4' WHEN 'numeric' THEN format_type(atttypid, atttypmod) ELSE typname::text END
        || CASE WHEN collisdeterministic THEN '' ELSE coalesce(' COLLATE ' || collname, '') END,
        NOT attnotnull, atthasdef OR attidentity <> '',
        EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND indnatts = 1 AND indkey[0] = attnum),
        (SELECT bool_or(indisunique AND indimmediate AND indpred IS NULL AND indnkeyatts = 1)
         FROM pg_index WHERE indrelid = attrelid AND indisvalid AND indkey[0] = attnum),
        attidentity = 'a' OR attgenerated <> ''
    FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid JOIN pg_class ON pg_class.oid = attrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE nspname = $1::text AND relname = $2::text AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

/// A rule that keeps a column to its choices.
const CHOICES: &str = "
    SELECT pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1::text AND relname = $2::text AND conname = $3::text AND contype = 'c'";

/// Whether anything in the schema has that name: tables and indexes share theirs.
const RELATION: &str = "SELECT 1::int4 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1::text AND relname = $2::text";

/// What of all that a store does this user may not do.
const FORBIDDEN: &str = "
    SELECT current_user::text, string_agg(verb, ', ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS verb
    WHERE NOT has_table_privilege(format('%I.%I', $1::text, $2::text), verb) HAVING count(*) > 0";

/// The tables of one schema, seen from a transaction that [`begin`] has begun.
pub(crate) struct Schema<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) config: &'a Config,
}

impl Schema<'_> {
    /// Makes sure that the tables are there and as the model says; says what it did about it.
    pub(crate) async fn prepare(&self, tables: &[&'static Table], additive: bool) -> Result<Vec<String>> {
        let mut done = if additive { self.create_schema().await? } else { vec![] };
        for table in tables {
            done.extend(self.prepare_table(table, additive).await?);
        }
        self.execute("COMMIT").await?;
        Ok(done)
    }

    async fn prepare_table(&self, table: &'static Table, additive: bool) -> Result<Vec<String>> {
        let (live, always) = self.columns(table).await?;
        if live.is_empty() {
            return if additive { self.create(table).await } else { Err(absent(table)) };
        }
        self.check_privileges(table).await?;
        let missing = missing(table, &live, Postgres::kind)?;
        check_addable(table, &missing, additive)?;
        check_filled(table, &live, &always)?;
        if additive { self.add(table, &missing).await } else { Ok(vec![]) }
    }

    pub(crate) async fn create_schema(&self) -> Result<Vec<String>> {
        let name = &self.config.schema;
        let there = "SELECT 1::int4 FROM pg_namespace WHERE nspname = $1::text";
        if !self.ask(there, &[name]).await?.is_empty() {
            return Ok(vec![]);
        }
        self.execute(&format!("CREATE SCHEMA \"{name}\"")).await?;
        Ok(vec![format!("created the schema `{name}`")])
    }

    async fn create(&self, table: &'static Table) -> Result<Vec<String>> {
        self.execute(&sql::create_table(self.dialect(), table)).await?;
        for index in indexed(table) {
            self.create_index(table, index).await?;
        }
        Ok(vec![format!("created the table `{}`", table.name)])
    }

    async fn add(&self, table: &'static Table, missing: &Missing) -> Result<Vec<String>> {
        let name = |index: usize| table.columns[index].name;
        let mut done = vec![];
        for index in &missing.columns {
            self.execute(&sql::add_column(self.dialect(), table, *index)).await?;
            done.push(format!("added the column `{}` to `{}`", name(*index), table.name));
        }
        for index in &missing.indexes {
            self.create_index(table, *index).await?;
            done.push(format!("added an index on `{}` to `{}`", name(*index), table.name));
        }
        for index in &missing.choices {
            self.add_choices(table, *index).await?;
            done.push(format!("added choices to `{}` of `{}`", name(*index), table.name));
        }
        Ok(done)
    }

    async fn create_index(&self, table: &'static Table, index: usize) -> Result<()> {
        let column = &table.columns[index];
        let name = index_name(table.name, column.name, column.unique);
        if !self.ask(RELATION, &[&self.config.schema, &name]).await?.is_empty() {
            return Err(name_taken(table, index));
        }
        let created = self.execute(&sql::create_index(self.dialect(), table, index)).await;
        created.map_err(|error| not_indexed(table, index, error))
    }

    async fn add_choices(&self, table: &'static Table, index: usize) -> Result<()> {
        let rule = choices_name(table.name, table.columns[index].name);
        let table_name = format!("\"{}\".\"{}\"", self.config.schema, table.name);
        let added = Postgres::rule(table, index);
        self.execute(&format!("ALTER TABLE {table_name} DROP CONSTRAINT \"{rule}\", ADD{added}")).await
    }

    /// The choices that the rule of a column allows, which the server tells as it wrote them: `ANY (ARRAY['a'::text, …])`.
    async fn add_live_choices(&self, table: &Table, live: &mut [LiveColumn]) -> Result<()> {
        for column in table.columns.iter().filter(|column| matches!(column.kind, Kind::Choice(_))) {
            let Some(live) = live.iter_mut().find(|live| live.name == column.name) else { continue };
            let rule = choices_name(table.name, column.name);
            let found = self.ask(CHOICES, &[&self.config.schema, table.name, &rule]).await?;
            let told = found.first().map(|row| (&Shown(row) as &dyn Row).read::<String>(0)).transpose()?;
            live.choices =
                told.iter().flat_map(|told| told.split('\'').skip(1).step_by(2)).map(str::to_owned).collect();
        }
        Ok(())
    }

    /// Its columns, and the names of those that the server alone fills.
    async fn columns(&self, table: &Table) -> Result<(Vec<LiveColumn>, Vec<String>)> {
        let rows = self.ask(COLUMNS, &[&self.config.schema, table.name]).await?;
        let mut live: Vec<_> = rows.iter().map(|row| column(&Shown(row))).collect::<Result<_>>()?;
        self.add_live_choices(table, &mut live).await?;
        let is_always = rows.iter().map(|row| (&Shown(row) as &dyn Row).read(6)).collect::<Result<Vec<bool>>>()?;
        let always =
            live.iter().zip(is_always).filter(|(_, always)| *always).map(|(live, _)| live.name.clone()).collect();
        Ok((live, always))
    }

    async fn check_privileges(&self, table: &Table) -> Result<()> {
        let rows = self.ask(FORBIDDEN, &[&self.config.schema, table.name]).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let row: &dyn Row = &Shown(row);
        let (user, verbs) = (row.read::<String>(0)?, row.read::<String>(1)?);
        let (schema, name) = (&self.config.schema, table.name);
        let why = format!("the user `{user}` may not {verbs} on the table `{name}`");
        let grant =
            format!("GRANT {verbs} ON \"{schema}\".\"{name}\" TO \"{user}\", or set `database.url` to another user");
        Err(unusable(self.config, &why, &grant))
    }

    async fn ask(&self, sql: &str, texts: &[&str]) -> Result<Vec<tokio_postgres::Row>> {
        let params: Vec<_> = texts.iter().map(|text| Param::One(Kind::Text, Value::Text((*text).into()))).collect();
        let answer = self.connection.query(sql, &Bound::all(&params)).await;
        answer.map(|answer| answer.rows).map_err(|error| tell(&error))
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        self.connection.execute(sql).await.map_err(|error| self.why_not(&error))
    }

    fn why_not(&self, error: &Failure) -> Error {
        match error.as_db_error() {
            Some(said) if said.code().code() == "42501" => {
                let user = self.config.server.get_user().unwrap_or_default();
                let remedy = format!(
                    "GRANT CREATE ON SCHEMA \"{}\" TO \"{user}\", or set `database.url` to another user",
                    self.config.schema
                );
                unusable(self.config, said.message(), &remedy)
            }
            _ => tell(error),
        }
    }

    fn dialect(&self) -> Postgres<'_> {
        Postgres(&self.config.schema)
    }
}

/// The server counts the keys that it is to count, and no column that the app fills.
fn check_filled(table: &Table, live: &[LiveColumn], always: &[String]) -> Result<()> {
    let key = table.columns[table.id].name;
    if table.counted && live.iter().any(|live| live.key && !live.has_default) {
        let remedy = format!(
            "ALTER TABLE \"{}\" ALTER COLUMN \"{key}\" ADD GENERATED BY DEFAULT AS IDENTITY, or drop `generated` from `#[id]`",
            table.name
        );
        return Err(differs(table, key, "is counted here and not there", &remedy));
    }
    match table.written().find(|(_, column)| always.iter().any(|name| name == column.name)) {
        Some((_, column)) => {
            let what = "is filled by the app here and always by the server there";
            Err(differs(table, column.name, what, "let it be GENERATED BY DEFAULT, or no generated column"))
        }
        None => Ok(()),
    }
}

fn column(row: &dyn Row) -> Result<LiveColumn> {
    let unique: Option<bool> = row.read(5)?;
    Ok(LiveColumn {
        name: row.read(0)?,
        kind: row.read(1)?,
        choices: vec![],
        nullable: row.read(2)?,
        has_default: row.read(3)?,
        key: row.read(4)?,
        index: unique.map(|unique| if unique { LiveIndex::Unique } else { LiveIndex::Plain }),
    })
}
