//! What the instances of an app share: kept answers, and counters of requests. In Redis 6.2 or later, Valkey, or a cluster
//! of either.
//!
//! Redis is never needed for an answer. Each call takes 50 ms at most; what fails is as good as not kept, and counted by
//! each instance alone. After a failure nothing is asked for a second.
//!
//! ```text
//! link.rs      one call, within its time      answers.rs   kept answers, and which are still good
//!                                             counters.rs  requests, counted for all instances
//! ```

mod answers;
mod counters;
mod link;

use link::Link;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// A Redis, or a cluster of them. Clones are the same.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    link: Link,
    /// Begins every key: which app, and where it runs.
    app: String,
    /// Answers of another version may look different.
    version: String,
    /// Tables whose writes Redis has not heard of, each with how often that happened.
    unheard: Mutex<HashMap<&'static str, u64>>,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("redis.url is no address of a Redis: write it as redis://user:password@host:6379/0, or rediss:// for TLS")]
pub struct NoAddress;

impl Redis {
    /// The Redis at that URL; several nodes of a cluster, or its one endpoint, are separated by commas. It is connected to
    /// in the background: an app starts without it.
    ///
    /// # Errors
    /// What is no URL of one.
    pub fn open(url: &str, cluster: bool, app: &str, version: &str) -> Result<Self, NoAddress> {
        let (link, app, version) = (Link::open(url, cluster).map_err(|_| NoAddress)?, app.into(), version.into());
        Ok(Self(Arc::new(Inner { link, app, version, unheard: Mutex::default() })))
    }

    /// Whether it answers now.
    pub async fn is_there(&self) -> bool {
        self.0.link.ask::<String>(&redis::cmd("PING")).await.is_some()
    }

    /// How many calls have failed so far.
    pub fn lost(&self) -> u64 {
        self.0.link.lost()
    }
}
