//! Whether a database takes writes: what the last one said, for whoever asks if the app is ready.

use crate::{Error, Result};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a failure is believed. An app that is not ready is asked to write nothing, and so would never find out.
const BELIEVED: Duration = Duration::from_secs(10);

/// What a driver remembers of the writes of its database: that the last one found no space, or could not be done.
#[derive(Debug, Default)]
pub struct LastWrite {
    has_failed: AtomicBool,
    failure: Mutex<Option<(Instant, Error)>>,
}

impl LastWrite {
    /// Remembers what became of a write, if that tells about the next one.
    pub fn note<R>(&self, outcome: &Result<R>) {
        match outcome {
            Ok(_) if self.has_failed.load(Ordering::Relaxed) => self.has_failed.store(false, Ordering::Release),
            Err(why @ (Error::Full(_) | Error::Unavailable(_))) => {
                *self.failure() = Some((Instant::now(), why.clone()));
                self.has_failed.store(true, Ordering::Release);
            }
            _ => (),
        }
    }

    /// Whether writes can be expected to succeed.
    ///
    /// # Errors
    /// What the last write said, if it failed some seconds ago.
    pub fn check(&self) -> Result<()> {
        if !self.has_failed.load(Ordering::Acquire) {
            return Ok(());
        }
        match &*self.failure() {
            Some((when, why)) if when.elapsed() < BELIEVED => Err(why.clone()),
            _ => Ok(()),
        }
    }

    fn failure(&self) -> MutexGuard<'_, Option<(Instant, Error)>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
