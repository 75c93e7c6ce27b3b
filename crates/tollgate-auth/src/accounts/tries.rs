//! How often may somebody guess?
//!
//! ```text
//! password, a browser we do not know   10 by account and address, 100 by account, 100 by address
//! password, a browser that has signed in to this account before   10, whatever others do
//! code of the second factor            10 by account and browser
//! mail with a link                     3 by account, 20 by address
//! ```
//! Each within a quarter of an hour. A try is written down before it is made, and then all are counted: of parallel tries,
//! the one that is written last sees all others, on every instance. A success takes its own tries back. Who guesses from
//! one address locks nobody out; who guesses from a hundred locks out unknown browsers, but not the owner's own.
//!
//! Time is the database's, and where that has none, a stopwatch's: who guesses gains nothing from a calendar that jumps.
//!
//! Keys are hashes: people type passwords into the field for the address.

use crate::{error::Result, records::Records, token::Hash};
use jiff::{SignedDuration, Timestamp};
use std::{net::IpAddr, sync::Arc};
use tollgate_core::Clock;
use tollgate_macros::resource;
use tollgate_store::Database;
use uuid::Uuid;

/// How long a try counts.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// A try that has not succeeded.
#[resource(plural = "auth_tries")]
pub struct Try {
    /// Its key.
    #[id(generated)]
    pub try_id: Uuid,
    /// The hash of what it counts against.
    #[index]
    pub bucket: String,
    /// When.
    #[index]
    pub at: Timestamp,
}

/// What a try counts against, and how many of them may be.
#[derive(Clone)]
pub(crate) struct Bucket {
    name: String,
    most: usize,
    /// Whether a success empties it.
    own: bool,
}

impl Bucket {
    fn of(parts: &[&[u8]], most: usize, own: bool) -> Self {
        Self { name: Hash::of(parts).into(), most, own }
    }

    /// A password for an account, from an address; `browser` is that of somebody who has signed in to it before.
    pub(crate) fn password(email: &str, address: Option<IpAddr>, browser: Option<&[u8]>) -> Vec<Self> {
        let email = email.as_bytes();
        if let Some(browser) = browser {
            return vec![Self::of(&[b"known", email, browser], 10, true)];
        }
        let from = network(address);
        let mut buckets =
            vec![Self::of(&[b"pair", email, from.as_bytes()], 10, true), Self::of(&[b"account", email], 100, false)];
        // Where no address is known, all would be one.
        buckets.extend(address.map(|_| Self::of(&[b"address", from.as_bytes()], 100, false)));
        buckets
    }

    /// A code, or the password once more, of somebody who is half or wholly signed in.
    pub(crate) fn proof(kind: &str, user: Uuid, browser: Option<&[u8]>) -> Vec<Self> {
        vec![Self::of(&[kind.as_bytes(), user.as_bytes(), browser.unwrap_or_default()], 10, true)]
    }

    /// A mail with a link.
    pub(crate) fn mail(email: &str, address: Option<IpAddr>) -> Vec<Self> {
        let mut buckets = vec![Self::of(&[b"mail", email.as_bytes()], 3, false)];
        buckets.extend(address.map(|_| Self::of(&[b"mail from", network(address).as_bytes()], 20, false)));
        buckets
    }
}

/// An IPv4 address, or the network of an IPv6 address: whoever has one of those has all of them.
fn network(address: Option<IpAddr>) -> String {
    match address {
        Some(IpAddr::V6(address)) => format!("{:x?}", &address.segments()[..4]),
        Some(address) => address.to_string(),
        None => String::new(),
    }
}

/// A try that may be made.
pub(crate) struct Attempt {
    buckets: Vec<Bucket>,
    rows: Vec<Uuid>,
    /// How many may follow if this one fails.
    pub(crate) left: usize,
}

/// All tries.
pub(crate) struct Tries {
    records: Records<Try>,
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    /// What the calendar showed when the stopwatch showed nothing.
    start: Timestamp,
}

impl Tries {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        let records = Records::new(database, clock, "nobody guesses passwords");
        let start = clock.now().saturating_sub(clock.uptime()).unwrap_or(Timestamp::MIN);
        Self { records, database: Arc::clone(database), clock: Arc::clone(clock), start }
    }

    async fn now(&self) -> Result<Timestamp> {
        let here = || self.start.saturating_add(self.clock.uptime()).unwrap_or(Timestamp::MAX);
        Ok(self.database.time().await?.unwrap_or_else(here))
    }

    /// Writes a try down. `Err` holds the seconds to wait if there were too many; those are not written, as they are not
    /// made.
    pub(crate) async fn begin(&self, buckets: Vec<Bucket>) -> Result<Result<Attempt, u32>> {
        let at = self.now().await?;
        if let (_, Some(wait)) = self.count(&buckets, at, 1).await? {
            return Ok(Err(wait));
        }
        self.records.delete(Try::AT.lte(at - WINDOW)).await?;
        let new = buckets.iter().map(|bucket| NewTry { bucket: bucket.name.clone(), at }).collect();
        let rows = self.records.insert_many(new).await?.into_iter().map(|row| row.try_id).collect();
        Ok(match self.count(&buckets, at, 0).await? {
            (_, Some(wait)) => Err(wait),
            (left, None) => Ok(Attempt { buckets, rows, left }),
        })
    }

    /// How many may follow, or how long to wait if with so many `more` there are too many.
    async fn count(&self, buckets: &[Bucket], now: Timestamp, more: usize) -> Result<(usize, Option<u32>)> {
        let (mut left, mut wait) = (usize::MAX, None);
        for bucket in buckets {
            let rows = self.records.find(Try::BUCKET.eq(&*bucket.name) & Try::AT.gt(now - WINDOW)).await?;
            left = left.min(bucket.most.saturating_sub(rows.len()));
            if rows.len() + more > bucket.most {
                let oldest = rows.iter().map(|row| row.at).min().unwrap_or(now);
                let seconds = (oldest + WINDOW).duration_since(now).as_secs().max(1);
                wait = wait.max(u32::try_from(seconds).ok());
            }
        }
        Ok((left, wait))
    }

    /// It succeeded: it does not count, nor do those before it for the same account from the same place.
    pub(crate) async fn succeeded(&self, attempt: Attempt) -> Result<()> {
        let own = attempt.buckets.iter().filter(|bucket| bucket.own).map(|bucket| Try::BUCKET.eq(&*bucket.name));
        let rows = Try::TRY_ID.in_(attempt.rows);
        self.records.delete(own.fold(rows, |all, own| all | own)).await?;
        Ok(())
    }

    /// It was not made after all: it does not count.
    pub(crate) async fn undone(&self, attempt: Attempt) -> Result<()> {
        self.records.delete(Try::TRY_ID.in_(attempt.rows)).await?;
        Ok(())
    }
}
