//! `migrate`: scripts for what changed in the model, and databases brought up to date by them.

use super::print;
use crate::{
    app::{Design, Failure},
    databases::{Databases, of_database},
    kept::Values,
    migrations::Migrations,
};
use clap::{Args, Subcommand};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};
use tollgate_http::KeyedRequest;
use tollgate_store::{
    Database, Resource, Table,
    audit::AuditEvent,
    changes::LoggedChange,
    migrate::{Said, pending},
};

#[derive(Subcommand)]
pub(super) enum Migrate {
    /// Write scripts for what has changed in the model since the newest migration
    Diff(Diff),
    /// Apply the migrations that the databases have not seen
    Run {
        /// Remember them as applied without running them: for a database that is as the model says already
        #[arg(long)]
        adopt: bool,
    },
    /// Print each migration and whether it was applied
    Status,
    /// Fail if the model has changed since the newest migration, a script is missing, or one was not applied
    Check,
}

#[derive(Args)]
pub(super) struct Diff {
    /// What the migration is about, as in `add_ratings`
    name: String,
    /// Let go what is no longer in the model: tables with their rows, columns with their values
    #[arg(long)]
    drop: bool,
    /// A table or column that has another name now, as in `films=movies` or `movies.name=title`
    #[arg(long, value_parser = pair)]
    rename: Vec<(String, String)>,
    /// What rows that are there get in a column, as in `movies.released=1900`
    #[arg(long, value_parser = pair)]
    fill: Vec<(String, String)>,
    /// A column of nested values that have another shape now, as in `movies.place`: the scripts get room for what changes
    /// rows that are there
    #[arg(long)]
    reshape: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (left, right) = text.split_once('=').ok_or("there is no `=` in it")?;
    Ok((left.into(), right.into()))
}

/// Runs the command.
pub(super) async fn migrate(design: Design, command: Migrate) -> Result<(), Failure> {
    match command {
        Migrate::Diff(diff) => write(&design, diff),
        Migrate::Run { adopt } => run(&design, adopt).await,
        Migrate::Status => status(&design).await,
        Migrate::Check => check(&design).await,
    }
}

fn write(design: &Design, Diff { name, drop, rename, fill, reshape }: Diff) -> Result<(), Failure> {
    let (renames, fills) = (BTreeMap::from_iter(rename), BTreeMap::from_iter(fill));
    let said = Said { drop, renames, fills, reshapes: BTreeSet::from_iter(reshape) };
    let databases = design.tables();
    let mut names = vec![];
    for (database, tables) in &databases {
        names.extend(Migrations::of(*database).names_of(tables)?);
    }
    said.check_names(&names)?;
    let all = databases.iter().map(|(database, tables)| Migrations::of(*database).changes(tables, &said));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    said.check_used(&all.concat())?;
    let mut text = String::new();
    for ((database, tables), changes) in databases.iter().zip(&all) {
        let migrations = Migrations::of(*database);
        if !migrations.has_changed(tables)? {
            continue;
        }
        for file in migrations.write(&name, changes, tables)? {
            let _ = writeln!(text, "wrote {file}");
        }
    }
    print(if text.is_empty() { "nothing has changed since the newest migration" } else { &text })
}

async fn run(design: &Design, adopt: bool) -> Result<(), Failure> {
    let databases = Databases::open(design).await?;
    let how = if adopt { "adopted" } else { "applied" };
    let mut is_new = false;
    for (name, tables) in design.tables() {
        let database = &**databases.named(name);
        let done = run_one(design, database, name, adopt.then_some(&*tables)).await;
        // Told at once: the next database may fail.
        for migration in done.map_err(|error| of_database(name, error))? {
            print(&format!("{how} {migration} in {}", database.describe()))?;
            is_new = true;
        }
    }
    if is_new { Ok(()) } else { print("every migration was applied before") }
}

