//! Where several instances want to change the schema, one does, and the others say that they wait.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Between two looks whether it is our turn.
const PAUSE: Duration = Duration::from_millis(50);
/// How often those who wait say so.
const TOLD: Duration = Duration::from_secs(2);

/// The wait for one's turn, for drivers.
#[derive(Debug)]
pub struct Queue {
    since: Instant,
    told: Instant,
}

impl Default for Queue {
    fn default() -> Self {
        let now = Instant::now();
        Self { since: now, told: now }
    }
}

impl Queue {
    /// Waits a moment, and logs every few seconds that it does, for that database.
    pub async fn wait(&mut self, database: impl Display) {
        sleep(PAUSE).await;
        if self.told.elapsed() >= TOLD {
            self.told = Instant::now();
            let seconds = self.since.elapsed().as_secs();
            tracing::warn!(%database, seconds, "waits for another instance, which changes the schema");
        }
    }
}
