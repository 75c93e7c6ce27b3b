//! What did other instances do meanwhile? Asked twice a second, beside the requests.
//!
//! The task ends with whoever follows. While the database does not answer, what is known stays: nobody could have said
//! anything new in the meantime either.

use super::Revoked;
use crate::{error::Result, identity::Issuer};
use jiff::{SignedDuration, Timestamp};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tollgate_core::with_causes;

/// How often it is asked what is new.
pub const PAUSE: Duration = Duration::from_millis(500);
/// Every so many times, two seconds, the keys are read.
const KEYS: u64 = 4;
/// Every so many times, a minute, everything is read, and what has expired is swept out.
pub(crate) const SWEEP: u64 = 120;

/// The longest that a row may take from being written to being seen, but for the reading of all.
pub(super) const OVERLAP: SignedDuration = SignedDuration::from_secs(10);

/// How far rows were read that tell when they were written. One that took long to be committed is read too.
pub(crate) struct Seen(Mutex<Timestamp>);

impl Default for Seen {
    fn default() -> Self {
        Self(Mutex::new(Timestamp::MIN))
    }
}

impl Seen {
    /// What was written later than that may be new; `None` if all may be. Rows of a time that is still to come, left by a
    /// clock that had jumped, hide nothing.
    pub(crate) fn since(&self, now: Timestamp) -> Option<Timestamp> {
        now.min(*self.0.lock().unwrap_or_else(PoisonError::into_inner)).checked_sub(OVERLAP).ok()
    }

    /// The newest row that was read was written then.
    pub(crate) fn reached(&self, newest: Option<Timestamp>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = newest.map_or(*seen, |newest| newest.max(*seen));
    }
}

/// Starts to follow, for as long as there is somebody who follows.
pub(crate) fn start<F: Follower>(follower: &Arc<F>) {
    let follower = Arc::downgrade(follower);
    tokio::spawn(async move {
        let mut failed = false;
        for round in 1_u64.. {
            tokio::time::sleep(PAUSE).await;
            let Some(follower) = follower.upgrade() else { return };
            let caught_up = follower.catch_up(round).await;
            match &caught_up {
                Err(error) if !failed => {
                    tracing::warn!(
                        cause = with_causes(error),
                        "what other instances revoke or rotate is not known for now"
                    );
                }
                Ok(()) if failed => tracing::info!("what other instances revoke or rotate is known again"),
                _ => {}
            }
            failed = caught_up.is_err();
        }
    });
}

/// Who wants to know.
pub(crate) trait Follower: Send + Sync + 'static {
    /// Takes over what is new, for the so-manieth time.
    fn catch_up(&self, round: u64) -> impl Future<Output = Result<()>> + Send;

    /// Takes over what is new now, keys too, or all there is: for who was frozen, and did not ask for a while.
    fn catch_up_now(&self, all: bool) -> impl Future<Output = Result<()>> + Send {
        self.catch_up(if all { 0 } else { KEYS })
    }
}

impl Follower for Issuer {
    async fn catch_up(&self, round: u64) -> Result<()> {
        self.revoked.catch_up(round).await?;
        if round.is_multiple_of(KEYS) { self.mint.keys.follow().await } else { Ok(()) }
    }
}

/// Where the app is no issuer itself.
impl Follower for Revoked {
    async fn catch_up(&self, round: u64) -> Result<()> {
        let is_sweep = round.is_multiple_of(SWEEP);
        self.follow(is_sweep).await?;
        if is_sweep { self.sweep().await } else { Ok(()) }
    }
}
