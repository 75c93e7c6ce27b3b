//! The databases of an app: the default one, and those that resources name.

use crate::{
    app::{Design, Failure},
    running::own_tables,
    settings::{self, Settings},
};
#[cfg(not(all(feature = "postgres", feature = "mongodb")))]
use std::future::{Ready, ready};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tollgate_http::Built;
use tollgate_sqlite::Sqlite;
use tollgate_store::{Database, Error, Table};

/// The databases of an app.
pub struct Databases {
    pub(crate) default: Arc<dyn Database>,
    named: BTreeMap<String, Arc<dyn Database>>,
}

impl From<Arc<dyn Database>> for Databases {
    fn from(default: Arc<dyn Database>) -> Self {
        Self { default, named: BTreeMap::new() }
    }
}

impl Databases {
    /// Opens every database that is configured.
    pub(crate) async fn open(design: &Design) -> Result<Self, Failure> {
        let Settings { database, databases, .. } = &design.settings;
        check_names(databases, &design.built)?;
        let default = open("database.url", database, design.name).await?;
        let mut named = BTreeMap::new();
        for (name, settings) in databases {
            let file = format!("{}-{name}", design.name);
            named.insert(name.clone(), open(&format!("databases.{name}.url"), settings, &file).await?);
        }
        Ok(Self { default, named })
    }

    /// Where the rows of that table live.
    pub(crate) fn of(&self, table: &Table) -> Arc<dyn Database> {
        let named = table.database.and_then(|name| self.named.get(name));
        Arc::clone(named.unwrap_or(&self.default))
    }

    /// Makes sure that every table is where it belongs and as the model says; says what was done about it.
    pub(crate) async fn prepare(&self, settings: &Settings, built: &Built) -> Result<Vec<String>, Failure> {
        let lives_in = |table: &Table, name: &str| table.database == Some(name);
        let tables = || built.resources.iter().map(|resource| resource.table());
        let mut own = own_tables();
        own.extend(tables().filter(|table| !self.named.keys().any(|name| lives_in(table, name))));
        let mut done = self.default.prepare(&own, settings.is_additive(&settings.database)).await?;
        for (name, database) in &self.named {
            let tables: Vec<_> = tables().filter(|table| lives_in(table, name)).collect();
            let additive = settings.databases.get(name).is_some_and(|database| settings.is_additive(database));
            done.extend(database.prepare(&tables, additive).await?);
        }
        Ok(done)
    }

    /// Answers if all of them do.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        for database in self.all() {
            database.ping().await?;
        }
        Ok(())
    }

    /// What and where they are, for people.
    pub(crate) fn describe(&self) -> impl Iterator<Item = String> + '_ {
        self.all().map(|database| database.describe())
    }

    fn all(&self) -> impl Iterator<Item = &Arc<dyn Database>> {
        std::iter::once(&self.default).chain(self.named.values())
    }
}

/// A database that no resource names is a slip of the pen.
fn check_names(databases: &BTreeMap<String, settings::Database>, built: &Built) -> Result<(), Failure> {
    let known: Vec<_> = built.resources.iter().filter_map(|resource| resource.table().database).collect();
    match databases.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) if known.is_empty() => Err(Failure(format!("databases.{name}: no resource names a database"))),
        Some(name) => {
            let known = known.join(", ");
            Err(Failure(format!("databases.{name}: no resource names this database; they name: {known}")))
        }
    }
}

async fn open(setting: &str, database: &settings::Database, file: &str) -> Result<Arc<dyn Database>, Failure> {
    let default = || format!("sqlite:./data/{file}.db");
    let url = database.url.as_ref().map_or_else(default, |url| url.reveal().into());
    let opened = match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => open_sqlite(path),
        Some(("postgres" | "postgresql", _)) => open_postgres(&url).await,
        Some(("mongodb" | "mongodb+srv", _)) => open_mongodb(&url).await,
        _ => Err(Failure(
            "`database.url` is not known here: write it as sqlite:./data/app.db, \
             postgres://user:password@host:5432/database or mongodb://user:password@host:27017/database"
                .into(),
        )),
    };
    // Drivers know one setting by its name.
    opened.map_err(|Failure(said)| Failure(said.replace("database.url", setting)))
}

fn open_sqlite(path: &str) -> Result<Arc<dyn Database>, Failure> {
    Ok(Arc::new(Sqlite::open(Path::new(path))?))
}

#[cfg(feature = "postgres")]
async fn open_postgres(url: &str) -> Result<Arc<dyn Database>, Failure> {
    Ok(Arc::new(tollgate_postgres::Postgres::open(url).await?))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(_: &str) -> Ready<Result<Arc<dyn Database>, Failure>> {
    left_out("PostgreSQL", "postgres")
}

#[cfg(feature = "mongodb")]
async fn open_mongodb(url: &str) -> Result<Arc<dyn Database>, Failure> {
    Ok(Arc::new(tollgate_mongodb::MongoDb::open(url).await?))
}

#[cfg(not(feature = "mongodb"))]
fn open_mongodb(_: &str) -> Ready<Result<Arc<dyn Database>, Failure>> {
    left_out("MongoDB", "mongodb")
}

#[cfg(not(all(feature = "postgres", feature = "mongodb")))]
fn left_out(server: &str, feature: &str) -> Ready<Result<Arc<dyn Database>, Failure>> {
    let said = format!(
        "`database.url`: this app was built without {server}; turn on the feature `{feature}` of `tollgate`, as in \
         cargo run --features {feature}"
    );
    ready(Err(Failure(said)))
}
