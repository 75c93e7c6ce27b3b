//! Configuration: defaults, files and environment become one typed value.
//!
//! Later layers win:
//!
//! ```text
//! 1  what the application brings along   default.toml, then {env}.toml, compiled in
//! 2  files beside the process            config/default.toml, then config/{env}.toml
//! 3  the environment                     MYAPI_SERVER__PORT=8000 is server.port
//! ```
//!
//! The environment is chosen by `MYAPI_ENV` and is `dev` without it. A key that nothing reads is refused, with
//! the nearest one that would have been: a setting that was misspelt is not a setting that was ignored.

use crate::nearest;
use config::{Config, ConfigError, Environment, File, FileFormat};
use serde::de::DeserializeOwned;
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
    /// The variables of the process.
    pub variables: HashMap<String, String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Sources {
    /// The layers of the application with that name: variables `MY_API_…`, files in `./config`.
    pub fn of_process(app: &str) -> Self {
        let prefix =
            app.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        // What is not UTF-8 counts too, with marks in place of it: an environment that cannot be read is not `dev`.
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { prefix, built_in: vec![], folder: "config".into(), variables }
    }

    /// The environment: `{PREFIX}_ENV`, else `dev`.
    pub fn environment(&self) -> String {
        let name = format!("{}_ENV", self.prefix);
        let own = self.variables.iter().find(|(key, _)| key.eq_ignore_ascii_case(&name));
        own.map_or_else(|| "dev".to_owned(), |(_, value)| value.clone())
    }

    /// All layers as one value.
    ///
    /// # Errors
    /// A file that cannot be read, a value of another type, a key that nothing reads.
    pub fn load<T: DeserializeOwned>(&self) -> Result<T, Invalid> {
        let env = self.environment();
        if env.is_empty() || !env.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(Invalid(format!("{}_ENV is a name such as `dev` or `prod`, not `{env}`", self.prefix)));
        }
        let mut layers = Config::builder().set_default("env", env.as_str()).map_err(|error| self.explain(&error))?;
        for (_, text) in self.built_in.iter().filter(|(name, _)| name.is_none_or(|name| name == env)) {
            layers = layers.add_source(File::from_str(text, FileFormat::Toml));
        }
        for name in ["default", &env] {
            let path = self.folder.join(format!("{name}.toml"));
            layers = layers.add_source(File::from(path).format(FileFormat::Toml).required(false));
        }
        let environment = Environment::with_prefix(&self.prefix).prefix_separator("_").separator("__");
        let variables = self.variables.clone();
        let environment = environment.try_parsing(true).source(Some(variables.into_iter().collect()));
        let built = layers.add_source(environment).build().map_err(|error| self.explain(&error))?;
        built.try_deserialize().map_err(|error| self.explain(&error))
    }

    /// One line: what is wrong, where, and what to do about it.
    fn explain(&self, error: &ConfigError) -> Invalid {
        let text = without_value(error.to_string());
        let near = unknown_field(&text).and_then(|(unknown, known)| nearest(unknown, known));
        let hint = near.map(|near| format!("; did you mean `{near}`?"));
        let variable = format!("{}_SECTION__KEY", self.prefix);
        let where_to = format!("(set it in {}/*.toml or as {variable})", self.folder.display());
        Invalid(format!("configuration: {text}{} {where_to}", hint.unwrap_or_default()))
    }
}

/// serde shows the text that did not fit; it may be a password in the wrong place.
fn without_value(mut text: String) -> String {
    if let (Some(start), Some(end)) = (text.find("string \""), text.find("\", expected")) {
        text.replace_range(start..=end, "this text");
    }
    text
}

/// Takes serde's sentence apart: "unknown field `prot`, expected one of `host`, `port`".
fn unknown_field(text: &str) -> Option<(&str, Vec<&str>)> {
    let rest = text.split_once("unknown field `")?.1;
    let (unknown, rest) = rest.split_once('`')?;
    Some((unknown, rest.split('`').skip(1).step_by(2).take_while(|name| !name.contains(' ')).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        env: String,
        server: Server,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Server {
        host: String,
        port: u16,
    }

    fn sources(variables: &[(&str, &str)]) -> Sources {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let built_in =
            vec![(None, "[server]\nhost = \"127.0.0.1\"\nport = 8000"), (Some("stage"), "[server]\nport = 8001")];
        Sources { prefix: "MYAPI".into(), built_in, folder: "/nowhere".into(), variables }
    }

    #[test]
    fn the_environment_wins_over_files_and_files_over_defaults() {
        let port = |variables: &[_]| sources(variables).load::<Settings>().unwrap().server.port;
        assert_eq!(port(&[]), 8000);
        assert_eq!(port(&[("MYAPI_ENV", "stage")]), 8001);
        assert_eq!(port(&[("MYAPI_ENV", "stage"), ("MYAPI_SERVER__PORT", "9000")]), 9000);
        assert_eq!(port(&[("myapi_server__port", "9001")]), 9001);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let said = sources(&[("MYAPI_SERVER__PROT", "1")]).load::<Settings>().unwrap_err().to_string();
        assert!(said.contains("unknown field `prot`") && said.contains("did you mean `port`?"), "{said}");
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_its_key_and_not_shown() {
        let said = sources(&[("MYAPI_SERVER__PORT", "many")]).load::<Settings>().unwrap_err().to_string();
        assert!(said.contains("server.port") && !said.contains("many"), "{said}");
        let said = sources(&[("MYAPI_SERVER", "postgres://u:hunter2@\"h")]).load::<Settings>().unwrap_err().to_string();
        assert!(said.contains("this text, expected") && !said.contains("hunter2"), "{said}");
    }
}
