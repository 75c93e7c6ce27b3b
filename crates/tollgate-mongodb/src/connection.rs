//! Whom do we speak to? A client at the URL, of a server that can be used.
//!
//! Where the URL changes, as when a password is rotated, another client takes its place once it was let in. What is under
//! way ends where it began.

use crate::{
    config::Config,
    error::{refused, unusable},
};
use mongodb::{
    Client, Database,
    bson::doc,
    event::{EventHandler, cmap::CmapEvent},
};
use std::{
    sync::{PoisonError, RwLock, Weak},
    time::Duration,
};
use tokio::time::sleep;
use tollgate_core::{LiveSecret, Secret, with_causes};
use tollgate_store::{Result, connections::PoolMeasures};

/// `maxWireVersion` of MongoDB 6.0. Servers before miss fixes that transactions need.
const OLDEST: i32 = 17;

/// Connections to one server, where the URL says nothing else: what the driver has.
const POOL: u32 = 10;

/// How soon a new URL by which nobody is let in is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Puts a client in its place that is let in by the new URL. A password may be told here before it is changed there, so it
/// is tried again until it is, or another one comes.
pub(crate) async fn follow(slot: Weak<RwLock<Database>>, url: LiveSecret) {
    let new = url.get();
    while slot.strong_count() > 0 {
        let connected = connect(new.clone(), &url).await;
        if url.get().reveal() != new.reveal() {
            return;
        }
        match connected {
            Ok((_, database)) => {
                if let Some(slot) = slot.upgrade() {
                    *slot.write().unwrap_or_else(PoisonError::into_inner) = database;
                }
                return;
            }
            Err(error) => tracing::warn!(error = with_causes(&error), "MongoDB lets nobody in by its new URL yet"),
        }
        sleep(AGAIN).await;
    }
}

/// A client at that URL, of a server that can be used.
pub(crate) async fn connect(url: Secret, live: &LiveSecret) -> Result<(Config, Database)> {
    let mut config = Config::parse(url.reveal()).await?;
    let live = live.clone();
    // Who is not let in may have an old password.
    let most = config.options.max_pool_size.unwrap_or(POOL);
    let measures = PoolMeasures::of(&config.database, usize::try_from(most).unwrap_or(usize::MAX));
    config.options.cmap_event_handler = Some(EventHandler::callback(move |event| {
        if matches!(event, CmapEvent::ConnectionCheckoutFailed(_)) {
            live.doubt();
        }
        count(&measures, &event);
    }));
    let client = Client::with_options(config.options.clone()).map_err(|error| refused(&config, &error))?;
    let database = client.database(&config.database);
    check(&config, &database).await?;
    Ok((config, database))
}

/// What the driver tells of its connections, to all servers of the database together.
fn count(measures: &PoolMeasures, event: &CmapEvent) {
    let PoolMeasures { used, idle, pending, timeouts } = measures;
    // Each step answers the number before it, which nobody needs.
    let _ = match event {
        CmapEvent::ConnectionCreated(_) => idle.inc(),
        CmapEvent::ConnectionClosed(_) => idle.dec(),
        CmapEvent::ConnectionCheckoutStarted(_) => pending.inc(),
        CmapEvent::ConnectionCheckoutFailed(_) => {
            timeouts.inc();
            pending.dec()
        }
        CmapEvent::ConnectionCheckedOut(_) => {
            pending.dec();
            idle.dec();
            used.inc()
        }
        CmapEvent::ConnectionCheckedIn(_) => {
            used.dec();
            idle.inc()
        }
        _ => 0,
    };
}

async fn check(config: &Config, database: &Database) -> Result<()> {
    let hello = database.run_command(doc! { "hello": 1 }).await;
    let hello = hello.map_err(|error| refused(config, &error))?;
    let version = hello.get_i32("maxWireVersion").unwrap_or_default();
    if version < OLDEST {
        return Err(unusable(config, "it is older than MongoDB 6.0", "upgrade it, or set `database.url` to another"));
    }
    let has_transactions = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if !has_transactions {
        let why = "it is no member of a replica set, so it has no transactions";
        let remedy = "start it with --replSet and run rs.initiate() once, or set `database.url` to a replica set";
        return Err(unusable(config, why, remedy));
    }
    // The first question that takes somebody who is known. A user of some collections is told of these.
    let names = database.list_collection_names().authorized_collections(true).await;
    names.map(drop).map_err(|error| refused(config, &error))
}
