//! The faults, one file each.

mod clock_jumps;
mod crash;
mod database_restart;
mod ends;
mod freeze;
mod full_disk;
mod full_pool;
mod key_rotation;
mod login_storm;
mod lost_commit;
mod malformed;
mod no_descriptors;
mod overload;
mod panics;
mod provider_outage;
mod redis_outage;
mod refresh;
mod rolling_restart;
mod slow_clients;

use crate::{Finding, Result, Stage};
use std::pin::Pin;

/// Something that breaks.
#[derive(Debug)]
pub struct Fault {
    /// As in `cargo xtask faults F1-sqlite`; `F1` names all that begin with `F1-`.
    pub id: &'static str,
    /// What breaks.
    pub title: &'static str,
    /// What it needs that cargo does not bring, as in `--without postgres`; parts are separated by spaces.
    pub needs: Option<&'static str>,
    run: fn(&Stage) -> Coming<'_>,
}

type Coming<'a> = Pin<Box<dyn Future<Output = Result<Finding>> + Send + 'a>>;

impl Fault {
    /// Whether this is meant by `F1`, or by `F1-sqlite`.
    pub fn is(&self, name: &str) -> bool {
        self.id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Breaks it; needs a runtime of several threads. A failure to do so, even a panic, is a finding too.
    pub async fn run(&'static self, stage: &Stage) -> Finding {
        let stage = stage.clone();
        let run = tokio::spawn(async move { (self.run)(&stage).await });
        let finding = run.await.unwrap_or_else(|panic| Err(panic.into()));
        finding.unwrap_or_else(|failure| Finding { failures: vec![failure.to_string()], ..Finding::default() })
    }
}

/// All of them.
pub const FAULTS: &[Fault] = &[
    Fault {
        id: "F1-sqlite",
        title: "kill -9 of the app under writes, SQLite",
        needs: None,
        run: |stage| Box::pin(crash::of_app_on_sqlite(stage)),
    },
    Fault {
        id: "F1-postgres",
        title: "kill -9 of the app under writes, PostgreSQL",
        needs: Some("postgres"),
        run: |stage| Box::pin(crash::of_app_on_postgres(stage)),
    },
    Fault {
        id: "F1-postgres-server",
        title: "kill -9 of PostgreSQL under writes",
        needs: Some("postgres"),
        run: |stage| Box::pin(crash::of_postgres(stage)),
    },
    Fault {
        id: "F1-mongodb",
        title: "kill -9 of the app under writes, MongoDB",
        needs: Some("mongodb"),
        run: |stage| Box::pin(crash::of_app_on_mongodb(stage)),
    },
    Fault {
        id: "F1-mongodb-server",
        title: "kill -9 of MongoDB under writes",
        needs: Some("mongodb"),
        run: |stage| Box::pin(crash::of_mongodb(stage)),
    },
    Fault {
        id: "F1-mongodb-key",
        title: "kill -9 of the app once, MongoDB with its defaults: what was sent under a key is sent until it is there",
        needs: Some("mongodb"),
        run: |stage| Box::pin(crash::of_app_with_keys_on_mongodb(stage)),
    },
    Fault {
        id: "F2",
        title: "PostgreSQL restarted at once, at 300 requests a second",
        needs: Some("postgres"),
        run: |stage| Box::pin(database_restart::run(stage)),
    },
    Fault {
        id: "F3",
        title: "PostgreSQL's word that it committed is lost",
        needs: Some("postgres"),
        run: |stage| Box::pin(lost_commit::run(stage)),
    },
    Fault {
        id: "F4",
        title: "a provider of identities is away: killed, silent, with errors, ten megabytes, rubbish, a byte a second",
        needs: Some("oidc-provider"),
        run: |stage| Box::pin(provider_outage::run(stage)),
    },
    Fault {
        id: "F5",
        title: "a provider changes its keys in a storm of tokens that name invented ones",
        needs: Some("oidc-provider"),
        run: |stage| Box::pin(key_rotation::run(stage)),
    },
    Fault {
        id: "F6",
        title: "2,000 slow clients of four kinds, and 1,500 of three kinds of HTTP/2",
        needs: None,
        run: |stage| Box::pin(slow_clients::run(stage)),
    },
    Fault {
        id: "F7",
        title: "two hundred sign in at once, with wrong passwords",
        needs: None,
        run: |stage| Box::pin(login_storm::run(stage)),
    },
    Fault {
        id: "F8",
        title: "all five transactions of the pool held",
        needs: Some("postgres"),
        run: |stage| Box::pin(full_pool::run(stage)),
    },
    Fault {
        id: "F9",
        title: "malformed input: JSON, bodies, chunks, heads, and good requests with bytes changed",
        needs: None,
        run: |stage| Box::pin(malformed::run(stage)),
    },
    Fault {
        id: "F10",
        title: "the calendar jumps by an hour and by a day",
        needs: Some("faketime"),
        run: |stage| Box::pin(clock_jumps::run(stage)),
    },
    Fault {
        id: "F11",
        title: "three instances behind nginx, which share a Redis, replaced in turn at 400 requests a second",
        needs: Some("postgres nginx redis"),
        run: |stage| Box::pin(rolling_restart::run(stage)),
    },
    Fault {
        id: "F12",
        title: "the Redis that two instances share is killed, stopped, and full",
        needs: Some("postgres redis"),
        run: |stage| Box::pin(redis_outage::run(stage)),
    },
    Fault {
        id: "F13",
        title: "no space left, SQLite on 4 MiB",
        needs: Some("tmpfs"),
        run: |stage| Box::pin(full_disk::run(stage)),
    },
    Fault {
        id: "F14",
        title: "1,000 refreshes at once over three instances, what ends on one of them, and instances killed under refreshes",
        needs: Some("postgres"),
        run: |stage| Box::pin(refresh::run(stage)),
    },
    Fault {
        id: "F15",
        title: "a slow database, and twice as many requests as can be served",
        needs: Some("postgres"),
        run: |stage| Box::pin(overload::run(stage)),
    },
    Fault {
        id: "F16",
        title: "no file descriptors are left",
        needs: None,
        run: |stage| Box::pin(no_descriptors::run(stage)),
    },
    Fault {
        id: "F17",
        title: "a handler panics, again and again",
        needs: None,
        run: |stage| Box::pin(panics::run(stage)),
    },
    Fault {
        id: "F18",
        title: "a function of AWS Lambda frozen for ten minutes, its connections to PostgreSQL cut off or forgotten",
        needs: Some("postgres faketime"),
        run: |stage| Box::pin(freeze::run(stage)),
    },
];
