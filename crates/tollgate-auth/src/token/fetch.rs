//! How the keys of an issuer get here: who fetches them, within which limits, and what can go wrong.

use std::{error::Error, pin::Pin, sync::Arc, time::Duration};
use thiserror::Error;

/// What a fetch promises.
pub type Fetching<'f> = Pin<Box<dyn Future<Output = Result<Fetched, Box<dyn Error + Send + Sync>>> + Send + 'f>>;

/// A document that arrived.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The document.
    pub document: Vec<u8>,
    /// For how long the provider says it may be kept, if it does. [`Limits`] bound it.
    pub fresh: Option<Duration>,
}

/// Gets the key set of one issuer, from a place fixed at configuration.
pub trait Fetch: Send + Sync + 'static {
    /// The document, or an error; stops reading after `limit` bytes. Follows no redirect.
    fn fetch(&self, limit: usize) -> Fetching<'_>;

    /// Whose keys they are, for the log.
    fn whose(&self) -> Option<&str> {
        None
    }
}

/// How often, how long, how much.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Age at which a set is renewed whose provider says nothing about it. Default: 5 minutes.
    pub refresh_after: Duration,
    /// The least such age, whatever the provider says. Default: 1 minute.
    pub refresh_least: Duration,
    /// The greatest, for a key that was withdrawn is good until then. Default: 1 hour.
    pub refresh_most: Duration,
    /// Age at which a set that could not be renewed is given up. Default: 24 hours.
    pub discard_after: Duration,
    /// Least time from one fetch to the next. Default: 6 seconds, so at most 2 in 10 seconds.
    pub cooldown: Duration,
    /// Least time from a failed fetch to the next. Default: 10 seconds.
    pub cooldown_after_failure: Duration,
    /// How long a fetch may take. Default: 5 seconds.
    pub timeout: Duration,
    /// How many requests may wait for a flight. Default: 256.
    pub waiters: usize,
    /// Largest document, in bytes. Default: 64 KB.
    pub document_bytes: usize,
    /// Most keys in a document. Default: 64.
    pub keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            refresh_after: Duration::from_mins(5),
            refresh_least: Duration::from_mins(1),
            refresh_most: Duration::from_hours(1),
            discard_after: Duration::from_hours(24),
            cooldown: Duration::from_secs(6),
            cooldown_after_failure: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            waiters: 256,
            document_bytes: 64 * 1024,
            keys: 64,
        }
    }
}

/// Why a fetch brought no keys: for the log and for `/readyz`.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The provider could not be reached, or answered with an error.
    #[error("the key set could not be fetched")]
    Fetch(#[source] Arc<dyn Error + Send + Sync>),
    /// The provider did not answer in time.
    #[error("the key set did not arrive in time")]
    Late,
    /// Larger than allowed.
    #[error("the key set is too large")]
    TooLarge,
    /// Not a key set.
    #[error("the document is not a key set")]
    Garbage,
    /// A key set without a key we could use.
    #[error("the key set has no usable key")]
    Empty,
    /// The fetch panicked or its runtime went away.
    #[error("the fetch was lost")]
    Lost,
}

impl Limits {
    /// The age at which a set is renewed.
    pub(super) fn age(&self, fresh: Option<Duration>) -> Duration {
        fresh.map_or(self.refresh_after, |fresh| fresh.min(self.refresh_most).max(self.refresh_least))
    }
}
