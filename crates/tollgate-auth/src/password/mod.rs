//! Is this the password, and may it be one?
//!
//! New passwords are hashed with argon2id (RFC 9106; 19 MiB, two passes, one lane). Hashes of bcrypt, which others
//! left us, are accepted and replaced at the next good sign-in. Hashing is slow on purpose, so that it runs beside the
//! threads that serve requests, on as many cores as there are, and only so many may wait: who comes then is told 503.
//!
//! Each check does the same work, whoever is named: one argon2 hash and, where the store has bcrypt hashes, one of the
//! highest cost among them ([`Passwords::expect_bcrypt`]). What the account does not have is done with nobody's hash.
//! An argon2 hash of others takes the time that its own parameters say, until its owner has signed in once.
//!
//! Passwords are compared as they were sent, code point by code point; nothing is trimmed, folded or cut off. bcrypt
//! reads 72 bytes and stops at NUL: there, a password that it would not read whole is refused instead.

mod common;
mod memory;

use crate::error::{Error, Result};
use argon2::{
    Params, PasswordHasher, PasswordVerifier,
    password_hash::{self, phc::PasswordHash},
};
use memory::Kept;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::available_parallelism,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_core::Secret;

/// The fewest characters of any password.
pub const SHORTEST: usize = 8;
/// The fewest characters where nothing else is said (NIST SP 800-63B-4, 3.1.1.2: where it is the only factor).
pub const DEFAULT_SHORTEST: usize = 15;
/// The most bytes of a password.
pub const LONGEST: usize = 1024;
/// How many may wait for each core: about half a second of work.
const WAITING: usize = 32;
/// The most that a stored hash may cost us: argon2 with sixteen times the memory of a new one, bcrypt with 2^14 rounds.
const MOST_MEMORY: u32 = 16 * Params::DEFAULT_M_COST;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
const MOST_ROUNDS: u32 = 14;
const LEAST_ROUNDS: u32 = 4;

/// What a password of nobody is held against: no password has this hash, and telling so costs what a real one does.
pub(crate) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$VG9sbGdhdGVOb2JvZHlTYQ$VG9sbGdhdGVUb2xsZ2F0ZVRvbGxnYXRlVG9sbGdhdGU";

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Fewer characters than that.
    #[error("a password has at least {0} characters")]
    TooShort(usize),
    /// More than [`LONGEST`] bytes.
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    /// One that is tried first.
    #[error("this password is among the first that others try: use three or more words of your own")]
    Common,
}

/// Whether a text can be a password: by its length, and whether everybody else has it. What it is composed of does not
/// matter (NIST SP 800-63B-4, 3.1.1.2). `names` are what the app and its user are called.
///
/// # Errors
/// Too short, too long, or common.
pub fn check(password: &Secret, shortest: usize, names: &[&str]) -> Result<(), Unfit> {
    let (text, shortest) = (password.reveal(), shortest.max(SHORTEST));
    match text.chars().count() {
        _ if text.len() > LONGEST => Err(Unfit::TooLong),
        count if count < shortest => Err(Unfit::TooShort(shortest)),
        _ if common::is_common(text, names) => Err(Unfit::Common),
        _ => Ok(()),
    }
}

/// What a password is to a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another's.
    Wrong,
    /// The one.
    Right,
    /// The one, under a hash that is no longer made.
    Outdated,
}

/// Hashes and checks passwords, some at a time. Clones share the places.
#[derive(Clone)]
pub struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// The highest cost of a bcrypt hash that is expected; 0 for none.
    bcrypt: Arc<AtomicU32>,
    argon2: Kept,
}

impl Default for Passwords {
    /// One at a time on each core.
    fn default() -> Self {
        Self::on(available_parallelism().map_or(1, std::num::NonZero::get))
    }
}

impl Passwords {
    /// On that many cores.
    pub fn on(cores: usize) -> Self {
        let places = cores.saturating_mul(1 + WAITING);
        Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(places)),
            bcrypt: Arc::default(),
            argon2: Kept::default(),
        }
    }

    /// From now on each check takes the time of a bcrypt hash of that cost as well. It is told of those that are stored;
    /// of a higher one that it meets, it takes note itself.
    pub fn expect_bcrypt(&self, cost: u32) {
        self.bcrypt.fetch_max(cost.min(MOST_ROUNDS), Ordering::Relaxed);
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many wait already.
    pub async fn hash(&self, password: Secret) -> Result<String> {
        self.work(move |argon2| hash(argon2, &password)).await?
    }

    /// What the password is to that hash, or to nobody's: that takes the time of a new one.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many wait already.
    pub async fn judge(&self, password: Secret, stored: Option<String>) -> Result<Verdict> {
        let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
        self.expect_bcrypt(bcrypt_cost(&stored).filter(|cost| *cost <= MOST_ROUNDS).unwrap_or(0));
        let bcrypt = self.bcrypt.load(Ordering::Relaxed);
        self.work(move |argon2| judge(argon2, &password, &stored, bcrypt)).await?
    }

    /// A place is given back when the work is done, also if nobody waits for it any more.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce(&Kept) -> T + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| Error::Busy)?;
        let argon2 = self.argon2.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _held: [OwnedSemaphorePermit; 2] = [place, core];
            let done = work(&argon2);
            tokio::spawn(argon2.give_back_later());
            done
        });
        done.await.map_err(|lost| Error::Hashing(lost.into()))
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

