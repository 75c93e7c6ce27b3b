//! One call to Redis: within its time, or not at all.

use redis::{
    Client, Cmd, FromRedisValue, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long nothing is asked after a call got no answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it may take to connect.
const CONNECTING: Duration = Duration::from_secs(2);

/// The connection, once it is there. It mends itself.
pub(crate) struct Link {
    connection: Arc<OnceLock<Connection>>,
    start: Instant,
    /// Until when nothing is asked, in milliseconds since the start.
    silent_until: AtomicU64,
    lost: AtomicU64,
}

#[derive(Clone)]
enum Connection {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects in the background.
    pub(crate) fn open(url: &str, cluster: bool) -> RedisResult<Self> {
        let connection = Arc::new(OnceLock::new());
        if cluster {
            let nodes: Vec<_> = url.split(',').map(str::trim).collect();
            let builder = ClusterClientBuilder::new(nodes).connection_timeout(CONNECTING).response_timeout(PATIENCE);
            let (client, slot) = (builder.retries(1).build()?, Arc::clone(&connection));
            tokio::spawn(async move {
                loop {
                    if let Ok(cluster) = client.get_async_connection().await {
                        return drop(slot.set(Connection::Cluster(cluster)));
                    }
                    sleep(PAUSE).await;
                }
            });
        } else {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(CONNECTING))
                .set_response_timeout(Some(PATIENCE))
                .set_max_delay(PAUSE);
            let manager = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
            let _ = connection.set(Connection::One(manager));
        }
        Ok(Self { connection, start: Instant::now(), silent_until: AtomicU64::new(0), lost: AtomicU64::new(0) })
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// What Redis answers; nothing if it does not, in time or at all, or refuses.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now < self.silent_until.load(Relaxed) {
            return None;
        }
        let why = match timeout(PATIENCE, self.connection.get()?.clone().ask(command)).await {
            Ok(Ok(answer)) => return Some(answer),
            // It is there, and refuses: full, for example.
            Ok(Err(error)) if error.code().is_some() => error.to_string(),
            outcome => {
                let pause = u64::try_from(PAUSE.as_millis()).unwrap_or_default();
                self.silent_until.store(now + pause, Relaxed);
                outcome.err().map_or_else(|| "the connection is lost".to_owned(), |late| late.to_string())
            }
        };
        self.lost.fetch_add(1, Relaxed);
        tracing::debug!(why, "Redis did not answer");
        None
    }
}

impl Connection {
    async fn ask<T: FromRedisValue>(self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(mut connection) => command.query_async(&mut connection).await,
            Self::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }
}
