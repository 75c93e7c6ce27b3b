//! Those who wait for another's lock: each on a connection to themselves, where they hold up nobody.

use crate::{
    cell::Bound,
    connection::Rows,
    line::{Again, Lines},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};
use tollgate_store::{Error, Result};

/// Connections with one statement each.
pub(crate) struct Waiting {
    lines: Lines,
    places: Semaphore,
    acquire_timeout: Duration,
}

impl Waiting {
    /// On each of these lines somebody waits; for the place nobody does for longer than `acquire_timeout`.
    pub(crate) fn new(lines: Lines, acquire_timeout: Duration) -> Self {
        Self { places: Semaphore::new(lines.len()), lines, acquire_timeout }
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Carries out a statement that writes.
    pub(crate) async fn query(&self, sql: &str, params: &[Bound<'_>]) -> Result<Rows> {
        let place = timeout(self.acquire_timeout, self.places.acquire()).await.map_err(|_| Error::Overloaded)?;
        let _place = place.map_err(|error| Error::Internal(Arc::new(error)))?;
        self.lines.query(sql, params, Again::No).await
    }
}
