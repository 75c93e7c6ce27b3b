//! argon2 in memory of its own.
//!
//! A hash fills 19 MiB. Were they freed after it, the allocator would hand them to whoever asks next, in pages of 64 KiB
//! that stay resident as a whole, however little is written to them. So they are kept for the next hash, apart from
//! everything else, and freed when none came for a while.

use argon2::{
    Algorithm, Argon2, Block, CustomizedPasswordHasher, Params, PasswordHasher, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use std::{
    hint::black_box,
    mem::take,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// How long the memory of a hash is kept for the next one.
const KEPT: Duration = Duration::from_secs(1);
/// Longer than mimalloc keeps what was freed, which is a second.
const FREED: Duration = Duration::from_millis(1100);
/// Bytes that mimalloc takes for a large piece.
const LARGE_PIECE: usize = 1 << 20;
/// Blocks of a hash of today.
const BLOCKS: usize = Params::DEFAULT.block_count();

/// argon2, and the memory that is kept for it. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Pieces>);

#[derive(Default)]
struct Pieces {
    free: Mutex<Vec<Vec<Block>>>,
    /// How often some were wanted.
    uses: AtomicU64,
}

impl Kept {
    /// Frees what is kept if no other hash came in the meantime, and has the allocator give it back to the system: it looks
    /// what it may give back when a large piece is freed, which nobody does in an idle app.
    pub(super) async fn give_back_later(self) {
        let uses = self.0.uses.load(Ordering::Relaxed);
        sleep(KEPT).await;
        if self.0.uses.load(Ordering::Relaxed) == uses && !take(&mut *self.free()).is_empty() {
            sleep(FREED).await;
            drop(black_box(Vec::<u8>::with_capacity(LARGE_PIECE)));
        }
    }

    /// What a hash of others takes beyond one of ours is not kept.
    fn with<T>(&self, count: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        self.0.uses.fetch_add(1, Ordering::Relaxed);
        let kept = if count <= BLOCKS { self.free().pop() } else { None };
        let mut blocks = kept.unwrap_or_else(|| vec![Block::default(); count.max(BLOCKS)]);
        let done = work(&mut blocks);
        if blocks.len() == BLOCKS {
            self.free().push(blocks);
        }
        done
    }

    /// Nothing is left half done under the lock.
    fn free(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Kept {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let (salt, length) = (Salt::new(salt)?, params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN));
        let (shown, count) = (ParamsString::try_from(&params)?, params.block_count());
        let argon2 = Argon2::new(algorithm, version, params);
        let mut buffer = [0; Output::MAX_LENGTH];
        let out = buffer.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
        self.with(count, |blocks| argon2.hash_password_into_with_memory(password, &salt, out, blocks))?;
        let hash = Some(Output::new(out)?);
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: shown,
            salt: Some(salt),
            hash,
        })
    }
}

/// With the algorithm and the costs of today.
impl PasswordHasher<PasswordHash> for Kept {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> password_hash::Result<PasswordHash> {
        self.hash_password_with_params(password, salt, Params::DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordVerifier;

    fn cheap(memory: u32) -> Params {
        Params::new(memory, 1, 1, None).unwrap()
    }

    #[test]
    fn hashes_are_those_of_argon2_whatever_was_in_the_memory() {
        let kept = Kept::default();
        for (params, kept_after) in
            [(cheap(64), 1), (Params::DEFAULT, 1), (cheap(2 * Params::DEFAULT_M_COST), 1), (cheap(32), 1)]
        {
            let ours = kept.hash_password_with_params(b"password", b"some salt", params.clone()).unwrap();
            let theirs = Argon2::default().hash_password_with_params(b"password", b"some salt", params).unwrap();
            assert_eq!(ours, theirs);
            assert!(kept.verify_password(b"password", &theirs).is_ok());
            assert!(kept.verify_password(b"Password", &theirs).is_err());
            assert_eq!(kept.free().len(), kept_after, "one after the other needs the memory of one");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_kept_for_the_next_hash_and_freed_when_there_is_none() {
        let kept = Kept::default();
        let hash = || kept.hash_password_with_params(b"password", b"some salt", cheap(64)).unwrap();
        hash();
        let first = tokio::spawn(kept.clone().give_back_later());
        sleep(KEPT / 2).await;
        hash();
        let second = tokio::spawn(kept.clone().give_back_later());
        first.await.unwrap();
        assert_eq!(kept.free().len(), 1, "the second hash came in the meantime");
        second.await.unwrap();
        assert!(kept.free().is_empty());
    }
}
