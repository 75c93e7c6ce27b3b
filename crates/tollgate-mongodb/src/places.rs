//! Places: how many may wait for the server at once.
//!
//! Whoever waits for another's transaction has one of the pool's connections meanwhile. So lists, writes and transactions
//! have no more of them than this, and wait for one no longer than a moment; a few are kept for point reads, which wait
//! for nobody.

use crate::config::Config;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time::timeout,
};
use tollgate_store::{Error, Result};

/// How long a place is waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Places {
    all: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Places {
    /// An eighth of the pool's connections is kept free, and two at least, unless there are no more.
    pub(crate) fn of(config: &Config) -> Self {
        let all = config.connections();
        let all = all.saturating_sub((all / 8).max(2)).max(1);
        Self { all: Arc::new(Semaphore::new(all)), waiting: Semaphore::new(all.div_ceil(2)) }
    }

    /// A place for one statement.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if none was free in time.
    pub(crate) async fn take(&self) -> Result<SemaphorePermit<'_>> {
        in_time(self.all.acquire()).await
    }

    /// A place among those who wait for a transaction, as is known of them: half of all are left to others. To be had before
    /// one for the statement.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) async fn wait(&self) -> Result<SemaphorePermit<'_>> {
        in_time(self.waiting.acquire()).await
    }

    /// A place for a transaction.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) async fn keep(&self) -> Result<OwnedSemaphorePermit> {
        in_time(Arc::clone(&self.all).acquire_owned()).await
    }
}

async fn in_time<P>(place: impl Future<Output = Result<P, AcquireError>>) -> Result<P> {
    let place = timeout(ACQUIRE_TIMEOUT, place).await.map_err(|_| Error::Overloaded)?;
    place.map_err(|error| Error::Internal(Arc::new(error)))
}
