//! Has this browser signed in to this account before? Then others who guess do not lock its owner out.
//!
//! A cookie says so, sealed for the account and its password: whoever learnt a password, signed in with it and was then
//! shut out by another one has marks that say nothing any more. It lets nobody in: it only has tries of its own
//! (`tries.rs`).

use crate::{error::Result, random::random, token::Hash, users::User};
use std::{sync::Arc, time::Duration};
use tollgate_core::{Clock, Seal};

/// How long a browser is remembered.
pub(crate) const LIFETIME: Duration = Duration::from_hours(365 * 24);

pub(crate) struct KnownBrowsers {
    seal: Seal,
    clock: Arc<dyn Clock>,
}

impl KnownBrowsers {
    pub(crate) fn new(key: &[u8; 32], clock: &Arc<dyn Clock>) -> Self {
        Self { seal: Seal::new(key), clock: Arc::clone(clock) }
    }

    /// The value of the cookie for a browser in which that user signed in.
    pub(crate) fn remember(&self, user: &User) -> Result<String> {
        let until = self.clock.unix() + LIFETIME.as_secs();
        let mark = [&until.to_be_bytes()[..], &random::<16>()?].concat();
        Ok(self.seal.close(&context(user), &mark))
    }

    /// The browser's own mark, if that user signed in there, not too long ago and with the same password.
    pub(crate) fn recognise(&self, user: &User, cookie: Option<&str>) -> Option<Vec<u8>> {
        let mark = self.seal.open(&context(user), cookie?)?;
        let (until, browser) = mark.split_first_chunk()?;
        (self.clock.unix() < u64::from_be_bytes(*until)).then(|| browser.to_vec())
    }
}

fn context(user: &User) -> Vec<u8> {
    let parts = [b"known browser", &user.user_id.as_bytes()[..], user.password_hash.as_bytes()];
    String::from(Hash::of(&parts)).into_bytes()
}
