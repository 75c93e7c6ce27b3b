//! The databases of an app: the default one, and those that resources name.

use crate::{
    app::{Design, Failure},
    cli,
    secrets::Secrets,
    settings::{self, Settings},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
#[cfg(not(all(feature = "postgres", feature = "mongodb")))]
use std::future::{Ready, ready};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};
use tollgate_core::LiveSecret;
use tollgate_http::Built;
use tollgate_sqlite::Sqlite;
use tollgate_store::{Database, Table};

/// What stands in a URL as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_');

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
        let default = open(&["database"], database, design.name, &design.settings).await?;
        let mut named = BTreeMap::new();
        for (name, settings) in databases {
            let file = format!("{}-{name}", design.name);
            let opened = open(&["databases", name], settings, &file, &design.settings).await;
            named.insert(name.clone(), opened.map_err(|error| of_database(Some(name), error))?);
        }
        Ok(Self { default, named })
    }

    /// Where the rows of that table live.
    pub(crate) fn of(&self, table: &Table) -> Arc<dyn Database> {
        let named = table.database.and_then(|name| self.named.get(name));
        Arc::clone(named.unwrap_or(&self.default))
    }

    /// Makes sure that every table is where it belongs and as the model says; says what was done about it.
    ///
    /// Where nothing is added by itself, migrations lead there: they are applied where the settings say so, and must have
    /// been elsewhere.
    pub(crate) async fn prepare(&self, design: &Design) -> Result<Vec<String>, Failure> {
        let mut done = vec![];
        for (name, tables) in design.tables() {
            let prepared = self.prepare_one(design, name, &tables).await;
            done.extend(prepared.map_err(|error| of_database(name, error))?);
        }
        Ok(done)
    }

    async fn prepare_one(
        &self,
        design: &Design,
        name: Option<&str>,
        tables: &[&'static Table],
    ) -> Result<Vec<String>, Failure> {
        let database = self.named(name);
        let settings = design.settings.of_database(name);
        let additive = design.settings.is_additive(settings);
        let mut done = vec![];
        if !additive {
            done.extend(migrate(design.name, &**database, name, settings.migrate).await?);
        }
        done.extend(database.prepare(tables, additive).await?);
        Ok(done)
    }

    /// The database of that name, or the default one.
    pub(crate) fn named(&self, name: Option<&str>) -> &Arc<dyn Database> {
        name.and_then(|name| self.named.get(name)).unwrap_or(&self.default)
    }

    /// Each of them, under the name that the settings give it.
    pub(crate) fn each(&self) -> impl Iterator<Item = (String, &Arc<dyn Database>)> {
        let named = self.named.iter().map(|(name, database)| (format!("databases.{name}"), database));
        std::iter::once(("database".to_owned(), &self.default)).chain(named)
    }

    /// What and where they are, for people.
    pub(crate) fn describe(&self) -> impl Iterator<Item = String> + '_ {
        self.all().map(|database| database.describe())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn Database>> {
        std::iter::once(&self.default).chain(self.named.values())
    }
}

/// Applies migrations, or refuses to go on without.
async fn migrate(app: &str, database: &dyn Database, name: Option<&str>, apply: bool) -> Result<Vec<String>, Failure> {
    if apply {
        let applied = cli::migrate::apply(database, name, false).await?;
        return Ok(applied.into_iter().map(|name| format!("applied the migration {name}")).collect());
    }
    let waiting = cli::migrate::waiting(database, name).await?;
    cli::migrate::refuse_waiting(app, database, &waiting)?;
    Ok(vec![])
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

/// What is said about a setting of a database, for drivers know those of the default one alone.
pub(crate) fn of_database(name: Option<&str>, Failure(said): Failure) -> Failure {
    Failure(match name {
        Some(name) => said.replace("`database.", &format!("`databases.{name}.")),
        None => said,
    })
}

async fn open(
    group: &[&str],
    database: &settings::Database,
    file: &str,
    settings: &Settings,
) -> Result<Arc<dyn Database>, Failure> {
    let url = url(database, file);
    match url.split_once(':') {
        Some(("sqlite", place)) if !place.is_empty() => {
            open_sqlite(place).map_err(|error| settings.lambda.of_file(error, file))
        }
        Some(("postgres" | "postgresql", _)) => open_postgres(live(group, database, url, &settings.held)).await,
        Some(("mongodb" | "mongodb+srv", _)) => open_mongodb(&url).await,
        _ => Err(Failure(
            "`database.url` is not known here: write it as sqlite:./data/app.db, \
             postgres://user:password@host:5432/database or mongodb://user:password@host:27017/database"
                .into(),
        )),
    }
}

fn url(database: &settings::Database, file: &str) -> String {
    let default = || format!("sqlite:./data/{file}.db");
    let mut url = database.url.as_ref().map_or_else(default, |url| url.reveal().into());
    for (name, value) in &database.parameters {
        add_parameter(&mut url, name, value.reveal());
    }
    url
}

/// A URL that changes with the secrets in it.
fn live(group: &[&str], database: &settings::Database, url: String, secrets: &Secrets) -> LiveSecret {
    let (live, database) = (LiveSecret::new(url.into(), secrets.doubt()), Mutex::new(database.clone()));
    let changed = live.clone();
    secrets.on_change(group, move |setting, new| {
        let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
        match setting {
            [parameters, name] if parameters == "parameters" => {
                database.parameters.insert(name.clone(), new.clone());
            }
            [url] if url == "url" => database.url = Some(new.clone()),
            _ => return Ok(false),
        }
        changed.replace(self::url(&database, "").into());
        Ok(true)
    });
    live
}

/// `postgres://…/films?schema=myapi&NAME=VALUE`.
fn add_parameter(url: &mut String, name: &str, value: &str) {
    let mark = if url.contains('?') { '&' } else { '?' };
    let [name, value] = [name, value].map(|text| utf8_percent_encode(text, PLAIN));
    let _ = write!(url, "{mark}{name}={value}");
}

fn open_sqlite(place: &str) -> Result<Arc<dyn Database>, Failure> {
    Ok(Arc::new(Sqlite::open_with(tollgate_sqlite::Config::parse(place)?)?))
}

#[cfg(feature = "postgres")]
async fn open_postgres(url: LiveSecret) -> Result<Arc<dyn Database>, Failure> {
    Ok(Arc::new(tollgate_postgres::Postgres::open_live(&url).await?))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(_: LiveSecret) -> Ready<Result<Arc<dyn Database>, Failure>> {
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
