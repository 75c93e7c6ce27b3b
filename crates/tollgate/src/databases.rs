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
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tollgate_core::LiveSecret;
use tollgate_http::Built;
use tollgate_sqlite::Sqlite;
use tollgate_store::{Database, Memory, Table, schema::is_lacking};

/// What stands in a URL as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_');

/// The databases of an app.
pub struct Databases {
    pub(crate) default: Arc<dyn Database>,
    named: BTreeMap<String, Arc<dyn Database>>,
    /// Files that were not there before.
    pub(crate) made: Vec<String>,
}

tollgate_core::debug_by_name!(Databases);

impl From<Arc<dyn Database>> for Databases {
    fn from(default: Arc<dyn Database>) -> Self {
        Self { default, named: BTreeMap::new(), made: vec![] }
    }
}

impl Databases {
    /// Opens every database that is configured.
    pub(crate) async fn open(design: &Design) -> Result<Self, Failure> {
        Self::open_with(design, open_sqlite).await
    }

    /// The same without making a file: one that is not there yet is an empty database in memory.
    pub(crate) async fn open_those_there(design: &Design) -> Result<Self, Failure> {
        Self::open_with(design, |place| {
            let is_there = tollgate_sqlite::Config::parse(place).map(|_| path(place).exists())?;
            if is_there { open_sqlite(place) } else { Ok(Arc::new(Memory::default())) }
        })
        .await
    }

    async fn open_with(design: &Design, sqlite: OpenSqlite) -> Result<Self, Failure> {
        let Settings { database, databases, held, .. } = &design.settings;
        check_names(databases, &design.built)?;
        let made = files(design).filter(|file| !file.exists()).map(|file| file.display().to_string()).collect();
        let default = open(&["database"], database, design.name, held, sqlite).await;
        let lambda = &design.settings.lambda;
        let default = default.map_err(|error| lambda.of_file(error, database, design.name))?;
        let mut named = BTreeMap::new();
        for (name, settings) in databases {
            let file = format!("{}-{name}", design.name);
            let opened = open(&["databases", name], settings, &file, held, sqlite).await;
            let opened = opened.map_err(|error| lambda.of_file(error, settings, &file));
            named.insert(name.clone(), opened.map_err(|error| of_database(Some(name), error))?);
        }
        Ok(Self { default, named, made })
    }

    /// Where the rows of that table live.
    pub(crate) fn of(&self, table: &Table) -> Arc<dyn Database> {
        let named = table.database.and_then(|name| self.named.get(name));
        Arc::clone(named.unwrap_or(&self.default))
    }

    /// Compares each database with the model, without a change to any; says what the next start changes.
    ///
    /// # Errors
    /// A database cannot be used, or is not as the model says where a start would not change that.
    pub(crate) async fn compare(&self, design: &Design) -> Result<Vec<String>, Failure> {
        let mut later = vec![];
        for (name, tables) in design.tables() {
            let compared = self.compare_one(design, name, &tables).await;
            later.extend(compared.map_err(|error| of_database(name, error))?);
        }
        Ok(later)
    }

    async fn compare_one(
        &self,
        design: &Design,
        name: Option<&str>,
        tables: &[&'static Table],
    ) -> Result<Vec<String>, Failure> {
        let (database, settings) = (&**self.named(name), design.settings.of_database(name));
        database.ping().await?;
        if design.settings.is_additive(settings) {
            return Ok(additions(database, tables).await?.into_iter().collect());
        }
        let waiting = cli::migrate::waiting(database, name).await?;
        if settings.migrate && !waiting.is_empty() {
            return Ok(waiting
                .into_iter()
                .map(|name| format!("the next start applies the migration {name}"))
                .collect());
        }
        cli::migrate::refuse_waiting(design.name, database, &waiting)?;
        database.prepare(tables, false).await?;
        Ok(vec![])
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
        done.extend(in_short(database.prepare(tables, additive).await?));
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

/// The files that the settings name, or mean where they name nothing.
pub(crate) fn files(design: &Design) -> impl Iterator<Item = PathBuf> {
    let Settings { database, databases, .. } = &design.settings;
    let named = databases.iter().map(|(name, settings)| url(settings, &format!("{}-{name}", design.name)));
    let urls = std::iter::once(url(database, design.name)).chain(named);
    urls.filter_map(|url| url.strip_prefix("sqlite:").map(path))
}

/// The file of a place, which may have parameters.
fn path(place: &str) -> PathBuf {
    place.split('?').next().unwrap_or_default().into()
}

/// Opens the database at that place.
type OpenSqlite = fn(&str) -> Result<Arc<dyn Database>, Failure>;

/// The tables that a start adds something to.
async fn additions(database: &dyn Database, tables: &[&'static Table]) -> tollgate_store::Result<Option<String>> {
    let mut unlike = vec![];
    for table in tables {
        match database.prepare(std::slice::from_ref(table), false).await {
            Err(error) if is_lacking(&error) => unlike.push(table.name),
            outcome => drop(outcome?),
        }
    }
    let told = || format!("the next start adds what is missing of: {}", unlike.join(", "));
    Ok((!unlike.is_empty()).then(told))
}

/// Many new tables are a line, not one each.
fn in_short(done: Vec<String>) -> Vec<String> {
    let what = |line: &String| {
        ["table", "collection"].into_iter().find(|what| line.starts_with(&format!("created the {what} ")))
    };
    let new = done.iter().filter_map(what).collect::<Vec<_>>();
    if new.len() < 3 {
        return done;
    }
    let summary = format!("created {} {}s", new.len(), new[0]);
    let others = done.into_iter().filter(|line| what(line).is_none());
    std::iter::once(summary).chain(others).collect()
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

/// The database at that URL, as an app of these features opens it.
///
/// # Errors
/// It is not there, or of a kind that the app was built without.
pub async fn open_at(url: &str) -> Result<Arc<dyn Database>, Failure> {
    let settings = settings::Database { url: Some(url.into()), ..Default::default() };
    open(&["database"], &settings, "", &Secrets::default(), open_sqlite).await
}

async fn open(
    group: &[&str],
    database: &settings::Database,
    file: &str,
    secrets: &Secrets,
    sqlite: OpenSqlite,
) -> Result<Arc<dyn Database>, Failure> {
    let url = url(database, file);
    match url.split_once(':') {
        Some(("sqlite", place)) if !place.is_empty() => sqlite(place),
        Some(("postgres" | "postgresql", _)) => open_postgres(live(group, database, url, secrets)).await,
        Some(("mongodb" | "mongodb+srv", _)) => open_mongodb(live(group, database, url, secrets)).await,
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
async fn open_mongodb(url: LiveSecret) -> Result<Arc<dyn Database>, Failure> {
    Ok(Arc::new(tollgate_mongodb::MongoDb::open_live(&url).await?))
}

#[cfg(not(feature = "mongodb"))]
fn open_mongodb(_: LiveSecret) -> Ready<Result<Arc<dyn Database>, Failure>> {
    left_out("MongoDB", "mongodb")
}

#[cfg(not(all(feature = "postgres", feature = "mongodb")))]
fn left_out(server: &str, feature: &str) -> Ready<Result<Arc<dyn Database>, Failure>> {
    let said = format!(
        "`database.url`: this app was built without {server}; turn on the feature `{feature}` of `tollgate`: \
         cargo add tollgate --features {feature}"
    );
    ready(Err(Failure(said)))
}
