//! One call to Redis: within its time, or not at all.

use crate::{Config, ConfigError, measures::MEASURES};
use redis::{
    Client, Cmd, FromRedisValue, RedisResult, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
};
use std::{
    fmt::Display,
    fs,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(50);
/// How long nothing is asked after a call got no answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection, once it is there. It mends itself.
pub(crate) struct Link {
    connection: Arc<OnceLock<Connection>>,
    start: Instant,
    /// Until when nothing is asked, in milliseconds since the start.
    silent_until: AtomicU64,
}

fn manager(url: &str, authorities: Option<TlsCertificates>) -> RedisResult<ConnectionManager> {
    let client = match authorities {
        Some(authorities) => Client::build_with_tls(url, authorities)?,
        None => Client::open(url)?,
    };
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(TIMEOUT))
        .set_max_delay(PAUSE);
    ConnectionManager::new_lazy_with_config(client, config)
}

/// Fills the slot as soon as one of the nodes tells of the others.
fn connect_to_cluster(
    urls: &str,
    authorities: Option<TlsCertificates>,
    slot: &Arc<OnceLock<Connection>>,
) -> RedisResult<()> {
    let nodes: Vec<_> = urls.split(',').map(str::trim).collect();
    let builder =
        ClusterClientBuilder::new(nodes).connection_timeout(CONNECT_TIMEOUT).response_timeout(TIMEOUT).retries(1);
    let builder = match authorities {
        Some(authorities) => builder.certs(authorities),
        None => builder,
    };
    let (client, slot) = (builder.build()?, Arc::clone(slot));
    tokio::spawn(async move {
        loop {
            if let Ok(cluster) = client.get_async_connection().await {
                return drop(slot.set(Connection::Cluster(cluster)));
            }
            sleep(PAUSE).await;
        }
    });
    Ok(())
}

/// The certificates in that file.
fn authorities(file: &Path) -> Result<TlsCertificates, ConfigError> {
    let refuse = |why: &dyn Display| ConfigError::Authorities(format!("{}: {why}", file.display()));
    let pem = fs::read(file).map_err(|error| refuse(&error))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(refuse(&"there is no certificate in it; it is a PEM file"));
    }
    Ok(TlsCertificates { client_tls: None, root_cert: Some(pem) })
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Silence {
    pub(crate) why: String,
    /// Whether it is better not to ask for a moment.
    rest: bool,
}

#[derive(Clone)]
enum Connection {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects in the background.
    pub(crate) fn open(config: &Config<'_>) -> Result<Self, ConfigError> {
        let authorities = config.authorities.map(authorities).transpose()?;
        let url = config.url.reveal();
        if authorities.is_some() && !url.starts_with("rediss://") {
            return Err(ConfigError::Authorities("it is for TLS alone: write `redis.url` as rediss://".into()));
        }
        let connection = Arc::new(OnceLock::new());
        if config.cluster {
            connect_to_cluster(url, authorities, &connection).map_err(|_| ConfigError::Url)?;
        } else {
            let manager = manager(url, authorities).map_err(|_| ConfigError::Url)?;
            let _ = connection.set(Connection::One(manager));
        }
        Ok(Self { connection, start: Instant::now(), silent_until: AtomicU64::new(0) })
    }

    /// What Redis answers; nothing if it does not, in time or at all, or refuses.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now < self.silent_until.load(Relaxed) {
            MEASURES.spared.inc();
            return None;
        }
        match self.ask_now(command).await {
            Ok(answer) => Some(answer),
            Err(Silence { why, rest }) => {
                if rest {
                    let pause = u64::try_from(PAUSE.as_millis()).unwrap_or_default();
                    self.silent_until.store(now + pause, Relaxed);
                }
                tracing::debug!(why, "Redis did not answer");
                None
            }
        }
    }

    /// The same, whatever became of the call before.
    pub(crate) async fn ask_now<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Silence> {
        let lost = |why: String, rest| {
            MEASURES.lost.inc();
            Silence { why, rest }
        };
        let connection = self.connection.get().ok_or_else(|| lost("there is no connection yet".into(), false))?;
        let begun = Instant::now();
        let outcome = timeout(TIMEOUT, connection.clone().ask(command)).await;
        MEASURES.durations.observe(begun.elapsed().as_secs_f64());
        match outcome {
            Ok(Ok(answer)) => {
                MEASURES.answered.inc();
                Ok(answer)
            }
            // It is there, and refuses: full, for example.
            Ok(Err(error)) if error.code().is_some() => {
                MEASURES.refused.inc();
                Err(Silence { why: error.to_string(), rest: false })
            }
            Ok(Err(_)) => Err(lost("the connection is lost".into(), true)),
            Err(_) => Err(lost(format!("there was no answer within {} ms", TIMEOUT.as_millis()), true)),
        }
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
