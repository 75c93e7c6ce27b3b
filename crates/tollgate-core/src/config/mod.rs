//! Configuration: defaults, files and environment become one typed value.
//!
//! Later layers win:
//!
//! ```text
//! 1  what the application brings along   default.toml, then {env}.toml, compiled in
//! 2  files beside the process            config/default.toml, then config/{env}.toml
//! 3  the file .env                       MYAPI_SERVER__PORT=8000 is server.port
//! 4  the environment                     the same
//! ```
//!
//! The environment is chosen by `MYAPI_ENV` and is `dev` without it. What settings there are, what each is and means, is
//! told by the JSON Schema of the type they are read into; so a field with a doc comment is all that a new one takes.
//!
//! Invariant: a key that nothing reads is refused, with the nearest one that would have been; and no value is ever part of
//! what is said about it, for it may be a password in the wrong place.

mod dotenv;
mod list;
mod page;
mod read;
mod shape;
mod values;
mod variables;

pub use list::{Listed, Shown};
pub use page::page;
pub use shape::schema_of;
pub use values::Configuration;

use crate::with_causes;
use std::{collections::HashMap, path::PathBuf};

/// Where the layers come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Prefix of the variables, as in `MYAPI`.
    pub prefix: String,
    /// What the application brings along: the environment's name (`None` for all) and TOML.
    pub built_in: Vec<(Option<&'static str>, &'static str)>,
    /// The folder with `default.toml` and `{env}.toml`.
    pub folder: PathBuf,
    /// The file with variables that those of the process win over.
    pub dotenv: PathBuf,
    /// The variables of the process.
    pub variables: HashMap<String, String>,
}

/// Why there is no configuration: a mistake per line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub(super) String);

/// The way to a setting: `server`, `port`.
pub type Path = Vec<String>;

impl Sources {
    /// The layers of the application with that name: variables `MY_API_…`, files in `./config`, `./.env`.
    pub fn of_process(app: &str) -> Self {
        // What is not UTF-8 counts too, with marks in place of it: an environment that cannot be read is not `dev`.
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { prefix: prefix(app), built_in: vec![], folder: "config".into(), dotenv: ".env".into(), variables }
    }

    /// What an application brings along, without files and variables.
    pub fn built_in(app: &str, env: &str, built_in: Vec<(Option<&'static str>, &'static str)>) -> Self {
        let prefix = prefix(app);
        let variables = [(format!("{prefix}_ENV"), env.to_owned())].into();
        Self { prefix, built_in, folder: "/nonexistent".into(), dotenv: "/nonexistent".into(), variables }
    }
}

/// `my-api` → `MY_API`, which its variables begin with.
pub fn prefix(app: &str) -> String {
    app.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A file's text; nothing if there is no such file.
fn text_of(file: &std::path::Path) -> Result<Option<String>, Invalid> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(Invalid(format!("{}: {}", file.display(), with_causes(&error)))),
    }
}

/// `server.port`.
fn dotted(path: &[String]) -> String {
    path.join(".")
}

#[cfg(test)]
mod tests;
