//! `[lambda]`: what a gateway in front of AWS Lambda does to requests.

use super::Database;
use crate::app::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use std::env;

/// Where the runtime of AWS Lambda says how it is reached.
pub(crate) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// What a gateway in front of AWS Lambda does to requests. Takes the feature `lambda`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Lambda {
    /// What the gateway puts in front of paths, as in `/v1`: the base path of a custom domain. The stage of an HTTP API need
    /// not be said. Default: nothing.
    pub base_path: String,
    /// Whether the app serves calls of AWS Lambda.
    #[serde(skip)]
    pub(crate) is_here: bool,
}

impl Lambda {
    /// Looks whether the process was started by the runtime of AWS Lambda.
    pub(crate) fn look(&mut self) {
        self.is_here = env::var_os(RUNTIME_API).is_some();
    }

    /// Whether calls come one by one. Where several come at once, the runtime says how many.
    pub(crate) fn is_one_at_a_time(&self) -> bool {
        self.is_here && env::var_os("AWS_LAMBDA_MAX_CONCURRENCY").is_none()
    }

    /// Why a file cannot be a database, where that is because of AWS Lambda too.
    pub(crate) fn of_file(&self, Failure(said): Failure, database: &Database, name: &str) -> Failure {
        let is_file = database.url.as_ref().is_none_or(|url| url.reveal().starts_with("sqlite:"));
        if !self.is_here || !is_file {
            return Failure(said);
        }
        Failure(format!(
            "{said}; in AWS Lambda only files in /tmp can be written, and each environment has its own, which ends with it: \
             set `database.url` to a server, or to sqlite:/tmp/{name}.db to try things out"
        ))
    }

    /// Refuses what is no beginning of a path.
    pub(super) fn check(&self) -> Result<(), String> {
        let path = &self.base_path;
        if path.is_empty() || path.starts_with('/') && !path.ends_with('/') {
            return Ok(());
        }
        Err(format!("lambda.base_path is {path:?}: write it with a slash in front and none behind, as in \"/v1\""))
    }
}