fn hash(argon2: &Kept, password: &Secret) -> Result<String> {
    let hash = argon2.hash_password(password.reveal().as_bytes()).map_err(failed)?;
    Ok(hash.to_string())
}

fn judge(argon2: &Kept, password: &Secret, stored: &str, expected: u32) -> Result<Verdict> {
    let text = password.reveal().as_bytes();
    let right = match (bcrypt_cost(stored), bearable(stored)) {
        (Some(cost), _) => {
            let right = cost <= MOST_ROUNDS && is_bcrypt(text, stored);
            let done = if cost <= MOST_ROUNDS { cost } else { 0 };
            bcrypt_in_vain(text, done, expected);
            argon2_in_vain(argon2, text)?;
            right.then_some(Verdict::Outdated)
        }
        (None, Some((hash, params))) => {
            bcrypt_in_vain(text, 0, expected);
            let verdict = if is_current(&hash, &params) { Verdict::Right } else { Verdict::Outdated };
            is_argon2(argon2, text, &hash)?.then_some(verdict)
        }
        (None, None) => {
            tracing::error!("a stored password hash is none that is accepted");
            bcrypt_in_vain(text, 0, expected);
            argon2_in_vain(argon2, text)?;
            None
        }
    };
    Ok(right.unwrap_or(Verdict::Wrong))
}

/// The work of an argon2 hash of today.
fn argon2_in_vain(argon2: &Kept, text: &[u8]) -> Result<()> {
    bearable(NOBODY).map_or(Ok(()), |(hash, _)| is_argon2(argon2, text, &hash).map(drop))
}

/// What is left of the work of the expected bcrypt cost after a hash of a lower one: each cost is twice the one before.
fn bcrypt_in_vain(text: &[u8], done: u32, expected: u32) {
    let costs = if done == 0 { expected..expected + 1 } else { done..expected };
    for cost in costs.filter(|cost| *cost >= LEAST_ROUNDS) {
        let _ = bcrypt::hash_with_salt(&text[..text.len().min(72)], cost, *b"TollgateNobodySa");
    }
}

/// How bcrypt hashes of a cost begin.
pub(crate) fn bcrypt_prefixes(cost: u32) -> [String; 3] {
    ["$2a$", "$2b$", "$2y$"].map(|kind| format!("{kind}{cost:02}$"))
}

/// The costs that are accepted, the highest first.
pub(crate) fn bcrypt_costs() -> impl Iterator<Item = u32> {
    (LEAST_ROUNDS..=MOST_ROUNDS).rev()
}

/// The cost of a bcrypt hash. `$2x$` is not one: it marks a bug of an implementation.
fn bcrypt_cost(stored: &str) -> Option<u32> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| stored.strip_prefix(prefix))?;
    rest.split('$').next()?.parse().ok()
}

/// The work is done in any case, so that its duration does not tell.
fn is_bcrypt(text: &[u8], stored: &str) -> bool {
    let is_right = bcrypt::verify(text, stored).unwrap_or(false);
    is_right && text.len() <= 72 && !text.contains(&0)
}

/// Whether that is a hash that passwords can be held against.
pub(crate) fn is_hash(stored: &str) -> bool {
    let is_bcrypt = stored.len() == 60 && bcrypt_cost(stored).is_some_and(|cost| cost <= MOST_ROUNDS);
    is_bcrypt || bearable(stored).is_some()
}

/// An argon2 hash that does not cost too much.
fn bearable(stored: &str) -> Option<(PasswordHash, Params)> {
    let hash = PasswordHash::new(stored).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let is_bearable = params.m_cost() <= MOST_MEMORY && params.t_cost() <= MOST_PASSES && params.p_cost() <= MOST_LANES;
    is_bearable.then_some((hash, params))
}

fn is_argon2(argon2: &Kept, text: &[u8], stored: &PasswordHash) -> Result<bool> {
    match argon2.verify_password(text, stored) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn is_current(hash: &PasswordHash, params: &Params) -> bool {
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    hash.algorithm.as_str() == "argon2id" && costs(params) == costs(&Params::DEFAULT)
}

fn failed(error: password_hash::Error) -> Error {
    Error::Hashing(Box::new(error))
}
