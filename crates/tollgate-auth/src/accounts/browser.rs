//! Has this browser signed in to this account before? Then others who guess do not lock its owner out.
//!
//! A cookie says so, sealed for the account. It lets nobody in: it only has tries of its own (`tries.rs`).

use crate::{error::Result, random::random, token::Hash};
use std::time::Duration;
use tollgate_core::Seal;

/// How long a browser is remembered.
pub(crate) const LIFETIME: Duration = Duration::from_hours(365 * 24);

pub(crate) struct KnownBrowsers(Seal);

impl KnownBrowsers {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Seal::new(key))
    }

    /// The value of the cookie for a browser that signed in to the account of that address.
    pub(crate) fn remember(&self, email: &str) -> Result<String> {
        Ok(self.0.close(&context(email), &random::<16>()?))
    }

    /// The browser's own mark, if it signed in to that account before.
    pub(crate) fn recognise(&self, email: &str, cookie: Option<&str>) -> Option<Vec<u8>> {
        self.0.open(&context(email), cookie?)
    }
}

fn context(email: &str) -> Vec<u8> {
    String::from(Hash::of(&[b"known browser", email.as_bytes()])).into_bytes()
}
