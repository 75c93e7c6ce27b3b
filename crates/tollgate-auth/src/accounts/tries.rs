//! How often may somebody guess?
//!
//! ```text
//! password, a browser we do not know   10 by account and address, 100 by account, 100 by address
//! password, a browser that has signed in to this account before   10, whatever others do; 100 from all of them
//! code of the second factor            10 by account and browser; in a day, 30 from browsers that have signed in to this
//!                                      account before, and 30 from others
//! password, by somebody who is signed in   10 by session, and 10 by tokens
//! mail with a link                     3 by account, 20 by address
//! ```
//! Each within a quarter of an hour, where nothing else is said: a code has a million values and stays the same problem
//! for years, so that even a slow guesser would come through. A try is written down before it is made, and then all are
//! counted: of parallel tries, the one that is written last sees all others, on every instance. A success takes its own
//! tries back. Who guesses from one address locks nobody out; who guesses from a hundred locks out unknown browsers, but
//! not the owner's own.
//!
//! Time is the database's, and where that has none, a stopwatch's: who guesses gains nothing from a calendar that jumps.
//!
//! Keys are hashes: people type passwords into the field for the address.

use crate::{error::Result, records::Records, token::Hash};
use jiff::{SignedDuration, Timestamp};
use std::{net::IpAddr, sync::Arc};
use tollgate_core::Clock;
use tollgate_http::ClientAddress;
use tollgate_macros::resource;
use tollgate_store::Database;
use uuid::Uuid;

/// How long a try counts.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// How long a code that was tried counts, besides.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A try that has not succeeded.
#[resource(plural = "auth_tries")]
pub struct Try {
    /// Its key.
    #[id(generated)]
    pub try_id: Uuid,
    /// The hash of what it counts against.
    #[index]
    pub bucket: String,
    /// Until when it counts.
    #[index]
    pub until: Timestamp,
}

/// What a try counts against, and how many of them may be.
#[derive(Clone)]
pub(crate) struct Bucket {
    name: String,
    most: usize,
    /// How long one of them counts.
    window: SignedDuration,
    /// Whether a success empties it.
    own: bool,
}

impl Bucket {
    fn of(parts: &[&[u8]], most: usize, own: bool) -> Self {
        Self { name: Hash::of(parts).into(), most, window: WINDOW, own }
    }

    /// A password for an account, from an address; `browser` is that of somebody who has signed in to it before.
    pub(crate) fn password(email: &str, address: Option<IpAddr>, browser: Option<&[u8]>) -> Vec<Self> {
        let email = email.as_bytes();
        if let Some(browser) = browser {
            let all = Self::of(&[b"known account", email], 100, false);
            return vec![Self::of(&[b"known", email, browser], 10, true), all];
        }
        let from = network(address);
        let mut buckets =
            vec![Self::of(&[b"pair", email, from.as_bytes()], 10, true), Self::of(&[b"account", email], 100, false)];
        // Where no address is known, all would be one.
        buckets.extend(address.map(|_| Self::of(&[b"address", from.as_bytes()], 100, false)));
        buckets
    }

    /// A code of somebody who is half way in; `browser` is one that has signed in to that account before.
    pub(crate) fn code(user: Uuid, browser: Option<&[u8]>) -> Vec<Self> {
        let (user, known) = (user.as_bytes(), [u8::from(browser.is_some())]);
        let of_a_day = Self { window: DAY, ..Self::of(&[b"codes of a day", user, &known], 30, false) };
        vec![Self::of(&[b"code", user, browser.unwrap_or_default()], 10, true), of_a_day]
    }

    /// The password once more, of somebody who is signed in: in that session, or with a token.
    pub(crate) fn again(user: Uuid, session: Option<&[u8]>) -> Vec<Self> {
        vec![Self::of(&[b"password", user.as_bytes(), session.unwrap_or_default()], 10, true)]
    }

    /// A mail with a link.
    pub(crate) fn mail(email: &str, address: Option<IpAddr>) -> Vec<Self> {
        let mut buckets = vec![Self::of(&[b"mail", email.as_bytes()], 3, false)];
        buckets.extend(address.map(|_| Self::of(&[b"mail from", network(address).as_bytes()], 20, false)));
        buckets
    }
}

fn network(address: Option<IpAddr>) -> String {
    address.map(ClientAddress::network).unwrap_or_default()
}

/// A try that may be made.
pub(crate) struct Attempt {
    buckets: Vec<Bucket>,
    rows: Vec<Uuid>,
    /// How many may follow if this one fails.
    pub(crate) left: usize,
    /// Within how long.
    pub(crate) window: SignedDuration,
}

/// How much room is left in buckets: as much as in the fullest.
struct Room {
    left: usize,
    window: SignedDuration,
    /// The seconds to wait, if there is too little.
    wait: Option<u32>,
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

    /// Writes a try down. `Err` holds the seconds to wait if there were too many, so that it is not made. Such a one is not
    /// written, unless others were written at the same time; then it counts.
    pub(crate) async fn begin(&self, buckets: Vec<Bucket>) -> Result<Result<Attempt, u32>> {
        let now = self.now().await?;
        if let Some(wait) = self.count(&buckets, now, 1).await?.wait {
            return Ok(Err(wait));
        }
        self.records.delete(Try::UNTIL.lte(now)).await?;
        let new = |bucket: &Bucket| NewTry { bucket: bucket.name.clone(), until: now + bucket.window };
        let rows = self.records.insert_many(buckets.iter().map(new).collect()).await?;
        let rows = rows.into_iter().map(|row| row.try_id).collect();
        let Room { left, window, wait } = self.count(&buckets, now, 0).await?;
        Ok(wait.map_or(Ok(Attempt { buckets, rows, left, window }), Err))
    }

    /// How many may follow, or how long to wait if with so many `more` there are too many.
    async fn count(&self, buckets: &[Bucket], now: Timestamp, more: usize) -> Result<Room> {
        let mut room = Room { left: usize::MAX, window: WINDOW, wait: None };
        for bucket in buckets {
            let rows = self.records.find(Try::BUCKET.eq(&*bucket.name) & Try::UNTIL.gt(now)).await?;
            let left = bucket.most.saturating_sub(rows.len());
            if left < room.left {
                (room.left, room.window) = (left, bucket.window);
            }
            if rows.len() + more > bucket.most {
                let first = rows.iter().map(|row| row.until).min().unwrap_or(now);
                let seconds = first.duration_since(now).as_secs().max(1);
                room.wait = room.wait.max(u32::try_from(seconds).ok());
            }
        }
        Ok(room)
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
