//! The folder `migrations` beside the process, as `config` is: what it has for each database, and what it lacks.
//!
//! ```text
//! migrations/model.json                   the model as of the newest migration
//! migrations/0001_first.postgres.sql      one script for each kind of database
//! migrations/0001_first.sqlite.sql
//! migrations/documents/…                  the same for `[databases.documents]`
//! ```

use crate::app::Failure;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use std::{
    fs,
    path::{Path, PathBuf},
    slice::from_ref,
};
use tollgate_store::{
    Table,
    migrate::{Change, Model, Said, Script, diff},
};

/// The migrations of one database.
pub(crate) struct Migrations(PathBuf);

/// Writes the script of some changes.
type Write = fn(&[Change]) -> String;

/// Every kind of database that this app was built with, by what its scripts end with.
const KINDS: &[(&str, Write)] = &[
    (tollgate_sqlite::SCRIPTS, tollgate_sqlite::script),
    #[cfg(feature = "postgres")]
    (tollgate_postgres::SCRIPTS, tollgate_postgres::script),
    #[cfg(feature = "mongodb")]
    (tollgate_mongodb::SCRIPTS, tollgate_mongodb::script),
];

impl Migrations {
    /// Those of the database of that name, or of the default one.
    pub(crate) fn of(name: Option<&str>) -> Self {
        Self(name.map_or_else(|| "migrations".into(), |name| Path::new("migrations").join(name)))
    }

    /// Where they are, for people.
    pub(crate) fn place(&self) -> String {
        std::path::absolute(&self.0).unwrap_or_else(|_| self.0.clone()).display().to_string()
    }

    /// The scripts for one kind of database, in order.
    pub(crate) fn scripts(&self, ending: &str) -> Result<Vec<Script>, Failure> {
        let mut scripts = vec![];
        for file in self.files()? {
            if let Some(name) = file.strip_suffix(ending).and_then(|name| name.strip_suffix('.')) {
                let text = self.read(&file)?;
                let checksum = URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()));
                scripts.push(Script { name: name.into(), text, checksum });
            }
        }
        Ok(scripts)
    }

    /// The names of all migrations, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        let name = |file: &String| {
            KINDS.iter().find_map(|(ending, _)| file.strip_suffix(ending)?.strip_suffix('.').map(str::to_owned))
        };
        let mut names: Vec<_> = self.files()?.iter().filter_map(name).collect();
        names.dedup();
        Ok(names)
    }

    /// Which files are missing: each migration has a script for every kind of database that this app knows.
    pub(crate) fn missing(&self) -> Result<Vec<String>, Failure> {
        let files = self.files()?;
        let wanted =
            self.names()?.into_iter().flat_map(|name| KINDS.iter().map(move |(ending, _)| format!("{name}.{ending}")));
        Ok(wanted.filter(|file| !files.contains(file)).collect())
    }

    /// What leads from the newest migration to these tables.
    ///
    /// # Errors
    /// What has to be said first, and how.
    pub(crate) fn changes(&self, tables: &[&'static Table], said: &Said) -> Result<Vec<Change>, Failure> {
        Ok(diff(&self.model()?, tables, said)?)
    }

    /// Whether the model of the newest migration is another one. What is compatible has to be kept as well: rows that are
    /// written from now on have it.
    pub(crate) fn has_changed(&self, tables: &[&'static Table]) -> Result<bool, Failure> {
        Ok(self.model()? != Model::of(tables))
    }

    /// What tables and columns are called, as of the newest migration and now: `movies`, `movies.title`.
    pub(crate) fn names_of(&self, tables: &[&'static Table]) -> Result<Vec<String>, Failure> {
        Ok([self.model()?, Model::of(tables)].iter().flat_map(Model::names).collect())
    }

    /// The model as of the newest migration.
    fn model(&self) -> Result<Model, Failure> {
        let file = self.0.join(MODEL);
        if !file.exists() {
            return Ok(Model::default());
        }
        let model = serde_json::from_str(&self.read(MODEL)?);
        model.map_err(|error| Failure(format!("{}: {error}", file.display())))
    }

    /// Writes the scripts of some changes, and the model that they lead to; says which files those are. The model alone
    /// changes where a database has nothing to do.
    pub(crate) fn write(
        &self,
        name: &str,
        changes: &[Change],
        tables: &[&'static Table],
    ) -> Result<Vec<String>, Failure> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Failure(format!("`{name}` is no name for files: use letters, digits and `_`")));
        }
        fs::create_dir_all(&self.0)?;
        let last =
            self.names()?.last().and_then(|name| name.split('_').next()?.parse::<u32>().ok()).unwrap_or_default();
        let name = format!("{:04}_{name}", last + 1);
        let script = |(ending, script): &(&str, fn(&[Change]) -> String)| {
            (self.0.join(format!("{name}.{ending}")), script(changes))
        };
        let kinds = if changes.is_empty() { &[] } else { KINDS };
        let scripts: Vec<_> = kinds.iter().map(script).collect();
        let model = serde_json::to_string_pretty(&Model::of(tables)).map_err(|error| Failure::of(&error))?;
        let model = (self.0.join(MODEL), model + "\n");
        write_all(scripts.iter().chain([&model]))?;
        let told = if scripts.is_empty() { from_ref(&model) } else { &scripts };
        Ok(told.iter().map(|(file, _)| file.display().to_string()).collect())
    }

    fn files(&self) -> Result<Vec<String>, Failure> {
        if !self.0.is_dir() {
            return Ok(vec![]);
        }
        let names = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>, Failure>>()?;
        names.sort();
        Ok(names)
    }

    fn read(&self, file: &str) -> Result<String, Failure> {
        let path = self.0.join(file);
        fs::read_to_string(&path).map_err(|error| Failure(format!("{}: {error}", path.display())))
    }
}

/// Writes all files or, as far as a file system can promise, none: a script without its model would be written twice.
fn write_all<'f>(files: impl Iterator<Item = &'f (PathBuf, String)> + Clone) -> Result<(), Failure> {
    let new = |file: &Path| file.with_added_extension("new");
    let done = files.clone().try_for_each(|(file, text)| {
        fs::write(new(file), text).map_err(|error| Failure(format!("{}: {error}", file.display())))
    });
    for (file, _) in files {
        match &done {
            Ok(()) => fs::rename(new(file), file)?,
            Err(_) => drop(fs::remove_file(new(file))),
        }
    }
    done
}

const MODEL: &str = "model.json";
