//! Where a database is, and how patient to be with it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tollgate_store::{Error, Result};

/// How long a statement may take, where nothing else is said.
const STATEMENT: Duration = Duration::from_secs(30);

/// A database, as the part of its URL behind `sqlite:` says: `PATH` or `PATH?statement_timeout=SECONDS`.
///
/// | parameter | default | what it says |
/// |---|---|---|
/// | `statement_timeout` | 30 | seconds after which a statement is given up (503); those that make tables and migrations take as long as they need |
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) path: PathBuf,
    pub(crate) statement_timeout: Duration,
}

impl Config {
    /// The database in this file, with the defaults.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), statement_timeout: STATEMENT }
    }

    /// Reads a path and its parameters.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the part that is not understood.
    pub fn parse(place: &str) -> Result<Self> {
        let (path, parameters) = place.split_once('?').unwrap_or((place, ""));
        let mut config = Self::at(Path::new(path));
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name != "statement_timeout" {
                return Err(refused(&format!("a file takes no parameter `{name}`, only `statement_timeout`")));
            }
            config.statement_timeout = seconds(value)?;
        }
        Ok(config)
    }
}

fn seconds(value: &str) -> Result<Duration> {
    let seconds = value.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
    let why = "`statement_timeout` is a number of seconds, from 1 to 86400";
    seconds.map(Duration::from_secs).ok_or_else(|| refused(why))
}

fn refused(why: &str) -> Error {
    Error::invalid(format!("`database.url` is not understood: {why}; write it as sqlite:./data/app.db"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_named() {
        let config = Config::parse("./data/app.db?statement_timeout=5").unwrap();
        assert_eq!((config.path, config.statement_timeout), ("./data/app.db".into(), Duration::from_secs(5)));
        for (place, words) in [
            ("a.db?statement_timeout=0", "from 1 to 86400"),
            ("a.db?statement_timeout=5s", "from 1 to 86400"),
            ("a.db?schema=b", "takes no parameter `schema`"),
        ] {
            let Err(Error::Invalid(why)) = Config::parse(place) else { panic!("{place} was understood") };
            assert!(why.to_string().contains(words), "{why}");
        }
    }
}
