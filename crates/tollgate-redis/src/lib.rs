//! What the instances of an app share: kept answers, and counters of requests. In Redis 6.2 or later, Valkey, or a cluster
//! of either.
//!
//! Redis is never needed for an answer. Each call takes 50 ms at most; what fails is as good as not kept, and counted by
//! each instance alone. After a failure nothing is asked for a second.
//!
//! ```text
//! link.rs      one call, within its time      answers.rs   kept answers, and which are still good
//!                                             counters.rs  requests, counted for all instances
//! measures.rs  how it answers
//! ```

mod answers;
mod counters;
mod link;
mod measures;

pub use measures::metrics;

use link::Link;
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};
use tollgate_core::Secret;

/// A Redis, or a cluster of them. Clones are the same.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

tollgate_core::debug_by_name!(Redis);

struct Inner {
    link: Link,
    /// Begins every key: which app, and where it runs.
    app: String,
    /// Answers of another version, or of another build of it, may look different.
    version: String,
    /// Tables whose writes Redis has not heard of, each with how often that happened.
    unheard: Mutex<HashMap<&'static str, u64>>,
}

/// Where it is.
#[derive(Debug)]
pub struct Config<'a> {
    /// `redis://user:password@host:6379/0`, or `rediss://` for TLS. Several nodes of a cluster, or its one endpoint, are
    /// separated by commas.
    pub url: &'a Secret,
    /// Whether it is a cluster.
    pub cluster: bool,
    /// Certificates of the authorities that it may be certified by, in a PEM file; those of the system otherwise.
    pub authorities: Option<&'a Path>,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL is none.
    #[error("redis.url is no address of a Redis: write it as redis://user:password@host:6379/0, or rediss:// for TLS")]
    Url,
    /// There are no certificates in that file, or they are for a URL without TLS.
    #[error("redis.ca: {0}")]
    Authorities(String),
}

/// Why Redis does not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(String);

impl Redis {
    /// The Redis that it says, for that version and build of an app. It is connected to in the background: an app
    /// starts without it.
    ///
    /// # Errors
    /// What is no URL of one, and what are no authorities.
    pub fn open(config: &Config<'_>, app: &str, version: &str) -> Result<Self, ConfigError> {
        let (link, app, version) = (Link::open(config)?, app.into(), version.into());
        Ok(Self(Arc::new(Inner { link, app, version, unheard: Mutex::default() })))
    }

    /// Asks whether it is there, also in the second after a call that it did not answer.
    ///
    /// # Errors
    /// It does not answer within 50 ms, or refuses.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        let answer = self.0.link.ask_now::<String>(&redis::cmd("PING")).await;
        answer.map(drop).map_err(|silence| Unavailable(silence.why))
    }
}