/// Applies what one database has not seen, or takes what is there for it, if it is as those tables.
async fn run_one(
    design: &Design,
    database: &dyn Database,
    name: Option<&str>,
    adopted: Option<&[&'static Table]>,
) -> Result<Vec<String>, Failure> {
    let migrations = Migrations::of(name);
    if database.scripts().is_some() && migrations.names()?.is_empty() {
        return Err(Failure(format!(
            "there are no migrations in {}: run this where they are, or write the first with `{} migrate diff NAME`",
            migrations.place(),
            design.name
        )));
    }
    if let Some(tables) = adopted {
        database.prepare(tables, false).await?;
    }
    apply(database, name, adopted.is_some()).await.map_err(|why| or_adopt(design, why))
}

/// What development made is there already.
fn or_adopt(design: &Design, Failure(why): Failure) -> Failure {
    let hint = if why.contains("already exists") {
        format!("; if development made what is there, take it over with `{} migrate run --adopt`", design.name)
    } else {
        String::new()
    };
    Failure(why + &hint)
}

/// Applies what a database has not seen.
pub(crate) async fn apply(database: &dyn Database, name: Option<&str>, adopt: bool) -> Result<Vec<String>, Failure> {
    let Some(ending) = database.scripts() else { return Ok(vec![]) };
    let scripts = Migrations::of(name).scripts(ending)?;
    if scripts.is_empty() { Ok(vec![]) } else { Ok(database.migrate(&scripts, adopt).await?) }
}

/// The migrations that a database has not seen.
pub(crate) async fn waiting(database: &dyn Database, name: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(ending) = database.scripts() else { return Ok(vec![]) };
    let scripts = Migrations::of(name).scripts(ending)?;
    if scripts.is_empty() {
        return Ok(vec![]);
    }
    let waiting = pending(&scripts, &database.history().await?)?;
    Ok(waiting.iter().map(|script| script.name.clone()).collect())
}

async fn status(design: &Design) -> Result<(), Failure> {
    let databases = Databases::open(design).await?;
    let mut text = String::new();
    for (name, _) in design.tables() {
        let state = status_of(&**databases.named(name), name).await;
        text += &state.map_err(|error| of_database(name, error))?;
    }
    print(&text)
}

async fn status_of(database: &dyn Database, name: Option<&str>) -> Result<String, Failure> {
    let history = database.history().await?;
    let mut text = format!("{}\n", database.describe());
    for migration in Migrations::of(name).names()? {
        let seen = history.iter().find(|applied| applied.name == migration);
        let state = seen.map_or_else(|| "not applied".to_owned(), |applied| format!("applied {:.0}", applied.when));
        let _ = writeln!(text, "  {migration:<40} {state}");
    }
    // What does not fit its history is told as `run` would.
    waiting(database, name).await?;
    Ok(text)
}

async fn check(design: &Design) -> Result<(), Failure> {
    for (name, tables) in design.tables() {
        let migrations = Migrations::of(name);
        if migrations.has_changed(&tables)? {
            return Err(Failure(format!(
                "the model has changed since the newest migration: run `{} migrate diff NAME`",
                design.name
            )));
        }
        if let Some(file) = migrations.missing()?.first() {
            return Err(Failure(format!(
                "the migration script {file} is missing: write it by hand, or take it from your history"
            )));
        }
    }
    let databases = Databases::open(design).await?;
    for (name, tables) in design.tables() {
        let database = &**databases.named(name);
        let is_ready = async {
            refuse_waiting(design.name, database, &waiting(database, name).await?)?;
            database.prepare(&tables, false).await.map_err(Failure::from)
        };
        is_ready.await.map_err(|error| of_database(name, error))?;
    }
    print("every migration was applied, and the databases are as the model says")
}

/// Says what to do about migrations that were not applied.
pub(crate) fn refuse_waiting(app: &str, database: &dyn Database, waiting: &[String]) -> Result<(), Failure> {
    match waiting {
        [] => Ok(()),
        [first, more @ ..] => {
            let which = match more.len() {
                0 => format!("the migration {first} was"),
                more => format!("{} migrations, the first of them {first}, were", more + 1),
            };
            Err(Failure(format!(
                "{which} not applied to {}: run `{app} migrate run`, or set `database.migrate = true` to have that done at \
                 the start",
                database.describe()
            )))
        }
    }
}

impl Design {
    /// The tables of each database: the default one, which has what no other claims, and those that are configured.
    pub(crate) fn tables(&self) -> Vec<(Option<&str>, Vec<&'static Table>)> {
        let named: Vec<&str> = self.settings.databases.keys().map(String::as_str).collect();
        let all = || self.built.resources.iter().map(|resource| resource.table());
        let lives_in = |table: &Table, name: &str| table.database == Some(name);
        let mut default = crate::running::own_tables();
        for table in all().filter(|table| !named.iter().any(|name| lives_in(table, name))) {
            // Those of the framework that have routes are among them.
            if default.iter().all(|own| own.name != table.name) {
                default.push(table);
            }
        }
        let mut tables: Vec<(Option<&str>, Vec<&'static Table>)> = vec![(None, default)];
        tables.extend(named.iter().map(|name| {
            let own = [Values::TABLE, KeyedRequest::TABLE, AuditEvent::TABLE].into_iter();
            (Some(*name), own.chain(all().filter(|table| lives_in(table, name))).collect())
        }));
        let followed = self.followed();
        for (name, tables) in &mut tables {
            tables.extend(followed.contains(name).then_some(LoggedChange::TABLE));
        }
        tables
    }

    /// The databases whose changes are logged, because somebody may follow them.
    pub(crate) fn followed(&self) -> BTreeSet<Option<&str>> {
        let configured = |name: &&str| self.settings.databases.contains_key(*name);
        self.built.live_tables.iter().map(|table| table.database.filter(configured)).collect()
    }
}
